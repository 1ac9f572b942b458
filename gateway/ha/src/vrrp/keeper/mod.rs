//! The gateway's side: it starts the speaker, tells it what to be and how fit the node is, and starts it again.
//!
//! ```text
//! fitness    how many points of priority the node's pools and VIPs cost it
//! plans      from the configuration to what a speaker is told
//! watch      the thread that keeps a speaker
//! ```

mod fitness;
mod plans;
mod watch;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::Mutex;
use sekisho_config::{Config, VrrpMode};
use sekisho_runtime::View;

use super::io::rights;
use super::machine::{State, Why};
use super::plan::TableStatus;
use watch::Watch;

/// Starts the process of the speaker, with a socket as its standard input: what it runs calls
/// [`speak`](crate::speak) with it.
pub type Spawn = Box<dyn Fn(OwnedFd) -> io::Result<Child> + Send>;

/// Why redundancy cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedundancyError {
    /// The process may not do what it takes. The operator's to give.
    #[error("VRRP needs {}, which this process has not: add it to AmbientCapabilities= of the service", .0.join(" and "))]
    Rights(Vec<&'static str>),
    /// No thread can be had.
    #[error("no thread: {0}")]
    Thread(#[from] io::Error),
}

/// Moves the addresses of a running gateway, by a process of its own. Dropping it gives them up.
pub struct Redundancy {
    commands: Option<Sender<Command>>,
    board: Arc<Board>,
    thread: Option<JoinHandle<()>>,
}

/// A look at it that other threads may keep.
#[derive(Clone, Debug)]
pub struct RedundancyView(Arc<Board>);

/// What others may know.
#[derive(Debug, Default)]
struct Board {
    tables: Mutex<Vec<TableStatus>>,
    handed_over: AtomicBool,
    /// Since when nobody speaks who should.
    mute: Mutex<Option<Instant>>,
}

/// What the program asks of the thread.
enum Command {
    /// Another configuration is in force.
    Reload,
    HandOver,
    /// Gives the speaker away.
    Part(Sender<UnixStream>),
}

/// Begins to move the addresses of the gateway behind `view`, if it is configured to.
///
/// `speaker` is the end of the socket of a speaker that speaks already, which a process before this one has handed on.
///
/// # Errors
/// [`RedundancyError`]; nothing has begun then.
pub fn start(view: View, spawn: Spawn, speaker: Option<UnixStream>) -> Result<Redundancy, RedundancyError> {
    check_rights(&view.in_force().0)?;
    let board = Arc::new(Board::default());
    let (commands, received) = mpsc::channel();
    let watch = Watch::new(view, spawn, speaker, board.clone());
    let thread =
        std::thread::Builder::new().name("redundancy".to_owned()).spawn(move || watch.run(&received))?;
    Ok(Redundancy { commands: Some(commands), board, thread: Some(thread) })
}

/// Whether the process may do what a configuration asks for.
///
/// # Errors
/// [`RedundancyError::Rights`].
pub fn check_rights(config: &Config) -> Result<(), RedundancyError> {
    let needed = config.vrrp.iter().any(|vrrp| vrrp.mode == VrrpMode::BuiltIn);
    let missing = rights::missing();
    if needed && !missing.is_empty() { Err(RedundancyError::Rights(missing)) } else { Ok(()) }
}

impl Redundancy {
    /// Another configuration is in force: it is looked up.
    pub fn reload(&self) {
        self.send(Command::Reload);
    }

    /// Begins to hand the addresses over to other nodes. See [`handed_over`](Self::handed_over).
    pub fn hand_over(&self) {
        self.send(Command::HandOver);
    }

    /// Whether no address is here any more, after [`hand_over`](Self::hand_over).
    pub fn handed_over(&self) -> bool {
        self.board.handed_over.load(Relaxed)
    }

    /// A look at it that other threads may keep.
    pub fn view(&self) -> RedundancyView {
        RedundancyView(self.board.clone())
    }

    /// Lets the speaker speak on, for a process that takes this one's place: whoever holds the socket keeps it
    /// speaking. None, if there is no speaker.
    pub fn part(mut self) -> Option<UnixStream> {
        let (give, given) = mpsc::channel();
        self.send(Command::Part(give));
        self.commands = None;
        given.recv().ok()
    }

    fn send(&self, command: Command) {
        // A thread that panicked has said so.
        let _ = self.commands.as_ref().map(|commands| commands.send(command));
    }
}

impl Drop for Redundancy {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl fmt::Debug for Redundancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redundancy").field("board", &self.board).finish_non_exhaustive()
    }
}

impl RedundancyView {
    /// How all tables stand, in no order that matters. Empty until the speaker has said so. While there is no speaker
    /// nobody knows: they take no part.
    pub fn tables(&self) -> Vec<TableStatus> {
        let mute = *self.0.mute.lock();
        let mut tables = self.0.tables.lock().clone();
        if let Some(since) = mute {
            for table in &mut tables {
                (table.state, table.why, table.lasted) =
                    (State::Initialize, Some(Why::Mute), since.elapsed());
            }
        }
        tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_take_no_part_while_nobody_speaks() {
        let status = r#"{"name":"web","group":"web","state":"active","why":"silence","lasted":{"secs":9,"nanos":0},
            "priority":200,"interfaces-down":[],"peers":[],"transitions":1,"sent":1,"received":0,"invalid":0,"differs":false}"#;
        let board = Arc::new(Board::default());
        let view = RedundancyView(board.clone());
        board.tables.lock().push(serde_json::from_str(status).unwrap());
        assert_eq!(view.tables()[0].state, State::Active);
        *board.mute.lock() = Some(Instant::now());
        assert_eq!((view.tables()[0].state, view.tables()[0].why), (State::Initialize, Some(Why::Mute)));
    }
}
