//! One real server as the scheduler keeps it.

mod contract;
mod counts;
mod ejection;
mod history;
mod memory;
mod numbers;
mod peers;
mod probing;
mod status;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::clock::{Clock, Moment};
use crate::health::{Change, Ejection, Health, LastProbe, Monitor, Outlier, State, Turn};
use crate::measure::{ResponseTime, Window};
use crate::queue::Queue;
use crate::spec::{Admin, HealthSpec, ServerSpec};
use counts::Counts;
pub use history::History;
pub use memory::{Standing, Was, Wish};
pub(crate) use peers::Peers;
use status::Status;

/// What all servers of a pool share.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) pool: Arc<str>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) health: HealthSpec,
    pub(crate) window: Duration,
}

/// One real server: what it is, how it is, and what it carries.
///
/// It outlives reloads as long as pool, name and address stay, so its counts and its id do too.
pub struct ServerState {
    id: u64,
    pool: Arc<str>,
    name: Arc<str>,
    address: SocketAddr,
    token: Box<str>,
    clock: Arc<Clock>,
    queue: Arc<Queue>,
    peers: Arc<Peers>,
    status: Status,
    counts: Counts,
    answers: ResponseTime,
    connects: ResponseTime,
    probes: ResponseTime,
    traffic: Window,
    outlier: Outlier,
    guarded: Mutex<Guarded>,
}

/// What changes seldom, behind one lock. Every change ends in [`Status::publish`], which the request path reads.
struct Guarded {
    monitor: Monitor,
    ejection: Ejection,
    admin: Admin,
    configured: ServerSpec,
    last: Option<LastProbe>,
    unreported: VecDeque<Change>,
    history: History,
    notes: Vec<(&'static str, String)>,
    certificate: Option<SystemTime>,
}

impl ServerState {
    pub(crate) fn new(spec: &ServerSpec, token: Box<str>, around: &Surroundings, now: Moment) -> Self {
        let monitor = Monitor::new(around.health, now);
        let status = Status::new(spec);
        status.publish(&monitor, spec.admin);
        Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            pool: Arc::clone(&around.pool),
            name: Arc::clone(&spec.name),
            address: spec.address,
            token,
            clock: Arc::clone(&around.clock),
            queue: Arc::clone(&around.queue),
            peers: Arc::clone(&around.peers),
            status,
            counts: Counts::new(now),
            answers: ResponseTime::default(),
            connects: ResponseTime::default(),
            probes: ResponseTime::default(),
            traffic: Window::new(around.window),
            outlier: Outlier::new(around.health.outlier),
            guarded: Mutex::new(Guarded {
                monitor,
                ejection: Ejection::default(),
                admin: spec.admin,
                configured: spec.clone(),
                last: None,
                unreported: VecDeque::new(),
                history: History::default(),
                notes: Vec::new(),
                certificate: None,
            }),
        }
    }

    /// The name of its pool.
    pub fn pool(&self) -> &Arc<str> {
        &self.pool
    }

    /// Goes on under a new configuration. What the file did not change keeps what the operator set at run time.
    pub(crate) fn adopt(&self, spec: &ServerSpec, around: &Surroundings, now: Moment) {
        let mut guarded = self.guarded.lock();
        self.traffic.resize(around.window);
        guarded.monitor.reconfigure(around.health, now);
        self.outlier.configure(around.health.outlier);
        if around.health.outlier.is_none() {
            self.take_back(&mut guarded, now);
        }
        if guarded.configured.weight != spec.weight {
            self.status.set_weight(spec.weight);
        }
        if guarded.configured.admin != spec.admin {
            self.turn_admin(&mut guarded, spec.admin, now);
        }
        self.status.set_limits(spec);
        guarded.configured = spec.clone();
        self.status.publish(&guarded.monitor, guarded.admin);
    }

    /// No configuration has it any more.
    pub(crate) fn remove(&self) {
        self.status.remove();
    }

    /// The stable name from the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A number that no other server of this process has or had.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What names this server to clients.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its weight now.
    pub fn weight(&self) -> u32 {
        self.status.weight()
    }

    /// Changes its weight at run time; a reload keeps it unless the file's weight changed.
    pub fn set_weight(&self, weight: u32) {
        self.status.set_weight(weight);
        self.queue.stir();
    }

    /// The most connections it gets; none: no limit.
    pub fn max_connections(&self) -> Option<u32> {
        self.status.limit()
    }

    /// Its priority group.
    pub fn group(&self) -> u8 {
        self.status.group()
    }

    /// Whether it is well.
    pub fn health(&self) -> Health {
        self.status.health()
    }

    /// What the operator wants of it.
    pub fn admin(&self) -> Admin {
        self.status.admin()
    }

    /// Health, ejection and the operator's will in one word.
    pub fn state(&self) -> State {
        State::of(self.health(), self.ejected(), self.admin())
    }

    /// Changes what the operator wants of it at run time; a reload keeps it unless the file changed.
    pub fn set_admin(&self, admin: Admin) {
        let now = self.clock.read_or_latest(None);
        let mut guarded = self.guarded.lock();
        self.turn_admin(&mut guarded, admin, now);
        drop(guarded);
        self.queue.stir();
    }

    /// The oldest change of health that traffic made and nobody has asked for yet; at most 16 are kept.
    pub fn unreported(&self) -> Option<Change> {
        self.guarded.lock().unreported.pop_front()
    }

    /// Publishes a change of health and what follows from it; the caller stirs the queue, outside the lock.
    fn turned(&self, guarded: &Guarded, turn: Option<Turn>, now: Moment) -> Option<Change> {
        self.status.publish(&guarded.monitor, guarded.admin);
        let (from, to, cause) = turn?;
        if from == Health::Down {
            self.outlier.forget();
            self.counts.forget_failures();
            self.status.rise(now);
        }
        Some(Change { server: Arc::clone(&self.name), from, to, cause })
    }

    fn turn_admin(&self, guarded: &mut Guarded, admin: Admin, now: Moment) {
        if guarded.admin == Admin::Maintenance && admin != Admin::Maintenance {
            self.take_back(guarded, now);
            guarded.monitor.renew(now);
            self.status.rise(now);
        }
        guarded.admin = admin;
        self.status.publish(&guarded.monitor, admin);
    }
}

impl Guarded {
    /// Keeps a change until somebody asks.
    fn report(&mut self, change: Change) {
        if self.unreported.len() >= UNREPORTED {
            self.unreported.pop_front();
        }
        self.unreported.push_back(change);
    }
}

impl fmt::Debug for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerState")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("state", &self.state())
            .field("weight", &self.weight())
            .field("active", &self.active())
            .finish_non_exhaustive()
    }
}

/// The most changes kept for somebody to ask for.
const UNREPORTED: usize = 16;

// The one thing of this crate that is shared by a whole process: ids are never used twice.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);
