//! `sekisho run`: serve until a signal says otherwise.

mod replace;
mod running;

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Instant;

use sekisho_admin::{Admin, Doors, Steering, Upgrade};
use sekisho_config::{Config, Loaded, LogFormat, Registry, Report};
use sekisho_net::{Installed, L4};
use sekisho_runtime::{Handed, HandedSocket, Memory, Options, Prepared};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::cli::{self, RunOptions};
use crate::failure::Failure;
use crate::logging;
use crate::redundancy as process;
use crate::service::{self, Manager, PidFile, Watchdog};
use crate::signals;
use crate::upgrade::{Estate, Predecessor, Program};
use crate::written::{self, Begun};
use running::{Asked, Running};

/// Serves what the file describes, perhaps in place of the process that started this one.
pub(crate) fn run(options: &RunOptions, registry: &Registry) -> Result<ExitCode, Failure> {
    // First of all: a number that the service manager has given to nobody may be a descriptor of this process later.
    let passed = service::passed();
    let program = Program::of_this_process().map_err(Failure::Program)?;
    let mut before = Predecessor::of_this_process()?;
    let Begun { loaded: Loaded { config, warnings }, written, left_out } =
        match written::begin(&options.file, registry) {
            Ok(begun) => begun,
            Err(report) => return Err(told(before.as_ref(), Failure::Configuration(report))),
        };
    let gateway = &config.gateway;
    let log =
        logging::start(options.log.as_deref(), &gateway.log, format(options, &config), &gateway.log_to)?;
    log_warnings(&warnings);
    if let Some(report) = left_out {
        let report = report.without_lines();
        tracing::error!("The runtime layer does not fit the file, and is left out\n{report}");
    }
    // Before the gateway starts: a signal during the start is not lost, nor does it end the process half-way.
    let (asked, asks) = mpsc::channel();
    let send = asked.clone();
    signals::listen(move |signal| send.send(Asked::Signal(signal)).is_ok()).map_err(Failure::Signals)?;
    let (vips, pools) = (config.vips.len(), config.pools.len());
    let spawn = process::spawn(options, &config);
    let pid_file = options.pid_file.as_deref().map(PidFile::prepare).transpose();
    let pid_file = pid_file.map_err(|error| told(before.as_ref(), Failure::PidFile(error)))?;
    let ready = match Ready::new(config, before.as_mut(), passed) {
        Ok(ready) => ready,
        Err(failure) => return Err(told(before.as_ref(), failure)),
    };
    let Ready { doors, network, prepared, memory } = ready;
    let taken = doors.has_taken_socket();
    let (gateway, mut network) = match prepared.start(memory.as_ref()) {
        Ok(gateway) => (gateway, network),
        Err(error) => {
            let mut network = network;
            if before.is_some() {
                network.leave();
            }
            return Err(told(before.as_ref(), error.into()));
        }
    };
    let speaker = match before.as_ref().map(|before| before.serving(taken)) {
        None => None,
        Some(Ok(speaker)) => speaker,
        Some(Err(error)) => {
            // The process before this one has ended this one, or itself.
            network.leave();
            return Err(error.into());
        }
    };
    // Rules that are there serve on until this process knows how servers are.
    let l4 = if before.is_some() { L4::taken_over(gateway.view()) } else { L4::start(gateway.view()) }?;
    // Whoever is sent here from now on is served.
    let redundancy = sekisho_ha::start(gateway.view(), spawn, speaker)?;
    let peers = sekisho_ha::start_peers(gateway.view())?;
    let sharing = sekisho_ha::share(gateway.view())?;
    let nodes = process::nodes(&redundancy, peers.view(gateway.view()), &sharing);
    let upgrade = {
        let asked = asked.clone();
        Upgrade::new(move || {
            let (answer, answered) = oneshot::channel();
            // Where nobody listens the answer is dropped, which says so.
            let _ = asked.send(Asked::Upgrade(Some(answer)));
            answered
        })
    };
    let steering = {
        let asked = asked.clone();
        Steering::new(written, move |order| asked.send(Asked::Steer(order)).is_ok())
    };
    let (view, registered) = (gateway.view(), registry.clone());
    let admin = Admin::start_steered(steering.clone(), nodes, upgrade, view, registered, doors)?;
    log.sender().into_iter().for_each(|log| admin.watch_log(log));
    if let Some(before) = before {
        let view = gateway.view();
        before.follow(move |news| view.learn(news))?;
    }
    if let Some(Err(error)) = pid_file.as_ref().map(PidFile::claim) {
        tracing::error!(%error, "The file for the process' number cannot be written");
    }
    info!(version = env!("CARGO_PKG_VERSION"), vips, pools, "Serving");
    let manager = Manager::of_this_process();
    manager.ready(&status(vips));
    Running {
        options,
        registry,
        program,
        asked,
        gateway,
        redundancy: Some(redundancy),
        peers: Some(peers),
        sharing: Some(sharing),
        network,
        l4: Some(l4),
        admin,
        steering,
        log,
        manager,
        watchdog: Watchdog::of_this_process(Instant::now()),
        pid_file,
        replacing: None,
        news: None,
    }
    .serve(&asks)
}

/// All of a start that can fail for the operator's fault. Nobody is served yet.
struct Ready {
    doors: sekisho_admin::Bound,
    network: Installed,
    prepared: Prepared,
    /// What the process before this one knows.
    memory: Option<Memory>,
}

impl Ready {
    fn new(
        config: Config,
        before: Option<&mut Predecessor>,
        passed: Vec<HandedSocket>,
    ) -> Result<Self, Failure> {
        sekisho_ha::check_rights(&config)?;
        sekisho_ha::check_peers(&config)?;
        if before.is_some() {
            sekisho_net::check_l4(&config)?;
        } else {
            sekisho_net::check_first_l4(&config)?;
        }
        let wanted = Doors::of(&config.gateway).with(&config.admin);
        let Some(before) = before else {
            let handed = Handed { sockets: passed, secret: None };
            let doors = sekisho_admin::bind(&wanted)?;
            // Before the first connection whose answers come back by it.
            let network = Installed::new(&config)?;
            let prepared = sekisho_runtime::prepare(config, Options::default(), handed)?;
            return Ok(Self { doors, network, prepared, memory: None });
        };
        let Estate { handed, doors, way } = before.estate()?;
        let doors = sekisho_admin::take(&wanted, doors)?;
        let prepared = sekisho_runtime::prepare(config, Options::default(), handed)?;
        let memory = before.prepared()?;
        let network = Installed::taken_over(way, prepared.config())?;
        Ok(Self { doors, network, prepared, memory: Some(memory) })
    }
}

/// Tells the process before this one why this one does not take its place.
fn told(before: Option<&Predecessor>, failure: Failure) -> Failure {
    if let Some(before) = before {
        before.fail(failure.to_string());
    }
    failure
}

/// In a line, for the service manager.
fn status(vips: usize) -> String {
    format!("Serving {vips} {}", if vips == 1 { "VIP" } else { "VIPs" })
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
