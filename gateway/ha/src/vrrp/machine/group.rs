//! Voices that move together, and the rules.

use std::net::IpAddr;
use std::time::Duration;

use super::series::Series;
use super::voice::{Heard, Voice, VoiceRules};
use super::words::{Action, Event, Moment, State, Why};
use crate::vrrp::packet::Centiseconds;

/// How long addresses are kept after a better router has them: what is on its way to this node is still served.
pub(crate) const LINGER: Duration = Duration::from_millis(150);
/// The longest that a hand-over waits for somebody to take over, however slow the adverts are.
const PATIENCE: Duration = Duration::from_secs(10);
/// What an active router sends that is not fit to serve.
const UNFIT: u8 = 1;

/// What a group is configured to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether an active router with a lower priority is relieved.
    pub(crate) preempt: bool,
    /// How long it must have been heard before.
    pub(crate) delay: Duration,
}

/// Voices that are active together or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    rules: Rules,
    voices: Vec<Voice>,
    state: State,
    why: Why,
    since: Moment,
    /// Whether it is to take part.
    wanted: bool,
    /// Points of priority that are lost.
    lost: u8,
    series: Option<Series>,
    /// When addresses that a better router has are let go.
    release: Option<Moment>,
    /// While handing over: when it ends, and by which voices somebody was heard to have taken over.
    until: Moment,
    relieved: Vec<bool>,
}

impl Group {
    /// A group that takes no part yet.
    pub(crate) fn new(rules: Rules, voices: &[VoiceRules]) -> Self {
        Self {
            rules,
            voices: voices.iter().copied().map(Voice::new).collect(),
            state: State::Initialize,
            why: Why::New,
            since: Moment::ZERO,
            wanted: false,
            lost: 0,
            series: None,
            release: None,
            until: Moment::ZERO,
            relieved: vec![false; voices.len()],
        }
    }

    /// Changes what it is configured to do, not how many voices it has. What was learned stays.
    pub(crate) fn configure(&mut self, rules: Rules, voices: &[VoiceRules]) {
        self.rules = rules;
        for (voice, rules) in self.voices.iter_mut().zip(voices) {
            voice.rules = *rules;
        }
    }

    /// Its state, the reason, and since when.
    pub(crate) fn state(&self) -> (State, Why, Moment) {
        (self.state, self.why, self.since)
    }

    /// Whether it has the addresses: also while it hands them over, or lets go of them.
    pub(crate) fn holds(&self) -> bool {
        matches!(self.state, State::Active | State::HandingOver) || self.release.is_some()
    }

    /// The priority of a voice, as it is now.
    pub(crate) fn priority(&self, voice: usize) -> u8 {
        self.voices.get(voice).map_or(0, |voice| voice.priority(self.lost))
    }

    /// What a voice has heard last.
    pub(crate) fn heard(&self, voice: usize) -> Option<Heard> {
        self.voices.get(voice)?.heard
    }

    /// When the next [`Event::Tick`] is due; none: only something else can happen.
    pub(crate) fn due(&self) -> Option<Moment> {
        let adverts = || self.voices.iter().map(|voice| voice.advert).min();
        let of_state = match self.state {
            State::Initialize => None,
            State::Backup => self.voices.iter().filter_map(Voice::down).min(),
            State::Active => adverts(),
            State::HandingOver => Some(self.until),
        };
        let announcement = self.series.as_ref().and_then(Series::next);
        [of_state, announcement, self.release].into_iter().flatten().min()
    }

    /// Lets `event` happen, and writes what is to be done behind `actions`.
    pub(crate) fn handle(&mut self, event: Event, now: Moment, actions: &mut Vec<Action>) {
        match event {
            Event::Start { resume } => {
                self.wanted = true;
                self.begin(if resume { Why::Resumed } else { Why::Started }, now, actions);
            }
            Event::Link { voice, own } => self.link(voice, own, now, actions),
            Event::Advert { voice, from, priority, interval } => {
                self.hear(voice, from, priority, interval, now, actions);
            }
            Event::Lost(lost) if lost == self.lost => {}
            Event::Lost(lost) => {
                self.lost = lost;
                if self.state == State::Active {
                    // Whoever is better now may know at once.
                    self.advertise_all(now, actions);
                }
            }
            Event::HandOver => self.hand_over(now, actions),
            Event::Stop(why) => self.stop(why, now, actions),
            Event::Tick => {}
        }
        self.tick(now, actions);
    }

    fn begin(&mut self, why: Why, now: Moment, actions: &mut Vec<Action>) {
        if !self.wanted || self.state != State::Initialize {
            return;
        }
        if self.voices.iter().any(|voice| voice.own.is_none()) {
            self.why = if self.why == Why::New { Why::Link } else { self.why };
            return;
        }
        for voice in &mut self.voices {
            voice.heard = None;
            voice.listen(self.lost, now);
        }
        self.change(State::Backup, why, now, actions);
        if why == Why::Resumed {
            self.activate(why, now, actions);
        }
    }

    fn link(&mut self, voice: usize, own: Option<IpAddr>, now: Moment, actions: &mut Vec<Action>) {
        let Some(place) = self.voices.get_mut(voice) else { return };
        place.own = own;
        if own.is_some() {
            self.begin(Why::Started, now, actions);
        } else if self.state != State::Initialize {
            // The other voices may still be heard: who listens there need not wait for silence.
            let wanted = self.wanted && self.state != State::HandingOver;
            self.stop(Why::Link, now, actions);
            self.wanted = wanted;
        }
    }

    fn stop(&mut self, why: Why, now: Moment, actions: &mut Vec<Action>) {
        let ending = !matches!(why, Why::Link) || self.state == State::HandingOver;
        self.wanted = false;
        if self.state == State::Active {
            self.say_farewell(None, actions);
        }
        if self.holds() {
            actions.push(Action::Release);
        }
        self.release = None;
        self.series = None;
        if self.state != State::Initialize {
            self.change(State::Initialize, why, now, actions);
        }
        self.why = why;
        if ending {
            actions.push(Action::Ended);
        }
    }

    fn hand_over(&mut self, now: Moment, actions: &mut Vec<Action>) {
        match self.state {
            State::HandingOver => {}
            State::Active => {
                self.say_farewell(None, actions);
                let patience = self.voices.iter().map(Voice::patience).max().unwrap_or_default();
                self.until = now + patience.min(PATIENCE) + LINGER;
                self.relieved.fill(false);
                // Whoever takes over announces it, and is not to be contradicted.
                self.series = None;
                self.change(State::HandingOver, Why::Stopping, now, actions);
            }
            State::Backup if self.release.is_some() => {
                // A better router has it already: only the last moment is missing.
                self.until = self.release.take().unwrap_or(now);
                self.change(State::HandingOver, Why::Stopping, now, actions);
            }
            State::Backup | State::Initialize => self.stop(Why::Stopping, now, actions),
        }
    }

    fn hear(
        &mut self,
        place: usize,
        from: IpAddr,
        priority: u8,
        interval: Centiseconds,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let lost = self.lost;
        let head_start = self.head_start(place);
        let Some(voice) = self.voices.get_mut(place) else { return };
        let Some(address) = voice.own else { return };
        voice.heard = Some(Heard { from, priority, at: now });
        let own = voice.priority(lost);
        match (self.state, priority) {
            (State::Initialize, _) => {}
            (State::Backup, 0) => voice.relieve(Why::PeerStopped, lost, now),
            (State::Backup, UNFIT) if own > UNFIT => voice.relieve(Why::PeerUnfit, lost, now),
            (State::Backup, _) if priority >= own => voice.yield_to(interval, lost, now),
            (State::Backup, _) => {
                // A group of several preempts when all of its voices would: the delay is the same for all.
                if !self.rules.preempt || !voice.preempts(self.rules.delay, now) {
                    voice.respect(interval, lost, now);
                }
            }
            (State::HandingOver, 0) => {}
            (State::HandingOver, _) => {
                if let Some(relieved) = self.relieved.get_mut(place) {
                    *relieved = true;
                }
                if self.relieved.iter().all(|relieved| *relieved) {
                    self.until = self.until.min(now + LINGER);
                }
            }
            (State::Active, _) if (priority, from) > (own, address) => {
                if voice.outdone(interval, now) >= head_start {
                    voice.yield_to(interval, lost, now);
                    self.give_up(place, now, actions);
                } else {
                    // Whoever loses on an earlier voice is to know it before this one counts.
                    (0..place).for_each(|earlier| self.assert(earlier, now, actions));
                }
            }
            (State::Active, _) => {
                if priority == 0 {
                    voice.unrivalled();
                }
                // Somebody believes to be active, or was until now: it, switches and hosts learn better (section 6.4.3).
                self.assert(place, now, actions);
                if let Some(series) = self.series.as_mut().filter(|_| priority > 0) {
                    series.again(now);
                }
            }
        }
    }

    /// How long a better router must go on being active before this voice gives up to it: two adverts of every earlier
    /// voice. The first decides at once. If each of two nodes were better on another voice and both gave up at once,
    /// they would take over together and do so again: here the loser on the earlier voice has left before the winner
    /// would. Who stays cannot be heard there, and the next voice decides.
    fn head_start(&self, place: usize) -> Duration {
        self.voices.iter().take(place).map(|voice| voice.rules.interval.duration() * 2).sum()
    }

    /// A better router is active where `voice` listens.
    fn give_up(&mut self, voice: usize, now: Moment, actions: &mut Vec<Action>) {
        self.say_farewell(Some(voice), actions);
        let lost = self.lost;
        for (_, other) in self.voices.iter_mut().enumerate().filter(|(place, _)| *place != voice) {
            other.listen(lost, now);
        }
        self.series = None;
        self.release = Some(now + LINGER);
        self.change(State::Backup, Why::PeerBetter, now, actions);
    }

    fn activate(&mut self, why: Why, now: Moment, actions: &mut Vec<Action>) {
        self.release = None;
        // Before the addresses are there: others need not wait for the kernel to fall silent.
        self.advertise_all(now, actions);
        actions.push(Action::Take);
        self.series = Some(Series::new(now));
        self.change(State::Active, why, now, actions);
    }

    fn tick(&mut self, now: Moment, actions: &mut Vec<Action>) {
        match self.state {
            State::Initialize => {}
            State::Backup => {
                if self.voices.iter().all(|voice| voice.wants(now)) {
                    // The last that was patient knows why.
                    let last = self.voices.iter().max_by_key(|voice| voice.down());
                    let why = last.map_or(Why::Silence, |voice| voice.why);
                    self.activate(why, now, actions);
                } else {
                    self.voices.iter_mut().for_each(|voice| voice.expire(now));
                }
            }
            State::Active => {
                for place in 0..self.voices.len() {
                    if self.voices.get(place).is_some_and(|voice| voice.advert <= now) {
                        self.advertise(place, now, actions);
                    }
                }
            }
            State::HandingOver if self.until <= now => self.stop(Why::Stopping, now, actions),
            State::HandingOver => {}
        }
        if self.series.as_mut().is_some_and(|series| series.due(now)) {
            actions.push(Action::Announce);
        }
        if self.release.is_some_and(|release| release <= now) {
            self.release = None;
            actions.push(Action::Release);
        }
    }

    fn advertise_all(&mut self, now: Moment, actions: &mut Vec<Action>) {
        for place in 0..self.voices.len() {
            self.advertise(place, now, actions);
        }
    }

    /// Advertises in answer to what is heard.
    fn assert(&mut self, place: usize, now: Moment, actions: &mut Vec<Action>) {
        if self.voices.get_mut(place).is_some_and(|voice| voice.asserts(now)) {
            self.advertise(place, now, actions);
        }
    }

    fn advertise(&mut self, place: usize, now: Moment, actions: &mut Vec<Action>) {
        let Some(voice) = self.voices.get_mut(place) else { return };
        actions.push(Action::Send { voice: place, priority: voice.priority(self.lost) });
        voice.advert = now + voice.rules.interval.duration();
    }

    /// Says on all voices, or on all but one, that this node stops to be active there.
    fn say_farewell(&self, except: Option<usize>, actions: &mut Vec<Action>) {
        let voices = (0..self.voices.len()).filter(|place| Some(*place) != except);
        actions.extend(voices.map(|voice| Action::Send { voice, priority: 0 }));
    }

    fn change(&mut self, to: State, why: Why, now: Moment, actions: &mut Vec<Action>) {
        let from = std::mem::replace(&mut self.state, to);
        self.why = why;
        self.since = now;
        actions.push(Action::Changed { from, to, why });
    }
}
