//! `sekisho run`: serve until a signal says otherwise.

use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use sekisho_config::{Config, Loaded, LogFormat, Registry, Report};
use sekisho_runtime::{Gateway, Options};
use tracing::{error, info, warn};

use crate::cli::{self, RunOptions};
use crate::failure::Failure;
use crate::logging;
use crate::signals::{self, Signal};

/// How often the main thread looks whether the gateway has ended by itself.
const LOOK: Duration = Duration::from_millis(100);

/// Serves what the file describes.
pub(crate) fn run(options: &RunOptions, registry: &Registry) -> Result<ExitCode, Failure> {
    let Loaded { config, warnings } = read(&options.file, registry).map_err(Failure::Configuration)?;
    logging::start(options.log.as_deref(), &config.gateway.log, format(options, &config))?;
    log_warnings(&warnings);
    // Before the gateway starts: a signal during the start is not lost, nor does it end the process half-way.
    let (send, signals) = mpsc::channel();
    signals::listen(move |signal| send.send(signal).is_ok()).map_err(Failure::Signals)?;
    let (vips, pools) = (config.vips.len(), config.pools.len());
    let gateway = sekisho_runtime::start(config, Options::default())?;
    info!(version = env!("CARGO_PKG_VERSION"), vips, pools, "Serving");
    let asked = serve(&options.file, registry, &gateway, &signals);
    gateway.wait();
    info!("Stopped");
    Ok(if asked { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Carries signals to the gateway until it has stopped. Whether a signal asked it to.
fn serve(file: &Path, registry: &Registry, gateway: &Gateway, signals: &Receiver<Signal>) -> bool {
    let mut stopping = false;
    while !gateway.stopped() {
        match signals.recv_timeout(LOOK) {
            Ok(Signal::Reload) => reload(file, registry, gateway),
            Ok(Signal::Reopen) => gateway.reopen_logs(),
            Ok(Signal::Stop) if stopping => gateway.stop_now(),
            Ok(Signal::Stop) => {
                stopping = true;
                gateway.stop();
            }
            Err(RecvTimeoutError::Timeout) => {}
            // The thread that listens to signals panicked, which was printed: nobody could stop the gateway.
            Err(RecvTimeoutError::Disconnected) => {
                gateway.stop();
                return false;
            }
        }
    }
    stopping
}

fn reload(file: &Path, registry: &Registry, gateway: &Gateway) {
    let Loaded { config, warnings } = match read(file, registry) {
        Ok(loaded) => loaded,
        Err(report) => {
            let problems = report.errors();
            error!(file = %file.display(), problems, "Configuration refused, nothing is changed\n{report}");
            return;
        }
    };
    log_warnings(&warnings);
    // The gateway logs the outcome itself.
    _ = gateway.reload(config);
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
