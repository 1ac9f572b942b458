//! The gateway as the program that runs it sees it.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use sekisho_config::Config;
use sekisho_scheduler::Scheduler;
use tokio::sync::{mpsc, oneshot};

use crate::access::LogWatch;
use crate::control::{self, Command};
use crate::events::Events;
use crate::handover::{Handed, Memory, TableNews};
use crate::live::Live;
use crate::sockets::Addresses;
use crate::tls::CertificateExpiry;
use crate::totals::{Ends, ExchangeTotals, Tallies, Totals};
use crate::udp::Loads;
use crate::view::{self, View};
use crate::worker::Order;

/// What the program may ask for beside the configuration.
#[derive(Debug, Default)]
pub struct Options {
    /// Gets a copy of every line of the access log, as JSON, whatever the configuration says about the log.
    pub access: Option<Sender<String>>,
}

/// What is to be done where an address cannot be listened on.
fn remedy(address: SocketAddr, error: &std::io::Error) -> String {
    let port = address.port();
    match error.kind() {
        ErrorKind::PermissionDenied if port < 1024 => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE".to_owned()
        }
        ErrorKind::AddrInUse => format!("; `ss -lnptu 'sport = :{port}'` shows who has it"),
        ErrorKind::AddrNotAvailable => {
            "; no interface has this address: add it, or have it moved here by a table [vrrp.NAME]".to_owned()
        }
        _ => String::new(),
    }
}

/// Why a gateway did not start, or why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on: in use, not of this machine, or below 1024 without the right to it.
    #[error("vip `{vip}` cannot listen on {address}: {source}{}", remedy(*address, source))]
    Listen {
        /// The VIP.
        vip: String,
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// TLS of a VIP or a pool cannot be set up.
    #[error("TLS of `{0}`: {1}")]
    Tls(String, String),
    /// A VIP names something that is not there; the configuration's check makes this impossible.
    #[error("vip `{0}` names `{1}`, which does not exist")]
    Missing(String, String),
    /// The address that a pool's servers are to see cannot be had.
    #[error("source of pool `{0}`: {1}")]
    Source(String, String),
    /// The secret that cookies are made with cannot be read.
    #[error("the secret: {0}")]
    Secret(String),
    /// The access log cannot be opened.
    #[error("the access log: {0}")]
    AccessLog(std::io::Error),
    /// The sockets cannot be handed to another process: there is no room for more descriptors, or a worker hangs.
    #[error("the sockets cannot be handed over: {0}")]
    Hand(std::io::Error),
    /// A thread or its event loop cannot be had.
    #[error("no thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The gateway has stopped.
    #[error("the gateway has stopped")]
    Stopped,
}

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadSummary {
    /// Addresses that are listened on from now on.
    pub opened: Vec<SocketAddr>,
    /// Addresses that are not listened on any more.
    pub closed: Vec<SocketAddr>,
    /// Which configuration of this process it is, counted from 1.
    pub epoch: u64,
}

impl fmt::Display for ReloadSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration {}", self.epoch)?;
        for (word, addresses) in [("opened", &self.opened), ("closed", &self.closed)] {
            if !addresses.is_empty() {
                let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                write!(f, ", {word} {}", list.join(" "))?;
            }
        }
        Ok(())
    }
}

/// What the program shares with the control thread.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) logs: LogWatch,
    pub(crate) events: Arc<Events>,
    pub(crate) live: ArcSwap<Live>,
    pub(crate) addresses: ArcSwap<Addresses>,
    /// The workers; weakly, so that they end when the control thread does.
    pub(crate) workers: Vec<mpsc::WeakUnboundedSender<Order>>,
    pub(crate) loads: Arc<Loads>,
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    board: Arc<Board>,
    commands: mpsc::UnboundedSender<Command>,
    control: JoinHandle<()>,
}

/// Starts a gateway and returns once every listener is bound.
///
/// # Errors
/// Why it cannot start; nothing is left behind then.
pub fn start(config: Config, options: Options) -> Result<Gateway, StartError> {
    prepare(config, options, Handed::default())?.start(None)
}

/// Does all of a start that can fail for the operator's fault. Of `handed` sockets those are used whose addresses the
/// configuration has; all others are bound. Nobody is served yet, and another process may serve from the same sockets.
///
/// # Errors
/// Why it cannot start; nothing is left behind then.
pub fn prepare(config: Config, options: Options, handed: Handed) -> Result<Prepared, StartError> {
    crate::descriptors::raise_limit();
    crate::descriptors::announce(config.gateway.max_connections);
    control::Prepared::new(config, options, handed).map(Prepared)
}

/// A gateway that is ready to serve.
#[derive(Debug)]
pub struct Prepared(control::Prepared);

impl Prepared {
    /// What it will serve.
    pub fn config(&self) -> &Config {
        self.0.config()
    }

    /// Begins to serve, with what the process `before` this one knows, if this one takes its place.
    ///
    /// # Errors
    /// [`StartError::Thread`].
    pub fn start(self, before: Option<&Memory>) -> Result<Gateway, StartError> {
        let (commands, orders) = mpsc::unbounded_channel();
        let started = self.0.start(before)?;
        let board = started.board();
        let control =
            std::thread::Builder::new().name("control".to_owned()).spawn(move || started.run(orders))?;
        Ok(Gateway { board, commands, control })
    }
}

impl Gateway {
    /// The addresses that a VIP listens on, with the ports that the kernel chose where 0 was configured.
    pub fn addresses(&self, vip: &str) -> Vec<SocketAddr> {
        self.board.addresses.load().of(vip)
    }

    /// The scheduler in force.
    pub fn scheduler(&self) -> Arc<Scheduler> {
        self.board.live.load().scheduler.clone()
    }

    /// What a VIP has served so far; nothing, if there is no such VIP.
    pub fn totals(&self, vip: &str) -> Totals {
        let live = self.board.live.load();
        live.vip(vip).map(|vip| vip.counts.tallies.sum()).unwrap_or_default()
    }

    /// How what a VIP has served so far has ended; nothing, if there is no such VIP.
    pub fn ends(&self, vip: &str) -> Ends {
        let live = self.board.live.load();
        live.vip(vip).map_or_else(|| Tallies::default().ends(), |vip| vip.counts.tallies.ends())
    }

    /// What became of the datagrams of a VIP whose protocol exchanges them; nothing, if there is no such VIP.
    pub fn exchanges(&self, vip: &str) -> ExchangeTotals {
        let live = self.board.live.load();
        live.vip(vip).map(|vip| vip.counts.tallies.exchanges()).unwrap_or_default()
    }

    /// The certificates in use, by VIP, and when they expire.
    pub fn certificates(&self) -> Vec<(Arc<str>, CertificateExpiry)> {
        view::certificates(&self.board.live.load())
    }

    /// A look at it that other threads may keep.
    pub fn view(&self) -> View {
        View(self.board.clone())
    }

    /// Takes another configuration into force. Listeners that stay are not touched, connections go on.
    ///
    /// # Errors
    /// Why it cannot; nothing has changed then.
    pub fn reload(&self, config: Config) -> Result<ReloadSummary, StartError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Reload(Box::new(config), answer)).map_err(|_| StartError::Stopped)?;
        answered.blocking_recv().unwrap_or(Err(StartError::Stopped))
    }

    /// Duplicates of all sockets that are listened on, and the secret if it is kept nowhere: for a process that is to take
    /// this one's place.
    ///
    /// # Errors
    /// [`StartError::Hand`] and [`StartError::Stopped`].
    pub fn hand(&self) -> Result<Handed, StartError> {
        self.ask(Command::Hand)?
    }

    /// What that process has to know once it is ready. From here on this one writes nothing into the state directory:
    /// see [`go_on`](Self::go_on).
    ///
    /// # Errors
    /// [`StartError::Stopped`].
    pub fn remember(&self) -> Result<Memory, StartError> {
        self.ask(Command::Remember)
    }

    /// Takes back [`remember`](Self::remember): no other process takes this one's place.
    pub fn go_on(&self) {
        let _ = self.commands.send(Command::GoOn);
    }

    /// Another process has taken this one's place: this one accepts nobody more, and its connections have the drain
    /// timeout to end. What they change in persistence tables is told.
    pub fn leave(&self, told: Sender<TableNews>) {
        let _ = self.commands.send(Command::Leave(told));
    }

    /// How often each worker has come round so far: one whose number does not rise hangs.
    pub fn rounds(&self) -> Vec<u32> {
        self.board.loads.rounds()
    }

    fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, StartError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).map_err(|_| StartError::Stopped)?;
        answered.blocking_recv().map_err(|_| StartError::Stopped)
    }

    /// Opens the log files anew, after something moved them away.
    pub fn reopen_logs(&self) {
        let _ = self.commands.send(Command::ReopenLogs);
    }

    /// Begins to stop: no new connections, and those that there are have the drain timeout to end.
    pub fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }

    /// Stops at once; connections are cut.
    pub fn stop_now(&self) {
        let _ = self.commands.send(Command::StopNow);
    }

    /// Waits until the gateway has stopped.
    pub fn wait(self) {
        // A control thread that panicked has been logged by the panic itself, and the gateway is down all the same.
        let _ = self.control.join();
    }

    /// Whether the gateway has stopped.
    pub fn stopped(&self) -> bool {
        self.control.is_finished()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_that_cannot_be_listened_on_comes_with_its_remedy() {
        let said = |kind: ErrorKind, port: u16| {
            let address = SocketAddr::from(([192, 0, 2, 1], port));
            StartError::Listen { vip: "web".into(), address, source: kind.into() }.to_string()
        };
        assert!(said(ErrorKind::AddrInUse, 443).ends_with("`ss -lnptu 'sport = :443'` shows who has it"));
        assert!(said(ErrorKind::AddrNotAvailable, 443).contains("[vrrp.NAME]"));
        assert!(said(ErrorKind::PermissionDenied, 443).ends_with("need CAP_NET_BIND_SERVICE"));
        assert!(!said(ErrorKind::PermissionDenied, 8443).contains(';'));
    }
}
