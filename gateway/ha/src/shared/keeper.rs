//! The thread that keeps the connection. Nothing waits for it: what clients are known stands in the tables, and the
//! tables remember what the store has not been told.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sekisho_config::{Config, SharedStore};
use sekisho_runtime::View;
use sekisho_scheduler::Scheduler;
use tracing::{error, info, warn};

use super::Board;
use super::breaker::Breaker;
use super::connect::connect;
use super::entry::Sealer;
use super::session::{Counts, Session, SessionError, Terms};
use super::status::Standing;
use super::tables::{Clocks, Tables};
use crate::link::{Link, LinkError};

/// Why the store is not there.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("cannot read the {0}: {1}")]
    File(&'static str, io::Error),
    #[error("no keys can be made of the secret")]
    Secret,
}

/// What the thread has.
pub(super) struct Keeper {
    view: View,
    board: Arc<Board>,
    breaker: Breaker,
    counts: Counts,
    connects: u64,
    failures: u64,
    /// What was said to be wrong since all was last well.
    said: Vec<String>,
    /// The store takes no entries, which was said.
    refuses: bool,
    /// When it was last said that a clock is wrong.
    clocks: Option<Instant>,
    /// Since when others may not know what is known here.
    behind: Option<Instant>,
    /// When the gateway began to serve; none once the store has been read.
    ignorant: Option<SystemTime>,
}

/// What is shared, by a configuration.
struct Shared {
    store: SharedStore,
    tables: Tables,
    names: Vec<Arc<str>>,
    renewed: Instant,
}

/// Why a connection was left in peace.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// The gateway stops.
    Stop,
    /// Something else is to be shared, or elsewhere.
    Changed,
}

impl Keeper {
    pub(super) fn new(view: View, board: Arc<Board>) -> Self {
        Self {
            view,
            board,
            breaker: Breaker::default(),
            counts: Counts::default(),
            connects: 0,
            failures: 0,
            said: Vec::new(),
            refuses: false,
            clocks: None,
            behind: None,
            ignorant: Some(SystemTime::now()),
        }
    }

    /// Shares until the gateway stops.
    pub(super) fn run(mut self) {
        while !self.board.stops() {
            self.board.reloads_now();
            let (config, scheduler) = self.view.in_force();
            let Some(store) = &config.store else {
                // What is decided without a store is no ignorance.
                self.ignorant = None;
                self.rest(None);
                continue;
            };
            self.behind = Some(Instant::now());
            let ended = match Shared::new(store, &config, &scheduler, &self.board, self.ignorant) {
                Ok(shared) => self.share(shared),
                Err(trouble) => {
                    self.fail(store, &trouble);
                    Left::Changed
                }
            };
            *self.board.standing.lock() = None;
            if ended == Left::Stop {
                return;
            }
        }
    }

    /// Connects again and again.
    fn share(&mut self, mut shared: Shared) -> Left {
        loop {
            let trouble = match self.visit(&mut shared) {
                Ok(left) => return left,
                Err(trouble) => trouble,
            };
            self.behind.get_or_insert_with(Instant::now);
            let again = self.fail(&shared.store, &trouble);
            if self.board.stops() {
                return Left::Stop;
            }
            if again || self.changed(&mut shared) {
                return Left::Changed;
            }
        }
    }

    /// Says what is wrong, once, and pauses. Whether the configuration is to be looked at.
    fn fail(&mut self, store: &SharedStore, trouble: &Trouble) -> bool {
        let why = trouble.to_string();
        self.failures += 1;
        self.show(store, None, Some(why.clone()));
        if !self.said.contains(&why) && self.said.len() < REASONS {
            let address = address(store);
            warn!(%address, %why, "The shared store is not there: clients are known by each gateway alone");
            self.said.push(why);
        }
        let mut random = [0; 4];
        let _ = aws_lc_rs::rand::fill(&mut random);
        let pause = self.breaker.failed(u32::from_le_bytes(random));
        self.rest(Some(Instant::now() + pause))
    }

    /// Waits until then, or until the program wants something. Whether it does.
    fn rest(&self, until: Option<Instant>) -> bool {
        loop {
            if self.board.stops() || self.board.reloads() {
                return true;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            let mut ready = [PollFd::new(&self.board.bell, PollFlags::IN)];
            // An interrupted wait is a short one.
            let _ = poll(&mut ready, left.map(timespec).as_ref());
            self.board.bell.quieten();
        }
    }

    /// One connection, from its beginning to its end.
    fn visit(&mut self, shared: &mut Shared) -> Result<Left, Trouble> {
        let mut link = connect(&shared.store, shared.store.connect_timeout)?;
        let terms = terms(&shared.store)?;
        let mut session = Session::new(terms, &mut shared.tables, Instant::now());
        let (mut was_up, mut had_loaded, mut more, mut stopping) = (false, false, false, None);
        loop {
            let told = session.tell(&mut shared.tables, Instant::now());
            link.send_of(&mut session.out)?;
            let now = Instant::now();
            let idle = session.pending().0 == 0 && !told;
            if self.board.stops() {
                let until = *stopping.get_or_insert(now + FAREWELL);
                if now >= until || !session.is_up() || idle && session.out.is_empty() {
                    return Ok(Left::Stop);
                }
            } else if self.board.reloads_now() && self.changed(shared) {
                return Ok(Left::Changed);
            }
            let patience = session.patience(now).min(shared.due(now)).min(match stopping {
                Some(until) => until.saturating_duration_since(now),
                None => Duration::MAX,
            });
            self.wait(&link, !session.out.is_empty(), if more { Duration::ZERO } else { patience });
            let clocks = Clocks { now: Instant::now(), wall: SystemTime::now() };
            more = link.receive(|bytes| {
                Ok::<_, Trouble>(session.receive(bytes, &shared.tables, &mut self.counts, clocks)?)
            })?;
            let said = |said: Instant| clocks.now.saturating_duration_since(said) < CLOCKS;
            if shared.tables.met_the_future() && !self.clocks.is_some_and(said) {
                self.clocks = Some(clocks.now);
                error!(
                    address = address(&shared.store),
                    "Entries of the shared store are dated more than a day ahead and are refused: the clock of another gateway is wrong, or that of this one"
                );
            }
            session.tick(clocks.now)?;
            shared.renew(clocks.now);
            if session.is_up() && !std::mem::replace(&mut was_up, true) {
                self.connects += 1;
            }
            if session.has_loaded() && !std::mem::replace(&mut had_loaded, true) {
                self.breaker.healed();
                self.said.clear();
                self.ignorant = None;
                shared.tables.has_read();
                info!(
                    address = address(&shared.store),
                    learned = self.counts.learned,
                    "The shared store is there"
                );
            }
            self.take_stock(&shared.store, &session);
        }
    }

    fn wait(&self, link: &Link, sends: bool, patience: Duration) {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, sends || link.waits());
        let mut ready =
            [PollFd::from_borrowed_fd(link.as_fd(), flags), PollFd::new(&self.board.bell, PollFlags::IN)];
        // Rounded up: a wait that is too short by a part of a millisecond would spin.
        let _ = poll(&mut ready, Some(&timespec(patience + Duration::from_millis(1))));
        self.board.bell.quieten();
    }

    /// Shows how things stand, and says when the store does not take entries any more, or does again.
    fn take_stock(&mut self, store: &SharedStore, session: &Session) {
        let (pending, oldest) = session.pending();
        if session.has_loaded() {
            self.behind = oldest;
            match (&session.refusal, self.refuses) {
                (Some(why), false) => {
                    warn!(address = address(store), why, "The shared store takes no entries");
                    self.refuses = true;
                }
                (None, true) if pending == 0 => {
                    info!(address = address(store), "The shared store takes entries again");
                    self.refuses = false;
                }
                _ => {}
            }
        }
        self.show(store, Some((session, pending)), session.refusal.clone());
    }

    fn show(&self, store: &SharedStore, session: Option<(&Session, usize)>, error: Option<String>) {
        *self.board.standing.lock() = Some(Standing {
            address: address(store),
            up: session.is_some_and(|(session, _)| session.is_up()),
            loaded: session.is_some_and(|(session, _)| session.has_loaded()),
            pending: session.map_or(0, |(_, pending)| pending),
            behind: self.behind,
            counts: self.counts,
            connects: self.connects,
            failures: self.failures,
            error,
        });
    }

    /// Whether another configuration shares something else, or elsewhere. What can change in place has changed.
    fn changed(&self, shared: &mut Shared) -> bool {
        let (config, scheduler) = self.view.in_force();
        let names: Vec<_> = scheduler.tables().iter().map(|table| table.name().clone()).collect();
        shared.tables.knows(config.key_kinds());
        config.store.as_ref() != Some(&shared.store) || names != shared.names
    }
}

impl Shared {
    fn new(
        store: &SharedStore,
        config: &Config,
        scheduler: &Scheduler,
        board: &Arc<Board>,
        ignorant: Option<SystemTime>,
    ) -> Result<Self, Trouble> {
        let secret = fs::read(&store.secret_file).map_err(|error| Trouble::File("secret", error))?;
        let sealer = Sealer::new(secret.trim_ascii()).ok_or(Trouble::Secret)?;
        let follow = |table: &Arc<_>| {
            let board = board.clone();
            sekisho_scheduler::Table::follow(table, move || board.bell.ring())
        };
        let followers = scheduler.tables().iter().map(follow).collect();
        let tables = Tables::new(sealer, &store.prefix, config.key_kinds(), followers).ignorant(ignorant);
        let names = scheduler.tables().iter().map(|table| table.name().clone()).collect();
        Ok(Self { store: store.clone(), tables, names, renewed: Instant::now() })
    }

    /// How long until entries in use have to be told of again.
    fn due(&self, now: Instant) -> Duration {
        (self.renewed + self.tables.renewal()).saturating_duration_since(now)
    }

    fn renew(&mut self, now: Instant) {
        if self.due(now).is_zero() {
            self.tables.renew(now);
            self.renewed = now;
        }
    }
}

/// The password is read at each connecting, so that another one needs no reload.
fn terms(store: &SharedStore) -> Result<Terms, Trouble> {
    let password = store.password_file.as_ref().map(fs::read).transpose();
    let password = password.map_err(|error| Trouble::File("password", error))?;
    let mut origin = [0; 8];
    // Without randomness, a gateway takes its own messages in, which changes nothing.
    let _ = aws_lc_rs::rand::fill(&mut origin);
    Ok(Terms {
        user: store.user.clone(),
        password: password.map(|password| password.trim_ascii().to_vec()),
        database: store.database,
        prefix: store.prefix.clone(),
        origin: u64::from_le_bytes(origin),
        connect_timeout: store.connect_timeout,
        timeout: store.timeout,
        staleness: store.staleness,
    })
}

fn address(store: &SharedStore) -> String {
    match store.host.contains(':') {
        true => format!("[{}]:{}", store.host, store.port),
        false => format!("{}:{}", store.host, store.port),
    }
}

fn timespec(wait: Duration) -> Timespec {
    Timespec::try_from(wait.min(Duration::from_secs(3600))).unwrap_or_default()
}

/// A store that fails in ever other ways is not said to do so more often than this.
const REASONS: usize = 8;
/// How long a gateway that stops goes on telling what it knows.
const FAREWELL: Duration = Duration::from_millis(500);
/// How often it is said that a clock is wrong.
const CLOCKS: Duration = Duration::from_secs(3600);
