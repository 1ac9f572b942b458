//! A gateway that runs, and what it is asked.

use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sekisho_admin::{Admin, Done, Doors, Order, Refusal, Steering, Upgraded, Wish};
use sekisho_config::{Layer, Loaded, Registry};
use sekisho_ha::{Peers, Redundancy, Sharing};
use sekisho_net::{Installed, L4};
use sekisho_runtime::Gateway;
use tokio::sync::oneshot;
use tracing::{error, info};

use super::replace::Replacing;
use super::{log_warnings, status};
use crate::cli::RunOptions;
use crate::failure::Failure;
use crate::logging::Log;
use crate::service::{Manager, PidFile, Watchdog};
use crate::signals::Signal;
use crate::upgrade::{Broken, Heir, Program};
use crate::written;

/// How often the main thread looks whether the gateway has ended by itself.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// What the main thread is asked for.
pub(super) enum Asked {
    /// By a signal.
    Signal(Signal),
    /// Another process in this one's place, and perhaps to say what has become of it.
    Upgrade(Option<oneshot::Sender<Upgraded>>),
    /// Something about the configuration.
    Steer(Order),
    /// That process could serve, or never will.
    Prepared(Result<Box<Heir>, Broken>),
}

/// What it acts on.
pub(super) struct Running<'a> {
    pub(super) options: &'a RunOptions,
    pub(super) registry: &'a Registry,
    pub(super) program: Program,
    /// To the main thread itself.
    pub(super) asked: Sender<Asked>,
    pub(super) gateway: Gateway,
    /// None once another process has it.
    pub(super) redundancy: Option<Redundancy>,
    /// None as well once another process exchanges what clients are known.
    pub(super) peers: Option<Peers>,
    /// And once another process shares it in the store.
    pub(super) sharing: Option<Sharing>,
    pub(super) network: Installed,
    /// None once another process keeps the kernel's rules.
    pub(super) l4: Option<L4>,
    pub(super) admin: Admin,
    pub(super) steering: Steering,
    pub(super) log: Log,
    pub(super) manager: Manager,
    pub(super) watchdog: Watchdog,
    /// None as well once another process is meant.
    pub(super) pid_file: Option<PidFile>,
    /// While another process gets ready to take this one's place.
    pub(super) replacing: Option<Replacing>,
    /// Tells that process what changes here, once it has.
    pub(super) news: Option<JoinHandle<()>>,
}

/// How far the gateway is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    No,
    /// Its addresses go to other nodes first.
    HandingOver,
    Yes,
}

impl Running<'_> {
    /// Does what is asked until the gateway has stopped. The exit code says whether it was asked to.
    pub(super) fn serve(mut self, asks: &Receiver<Asked>) -> Result<ExitCode, Failure> {
        let mut stopping = Stopping::No;
        while !self.gateway.stopped() {
            let redundancy = self.redundancy.as_ref();
            if stopping == Stopping::HandingOver && redundancy.is_none_or(Redundancy::handed_over) {
                stopping = Stopping::Yes;
                let drain_timeout = self.gateway.view().in_force().0.gateway.drain_timeout;
                // Clients can no longer end them: what they send goes to the node that has the address.
                info!(
                    ?drain_timeout,
                    "Handed over: connections to addresses that have gone are kept no longer than this"
                );
                self.gateway.stop();
            }
            let serves = stopping == Stopping::No;
            match asks.recv_timeout(LOOK) {
                Ok(Asked::Signal(Signal::Reload)) if serves => self.asked_to_reload(),
                // What was read last holds to the end.
                Ok(Asked::Signal(Signal::Reload)) => {}
                Ok(Asked::Signal(Signal::Reopen)) => {
                    self.log.reopen();
                    self.gateway.reopen_logs();
                }
                Ok(Asked::Signal(Signal::Stop)) if serves => stopping = self.stop(),
                Ok(Asked::Signal(Signal::Stop)) => {
                    stopping = Stopping::Yes;
                    self.gateway.stop_now();
                }
                Ok(Asked::Signal(Signal::Upgrade)) => self.upgrade(serves, None),
                Ok(Asked::Upgrade(answer)) => self.upgrade(serves, answer),
                Ok(Asked::Steer(order)) => self.steer(order, serves),
                Ok(Asked::Prepared(outcome)) => {
                    if self.replace(serves, outcome) {
                        stopping = Stopping::Yes;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The thread that listens to signals panicked, which was printed: nobody could stop the gateway.
                Err(RecvTimeoutError::Disconnected) => {
                    self.gateway.stop();
                    break;
                }
            }
            // After it was replaced, another process is watched.
            if self.news.is_none() && self.watchdog.is_due(Instant::now(), || self.gateway.rounds()) {
                self.manager.alive();
            }
        }
        self.gateway.wait();
        if stopping == Stopping::No {
            // Nobody has stopped it: what the kernel serves goes on.
            let _ = self.l4.take().map(L4::leave);
        }
        if let Some(news) = self.news {
            let _ = news.join();
        }
        info!("Stopped");
        Ok(if stopping == Stopping::No { ExitCode::from(1) } else { ExitCode::SUCCESS })
    }

    /// Begins to stop. Clients are served until another node has the addresses.
    fn stop(&self) -> Stopping {
        let moves = !self.gateway.view().in_force().0.vrrp.is_empty();
        match self.redundancy.as_ref().filter(|_| moves) {
            Some(redundancy) => {
                self.manager.stopping("Handing addresses over to another node");
                redundancy.hand_over();
                Stopping::HandingOver
            }
            None => {
                self.manager.stopping("Connections have time to end");
                self.gateway.stop();
                Stopping::Yes
            }
        }
    }

    fn asked_to_reload(&mut self) {
        match &mut self.replacing {
            // Whoever takes over has perhaps read the file before it changed.
            Some(replacing) => replacing.reload = true,
            None => self.reload(),
        }
    }

    pub(super) fn reload(&mut self) {
        self.manager.reloading();
        self.load();
        self.manager.ready(&status(self.gateway.view().in_force().0.vips.len()));
    }

    fn load(&mut self) {
        let outcome = sekisho_config::text(&self.options.file).map_err(Refusal::Wrong);
        match outcome.and_then(|text| self.bring(text, self.steering.in_force().layer)) {
            Ok(_) => {}
            Err(Refusal::Wrong(report)) => {
                let (file, problems) = (self.options.file.display(), report.errors());
                let report = report.without_lines();
                error!(%file, problems, "Configuration refused, nothing is changed\n{report}");
            }
            // The gateway has logged it.
            Err(_) => {}
        }
    }

    /// Does what an operator wishes of the configuration, and says what came of it.
    fn steer(&mut self, order: Order, serves: bool) {
        let Order { wish, answer } = order;
        let outcome = match serves && self.replacing.is_none() {
            true => self.carry_out(wish),
            false => Err(Refusal::Failed("another process takes this one's place, or it stops".to_owned())),
        };
        // Whoever asked may have left.
        let _ = answer.send(outcome);
    }

    fn carry_out(&mut self, wish: Wish) -> Result<Done, Refusal> {
        let now = self.steering.in_force();
        match wish {
            Wish::Reload => {
                let text = sekisho_config::text(&now.file).map_err(Refusal::Wrong)?;
                self.bring(text, now.layer)
            }
            // Over the file as it was loaded: what somebody writes into it meanwhile is not yet meant.
            Wish::Change(place, set) => {
                let layer = written::changed(&now, place, set)?;
                self.bring(now.text, layer)
            }
            Wish::Discard => self.bring(now.text, Layer::default()),
            Wish::Save => {
                let text = written::merged(&now)?;
                written::load(&now.file, text.clone(), Layer::default(), self.registry)
                    .map_err(Refusal::Wrong)?;
                written::replace(&now.file, &text).map_err(|error| {
                    Refusal::Failed(format!("{} cannot be written: {error}", now.file.display()))
                })?;
                let epoch = self.gateway.view().status().epoch;
                let brought = self.bring(text, Layer::default());
                brought.map_err(|why| Refusal::Written { file: now.file, epoch, why: Box::new(why) })
            }
        }
    }

    /// Brings this text of the file into force, with this layer over it.
    fn bring(&mut self, text: String, layer: Layer) -> Result<Done, Refusal> {
        let loaded = written::load(&self.options.file, text, layer, self.registry);
        let (Loaded { config, warnings }, written) = loaded.map_err(Refusal::Wrong)?;
        log_warnings(&warnings);
        let failed = |error: String| {
            error!(error, "Not reloaded, nothing has changed");
            Refusal::Failed(error)
        };
        let doors = Doors::of(&config.gateway).with(&config.admin);
        let change = self.admin.prepare(&doors).map_err(|error| failed(error.to_string()))?;
        let fits = match &self.l4 {
            Some(l4) => l4.check(&config),
            None => sekisho_net::check_l4(&config),
        };
        fits.map_err(|error| failed(error.to_string()))?;
        self.network.change(&config).map_err(|error| failed(error.to_string()))?;
        // The gateway logs the outcome itself.
        let summary = match self.gateway.reload(config) {
            Ok(summary) => summary,
            Err(error) => {
                let _ = self.network.change(&self.gateway.view().in_force().0);
                return Err(Refusal::Failed(error.to_string()));
            }
        };
        self.redundancy.iter().for_each(Redundancy::reload);
        self.peers.iter().for_each(Peers::reload);
        self.sharing.iter().for_each(Sharing::reload);
        let (config, _) = self.gateway.view().in_force();
        written::keep(&config, &written.layer);
        self.steering.set(written);
        if let Err(error) = self.admin.change(change) {
            error!(%error, "The gateway is operated where it was");
        }
        let warnings = (!warnings.is_empty()).then_some(warnings);
        Ok(Done { epoch: summary.epoch, warnings })
    }
}
