//! The process that speaks VRRP: one thread, which waits for packets, orders, changes of links, and time.
//!
//! ```text
//! mouth    a voice with its sockets
//! team     a group with its voices: what happens goes in, what is to be done is done
//! ```

mod mouth;
mod team;

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::setpriority_process;

use super::channel::Channel;
use super::io::kernel::Kernel;
use super::machine::{Event, Moment, State, Why};
use super::plan::{GroupPlan, Order, Plan, Report, SILENCE, TELL, TableStatus, WatchPlan};
use team::Team;

/// The scheduler's, -20 to 19.
const PRIORITY: i32 = -10;
/// How often addresses are given more time.
const REFRESH: Duration = Duration::from_millis(500);

/// Speaks VRRP until the other end of `channel` is closed; then gives all addresses up at once, since nobody serves
/// them any more.
///
/// # Errors
/// The kernel gives no sockets, or the other end says what cannot be understood. All addresses are given up then, too.
pub fn speak(channel: UnixStream) -> io::Result<()> {
    shield();
    let mut speaker = Speaker::new(Channel::new(channel)?)?;
    let outcome = speaker.run();
    let why = if speaker.asked { Why::Stopping } else { Why::GatewayGone };
    speaker.stop(why);
    outcome
}

/// A service manager tells all processes of a service to stop: the gateway stops, and then there is nothing to speak
/// for. Only from its thread; it has no other.
fn shield() {
    let meant_for_the_gateway =
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];
    let blocked = SigSet::from_iter(meant_for_the_gateway).thread_block();
    if let Err(error) = blocked {
        tracing::warn!(%error, "Signals for the gateway end this process as well");
    }
    // Before traffic, where that is allowed.
    let _ = setpriority_process(None, PRIORITY);
}

struct Speaker {
    channel: Channel,
    kernel: Kernel,
    begun: Instant,
    plan: Plan,
    teams: Vec<Team>,
    watches: Vec<Watch>,
    refreshed: Moment,
    told: Moment,
    /// When the gateway last said something, and whether that is too long ago.
    heard: Moment,
    silent: bool,
    /// Whether the gateway does not know yet how things stand.
    news: bool,
    /// Whether the gateway has asked for the end.
    asked: bool,
    handed_over: bool,
}

/// Addresses that another program moves.
struct Watch {
    plan: WatchPlan,
    state: State,
    since: Moment,
    transitions: u64,
}

impl Speaker {
    fn new(channel: Channel) -> io::Result<Self> {
        Ok(Self {
            channel,
            kernel: Kernel::open()?,
            begun: Instant::now(),
            plan: Plan::default(),
            teams: Vec::new(),
            watches: Vec::new(),
            refreshed: Moment::ZERO,
            told: Moment::ZERO,
            heard: Moment::ZERO,
            silent: false,
            news: true,
            asked: false,
            handed_over: false,
        })
    }

    fn now(&self) -> Moment {
        self.begun.elapsed()
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            self.wait()?;
            // Packets first: a process that was kept from running must not mistake its own sleep for silence.
            let now = self.now();
            for team in &mut self.teams {
                self.news |= team.receive(&mut self.kernel, now);
            }
            self.kernel.note()?;
            self.look(now);
            match self.channel.receive() {
                Ok(orders) => {
                    self.heard = if orders.is_empty() { self.heard } else { now };
                    orders.into_iter().for_each(|order| self.obey(order));
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
            let now = self.now();
            self.judge(now);
            for team in &mut self.teams {
                self.news |= team.happens(Event::Tick, &mut self.kernel, now);
            }
            self.refresh(now);
            if !self.tell(now) {
                return Ok(());
            }
        }
    }

    /// Until something is to be done.
    fn wait(&self) -> io::Result<()> {
        let now = self.now();
        let due = self.teams.iter().filter_map(|team| team.group().due());
        let refresh = self.teams.iter().any(|team| team.group().holds()).then_some(self.refreshed + REFRESH);
        let hangs = (!self.silent).then_some(self.heard + SILENCE + Duration::from_millis(1));
        let due = due.chain(refresh).chain([self.told + TELL]).chain(hangs).min().unwrap_or(now);
        let left = due.saturating_sub(now);
        let time = Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            // Not earlier than it is due, or there would be nothing to do.
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let wanted = if self.channel.waits() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut all = vec![
            PollFd::new(self.channel.stream(), wanted),
            PollFd::from_borrowed_fd(self.kernel.changes(), PollFlags::IN),
        ];
        let sockets = self.teams.iter().flat_map(Team::sockets);
        all.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::IN)));
        match poll(&mut all, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the gateway hangs, so that nobody serves though nothing has ended.
    fn judge(&mut self, now: Moment) {
        let silent = now > self.heard + SILENCE;
        if silent == self.silent {
            return;
        }
        self.silent = silent;
        match silent {
            true => tracing::error!("The gateway says nothing: it is taken to be unfit"),
            false => tracing::info!("The gateway is back"),
        }
        for team in &mut self.teams {
            team.silent(silent);
            team.fitness(&mut self.kernel, now);
        }
    }

    /// What links and addresses mean for voices and watches.
    fn look(&mut self, now: Moment) {
        let moving: HashSet<IpAddr> = self.plan.addresses().collect();
        for team in &mut self.teams {
            self.news |= team.look(&mut self.kernel, &moving, now);
        }
        for watch in &mut self.watches {
            self.news |= watch.look(&self.kernel, now);
        }
    }

    fn obey(&mut self, order: Order) {
        let now = self.now();
        self.news |= order != Order::Alive;
        match order {
            Order::Configure { plan, resume } => self.configure(plan, &resume, now),
            Order::Lost { group, points } => {
                if let Some(team) = self.teams.iter_mut().find(|team| team.name() == group) {
                    team.unfit(points);
                    team.fitness(&mut self.kernel, now);
                }
            }
            Order::Alive => {}
            Order::HandOver => {
                self.asked = true;
                for team in &mut self.teams {
                    team.happens(Event::HandOver, &mut self.kernel, now);
                }
            }
        }
    }

    fn configure(&mut self, plan: Plan, resume: &[String], now: Moment) {
        let mut before = std::mem::take(&mut self.teams);
        for wanted in &plan.groups {
            let place = before.iter().position(|team| team.name() == wanted.name);
            let team = match place.map(|place| before.swap_remove(place)) {
                None => self.start(wanted, resume.contains(&wanted.name), now),
                Some(mut team) => {
                    if team.becomes(wanted) {
                        team
                    } else {
                        // What it had, the other takes over; what the other has not, goes.
                        team.drop_addresses_not_in(wanted, &mut self.kernel);
                        self.start(wanted, team.group().holds(), now)
                    }
                }
            };
            self.teams.push(team);
        }
        for mut gone in before {
            gone.happens(Event::Stop(Why::Stopping), &mut self.kernel, now);
        }
        let known = std::mem::take(&mut self.watches);
        self.watches = plan.watched.iter().map(|wanted| Watch::new(wanted, &known, now)).collect();
        self.plan = plan;
        self.look(now);
    }

    fn start(&mut self, plan: &GroupPlan, resume: bool, now: Moment) -> Team {
        let mut team = Team::new(plan);
        team.silent(self.silent);
        if !resume {
            team.tidy(&mut self.kernel);
        }
        let moving: HashSet<IpAddr> = self.plan.addresses().chain(plan.addresses()).collect();
        team.look(&mut self.kernel, &moving, now);
        team.happens(Event::Start { resume }, &mut self.kernel, now);
        team
    }

    fn refresh(&mut self, now: Moment) {
        if now < self.refreshed + REFRESH {
            return;
        }
        self.refreshed = now;
        for team in &mut self.teams {
            team.recover(&mut self.kernel, now);
        }
        for team in self.teams.iter_mut().filter(|team| team.group().holds()) {
            team.hold(&mut self.kernel, now);
        }
    }

    /// Says how things stand, if it is time. False: the gateway has gone.
    fn tell(&mut self, now: Moment) -> bool {
        let told = (self.channel.flush(), self.news || now >= self.told + TELL);
        let told = match told {
            (Ok(()), true) if !self.channel.waits() => {
                (self.news, self.told) = (false, now);
                let report = Report::Status(self.status(now));
                self.channel.send(&report)
            }
            // A gateway that does not read is told later.
            (Ok(()), true) => {
                self.told = now;
                Ok(())
            }
            (outcome, _) => outcome,
        };
        if self.asked && !self.handed_over && self.teams.iter().all(Team::has_ended) {
            self.handed_over = true;
            return told.and_then(|()| self.channel.send(&Report::HandedOver)).is_ok();
        }
        told.is_ok()
    }

    fn status(&self, now: Moment) -> Vec<TableStatus> {
        let watched = self.watches.iter().map(|watch| watch.status(now));
        self.teams.iter().flat_map(|team| team.status(now)).chain(watched).collect()
    }

    fn stop(&mut self, why: Why) {
        let now = self.now();
        for team in &mut self.teams {
            team.happens(Event::Stop(why), &mut self.kernel, now);
        }
    }
}

impl Plan {
    /// All addresses that move.
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let watched = self.watched.iter().flat_map(|watch| watch.addresses.iter().copied());
        self.groups.iter().flat_map(GroupPlan::addresses).chain(watched)
    }
}

impl GroupPlan {
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.voices.iter().flat_map(|voice| voice.addresses.iter().map(|(address, _)| *address))
    }
}

impl Watch {
    fn new(plan: &WatchPlan, known: &[Self], now: Moment) -> Self {
        let before = known.iter().find(|watch| watch.plan.table == plan.table);
        let (state, since, transitions) =
            before.map_or((State::Initialize, now, 0), |watch| (watch.state, watch.since, watch.transitions));
        Self { plan: plan.clone(), state, since, transitions }
    }

    /// Whether its state has changed.
    fn look(&mut self, kernel: &Kernel, now: Moment) -> bool {
        let here = self.plan.addresses.iter().all(|address| kernel.has(*address));
        let state = if here { State::Active } else { State::Backup };
        let changed = state != self.state;
        if changed {
            tracing::info!(vrrp = self.plan.table, from = self.state.name(), to = state.name(), "Redundancy");
            self.transitions += 1;
            (self.state, self.since) = (state, now);
        }
        changed
    }

    fn status(&self, now: Moment) -> TableStatus {
        TableStatus {
            name: self.plan.table.clone(),
            group: None,
            state: self.state,
            why: None,
            lasted: now.saturating_sub(self.since),
            priority: None,
            interfaces_down: Vec::new(),
            unfit: Vec::new(),
            peers: Vec::new(),
            transitions: self.transitions,
            sent: 0,
            received: 0,
            invalid: 0,
            differs: false,
        }
    }
}
