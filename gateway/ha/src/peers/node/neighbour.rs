//! Another node: the way there, and the session with it.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::event::PollFlags;
use sekisho_config::{PeerNode, ServerTls};
use sekisho_scheduler::Follower;
use tracing::{error, info, warn};

use super::super::session::{Counts, Partner, Session, SessionError};
use super::super::terms::Terms;
use super::super::wire::{Hello, Status, Version, WireError};
use super::dial::dial;
use super::news::{self, Clock, Held, Holdings, News, Word};
use super::status::{NodeKind, NodeStatus, TableThere};
use crate::link::{Link, LinkError};

/// Why another node is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("it does not answer")]
    Timeout,
    #[error("it answers {}: {}", .0.0, meaning(*.0))]
    Refused(Status),
    #[error("it connects anew")]
    Again,
}

fn meaning(status: Status) -> &'static str {
    match status {
        Status::LATER => "it has a connection already",
        Status::VERSION => "it does not speak this version",
        Status::OTHER_NAME => "it has another name",
        Status::UNKNOWN => "it does not know this node, or not at this address",
        _ => "it takes this for no peer",
    }
}

/// What a connection needs to know of this node.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) name: Arc<str>,
    /// Where it listens, which is where the others expect it to come from.
    pub(super) listen: Vec<SocketAddr>,
    pub(super) tls: Option<ServerTls>,
    pub(super) terms: Arc<Terms>,
    pub(super) holdings: Holdings,
}

impl Own {
    /// The address to connect to another from.
    fn source(&self, to: SocketAddr) -> Option<IpAddr> {
        let own = self.listen.iter().map(SocketAddr::ip);
        own.into_iter().find(|own| own.is_ipv4() == to.is_ipv4() && !own.is_unspecified())
    }
}

/// Another node.
#[derive(Debug)]
pub(super) struct Neighbour {
    node: PeerNode,
    state: State,
    /// How often in a row it was not there.
    failed: u32,
    /// Of the sessions before.
    counts: Counts,
    connects: u64,
    error: Option<String>,
    /// What was last said to differ.
    differing: Vec<String>,
    /// What the session now wants to say may not be all.
    more: bool,
    clock: Clock,
    /// What its tables hold, and when they were last seen to hold the same as here.
    there: Vec<(Held, Option<Instant>)>,
    /// When it is next told what time it is here, and what tables hold.
    tell: Instant,
}

#[derive(Debug)]
enum State {
    /// Nothing until then.
    Away(Instant),
    /// A connection is being made, until then.
    Dialling(TcpStream, Instant),
    /// It has been greeted in this version, and answers until then.
    Greeting(Link, Vec<u8>, Version, Instant),
    /// Entries are exchanged.
    Up(Link, Box<Session>),
}

impl Neighbour {
    pub(super) fn new(node: PeerNode, now: Instant) -> Self {
        Self {
            node,
            state: State::Away(now),
            failed: 0,
            counts: Counts::default(),
            connects: 0,
            error: None,
            differing: Vec::new(),
            more: false,
            clock: Clock::default(),
            there: Vec::new(),
            tell: now,
        }
    }

    pub(super) fn node(&self) -> &PeerNode {
        &self.node
    }

    /// What to wait for on which descriptor.
    pub(super) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let of = |link: &Link| if link.waits() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        match &self.state {
            State::Away(_) => None,
            State::Dialling(stream, _) => Some((stream.as_fd(), PollFlags::OUT)),
            State::Greeting(link, ..) => Some((link.as_fd(), of(link))),
            State::Up(link, _) => Some((link.as_fd(), of(link))),
        }
    }

    /// When it has something to do although nothing happens.
    pub(super) fn wake(&self, now: Instant) -> Instant {
        match &self.state {
            State::Away(until) | State::Dialling(_, until) | State::Greeting(.., until) => *until,
            State::Up(link, _) if self.more && link.out.len() < HIGH_WATER => now,
            State::Up(_, session) => session.wake(),
        }
    }

    /// Whether a node that has connected gets the place: two that connect to each other at once must not both give up
    /// what the other keeps. The one whose name comes first is the one that connects.
    pub(super) fn yields(&self, own: &Own) -> bool {
        match &self.state {
            State::Away(_) | State::Dialling(..) => true,
            State::Greeting(..) => *self.node.name < *own.name,
            // A node that is sure that it has no connection knows better, but for one that has just begun.
            State::Up(..) => *self.node.name < *own.name || self.foreign(),
        }
    }

    fn foreign(&self) -> bool {
        matches!(&self.state, State::Up(_, session) if session.partner() == Partner::Foreign)
    }

    /// Exchanges over a connection that the node has made; `said` is what it has said after its hello.
    pub(super) fn adopt(
        &mut self,
        link: Link,
        said: &[u8],
        version: Version,
        own: &Own,
        followers: Vec<Follower>,
        now: Instant,
    ) {
        if matches!(self.state, State::Up(..)) {
            self.lose(&Trouble::Again, now);
        }
        self.begin(link, said, version, own, followers, now);
    }

    fn begin(
        &mut self,
        link: Link,
        said: &[u8],
        version: Version,
        own: &Own,
        followers: Vec<Follower>,
        now: Instant,
    ) {
        let mut session = Session::new(own.terms.clone(), followers, version, now);
        let heard = session.receive(said, now);
        self.connects += 1;
        self.more = true;
        self.tell = now;
        self.state = State::Up(link, Box::new(session));
        match heard {
            Ok(()) => {
                self.failed = 0;
                self.error = None;
                info!(node = &*self.node.name, address = %self.node.address, "A peer is there");
            }
            Err(error) => self.lose(&error.into(), now),
        }
    }

    /// Does what there is to do. `follow` follows the tables for a session; `complete` says whether this node knows
    /// everything.
    pub(super) fn tend(
        &mut self,
        own: &Own,
        complete: bool,
        now: Instant,
        follow: impl FnOnce() -> Vec<Follower>,
    ) {
        if let Err(trouble) = self.step(own, complete, now, follow) {
            self.lose(&trouble, now);
        }
        self.disagree();
        self.hear(own, now);
    }

    fn step(
        &mut self,
        own: &Own,
        complete: bool,
        now: Instant,
        follow: impl FnOnce() -> Vec<Follower>,
    ) -> Result<(), Trouble> {
        let address = self.node.address;
        match &mut self.state {
            State::Away(until) if now < *until => Ok(()),
            State::Away(_) => {
                self.state = State::Dialling(
                    dial(address, own.source(address)).map_err(LinkError::from)?,
                    now + PATIENCE,
                );
                Ok(())
            }
            State::Dialling(stream, until) => {
                if !writable(stream) {
                    return if now < *until { Ok(()) } else { Err(Trouble::Timeout) };
                }
                let stream = stream.try_clone().map_err(LinkError::from)?;
                let mut link = Link::caller(stream, own.tls.as_ref(), &address.ip().to_string())?;
                let hello = Hello { version: Version::V2_1, to: &self.node.name, from: &own.name };
                hello.write(std::process::id(), &mut link.out);
                link.send()?;
                self.state = State::Greeting(link, Vec::new(), Version::V2_1, *until);
                Ok(())
            }
            State::Greeting(link, said, version, until) => {
                link.receive(|bytes| {
                    said.extend_from_slice(bytes);
                    Ok::<_, LinkError>(())
                })?;
                link.send()?;
                let (status, used) = match Status::read(said)? {
                    Some(answer) => answer,
                    None if now < *until => return Ok(()),
                    None => return Err(Trouble::Timeout),
                };
                if status != Status::WELCOME {
                    return Err(Trouble::Refused(status));
                }
                let (said, version) = (said.split_off(used), *version);
                if let State::Greeting(link, ..) = std::mem::replace(&mut self.state, State::Away(now)) {
                    self.begin(link, &said, version, own, follow(), now);
                }
                Ok(())
            }
            State::Up(link, session) => {
                let unread = link.receive(|bytes| Ok::<_, Trouble>(session.receive(bytes, now)?))?;
                link.send()?;
                self.more = unread;
                if now >= self.tell {
                    self.tell = now + news::EVERY;
                    session.say(&own.holdings.words(SystemTime::now()), &mut link.out);
                }
                while link.out.len() < HIGH_WATER {
                    let before = link.out.len();
                    session.produce(complete, now, &mut link.out)?;
                    if link.out.len() == before {
                        link.send()?;
                        return Ok(());
                    }
                    link.send()?;
                }
                self.more = true;
                Ok(())
            }
        }
    }

    /// It is not there. Said once, until it was there again or for another reason.
    fn lose(&mut self, trouble: &Trouble, now: Instant) {
        if let State::Up(_, session) = &self.state {
            self.counts = plus(self.counts, session.counts());
        }
        let why = trouble.to_string();
        // Where both sides connect at once, one is told to leave it.
        let usual = matches!(trouble, Trouble::Refused(Status::LATER) | Trouble::Again);
        if self.error.as_ref() != Some(&why) && !usual {
            warn!(node = &*self.node.name, address = %self.node.address, %why, "A peer is not there");
        }
        self.error = Some(why);
        self.clock.forget();
        self.there.clear();
        self.state = State::Away(now + pause(self.failed));
        self.failed = self.failed.saturating_add(1);
    }

    /// Takes note of what it says of itself, and shouts where its clock is wrong, or that of this node.
    fn hear(&mut self, own: &Own, now: Instant) {
        let State::Up(_, session) = &mut self.state else { return };
        for news in session.news().iter().filter_map(|(name, value)| news::read(name, value)) {
            match news {
                News::Clock(theirs) => {
                    let (word, node) = (self.clock.shows(theirs, SystemTime::now(), now), &*self.node.name);
                    let ahead_seconds = self.clock.ahead().unwrap_or_default() / 1000;
                    match word {
                        Word::Nothing => {}
                        Word::Apart => error!(
                            node,
                            ahead_seconds,
                            "The clocks of two nodes are apart: the later change of an entry may lose, and what is dated more than a day ahead counts as a day ahead, or not at all"
                        ),
                        Word::Together => info!(node, "The clocks of two nodes agree again"),
                    }
                }
                News::Table(held) => match self.there.iter_mut().find(|(had, _)| had.domain == held.domain) {
                    Some((had, _)) => *had = held,
                    None if own.terms.domains.iter().any(|(domain, _)| *domain == held.domain) => {
                        self.there.push((held, None));
                    }
                    // It has more domains.
                    None => {}
                },
            }
        }
        for (held, alike) in &mut self.there {
            if own.holdings.had(&held.domain, held.sum) {
                *alike = Some(now);
            }
        }
    }

    /// Shouts what must agree and does not.
    fn disagree(&mut self) {
        let State::Up(_, session) = &self.state else { return };
        let differing = session.differing();
        if differing == self.differing {
            return;
        }
        let (node, what) = (&*self.node.name, differing.join(", "));
        if differing.is_empty() {
            info!(node, "What must agree between the nodes does again");
        } else {
            error!(
                node,
                what,
                "Nodes differ in what must agree: clients do not keep their servers from one to the other"
            );
        }
        self.differing = differing;
    }

    /// Whether it has told everything it knows.
    pub(super) fn taught(&self) -> bool {
        matches!(&self.state, State::Up(_, session) if session.taught())
    }

    pub(super) fn status(&self, now: Instant) -> NodeStatus {
        let session = match &self.state {
            State::Up(_, session) => Some(session),
            _ => None,
        };
        NodeStatus {
            name: self.node.name.clone(),
            up: session.is_some(),
            kind: session.and_then(|session| match session.partner() {
                Partner::Unknown => None,
                Partner::Foreign => Some(NodeKind::Foreign),
                Partner::Node => Some(NodeKind::Sekisho),
            }),
            taught: self.taught(),
            lag: session.map_or(Duration::ZERO, |session| session.lag(now)),
            counts: session.map_or(self.counts, |session| plus(self.counts, session.counts())),
            connects: self.connects,
            error: self.error.clone(),
            differing: self.differing.clone(),
            clock_ahead: self.clock.ahead(),
            tables: self.there.iter().map(|(held, alike)| there(held, *alike, now)).collect(),
        }
    }
}

fn there(held: &Held, alike: Option<Instant>, now: Instant) -> TableThere {
    let changed = (held.changed > 0).then(|| UNIX_EPOCH.checked_add(Duration::from_millis(held.changed)));
    TableThere {
        domain: held.domain.clone(),
        entries: held.entries,
        sum: held.sum,
        changed: changed.flatten(),
        alike: alike.map(|alike| now.saturating_duration_since(alike)),
    }
}

fn writable(stream: &TcpStream) -> bool {
    let mut ready = [rustix::event::PollFd::new(stream, PollFlags::OUT)];
    rustix::event::poll(&mut ready, Some(&rustix::event::Timespec::default())).is_ok_and(|count| count > 0)
}

fn plus(a: Counts, b: Counts) -> Counts {
    Counts {
        sent: a.sent + b.sent,
        learned: a.learned + b.learned,
        known: a.known + b.known,
        older: a.older + b.older,
        refused: a.refused + b.refused,
    }
}

/// The pause after so many failures in a row: from a quarter of a second to four, and up to as much again by chance, so
/// that nodes that connect to each other do not go on meeting in the middle.
fn pause(failed: u32) -> Duration {
    let base = SHORTEST * 2_u32.pow(failed.min(4));
    let mut random = [0; 2];
    // Without randomness there is no scatter.
    let _ = aws_lc_rs::rand::fill(&mut random);
    base + base * u32::from(u16::from_le_bytes(random)) / 65_536
}

/// How long connecting and greeting may take, TLS included.
const PATIENCE: Duration = Duration::from_secs(5);
const SHORTEST: Duration = Duration::from_millis(250);
/// What waits for the kernel before nothing more is made.
const HIGH_WATER: usize = 1 << 18;
