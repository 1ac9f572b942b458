//! The running demo: sample servers, the gateway before them, and its access log.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustls::ClientConfig;
use sekisho_config::Registry;
use sekisho_runtime::{Gateway, Options};
use sekisho_scheduler::Health;

use super::DemoError;
use super::access::{Access, Entry};
use super::certificate::Certificate;
use super::client::Place;
use super::directory::Directory;
use super::sample::Sample;
use super::scene::Scene;
use super::secret::secret;
use super::setup::Setup;

/// How long a server may take to be seen up or down.
const HEALTH_SECONDS: u64 = 5;
/// Between two looks at a server's health.
const LOOK: Duration = Duration::from_millis(10);

/// The name that the demo's web sites have in URLs.
const HOST: &str = "localhost";

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Stage {
    samples: BTreeMap<String, Sample>,
    // INVARIANT: `Some` until `leave`.
    gateway: Option<Gateway>,
    access: Access,
    directory: Directory,
    tls: Arc<ClientConfig>,
    desks: Arc<ClientConfig>,
    text: String,
    interrupted: Arc<AtomicBool>,
}

impl Stage {
    /// Starts what the scenes want. Returns when every server is up in the gateway's eyes.
    pub(super) fn build(
        scenes: &[Box<dyn Scene>],
        registry: &Registry,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Self, DemoError> {
        let mut setup = Setup::default();
        for scene in scenes {
            scene.prepare(&mut setup)?;
        }
        let (text, samples) = setup.finish();
        let directory = Directory::make()?;
        let certificate = Certificate::make("the certificate of a Sekisho demo")?;
        directory.write(SERVER_PEM, &certificate.both)?;
        directory.write(CLIENT_PEM, &certificate.public)?;
        directory.write(SECRET, &secret()?)?;
        let file = directory.write(CONFIGURATION, &text)?;
        let loaded = sekisho_config::check_file(&file, registry, SystemTime::now())
            .map_err(DemoError::Configuration)?;
        let (send, lines) = mpsc::channel();
        let options = Options { access: Some(send) };
        let gateway = sekisho_runtime::start(loaded.config, options)?;
        let tls = Certificate::client([&certificate])?;
        let desks = Certificate::client(samples.values().filter_map(Sample::certificate))?;
        let stage = Self {
            samples,
            gateway: Some(gateway),
            access: Access::new(lines),
            directory,
            tls,
            desks,
            text,
            interrupted,
        };
        for name in stage.samples.keys() {
            stage.await_health(name, true)?;
        }
        Ok(stage)
    }

    /// The configuration, as the gateway read it.
    pub(super) fn configuration(&self) -> &str {
        &self.text
    }

    /// The file of the configuration.
    pub(super) fn configuration_file(&self) -> PathBuf {
        self.directory.file(CONFIGURATION)
    }

    /// The certificate that clients have to trust.
    pub(super) fn certificate_file(&self) -> PathBuf {
        self.directory.file(CLIENT_PEM)
    }

    /// TLS of clients that trust the demo's certificate.
    pub(super) fn tls(&self) -> Arc<ClientConfig> {
        self.tls.clone()
    }

    /// TLS of clients that trust the certificates of the Remote Desktop servers, each of which has its own.
    pub(super) fn desks(&self) -> Arc<ClientConfig> {
        self.desks.clone()
    }

    /// Where the VIP listens.
    pub(super) fn address(&self, vip: &str) -> Result<SocketAddr, DemoError> {
        let found = self.gateway.as_ref().and_then(|gateway| gateway.addresses(vip).first().copied());
        found.ok_or_else(|| DemoError::Missing(format!("VIP {vip}")))
    }

    /// Where the web site of a VIP is.
    pub(super) fn place(&self, vip: &str, tls: bool) -> Result<Place<'static>, DemoError> {
        Ok(Place { host: HOST, address: self.address(vip)?, tls })
    }

    /// What the access log says of the next connection or request from `client`.
    pub(super) fn logged(&mut self, client: SocketAddr) -> Result<Entry, DemoError> {
        if self.interrupted() {
            return Err(DemoError::Interrupted);
        }
        self.access.of(client).ok_or_else(|| DemoError::Unlogged(client.to_string()))
    }

    /// The access log, to be read as it is written.
    pub(super) fn access(&mut self) -> &mut Access {
        &mut self.access
    }

    /// Ends a server, and every connection to it, without a word to the gateway.
    pub(super) fn kill(&mut self, server: &str) -> Result<(), DemoError> {
        self.sample(server)?.kill();
        Ok(())
    }

    /// Starts a server again.
    pub(super) fn revive(&mut self, server: &str) -> Result<(), DemoError> {
        self.sample(server)?.revive()
    }

    /// Waits until the gateway sees the server up, or down. Says how long that took.
    pub(super) fn await_health(&self, server: &str, up: bool) -> Result<Duration, DemoError> {
        let wanted = if up { Health::Up } else { Health::Down };
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(HEALTH_SECONDS) {
            if self.health(server) == Some(wanted) {
                return Ok(began.elapsed());
            }
            thread::sleep(LOOK);
        }
        let state = if up { "up" } else { "down" };
        Err(DemoError::Health { server: server.to_owned(), state, seconds: HEALTH_SECONDS })
    }

    /// Whether a signal asked the demo to end.
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// The sample servers.
    pub(super) fn servers(&self) -> impl Iterator<Item = &Sample> {
        self.samples.values()
    }

    /// The sample server of this name.
    pub(super) fn server(&self, name: &str) -> Result<&Sample, DemoError> {
        self.samples.get(name).ok_or_else(|| DemoError::Missing(format!("server {name}")))
    }

    /// Stops the gateway at once and everything else with it.
    pub(super) fn leave(mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop_now();
            gateway.wait();
        }
    }

    /// A server's health as the gateway sees it.
    fn health(&self, server: &str) -> Option<Health> {
        let scheduler = self.gateway.as_ref()?.scheduler();
        let states = scheduler.pools().iter().flat_map(|pool| pool.servers());
        states.into_iter().find(|state| &**state.name() == server).map(|state| state.health())
    }

    fn sample(&mut self, server: &str) -> Result<&mut Sample, DemoError> {
        self.samples.get_mut(server).ok_or_else(|| DemoError::Missing(format!("server {server}")))
    }
}

/// The files in the demo's directory.
const CONFIGURATION: &str = "gateway.toml";
pub(super) const SERVER_PEM: &str = "demo.pem";
pub(super) const SECRET: &str = "secret";
const CLIENT_PEM: &str = "trust.pem";
