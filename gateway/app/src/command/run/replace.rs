//! Another process in this one's place.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use sekisho_admin::Upgraded;
use sekisho_ha::Redundancy;
use sekisho_net::L4;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::running::{Asked, LOOK, Running};
use crate::upgrade::{Broken, Estate, Heir};

/// While another process gets ready to take this one's place.
#[derive(Debug, Default)]
pub(super) struct Replacing {
    /// Who wants to know what becomes of it.
    answer: Option<oneshot::Sender<Upgraded>>,
    /// Whether the configuration is to be read once more afterwards, by whoever serves then.
    pub(super) reload: bool,
}

impl Running<'_> {
    /// Begins to have another process take this one's place: what it needs is handed to it on a thread of its own.
    pub(super) fn upgrade(&mut self, serves: bool, answer: Option<oneshot::Sender<Upgraded>>) {
        let refused = match (serves, &self.replacing) {
            (false, _) => Some("the gateway is stopping"),
            (true, Some(_)) => Some("an upgrade is under way already"),
            (true, None) if self.would_forget() => Some(
                "without `state-directory` the other process would not know the runtime layer: save it first",
            ),
            (true, None) => None,
        };
        if let Some(why) = refused {
            warn!(why, "No upgrade");
            say(answer, Err(why.to_owned()));
            return;
        }
        info!("Upgrade begins");
        self.replacing = Some(Replacing { answer, reload: false });
        if let Err(error) = self.begin() {
            self.failed(&error);
        }
    }

    /// Whether something that was changed at run time is kept in no file.
    fn would_forget(&self) -> bool {
        let keeps = self.gateway.view().in_force().0.gateway.state_directory.is_some();
        !keeps && !self.steering.in_force().layer.is_empty()
    }

    fn begin(&self) -> Result<(), Broken> {
        let handed = self.gateway.hand()?;
        let estate = Estate { handed, doors: self.admin.hand()?, way: self.network.path() };
        let (program, asked) = (self.program.clone(), self.asked.clone());
        let prepare = move || {
            let prepared = Heir::prepare(&program, &estate).map(Box::new);
            // A main thread that has ended drops it, which ends the other process.
            let _ = asked.send(Asked::Prepared(prepared));
        };
        thread::Builder::new().name("upgrade".to_owned()).spawn(prepare)?;
        Ok(())
    }

    /// Leaves all to a process that is prepared. True: it serves, and this one accepts nobody more.
    pub(super) fn replace(&mut self, serves: bool, prepared: Result<Box<Heir>, Broken>) -> bool {
        let outcome = match prepared {
            Ok(heir) if serves => self.leave_to(heir),
            Ok(_) => Err(Broken::Stopped),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => true,
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    fn leave_to(&mut self, mut heir: Box<Heir>) -> Result<(), Broken> {
        // What an operator changed after this would be known to nobody.
        self.steering.leave(true);
        let told = self.gateway.remember().map_err(|_| Broken::Stopped);
        let taken = match told.and_then(|memory| self.alive_until(|| heir.serve(&memory))) {
            Ok(taken) => taken,
            Err(error) => {
                drop(heir);
                self.gateway.go_on();
                self.steering.leave(false);
                if let Err(error) = self.network.mend() {
                    error!(%error, "Servers' answers to clients may not find their way");
                }
                return Err(error);
            }
        };
        // It serves: nothing that follows calls it back.
        let process = heir.id();
        let (told, news) = mpsc::channel();
        self.gateway.leave(told);
        let speaker: Option<UnixStream> = self.redundancy.take().and_then(Redundancy::part);
        if let Err(error) = heir.inherit(speaker.as_ref()) {
            error!(%error, "What moves addresses could not be handed over: it begins anew");
        }
        drop(speaker);
        self.peers = None;
        self.sharing = None;
        self.manager.replaced(process);
        self.network.leave();
        let _ = self.l4.take().map(L4::leave);
        if let Some(file) = self.pid_file.take() {
            file.leave();
        }
        info!(process, "Another process serves");
        let Replacing { answer, reload } = self.replacing.take().unwrap_or_default();
        if reload && let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
            let _ = kill_process(process, Signal::HUP);
        }
        // First: whoever hears the answer and comes again meets the other process.
        self.admin.leave(taken);
        say(answer, Ok(process));
        let tell = move || {
            for news in news {
                if heir.tell(news).is_err() {
                    break;
                }
            }
        };
        self.news = thread::Builder::new().name("news".to_owned()).spawn(tell).ok();
        Ok(())
    }

    /// Does something that takes a while, and has the service manager told meanwhile that this process lives.
    fn alive_until<T>(&mut self, what: impl FnOnce() -> T) -> T {
        let (manager, watchdog, gateway) = (&self.manager, &mut self.watchdog, &self.gateway);
        thread::scope(|scope| {
            let (done, watched) = mpsc::channel::<()>();
            scope.spawn(move || {
                while watched.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    if watchdog.is_due(Instant::now(), || gateway.rounds()) {
                        manager.alive();
                    }
                }
            });
            let outcome = what();
            drop(done);
            outcome
        })
    }

    /// All is as it was.
    fn failed(&mut self, error: &Broken) {
        error!(%error, "No upgrade: this process serves on as before");
        let Replacing { answer, reload } = self.replacing.take().unwrap_or_default();
        say(answer, Err(error.to_string()));
        if reload {
            self.reload();
        }
    }
}

fn say(answer: Option<oneshot::Sender<Upgraded>>, outcome: Upgraded) {
    // Whoever asked may have gone.
    let _ = answer.map(|answer| answer.send(outcome));
}
