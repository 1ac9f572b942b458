//! One virtual router: its timers, and what it hears.

use std::net::IpAddr;
use std::time::Duration;

use super::words::{Moment, Why};
use crate::vrrp::packet::Centiseconds;

/// What a voice is configured to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VoiceRules {
    /// 1 to 254.
    pub(crate) priority: u8,
    /// How often it advertises while it is active.
    pub(crate) interval: Centiseconds,
}

/// The last advert of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) from: IpAddr,
    pub(crate) priority: u8,
    pub(crate) at: Moment,
}

/// Between adverts in answer to what is heard: a flood is not answered with one.
const ASSERT: Duration = Duration::from_millis(10);

#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub(super) rules: VoiceRules,
    /// Its own address, while its interface can be spoken on.
    pub(super) own: Option<IpAddr>,
    pub(super) heard: Option<Heard>,
    /// Active_Adver_Interval: the active router's, learned from it.
    learned: Centiseconds,
    /// Active_Down_Timer, while backup; none once it is over.
    down: Option<Moment>,
    /// Why it is over, or would be.
    pub(super) why: Why,
    /// Adver_Timer, while active.
    pub(super) advert: Moment,
    /// The moment from which on lower adverts are ignored, once one was heard.
    preempt: Option<Moment>,
    asserted: Option<Moment>,
    /// While active: since when a better router is too, and until when it is believed to be.
    rival: Option<(Moment, Moment)>,
}

impl Voice {
    pub(super) fn new(rules: VoiceRules) -> Self {
        let advert = Moment::ZERO;
        let (own, heard, down, preempt, asserted, rival) = (None, None, None, None, None, None);
        let learned = rules.interval;
        Self { rules, own, heard, learned, down, why: Why::Silence, advert, preempt, asserted, rival }
    }

    /// The priority when so many points are lost. Never 0, which means that one stops.
    pub(super) fn priority(&self, lost: u8) -> u8 {
        self.rules.priority.saturating_sub(lost).max(1)
    }

    /// Skew_Time: who has the higher priority is the first to take over (section 6.1).
    fn skew(&self, lost: u8) -> Duration {
        self.learned.duration() * (256 - u32::from(self.priority(lost))) / 256
    }

    /// Listens for an active router from now on, as if it had just spoken.
    pub(super) fn listen(&mut self, lost: u8, now: Moment) {
        self.learned = self.rules.interval;
        self.preempt = None;
        self.wait(lost, now);
    }

    fn wait(&mut self, lost: u8, now: Moment) {
        self.down = Some(now + self.learned.duration() * 3 + self.skew(lost));
        self.why = Why::Silence;
        self.rival = None;
    }

    /// An active router that is as good or better, or is not to be preempted.
    pub(super) fn respect(&mut self, interval: Centiseconds, lost: u8, now: Moment) {
        self.learned = interval;
        self.wait(lost, now);
    }

    /// As [`respect`](Self::respect), and who is to be preempted later is not to be any more.
    pub(super) fn yield_to(&mut self, interval: Centiseconds, lost: u8, now: Moment) {
        self.preempt = None;
        self.respect(interval, lost, now);
    }

    /// The active router wants to be relieved: whoever is best is the first after the skew.
    pub(super) fn relieve(&mut self, why: Why, lost: u8, now: Moment) {
        let at = now + self.skew(lost);
        self.down = self.down.map(|down| down.min(at));
        self.why = why;
    }

    /// Whether a lower advert is to be ignored: `delay` after the first.
    pub(super) fn preempts(&mut self, delay: Duration, now: Moment) -> bool {
        let from = *self.preempt.get_or_insert(now + delay);
        if now >= from {
            self.why = Why::Better;
        }
        now >= from
    }

    /// When the patience with a silent router ends; none: it has.
    pub(super) fn down(&self) -> Option<Moment> {
        self.down
    }

    /// Whether nobody is active as far as this voice can hear.
    pub(super) fn wants(&self, now: Moment) -> bool {
        self.down.is_none_or(|down| down <= now)
    }

    /// Forgets a timer that is over, so that it is due once.
    pub(super) fn expire(&mut self, now: Moment) {
        self.down = self.down.filter(|down| *down > now);
    }

    /// Whether an advert may be sent in answer to what was heard.
    pub(super) fn asserts(&mut self, now: Moment) -> bool {
        let may = self.asserted.is_none_or(|last| now >= last + ASSERT);
        if may {
            self.asserted = Some(now);
        }
        may
    }

    /// A better router is active as well: for how long by now, without a silence of three of its adverts.
    pub(super) fn outdone(&mut self, interval: Centiseconds, now: Moment) -> Duration {
        let since = self.rival.filter(|(_, until)| now < *until).map_or(now, |(since, _)| since);
        self.rival = Some((since, now + interval.duration() * 3));
        now.saturating_sub(since)
    }

    /// Who was active beside this one has given up.
    pub(super) fn unrivalled(&mut self) {
        self.rival = None;
    }

    /// The longest that another node may need to notice that this one is silent.
    pub(super) fn patience(&self) -> Duration {
        self.rules.interval.duration() * 4
    }
}
