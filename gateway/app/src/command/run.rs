//! `sekisho run`: serve until a signal says otherwise.

use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use sekisho_admin::{Admin, Doors, Upgrade};
use sekisho_config::{Config, Loaded, LogFormat, Registry, Report};
use sekisho_ha::{Peers, Redundancy};
use sekisho_net::{Installed, L4};
use sekisho_runtime::{Gateway, Options};
use tracing::{error, info, warn};

use crate::cli::{self, RunOptions};
use crate::failure::Failure;
use crate::logging;
use crate::redundancy as process;
use crate::signals::{self, Signal};

/// How often the main thread looks whether the gateway has ended by itself.
const LOOK: Duration = Duration::from_millis(100);

/// Serves what the file describes.
pub(crate) fn run(options: &RunOptions, registry: &Registry) -> Result<ExitCode, Failure> {
    let Loaded { config, warnings } = read(&options.file, registry).map_err(Failure::Configuration)?;
    let gateway = &config.gateway;
    let log = logging::start(options.log.as_deref(), &gateway.log, format(options, &config), &gateway.log_to)?;
    log_warnings(&warnings);
    // Before the gateway starts: a signal during the start is not lost, nor does it end the process half-way.
    let (send, signals) = mpsc::channel();
    signals::listen(move |signal| send.send(signal).is_ok()).map_err(Failure::Signals)?;
    let (vips, pools) = (config.vips.len(), config.pools.len());
    // Before the gateway as well: no client is let in and dropped because nobody could operate it.
    sekisho_ha::check_rights(&config)?;
    let spawn = process::spawn(options, &config);
    let doors = sekisho_admin::bind(&Doors::of(&config.gateway))?;
    sekisho_net::check_l4(&config)?;
    // Before the first connection whose answers come back by it.
    let network = Installed::new(&config)?;
    let gateway = sekisho_runtime::start(config, Options::default())?;
    let l4 = L4::start(gateway.view())?;
    // Whoever is sent here from now on is served.
    let redundancy = sekisho_ha::start(gateway.view(), spawn, None)?;
    let peers = sekisho_ha::start_peers(gateway.view())?;
    let nodes = process::nodes(&redundancy, peers.view(gateway.view()));
    let admin = Admin::start_among(nodes, Upgrade::default(), gateway.view(), registry.clone(), doors)?;
    info!(version = env!("CARGO_PKG_VERSION"), vips, pools, "Serving");
    let mut running = Running { file: &options.file, registry, gateway, redundancy, peers, network, admin, log };
    let asked = running.serve(&signals);
    running.gateway.wait();
    if !asked {
        // Nobody has stopped it: what the kernel serves goes on.
        l4.leave();
    }
    info!("Stopped");
    Ok(if asked { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What signals act on.
struct Running<'a> {
    file: &'a Path,
    registry: &'a Registry,
    gateway: Gateway,
    redundancy: Redundancy,
    peers: Peers,
    network: Installed,
    admin: Admin,
    log: logging::Log,
}

/// How far the gateway is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    /// Its addresses go to other nodes first.
    HandingOver,
    Yes,
}

impl Running<'_> {
    /// Carries signals to the gateway until it has stopped. Whether a signal asked it to.
    fn serve(&mut self, signals: &Receiver<Signal>) -> bool {
        let mut stopping = Stopping::No;
        while !self.gateway.stopped() {
            if stopping == Stopping::HandingOver && self.redundancy.handed_over() {
                stopping = Stopping::Yes;
                self.gateway.stop();
            }
            match signals.recv_timeout(LOOK) {
                Ok(Signal::Reload) => self.reload(),
                Ok(Signal::Reopen) => {
                    self.log.reopen();
                    self.gateway.reopen_logs();
                }
                Ok(Signal::Stop) if stopping == Stopping::No => stopping = self.stop(),
                Ok(Signal::Stop) => {
                    stopping = Stopping::Yes;
                    self.gateway.stop_now();
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The thread that listens to signals panicked, which was printed: nobody could stop the gateway.
                Err(RecvTimeoutError::Disconnected) => {
                    self.gateway.stop();
                    return false;
                }
            }
        }
        stopping != Stopping::No
    }

    /// Begins to stop. Clients are served until another node has the addresses.
    fn stop(&self) -> Stopping {
        if self.gateway.view().in_force().0.vrrp.is_empty() {
            self.gateway.stop();
            return Stopping::Yes;
        }
        self.redundancy.hand_over();
        Stopping::HandingOver
    }

    fn reload(&mut self) {
        let Loaded { config, warnings } = match read(self.file, self.registry) {
            Ok(loaded) => loaded,
            Err(report) => {
                let (file, problems) = (self.file.display(), report.errors());
                error!(%file, problems, "Configuration refused, nothing is changed\n{report}");
                return;
            }
        };
        log_warnings(&warnings);
        let change = match self.admin.prepare(&Doors::of(&config.gateway)) {
            Ok(change) => change,
            Err(error) => {
                error!(%error, "Not reloaded, nothing has changed");
                return;
            }
        };
        if let Err(error) = sekisho_net::check_l4(&config) {
            error!(%error, "Not reloaded, nothing has changed");
            return;
        }
        if let Err(error) = self.network.change(&config) {
            error!(%error, "Not reloaded, nothing has changed");
            return;
        }
        // The gateway logs the outcome itself.
        if self.gateway.reload(config).is_err() {
            let _ = self.network.change(&self.gateway.view().in_force().0);
        } else {
            self.redundancy.reload();
            self.peers.reload();
            if let Err(error) = self.admin.change(change) {
                error!(%error, "The gateway is operated where it was");
            }
        }
    }
}

fn read(file: &Path, registry: &Registry) -> Result<Loaded, Report> {
    sekisho_config::check_file(file, registry, SystemTime::now())
}

fn format(options: &RunOptions, config: &Config) -> LogFormat {
    match options.log_format {
        Some(cli::LogFormat::Text) => LogFormat::Text,
        Some(cli::LogFormat::Json) => LogFormat::Json,
        None => config.gateway.log_format,
    }
}

fn log_warnings(warnings: &Report) {
    for finding in warnings.findings() {
        warn!(label = finding.problem.label, help = finding.problem.help, "{}", finding.problem.message);
    }
}
