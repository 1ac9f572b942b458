//! The gateway.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use sekisho_config::{Config, Registry};
use sekisho_runtime::{Gateway, Options, ReloadSummary, StartError};
use serde_json::Value;

use super::{folder, until};

/// A running gateway and what it logs. Dropping it stops it.
#[derive(Debug)]
pub struct Rig {
    gateway: Option<Gateway>,
    lines: Receiver<String>,
    folder: PathBuf,
    protocols: Registry,
}

impl Rig {
    /// Starts a gateway with the builtin protocols.
    ///
    /// # Panics
    /// If the configuration is not accepted or the gateway does not start.
    pub fn start(configuration: &str) -> Self {
        Self::start_with(configuration, sekisho::builtin())
    }

    /// Starts a gateway with these protocols.
    ///
    /// # Panics
    /// As [`Rig::start`].
    pub fn start_with(configuration: &str, protocols: Registry) -> Self {
        Self::open(configuration, folder("rig"), protocols)
    }

    /// Starts a gateway whose configuration's relative paths are in `folder`, which is removed with it.
    ///
    /// # Panics
    /// As [`Rig::start`].
    pub fn start_in(configuration: &str, folder: PathBuf) -> Self {
        Self::open(configuration, folder, sekisho::builtin())
    }

    fn open(configuration: &str, folder: PathBuf, protocols: Registry) -> Self {
        let (sender, lines) = channel();
        let config = parse(configuration, &folder, &protocols);
        let gateway = sekisho_runtime::start(config, Options { access: Some(sender) }).unwrap();
        Self { gateway: Some(gateway), lines, folder, protocols }
    }

    /// Starts another gateway that takes this one's place.
    ///
    /// # Panics
    /// If it does not.
    pub fn replace(&self, configuration: &str) -> Self {
        let folder = self.folder.join("next");
        std::fs::create_dir_all(&folder).unwrap();
        let protocols = self.protocols.clone();
        let (sender, lines) = channel();
        let config = parse(configuration, &folder, &protocols);
        let options = Options { access: Some(sender) };
        let prepared = sekisho_runtime::prepare(config, options, self.gateway().hand().unwrap()).unwrap();
        let gateway = prepared.start(Some(&self.gateway().remember().unwrap())).unwrap();
        let (told, news) = channel();
        self.gateway().leave(told);
        let view = gateway.view();
        std::thread::spawn(move || news.iter().for_each(|news| view.learn(&news)));
        Self { gateway: Some(gateway), lines, folder, protocols }
    }

    /// The one address of a VIP.
    ///
    /// # Panics
    /// If the VIP has none.
    pub fn address(&self, vip: &str) -> SocketAddr {
        self.addresses(vip)[0]
    }

    /// The addresses of a VIP.
    pub fn addresses(&self, vip: &str) -> Vec<SocketAddr> {
        self.gateway().addresses(vip)
    }

    /// The gateway.
    ///
    /// # Panics
    /// Once it was stopped.
    pub fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    /// Takes another configuration into force.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn reload(&self, configuration: &str) -> Result<ReloadSummary, StartError> {
        self.gateway().reload(parse(configuration, &self.folder, &self.protocols))
    }

    /// The next line of the access log for which `wanted` holds.
    ///
    /// # Panics
    /// If it does not come.
    pub fn line(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        until("a line of the access log", || {
            self.lines.try_iter().map(|line| serde_json::from_str(&line).unwrap()).find(|line| wanted(line))
        })
    }

    /// Waits until the probes see a server in this state.
    ///
    /// # Panics
    /// If they never do.
    pub fn until_state(&self, pool: &str, server: &str, state: &str) {
        until(&format!("{server} {state}"), || {
            let scheduler = self.gateway().scheduler();
            let server = scheduler.pool(pool).unwrap().server(server).unwrap().clone();
            (server.state().to_string() == state).then_some(())
        });
    }

    /// Begins to stop and gives the gateway away, to be waited for.
    ///
    /// # Panics
    /// If it was stopped before.
    pub fn stop(&mut self) -> Gateway {
        let gateway = self.gateway.take().unwrap();
        gateway.stop();
        gateway
    }
}

fn parse(configuration: &str, folder: &std::path::Path, protocols: &Registry) -> Config {
    sekisho_config::parse(configuration, "rig.toml", folder, protocols)
        .unwrap_or_else(|report| panic!("{report}"))
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop_now();
            gateway.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
