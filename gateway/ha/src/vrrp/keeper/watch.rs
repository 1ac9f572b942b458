//! The thread that keeps a speaker.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sekisho_runtime::View;

use super::fitness::{self, Fitness};
use super::{Board, Command, Spawn, check_rights, plans};
use crate::vrrp::channel::Channel;
use crate::vrrp::machine::State;
use crate::vrrp::plan::{Order, Plan, Report, SILENCE, TELL, TableStatus};

/// How often commands and the node's fitness are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// From the first to the last wait before a speaker that ends at once is started again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));
/// A speaker that lived so long did not end at once.
const LIVED: Duration = Duration::from_secs(10);
/// How long what is half said has to be said before a speaker is given away: less than it takes to be missed.
const PARTING: Duration = Duration::from_millis(500);
/// How long a speaker whose socket is closed has to end.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct Watch {
    view: View,
    spawn: Spawn,
    board: Arc<Board>,
    speaker: Option<Speaker>,
    /// What the speaker was told last.
    plan: Plan,
    /// As the speaker was told last; none: it may know something else.
    fitness: Option<Vec<(String, Fitness)>>,
    /// When the last speaker was there for the last time.
    gone: Instant,
    /// When a speaker may be started, and how long the next wait is.
    pause: (Instant, Duration),
    /// Whoever stops is not started again.
    handing_over: bool,
    /// Since when the partner is fit and this node is not; told once.
    doubt: Option<(Instant, bool)>,
}

struct Speaker {
    channel: Channel,
    /// None, if a process before this one started it.
    child: Option<Child>,
    begun: Instant,
    /// When it last said something, and was last told something.
    heard: Instant,
    told: Instant,
}

impl Speaker {
    fn new(channel: Channel, child: Option<Child>, now: Instant) -> Self {
        Self { channel, child, begun: now, heard: now, told: now }
    }
}

impl Watch {
    pub(super) fn new(view: View, spawn: Spawn, speaker: Option<UnixStream>, board: Arc<Board>) -> Self {
        let now = Instant::now();
        let speaker = speaker.and_then(|stream| Channel::new(stream).ok());
        let speaker = speaker.map(|channel| Speaker::new(channel, None, now));
        Self {
            view,
            spawn,
            board,
            speaker,
            plan: Plan::default(),
            fitness: None,
            gone: now,
            pause: (now, PAUSES.0),
            handing_over: false,
            doubt: None,
        }
    }

    /// Until the other end of `commands` is gone.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        self.reload();
        loop {
            let command = match self.speaker {
                None if self.plan.is_empty() => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
                _ => {
                    self.wait();
                    commands.recv_timeout(Duration::ZERO)
                }
            };
            match command {
                Ok(Command::Reload) => self.reload(),
                Ok(Command::HandOver) => self.hand_over(),
                Ok(Command::Part(give)) => return self.part(&give),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.listen();
            self.keep();
            self.judge();
            if self.speaker.as_ref().is_some_and(|speaker| speaker.told.elapsed() >= TELL) {
                self.tell(&Order::Alive);
            }
        }
        if let Some(mut speaker) = self.speaker.take() {
            drop(speaker.channel);
            end(speaker.child.as_mut());
        }
    }

    fn wait(&self) {
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
        let socket = self.speaker.as_ref().map(|of| PollFd::new(of.channel.stream(), PollFlags::IN));
        let mut all: Vec<_> = socket.into_iter().collect();
        // An interrupted wait is a short one.
        let _ = poll(&mut all, Some(&time));
    }

    /// Takes the configuration in force.
    fn reload(&mut self) {
        if self.handing_over {
            // Nothing is to begin any more.
            return;
        }
        let (config, _) = self.view.in_force();
        if let Err(error) = check_rights(&config) {
            tracing::error!(%error, "Redundancy stays as it was");
            return;
        }
        let plan = plans::plan(&config);
        if plan != self.plan {
            self.plan = plan;
            self.configure(Vec::new());
        }
        self.keep();
    }

    /// Tells the speaker what to be.
    fn configure(&mut self, resume: Vec<String>) {
        self.fitness = None;
        let order = Order::Configure { plan: self.plan.clone(), resume };
        self.tell(&order);
        self.judge();
    }

    /// Starts a speaker, if one is needed and there is none.
    fn keep(&mut self) {
        let now = Instant::now();
        if self.speaker.is_some() || self.plan.is_empty() || self.handing_over || now < self.pause.0 {
            return;
        }
        let started = UnixStream::pair().and_then(|(own, other)| {
            let child = (self.spawn)(OwnedFd::from(other))?;
            Ok(Speaker::new(Channel::new(own)?, Some(child), now))
        });
        match started {
            Ok(speaker) => {
                self.speaker = Some(speaker);
                let resume = plans::resumed(&self.plan, &self.active(), now.duration_since(self.gone));
                self.configure(resume);
            }
            Err(error) => {
                tracing::error!(%error, "The process that speaks VRRP cannot be started");
                self.pause_for(now);
            }
        }
    }

    /// The groups that were active, as far as was heard.
    fn active(&self) -> Vec<String> {
        let tables = self.board.tables.lock();
        let active = tables.iter().filter(|table| table.state == State::Active);
        let mut groups: Vec<String> = active.filter_map(|table| table.group.clone()).collect();
        groups.dedup();
        groups
    }

    fn listen(&mut self) {
        let Some(speaker) = &mut self.speaker else {
            if self.handing_over {
                self.board.handed_over.store(true, Relaxed);
            }
            return;
        };
        match speaker.channel.receive::<Report>() {
            Ok(reports) => {
                let now = Instant::now();
                if !reports.is_empty() {
                    speaker.heard = now;
                } else if now.duration_since(speaker.heard) > SILENCE {
                    tracing::error!("The process that speaks VRRP says nothing");
                    let heard = speaker.heard;
                    return self.lost(heard);
                }
                for report in reports {
                    match report {
                        Report::Status(mut tables) => {
                            for table in &mut tables {
                                let of =
                                    |(group, _): &&(String, Fitness)| Some(group) == table.group.as_ref();
                                let fitness = self.fitness.iter().flatten().find(of);
                                table
                                    .unfit
                                    .extend(fitness.iter().flat_map(|(_, of)| of.reasons.iter().cloned()));
                            }
                            *self.board.tables.lock() = tables;
                            self.doubt(now);
                            *self.board.mute.lock() = None;
                        }
                        Report::HandedOver => self.board.handed_over.store(true, Relaxed),
                    }
                }
            }
            Err(error) => {
                tracing::error!(reason = %error, "The process that speaks VRRP has ended");
                self.lost(Instant::now());
            }
        }
    }

    /// Says so when this node has seen no server for a while that the active one sees. With one arm that is what a missing
    /// rule on the servers looks like, and it shows in nothing else before the active node dies.
    fn doubt(&mut self, now: Instant) {
        let fitness = self.fitness.as_deref().unwrap_or_default();
        let doubtful = doubts(&self.board.tables.lock(), fitness).map(str::to_owned);
        let Some(vrrp) = doubtful else {
            self.doubt = None;
            return;
        };
        let (since, told) = self.doubt.get_or_insert((now, false));
        if !*told && now.duration_since(*since) >= DOUBT {
            *told = true;
            tracing::warn!(
                vrrp,
                "The active node is fit and this one sees no server: answers to its probes may go there (`sekisho net doctor`)"
            );
        }
    }

    fn lost(&mut self, gone: Instant) {
        let now = Instant::now();
        self.gone = gone;
        if !self.handing_over {
            *self.board.mute.lock() = Some(gone);
        }
        if let Some(mut speaker) = self.speaker.take() {
            let lived = now.duration_since(speaker.begun);
            drop(speaker.channel);
            end(speaker.child.as_mut());
            if lived >= LIVED {
                self.pause = (now, PAUSES.0);
            } else {
                self.pause_for(now);
            }
        }
    }

    fn pause_for(&mut self, now: Instant) {
        let (_, wait) = self.pause;
        self.pause = (now + wait, (wait * 2).min(PAUSES.1));
    }

    /// Tells the speaker how fit the node is, where that has changed.
    fn judge(&mut self) {
        if self.speaker.is_none() || self.handing_over {
            return;
        }
        let (config, scheduler) = self.view.in_force();
        if fitness::is_settled(&config, self.fitness.as_deref()) {
            return;
        }
        let fitness = fitness::of(&config, &scheduler);
        for (group, now) in &fitness {
            let before =
                self.fitness.iter().flatten().find(|(name, _)| name == group).map(|(_, before)| before);
            let unknown = Fitness::default();
            if before.unwrap_or(&unknown) != now {
                let (lost, reasons) = (now.lost, now.reasons.join(", "));
                tracing::info!(group, lost, reasons, "Fitness");
            }
            if before.is_none_or(|before| before.lost != now.lost) {
                self.tell(&Order::Lost { group: group.clone(), points: now.lost });
            }
        }
        self.fitness = Some(fitness);
    }

    fn hand_over(&mut self) {
        self.handing_over = true;
        self.tell(&Order::HandOver);
    }

    fn tell(&mut self, order: &Order) {
        let told = self.speaker.as_mut().map(|speaker| {
            speaker.told = Instant::now();
            speaker.channel.send(order)
        });
        if let Some(Err(error)) = told {
            tracing::error!(reason = %error, "The process that speaks VRRP has ended");
            self.lost(Instant::now());
        }
    }

    fn part(mut self, give: &Sender<UnixStream>) {
        let begun = Instant::now();
        while begun.elapsed() < PARTING {
            self.listen();
            let Some(speaker) = &mut self.speaker else { return };
            if speaker.channel.flush().is_ok() && speaker.channel.rests() {
                break;
            }
            self.wait();
        }
        let stream = self.speaker.and_then(|speaker| speaker.channel.into_stream());
        // Whoever asked waits for it, or has gone.
        let _ = stream.map(|stream| give.send(stream));
    }
}

/// A table that another node is active for which is fit, while this one lacks servers.
fn doubts<'t>(tables: &'t [TableStatus], fitness: &[(String, Fitness)]) -> Option<&'t str> {
    let fit = |table: &TableStatus| table.peers.iter().any(|peer| peer.priority > 1 && peer.ago < FRESH);
    // Not whatever it is unfit for: only servers are lost on the way.
    let lacks = |table: &TableStatus| {
        let of = fitness.iter().find(|(group, _)| Some(group) == table.group.as_ref());
        table.priority == Some(1) && of.is_some_and(|(_, fitness)| !fitness.reasons.is_empty())
    };
    let found = tables.iter().find(|table| table.state == State::Backup && lacks(table) && fit(table));
    found.map(|table| &*table.name)
}

/// How long that lasts before it is said: probes of a node that begins take a while.
const DOUBT: Duration = Duration::from_secs(10);
/// Who was heard so long ago is there.
const FRESH: Duration = Duration::from_secs(3);

/// Waits for a process whose socket is closed.
fn end(child: Option<&mut Child>) {
    let Some(child) = child else { return };
    let begun = Instant::now();
    while matches!(child.try_wait(), Ok(None)) {
        if begun.elapsed() > GRACE {
            tracing::warn!("The process that speaks VRRP does not end; it is killed");
            let _ = child.kill().and_then(|()| child.wait());
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::plan::PeerStatus;

    #[test]
    fn standby_that_alone_sees_no_server_is_doubted() {
        let table = |state: State, priority: u8, partner: u8, seconds: u64| TableStatus {
            name: "web".to_owned(),
            group: Some("web".to_owned()),
            state,
            why: None,
            lasted: Duration::ZERO,
            priority: Some(priority),
            interfaces_down: Vec::new(),
            unfit: vec!["its addresses cannot be added".to_owned()],
            peers: vec![PeerStatus {
                address: "192.0.2.1".parse().unwrap(),
                priority: partner,
                ago: Duration::from_secs(seconds),
            }],
            transitions: 0,
            sent: 0,
            received: 0,
            invalid: 0,
            differs: false,
        };
        let fitness = |reasons: &[&str]| {
            let reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
            [("web".to_owned(), Fitness { lost: 0, reasons })]
        };
        let lacks = fitness(&["pool `web` has no usable server"]);
        let alone = table(State::Backup, 1, 200, 0);
        assert_eq!(doubts(std::slice::from_ref(&alone), &lacks), Some("web"));
        assert_eq!(doubts(&[alone], &fitness(&[])), None, "what it lacks are not servers");
        for other in [
            table(State::Backup, 1, 1, 0),
            table(State::Backup, 1, 200, 60),
            table(State::Backup, 100, 200, 0),
            table(State::Active, 1, 200, 0),
        ] {
            assert_eq!(doubts(std::slice::from_ref(&other), &lacks), None, "{other:?}");
        }
    }
}
