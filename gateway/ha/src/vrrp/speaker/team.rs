//! A group with its voices: what happens goes in, what is to be done is done.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use super::mouth::{Mouth, Said};
use crate::vrrp::io::kernel::Kernel;
use crate::vrrp::io::raw::RawSocket;
use crate::vrrp::io::reset::end_connections;
use crate::vrrp::machine::{Action, Event, Group, Moment, Rules, VoiceRules, Why};
use crate::vrrp::plan::{GroupPlan, PeerStatus, TableStatus, VoicePlan};

/// How long a node leaves addresses to others that it could not add.
const PENANCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Team {
    plan: GroupPlan,
    group: Group,
    mouths: Vec<Mouth>,
    /// Points of priority that the gateway says are lost.
    lost: u8,
    /// Whether the gateway hangs.
    silent: bool,
    /// Interfaces that are down, without which the node is not fit to serve.
    down: Vec<String>,
    transitions: u64,
    ended: bool,
    /// When the addresses could not be added; who cannot have them is not fit to serve.
    failing: Option<Moment>,
    /// The addresses went with a link: until another node has them, they may be back before anybody misses them.
    orphaned: bool,
}

impl Team {
    pub(super) fn new(plan: &GroupPlan) -> Self {
        Self {
            plan: plan.clone(),
            group: Group::new(rules(plan), &voices(plan)),
            mouths: plan.voices.iter().map(Mouth::new).collect(),
            lost: 0,
            silent: false,
            down: Vec::new(),
            transitions: 0,
            ended: false,
            failing: None,
            orphaned: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.plan.name
    }

    pub(super) fn group(&self) -> &Group {
        &self.group
    }

    /// Whether it has been stopped, and has no address any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = &RawSocket> {
        self.mouths.iter().filter_map(Mouth::socket)
    }

    /// Takes another configuration, if that needs no other sockets and addresses.
    pub(super) fn becomes(&mut self, plan: &GroupPlan) -> bool {
        let same = self.plan.voices.len() == plan.voices.len()
            && !self.plan.voices.iter().zip(&plan.voices).any(|(before, after)| before.differs(after));
        if same {
            self.plan = plan.clone();
            self.group.configure(rules(plan), &voices(plan));
            for (mouth, voice) in self.mouths.iter_mut().zip(&plan.voices) {
                mouth.plan = voice.clone();
            }
        }
        same
    }

    /// Lets everything be heard that has come. Whether the gateway would like to know.
    pub(super) fn receive(&mut self, kernel: &mut Kernel, now: Moment) -> bool {
        let mut news = false;
        for voice in 0..self.mouths.len() {
            let heard = self.mouths.get_mut(voice).map(|mouth| mouth.receive(now)).unwrap_or_default();
            for Said { from, priority, interval } in heard {
                if priority > 0 && self.orphaned && !self.group.holds() {
                    self.end_connections(kernel);
                }
                news |= self.happens(Event::Advert { voice, from, priority, interval }, kernel, now);
            }
        }
        news
    }

    /// What links and addresses mean for it.
    pub(super) fn look(&mut self, kernel: &mut Kernel, moving: &HashSet<IpAddr>, now: Moment) -> bool {
        let mut news = false;
        for voice in 0..self.mouths.len() {
            let changed = self.mouths.get_mut(voice).and_then(|mouth| mouth.look(kernel, moving));
            if let Some(own) = changed {
                news |= self.happens(Event::Link { voice, own }, kernel, now);
            }
        }
        let is_down = |name: &&String| !kernel.link(name).is_some_and(|link| link.carries);
        let down: Vec<String> = self.plan.interfaces.iter().filter(is_down).cloned().collect();
        if down != self.down {
            self.down = down;
            news |= self.fitness(kernel, now);
        }
        news
    }

    /// The gateway says that so many points of priority are lost.
    pub(super) fn unfit(&mut self, points: u8) {
        self.lost = points;
    }

    /// Whether the gateway hangs.
    pub(super) fn silent(&mut self, silent: bool) {
        self.silent = silent;
    }

    /// Tells the group what is lost in all.
    pub(super) fn fitness(&mut self, kernel: &mut Kernel, now: Moment) -> bool {
        let fit = self.down.is_empty() && !self.silent && self.failing.is_none();
        let lost = if fit { self.lost } else { u8::MAX };
        self.happens(Event::Lost(lost), kernel, now);
        true
    }

    /// Lets an event happen, and does what is to be done. Whether the gateway would like to know.
    pub(super) fn happens(&mut self, event: Event, kernel: &mut Kernel, now: Moment) -> bool {
        let mut actions = Vec::new();
        self.group.handle(event, now, &mut actions);
        let mut news = false;
        for action in actions {
            news |= !matches!(action, Action::Send { .. } | Action::Announce);
            self.act(action, kernel, now);
        }
        news
    }

    fn act(&mut self, action: Action, kernel: &mut Kernel, now: Moment) {
        match action {
            Action::Send { voice, priority } => {
                if let Some(mouth) = self.mouths.get_mut(voice) {
                    mouth.send(priority);
                }
            }
            Action::Take => {
                self.orphaned = false;
                self.hold(kernel, now);
            }
            Action::Announce => self.mouths.iter().for_each(|mouth| mouth.announce(kernel)),
            Action::Release => {
                match self.group.state().1 {
                    Why::Link => self.orphaned = true,
                    _ => self.end_connections(kernel),
                }
                self.mouths.iter().for_each(|mouth| mouth.release(kernel, &|_| false));
            }
            Action::Changed { from, to, why } => {
                self.transitions += 1;
                let (group, from, to) = (self.name(), from.name(), to.name());
                tracing::info!(group, from, to, reason = %why, "Redundancy");
            }
            Action::Ended => self.ended = true,
        }
    }

    /// Ends what connections of the addresses there are: another node has them, or nobody.
    fn end_connections(&mut self, kernel: &Kernel) {
        self.orphaned = false;
        end_connections(self.mouths.iter().flat_map(|mouth| mouth.moved(kernel)).collect());
    }

    /// Adds all addresses, or gives them more time. Where that fails others are asked to take them.
    pub(super) fn hold(&mut self, kernel: &mut Kernel, now: Moment) {
        let mut failed = false;
        for mouth in &self.mouths {
            if let Err(error) = mouth.take(kernel) {
                failed = true;
                if self.failing.is_none() {
                    let vrrp = &*mouth.plan.table;
                    tracing::error!(vrrp, %error, "Addresses cannot be added (it needs CAP_NET_ADMIN): the node is not fit");
                }
            }
        }
        self.failed(failed.then_some(now), kernel, now);
    }

    /// Takes part as before some time after addresses could not be added: only trying shows whether they can be.
    pub(super) fn recover(&mut self, kernel: &mut Kernel, now: Moment) {
        if !self.group.holds() && self.failing.is_some_and(|since| now >= since + PENANCE) {
            self.failed(None, kernel, now);
        }
    }

    fn failed(&mut self, failing: Option<Moment>, kernel: &mut Kernel, now: Moment) {
        let before = std::mem::replace(&mut self.failing, failing);
        if before.is_some() != failing.is_some() {
            self.fitness(kernel, now);
        }
    }

    /// Removes the addresses that another plan of the same name has not.
    pub(super) fn drop_addresses_not_in(&mut self, plan: &GroupPlan, kernel: &mut Kernel) {
        for mouth in &self.mouths {
            let stays = |of: &(IpAddr, u8)| {
                let same = |voice: &&VoicePlan| voice.interface == mouth.plan.interface;
                plan.voices.iter().filter(same).any(|voice| voice.addresses.contains(of))
            };
            mouth.release(kernel, &stays);
        }
    }

    /// Removes what a process before this one left behind.
    pub(super) fn tidy(&mut self, kernel: &mut Kernel) {
        for mouth in &mut self.mouths {
            mouth.tidy(kernel);
        }
    }

    /// How its tables stand: one with two families is told of once.
    pub(super) fn status(&self, now: Moment) -> Vec<TableStatus> {
        let mut tables: BTreeMap<&str, TableStatus> = BTreeMap::new();
        for (voice, mouth) in self.mouths.iter().enumerate() {
            let table = tables.entry(&mouth.plan.table).or_insert_with(|| self.table(voice, mouth, now));
            table.sent += mouth.counts.sent;
            table.received += mouth.counts.received;
            table.invalid += mouth.counts.invalid;
            table.differs |= mouth.differs;
            table.peers.extend(self.group.heard(voice).map(|heard| PeerStatus {
                address: heard.from,
                priority: heard.priority,
                ago: millis(now.saturating_sub(heard.at)),
            }));
        }
        tables.into_values().collect()
    }

    fn table(&self, voice: usize, mouth: &Mouth, now: Moment) -> TableStatus {
        let (state, why, since) = self.group.state();
        TableStatus {
            name: mouth.plan.table.clone(),
            group: Some(self.plan.name.clone()),
            state,
            why: Some(why),
            lasted: millis(now.saturating_sub(since)),
            priority: Some(self.group.priority(voice)),
            interfaces_down: self.down.clone(),
            unfit: self.failing.map(|_| "its addresses cannot be added".to_owned()).into_iter().collect(),
            peers: Vec::new(),
            transitions: self.transitions,
            sent: 0,
            received: 0,
            invalid: 0,
            differs: false,
        }
    }
}

fn rules(plan: &GroupPlan) -> Rules {
    Rules { preempt: plan.preempt, delay: plan.delay }
}

fn voices(plan: &GroupPlan) -> Vec<VoiceRules> {
    let rules = |voice: &VoicePlan| VoiceRules { priority: voice.priority, interval: voice.interval };
    plan.voices.iter().map(rules).collect()
}

/// Nobody reads more of it.
fn millis(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::machine::State;
    use crate::vrrp::packet::{Centiseconds, Checksum};

    #[test]
    fn node_that_cannot_have_the_addresses_asks_others_to_take_them_and_tries_again_later() {
        let voice = VoicePlan {
            table: "web".to_owned(),
            interface: "nowhere".to_owned(),
            router: 51,
            priority: 200,
            interval: Centiseconds::from_duration(Duration::from_millis(100)),
            checksum: Checksum::PseudoHeader,
            peers: Vec::new(),
            addresses: vec![("192.0.2.100".parse().unwrap(), 24)],
        };
        let (name, delay) = ("web".to_owned(), Duration::ZERO);
        let plan = GroupPlan { name, preempt: true, delay, interfaces: Vec::new(), voices: vec![voice] };
        let (mut team, mut kernel) = (Team::new(&plan), Kernel::open().unwrap());
        // No link has this number, whatever the process may do.
        team.mouths[0].link = Some(i32::MAX as u32);
        let own = Some("192.0.2.1".parse().unwrap());
        team.happens(Event::Link { voice: 0, own }, &mut kernel, Moment::ZERO);
        team.happens(Event::Start { resume: true }, &mut kernel, Moment::ZERO);
        assert_eq!(team.group().state().0, State::Active);
        let status = &team.status(Moment::ZERO)[0];
        assert_eq!(
            (status.priority, &status.unfit[..]),
            (Some(1), &["its addresses cannot be added".to_owned()][..])
        );

        let from = "192.0.2.2".parse().unwrap();
        let interval = Centiseconds::from_duration(Duration::from_millis(100));
        let better = Event::Advert { voice: 0, from, priority: 100, interval };
        team.happens(better, &mut kernel, Duration::from_millis(10));
        team.happens(Event::Tick, &mut kernel, Duration::from_millis(200));
        assert_eq!(team.group().state().0, State::Backup);
        team.recover(&mut kernel, Duration::from_secs(1));
        assert_eq!(team.group().priority(0), 1, "it does not want them back at once");
        // Somebody is active: who is fit again does not act in the same moment.
        team.happens(better, &mut kernel, PENANCE);
        team.recover(&mut kernel, PENANCE);
        assert_eq!(team.group().priority(0), 200);
    }
}
