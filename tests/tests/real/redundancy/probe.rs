//! A client that begins a connection every 20 ms, whatever became of those before.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Socket, Type};

/// How often a connection is begun.
const EVERY: Duration = Duration::from_millis(20);
/// How long one has to be answered. What is lost on the way is lost: that is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a client saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) answered: usize,
    pub(super) failed: usize,
    /// In which ways.
    pub(super) ways: BTreeSet<String>,
    /// The longest time between two answers.
    pub(super) longest: Duration,
}

impl Seen {
    /// Whether whoever was reached served: what was lost on the way, or took long on a busy machine, is no refusal.
    pub(super) fn refused_nobody(&self) -> bool {
        !self.ways.iter().any(|way| way.contains("refused") || way.contains("closed"))
    }

    fn fails(&mut self, how: impl Into<String>) {
        self.failed += 1;
        self.ways.insert(how.into());
    }
}

/// A connection that is not answered yet.
struct Try {
    stream: TcpStream,
    begun: Instant,
}

/// Connects until `end`, and to the end of what was begun then.
pub(super) fn probe(address: SocketAddr, end: &AtomicBool) -> Seen {
    let mut seen = Seen { answered: 0, failed: 0, ways: BTreeSet::new(), longest: Duration::ZERO };
    let (mut open, mut last, mut next) = (Vec::<Try>::new(), None::<Instant>, Instant::now());
    while !end.load(Relaxed) || !open.is_empty() {
        let now = Instant::now();
        if now >= next && !end.load(Relaxed) {
            next = (next + EVERY).max(now);
            match begin(address) {
                Ok(stream) => open.push(Try { stream, begun: now }),
                Err(error) => seen.fails(format!("connecting: {error}")),
            }
        }
        wait(&open, next.saturating_duration_since(now));
        open.retain_mut(|one| {
            let mut said = [0; 16];
            match one.stream.read(&mut said) {
                Ok(0) => seen.fails("closed without a word"),
                Ok(_) => {
                    let now = Instant::now();
                    let gap = last.replace(now).map_or(Duration::ZERO, |last| now - last);
                    seen.longest = seen.longest.max(gap);
                    seen.answered += 1;
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    if one.begun.elapsed() < PATIENCE {
                        return true;
                    }
                    seen.fails("no answer");
                }
                Err(error) => seen.fails(error.to_string()),
            }
            false
        });
    }
    seen
}

fn begin(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// Until an answer comes, or so long.
fn wait(open: &[Try], time: Duration) {
    let time = Timespec { tv_sec: 0, tv_nsec: time.as_nanos().min(999_999_999) as i64 };
    let mut all: Vec<_> = open.iter().map(|one| PollFd::new(&one.stream, PollFlags::IN)).collect();
    // An interrupted wait is a short one.
    let _ = poll(&mut all, Some(&time));
}

/// Of Linux, on all its machines that this runs on.
const EINPROGRESS: i32 = 115;
