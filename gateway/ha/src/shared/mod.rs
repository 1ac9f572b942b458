//! The store in which more than two gateways share what clients they know: a Redis, or a Valkey.
//!
//! Each gateway's own tables are the cache. What changes in one is written to the store and told to the others over a
//! channel of it, within milliseconds; who connects reads what it has missed. No client waits for any of it.
//!
//! ```text
//! resp       the store's language: replies from bytes, commands to bytes
//! script     what runs inside of the store, so that an older change never overwrites a later one
//! entry      how an entry stands there: under a name and sealed, so that the store learns no identity
//! message    what gateways say to each other in its channel
//! tables     between tables and entries
//! session    a connection from greeting to end, without the connection
//! connect    the connection
//! breaker    how long a store that failed is left alone
//! keeper     the thread that does it all
//! ```

mod breaker;
mod connect;
mod entry;
mod keeper;
mod message;
mod resp;
mod script;
mod session;
mod status;
mod tables;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sekisho_runtime::View;

use crate::bell::Bell;
use crate::vrrp::RedundancyError;
use keeper::Keeper;
pub use resp::resp_oracle;
use status::Standing;
pub use status::StoreStatus;

/// Shares a gateway's tables as its configuration says, in a thread of its own. Dropping it tells the store what is
/// left to tell, for half a second at most; a thread that is just connecting ends once it knows what came of that.
#[derive(Debug)]
pub struct Sharing {
    board: Arc<Board>,
    thread: Option<JoinHandle<()>>,
    /// Closed when the thread ends.
    ended: Receiver<()>,
}

/// A look at it that other threads may keep.
#[derive(Clone, Debug)]
pub struct SharingView(Arc<Board>);

/// What thread and program have in common.
struct Board {
    /// Wakes the thread.
    bell: Bell,
    stop: AtomicBool,
    reload: AtomicBool,
    standing: Mutex<Option<Standing>>,
}

/// Begins to share the tables of the gateway behind `view`, if it is configured to.
///
/// # Errors
/// [`RedundancyError::Thread`]: no thread can be had, or no descriptor to wake it.
pub fn share(view: View) -> Result<Sharing, RedundancyError> {
    let board = Arc::new(Board {
        bell: Bell::new()?,
        stop: AtomicBool::new(false),
        reload: AtomicBool::new(false),
        standing: Mutex::new(None),
    });
    let keeper = Keeper::new(view, board.clone());
    let (ends, ended) = mpsc::channel();
    let run = move || {
        let _ends: Sender<()> = ends;
        keeper.run();
    };
    let thread = std::thread::Builder::new().name("shared-store".to_owned()).spawn(run)?;
    Ok(Sharing { board, thread: Some(thread), ended })
}

impl Sharing {
    /// Another configuration is in force: it is looked up.
    pub fn reload(&self) {
        self.board.reload.store(true, Release);
        self.board.bell.ring();
    }

    /// A look at it that other threads may keep.
    pub fn view(&self) -> SharingView {
        SharingView(self.board.clone())
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        self.board.stop.store(true, Release);
        self.board.bell.ring();
        // Looking up the store's name and connecting to it cannot be called off: who stops does not wait for that.
        if !matches!(self.ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Timeout)) {
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

/// How long a program that stops waits for the thread, which tells what is left to tell and then ends.
const PATIENCE: Duration = Duration::from_secs(1);

impl SharingView {
    /// How the store stands; none, if nothing is shared.
    pub fn status(&self) -> Option<StoreStatus> {
        self.0.standing.lock().as_ref().map(|standing| standing.status(Instant::now()))
    }
}

impl Board {
    fn stops(&self) -> bool {
        self.stop.load(Acquire)
    }

    /// Whether a configuration is to be looked at.
    fn reloads(&self) -> bool {
        self.reload.load(Acquire)
    }

    /// The same, and it is.
    fn reloads_now(&self) -> bool {
        self.reload.swap(false, AcqRel)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("standing", &self.standing).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stops_does_not_wait_for_a_store_that_cannot_be_reached() {
        let bell = Bell::new().unwrap();
        let (stop, reload) = (AtomicBool::new(false), AtomicBool::new(false));
        let board = Arc::new(Board { bell, stop, reload, standing: Mutex::new(None) });
        let (answers, answer) = mpsc::channel::<()>();
        let (ends, ended) = mpsc::channel();
        // As long as a look-up or a connection takes.
        let thread = std::thread::spawn(move || {
            let _ = answer.recv();
            drop(ends);
        });
        drop(Sharing { board: board.clone(), thread: Some(thread), ended });
        assert!(board.stops());
        drop(answers);
    }
}
