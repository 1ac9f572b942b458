//! One real server as the scheduler keeps it.

mod contract;
mod counts;
mod ejection;
mod history;
mod memory;
mod peers;
mod status;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use sekisho_api::Failure;

use crate::clock::{Clock, Moment};
use crate::health::{Change, Ejection, Health, LastProbe, Monitor, Outlier, ProbeResult, State, Turn};
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

    /// Leases held now.
    pub fn active(&self) -> u32 {
        self.counts.active()
    }

    /// Leases given since the start.
    pub fn served(&self) -> u64 {
        self.counts.served()
    }

    /// Failures of traffic since the start.
    pub fn failures(&self) -> u64 {
        self.counts.failures().iter().map(|(_, count)| count).sum()
    }

    /// The same, by how it failed.
    pub fn failures_by_kind(&self) -> [(Failure, u64); Failure::ALL.len()] {
        self.counts.failures()
    }

    /// Answers that did not come in time, since the start.
    pub fn timeouts(&self) -> u64 {
        self.counts.timeouts()
    }

    /// Datagrams from its address that answered nothing that was asked, since the start.
    pub fn strays(&self) -> u64 {
        self.counts.strays()
    }

    /// Requests that another server was asked as well, since the start, because this one was silent.
    pub fn repeats(&self) -> u64 {
        self.counts.repeats()
    }

    /// Bytes relayed since the start, both ways together.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes()
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

    /// The average response time measured: of traffic if there was any, else of connecting, else of probes.
    pub fn response_time(&self) -> Option<Duration> {
        self.answers.average().or_else(|| self.connects.average()).or_else(|| self.probes.average())
    }

    /// Bytes a second over the pool's window, both ways together, for display.
    pub fn bandwidth(&self, now: Instant) -> u64 {
        self.traffic.rate(self.clock.moment(now))
    }

    /// Whether a probe is due. Asked every 50 to 100 ms; a server whose ejection is over is taken back here.
    pub fn due(&self, now: Instant) -> bool {
        let now = self.clock.read(now);
        if self.status.retry_due(now) {
            self.queue.stir();
        }
        let mut guarded = self.guarded.lock();
        let back = guarded.ejection.over(now) && self.take_back(&mut guarded, now);
        let due = guarded.admin != Admin::Maintenance && guarded.monitor.due(now);
        drop(guarded);
        if back {
            self.queue.stir();
        }
        due
    }

    /// A probe begins; none is due until it was reported.
    pub fn begin_probe(&self, now: Instant) {
        self.clock.read(now);
        self.guarded.lock().monitor.begin();
    }

    /// A probe ended. `random` scatters the next one.
    pub fn probed(&self, result: ProbeResult, now: Instant, random: u64) -> Option<Change> {
        let moment = self.clock.read(now);
        self.counts.probed(result.ok.is_ok());
        match &result.ok {
            Ok(()) => self.probes.record(result.took, moment),
            Err(_) => self.probes.penalise(moment),
        }
        let mut guarded = self.guarded.lock();
        let turn = guarded.monitor.probed(&result, moment, random);
        let probe = LastProbe { at: now, result };
        guarded.history.probe(probe.clone());
        guarded.last = Some(probe);
        let change = self.turned(&guarded, turn, moment);
        drop(guarded);
        if change.is_some() {
            self.queue.stir();
        }
        change
    }

    /// Probes that passed, and probes that failed.
    pub fn probe_counts(&self) -> (u64, u64) {
        self.counts.probes()
    }

    /// The latest probe.
    pub fn last_probe(&self) -> Option<LastProbe> {
        self.guarded.lock().last.clone()
    }

    /// Keeps a change that was told of, in its history.
    pub fn remember(&self, change: &Change, now: Instant) {
        self.guarded.lock().history.change(now, change.clone());
    }

    /// Its latest probes and changes of health.
    pub fn history(&self) -> History {
        self.guarded.lock().history.clone()
    }

    /// Remembers what a probe found out about it, until another finds out something else under the same name.
    pub fn note(&self, name: &'static str, text: String) {
        let mut guarded = self.guarded.lock();
        if let Some((_, known)) = guarded.notes.iter_mut().find(|(known, _)| *known == name) {
            *known = text;
        } else if guarded.notes.len() < NOTES {
            guarded.notes.push((name, text));
        }
    }

    /// What probes found out about it, by name.
    pub fn notes(&self) -> Vec<(&'static str, String)> {
        self.guarded.lock().notes.clone()
    }

    /// Remembers until when the certificate that it showed to a probe holds.
    pub fn set_certificate_expiry(&self, at: SystemTime) {
        self.guarded.lock().certificate = Some(at);
    }

    /// Until when the certificate that it showed to a probe holds; none before it showed one.
    pub fn certificate_expiry(&self) -> Option<SystemTime> {
        self.guarded.lock().certificate
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
/// The most notes kept: a probe makes a handful.
const NOTES: usize = 16;

// The one thing of this crate that is shared by a whole process: ids are never used twice.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);
