//! Signals, turned into messages.

use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::signal::unix::{self, SignalKind};

/// What the operator asks for by signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR1: open the log files again.
    Reopen,
    /// SIGUSR2: have the program that stands on disk take this one's place.
    Upgrade,
    /// SIGTERM or SIGINT: stop.
    Stop,
}

/// Listens from now on; each signal becomes one call of `send` on a thread of its own, until `send` says that
/// nobody cares any more.
///
/// # Errors
/// The system's, when the handlers cannot be installed.
pub(crate) fn listen<S>(mut send: S) -> io::Result<()>
where
    S: FnMut(Signal) -> bool + Send + 'static,
{
    // The handlers are installed before this returns: a signal that comes directly after is not lost.
    let (installed, outcome) = mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        match tokio::runtime::Builder::new_current_thread().enable_io().build() {
            Ok(runtime) => runtime.block_on(deliver(&installed, &mut send)),
            Err(error) => _ = installed.send(Err(error)),
        }
    })?;
    outcome.recv().unwrap_or_else(|_| Err(io::Error::other("the signal thread ended early")))
}

async fn deliver(installed: &mpsc::Sender<io::Result<()>>, send: &mut dyn FnMut(Signal) -> bool) {
    let [mut hangup, mut user, mut other, mut terminate, mut interrupt] = match handlers() {
        Ok(handlers) => handlers,
        Err(error) => {
            _ = installed.send(Err(error));
            return;
        }
    };
    _ = installed.send(Ok(()));
    loop {
        let signal = tokio::select! {
            Some(()) = hangup.recv() => Signal::Reload,
            Some(()) = user.recv() => Signal::Reopen,
            Some(()) = other.recv() => Signal::Upgrade,
            Some(()) = terminate.recv() => Signal::Stop,
            Some(()) = interrupt.recv() => Signal::Stop,
            else => return,
        };
        if !send(signal) {
            return;
        }
    }
}

fn handlers() -> io::Result<[unix::Signal; 5]> {
    Ok([
        unix::signal(SignalKind::hangup())?,
        unix::signal(SignalKind::user_defined1())?,
        unix::signal(SignalKind::user_defined2())?,
        unix::signal(SignalKind::terminate())?,
        unix::signal(SignalKind::interrupt())?,
    ])
}
