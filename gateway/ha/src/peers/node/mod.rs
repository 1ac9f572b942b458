//! The node among others: a thread that connects, is connected to, and exchanges.
//!
//! ```text
//! keeper      the thread
//! neighbour   another node: the way there, and the session with it
//! door        the sockets at which others come in
//! guest       who has connected and not said yet who it is
//! dial        connecting to another node
//! facts       what must agree between nodes
//! news        what they tell each other now and then
//! shown       what tables hold, for whoever asks
//! status      how things stand
//! ```

mod dial;
mod door;
mod facts;
mod guest;
mod keeper;
mod neighbour;
mod news;
mod shown;
mod status;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::Mutex;
use sekisho_config::Config;
use sekisho_runtime::View;

use crate::bell::Bell;
use keeper::Keeper;
use shown::Shown;
pub use status::{NodeKind, NodeStatus, PeerCounts, TableDigest, TableThere};

/// Why a node cannot be among others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeersError {
    /// An address cannot be listened on.
    #[error("peers cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// No thread can be had, or no descriptor to wake it.
    #[error("no thread: {0}")]
    Thread(#[from] io::Error),
}

/// Exchanges what clients a gateway knows with other nodes, in a thread of its own.
#[derive(Debug)]
pub struct Peers {
    board: Arc<Board>,
    thread: Option<JoinHandle<()>>,
}

/// A look at it that other threads may keep.
#[derive(Clone)]
pub struct PeersView(Arc<Board>, View);

/// What thread and program have in common.
struct Board {
    /// Wakes the thread.
    bell: Bell,
    stop: AtomicBool,
    reload: AtomicBool,
    nodes: Mutex<Vec<NodeStatus>>,
    shown: Mutex<Shown>,
}

/// Begins to exchange the tables of the gateway behind `view`, if it is configured to.
///
/// # Errors
/// [`PeersError`]; nothing has begun then.
pub fn start_peers(view: View) -> Result<Peers, PeersError> {
    let sockets = each(&view.in_force().0, door::listen)?;
    let board = Arc::new(Board {
        bell: Bell::new()?,
        stop: AtomicBool::new(false),
        reload: AtomicBool::new(false),
        nodes: Mutex::new(Vec::new()),
        shown: Mutex::default(),
    });
    let keeper = Keeper::new(view, board.clone(), sockets);
    let thread = std::thread::Builder::new().name("peers".to_owned()).spawn(move || keeper.run())?;
    Ok(Peers { board, thread: Some(thread) })
}

/// Whether the process can listen where a configuration has it listen for other nodes. Nobody is let in.
///
/// # Errors
/// [`PeersError::Listen`].
pub fn check_peers(config: &Config) -> Result<(), PeersError> {
    each(config, door::bind).map(drop)
}

fn each<T>(config: &Config, open: fn(SocketAddr) -> io::Result<T>) -> Result<Vec<T>, PeersError> {
    let addresses = config.peers.iter().flat_map(|peers| &peers.listen);
    let open = |address| open(address).map_err(|error| PeersError::Listen(address, error));
    addresses.copied().map(open).collect()
}

impl Peers {
    /// Another configuration is in force: it is looked up.
    pub fn reload(&self) {
        self.board.reload.store(true, Release);
        self.board.bell.ring();
    }

    /// A look at it that other threads may keep; `view` is that of the gateway.
    pub fn view(&self, view: View) -> PeersView {
        PeersView(self.board.clone(), view)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.board.stop.store(true, Release);
        self.board.bell.ring();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl PeersView {
    /// How the other nodes stand; none if there are none.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.0.nodes.lock().clone()
    }

    /// What this node holds of what is shared, or held a moment ago: however often it is asked for, going over the tables
    /// takes no more than a hundredth of a processor.
    pub fn digests(&self) -> Vec<TableDigest> {
        if self.0.nodes.lock().is_empty() {
            return Vec::new();
        }
        let (_, scheduler) = self.1.in_force();
        self.0.shown.lock().of(scheduler.tables(), Instant::now())
    }
}

impl Board {
    fn stops(&self) -> bool {
        self.stop.load(Acquire)
    }

    /// Whether a configuration is to be looked at, which it is from now on.
    fn reloads(&self) -> bool {
        self.reload.swap(false, AcqRel)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl fmt::Debug for PeersView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PeersView").field(&self.0).finish()
    }
}
