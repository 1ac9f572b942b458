use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::vrrp::packet::Centiseconds;

const OWN: &str = "192.0.2.1";
const PEER: &str = "192.0.2.2";

fn ms(millis: u64) -> Moment {
    Duration::from_millis(millis)
}

fn interval() -> Centiseconds {
    Centiseconds::new(10).unwrap()
}

/// A group with a clock: what it does is kept.
struct Bench {
    group: Group,
    now: Moment,
    did: Vec<Action>,
}

impl Bench {
    fn new(rules: Rules, priorities: &[u8]) -> Self {
        let voices: Vec<_> = priorities
            .iter()
            .map(|priority| VoiceRules { priority: *priority, interval: interval() })
            .collect();
        let mut this = Self { group: Group::new(rules, &voices), now: ms(1000), did: Vec::new() };
        for voice in 0..priorities.len() {
            this.does(Event::Link { voice, own: Some(OWN.parse().unwrap()) });
        }
        this
    }

    fn started(rules: Rules, priorities: &[u8]) -> Self {
        let mut this = Self::new(rules, priorities);
        this.does(Event::Start { resume: false });
        this
    }

    fn active(rules: Rules, priorities: &[u8]) -> Self {
        let mut this = Self::started(rules, priorities);
        this.passes(ms(1000));
        assert_eq!(this.state(), State::Active);
        this
    }

    /// What it does when `event` happens.
    fn does(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.group.handle(event, self.now, &mut actions);
        self.did.extend(&actions);
        actions
    }

    fn hears(&mut self, voice: usize, priority: u8) -> Vec<Action> {
        self.hears_from(voice, PEER, priority)
    }

    fn hears_from(&mut self, voice: usize, from: &str, priority: u8) -> Vec<Action> {
        let from: IpAddr = from.parse().unwrap();
        self.does(Event::Advert { voice, from, priority, interval: interval() })
    }

    /// Lets time pass; gives when it did something, and what, but the regular adverts.
    fn passes(&mut self, time: Duration) -> Vec<(Duration, Action)> {
        let (begun, end) = (self.now, self.now + time);
        let mut all = Vec::new();
        while let Some(due) = self.group.due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let at = self.now - begun;
            let actions = self.does(Event::Tick);
            let regular = |action: &Action| matches!(action, Action::Send { priority, .. } if *priority > 0);
            all.extend(actions.into_iter().filter(|action| !regular(action)).map(|action| (at, action)));
        }
        self.now = end;
        all
    }

    fn state(&self) -> State {
        self.group.state().0
    }

    fn why(&self) -> Why {
        self.group.state().1
    }
}

const PREEMPT: Rules = Rules { preempt: true, delay: Duration::ZERO };
const STAY: Rules = Rules { preempt: false, delay: Duration::ZERO };

#[test]
fn silence_of_three_adverts_and_the_skew_makes_it_active() {
    let mut bench = Bench::started(PREEMPT, &[200]);
    assert_eq!(bench.state(), State::Backup);
    // (256 - 200) / 256 of 100 ms.
    assert_eq!(bench.passes(ms(321)), []);
    let then = bench.passes(ms(1));
    let expected = [
        Action::Take,
        Action::Changed { from: State::Backup, to: State::Active, why: Why::Silence },
        Action::Announce,
    ];
    assert_eq!(then.into_iter().map(|(_, action)| action).collect::<Vec<_>>(), expected);
}

#[test]
fn active_router_advertises_at_its_interval() {
    let mut bench = Bench::active(PREEMPT, &[200]);
    bench.did.clear();
    bench.passes(ms(1000));
    let sent = bench.did.iter().filter(|action| **action == Action::Send { voice: 0, priority: 200 });
    assert_eq!(sent.count(), 10);
}

#[test]
fn better_or_equal_router_is_respected() {
    for priority in [100, 101, 255] {
        let mut bench = Bench::started(PREEMPT, &[100]);
        for _ in 0..50 {
            bench.passes(ms(100));
            bench.hears(0, priority);
        }
        assert_eq!(bench.state(), State::Backup, "{priority}");
    }
}

#[test]
fn worse_router_is_preempted_unless_told_otherwise() {
    let check = |rules: Rules, expected: State| {
        let mut bench = Bench::started(rules, &[200]);
        for _ in 0..20 {
            bench.passes(ms(100));
            bench.hears(0, 100);
        }
        assert_eq!(bench.state(), expected);
    };
    check(PREEMPT, State::Active);
    check(STAY, State::Backup);
}

#[test]
fn preemption_waits_for_its_delay() {
    let mut bench = Bench::started(Rules { preempt: true, delay: ms(5000) }, &[200]);
    let mut taken = None;
    for tenth in 1..100 {
        bench.passes(ms(100));
        bench.hears(0, 100);
        if bench.state() == State::Active && taken.is_none() {
            taken = Some(tenth * 100);
        }
    }
    // The first is heard after 100 ms; the patience of the last that is respected comes on top.
    assert!((5300..=5600).contains(&taken.unwrap()), "{taken:?}");
    assert_eq!(bench.why(), Why::Better);
}

#[test]
fn router_that_stops_is_followed_after_the_skew() {
    let mut bench = Bench::started(PREEMPT, &[200]);
    bench.hears(0, 250);
    bench.hears(0, 0);
    assert_eq!(bench.passes(ms(21)), []);
    bench.passes(ms(1));
    assert_eq!((bench.state(), bench.why()), (State::Active, Why::PeerStopped));
}

#[test]
fn unfit_router_is_relieved_after_the_skew_even_without_preemption() {
    for rules in [PREEMPT, STAY, Rules { preempt: true, delay: ms(60_000) }] {
        let mut bench = Bench::started(rules, &[200]);
        bench.hears(0, 1);
        bench.passes(ms(22));
        assert_eq!((bench.state(), bench.why()), (State::Active, Why::PeerUnfit));
    }
    let mut bench = Bench::started(PREEMPT, &[200]);
    bench.does(Event::Lost(255));
    for _ in 0..20 {
        bench.hears(0, 1);
        bench.passes(ms(100));
    }
    assert_eq!(bench.state(), State::Backup, "who is no fitter lets it");
}

#[test]
fn active_router_gives_up_to_a_better_one_and_keeps_its_addresses_a_moment_longer() {
    let mut bench = Bench::active(PREEMPT, &[100]);
    assert_eq!(
        bench.hears(0, 200),
        [Action::Changed { from: State::Active, to: State::Backup, why: Why::PeerBetter }]
    );
    assert!(bench.group.holds());
    assert_eq!(bench.passes(ms(300)), [(LINGER, Action::Release)]);
    assert!(!bench.group.holds());
}

#[test]
fn tie_of_two_active_routers_is_decided_by_their_addresses() {
    let mut bench = Bench::active(PREEMPT, &[100]);
    bench.hears_from(0, "192.0.2.0", 100);
    assert_eq!(bench.state(), State::Active);
    bench.hears_from(0, "192.0.2.10", 100);
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn second_active_router_is_answered_and_the_addresses_are_announced_again() {
    let mut bench = Bench::active(PREEMPT, &[200]);
    bench.passes(ms(10_000));
    assert_eq!(bench.hears(0, 100), [Action::Send { voice: 0, priority: 200 }, Action::Announce]);
    let again: Vec<_> = bench.passes(ms(10_000)).into_iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(again, [20, 200, 500, 1100, 5000, 5020, 5200, 5500, 6100]);
}

#[test]
fn flood_of_adverts_is_not_answered_with_a_flood() {
    let mut bench = Bench::active(PREEMPT, &[200]);
    bench.passes(ms(10_000));
    bench.did.clear();
    for _ in 0..100_000 {
        bench.hears(0, 100);
        bench.hears(0, 0);
        bench.now += Duration::from_micros(10);
    }
    // In this second: one answer every 10 ms, and one series of announcements.
    assert!(bench.did.len() < 130, "{}", bench.did.len());
}

#[test]
fn addresses_are_announced_five_times_and_again_after_five_seconds() {
    let mut bench = Bench::started(PREEMPT, &[200]);
    let all = bench.passes(ms(20_000));
    let announced: Vec<_> = all.iter().filter(|(_, action)| *action == Action::Announce).collect();
    assert_eq!(announced.len(), 10);
    assert_eq!(announced[5].0 - announced[0].0, ms(5000));
}

#[test]
fn active_router_that_stops_serves_until_another_has_taken_over() {
    let mut bench = Bench::active(PREEMPT, &[200]);
    assert_eq!(
        bench.does(Event::HandOver),
        [
            Action::Send { voice: 0, priority: 0 },
            Action::Changed { from: State::Active, to: State::HandingOver, why: Why::Stopping }
        ]
    );
    assert!(bench.group.holds());
    bench.passes(ms(60));
    bench.hears(0, 100);
    let end = bench.passes(ms(1000));
    let changed = Action::Changed { from: State::HandingOver, to: State::Initialize, why: Why::Stopping };
    assert_eq!(end, [(LINGER, Action::Release), (LINGER, changed), (LINGER, Action::Ended)]);
}

#[test]
fn who_hands_over_announces_nothing_any_more() {
    let mut bench = Bench::started(PREEMPT, &[200]);
    bench.passes(ms(330));
    assert_eq!(bench.state(), State::Active);
    bench.does(Event::HandOver);
    assert!(bench.passes(ms(10_000)).iter().all(|(_, action)| *action != Action::Announce));
}

#[test]
fn hand_over_to_nobody_ends() {
    let mut bench = Bench::active(PREEMPT, &[200]);
    bench.does(Event::HandOver);
    let end = bench.passes(ms(5000));
    assert_eq!(end.last(), Some(&(ms(400) + LINGER, Action::Ended)));
}

#[test]
fn backup_ends_at_once() {
    let mut bench = Bench::started(PREEMPT, &[100]);
    bench.hears(0, 200);
    assert_eq!(bench.does(Event::HandOver).last(), Some(&Action::Ended));
}

#[test]
fn gateway_that_died_gives_its_addresses_up_at_once() {
    let mut bench = Bench::active(PREEMPT, &[200]);
    let changed = Action::Changed { from: State::Active, to: State::Initialize, why: Why::GatewayGone };
    assert_eq!(
        bench.does(Event::Stop(Why::GatewayGone)),
        [Action::Send { voice: 0, priority: 0 }, Action::Release, changed, Action::Ended]
    );
    assert_eq!(bench.group.due(), None);
}

#[test]
fn priority_that_falls_is_told_at_once_and_never_becomes_0() {
    let mut bench = Bench::active(PREEMPT, &[200]);
    assert_eq!(bench.does(Event::Lost(50)), [Action::Send { voice: 0, priority: 150 }]);
    assert_eq!(bench.does(Event::Lost(255)), [Action::Send { voice: 0, priority: 1 }]);
    assert_eq!(bench.does(Event::Lost(255)), []);
    assert_eq!(bench.does(Event::Lost(0)), [Action::Send { voice: 0, priority: 200 }]);
}

#[test]
fn interval_of_the_active_router_is_learned() {
    let mut bench = Bench::started(PREEMPT, &[100]);
    let from = PEER.parse().unwrap();
    let slow = Centiseconds::new(100).unwrap();
    bench.does(Event::Advert { voice: 0, from, priority: 200, interval: slow });
    bench.passes(ms(3600));
    assert_eq!(bench.state(), State::Backup);
    bench.passes(ms(10));
    assert_eq!(bench.state(), State::Active);
}

#[test]
fn group_takes_over_when_all_of_its_voices_hear_nobody() {
    let mut bench = Bench::started(PREEMPT, &[100, 100]);
    for _ in 0..20 {
        bench.passes(ms(100));
        bench.hears(1, 200);
    }
    assert_eq!(bench.state(), State::Backup);
    bench.passes(ms(400));
    assert_eq!(bench.state(), State::Active);
    for voice in [0, 1] {
        assert!(bench.did.contains(&Action::Send { voice, priority: 100 }));
    }
}

#[test]
fn group_gives_up_as_a_whole() {
    let mut bench = Bench::active(PREEMPT, &[100, 100]);
    let actions = bench.hears(0, 200);
    // Whoever listens at the other voice need not wait for silence.
    assert_eq!(actions[0], Action::Send { voice: 1, priority: 0 });
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn first_voice_decides_at_once_and_the_next_after_two_adverts_that_would_have_been_heard_on_it() {
    let mut bench = Bench::active(PREEMPT, &[100, 100]);
    bench.hears_from(0, "192.0.2.10", 100);
    assert_eq!(bench.state(), State::Backup);
    // Priorities may differ from voice to voice as addresses do.
    for (from, priority) in [("192.0.2.10", 100), ("192.0.2.0", 200)] {
        let mut bench = Bench::active(PREEMPT, &[100, 100]);
        bench.passes(ms(50));
        let asks = Action::Send { voice: 0, priority: 100 };
        assert_eq!(bench.hears_from(1, from, priority), [asks]);
        bench.passes(ms(199));
        bench.hears_from(1, from, priority);
        assert_eq!(bench.state(), State::Active, "the other one may give up");
        bench.passes(ms(1));
        bench.hears_from(1, from, priority);
        assert_eq!(bench.state(), State::Backup, "it has not heard the first voice");
    }
}

#[test]
fn later_voice_forgets_a_better_router_that_gives_up_or_falls_silent() {
    let rivals: [fn(&mut Bench); 2] =
        [|bench| drop(bench.hears_from(1, "192.0.2.10", 0)), |bench| drop(bench.passes(ms(300)))];
    for ends in rivals {
        let mut bench = Bench::active(PREEMPT, &[100, 100]);
        bench.hears_from(1, "192.0.2.10", 100);
        ends(&mut bench);
        bench.passes(ms(250));
        bench.hears_from(1, "192.0.2.10", 100);
        assert_eq!(bench.state(), State::Active);
    }
}

#[test]
fn lost_link_ends_it_at_once_and_a_new_one_begins_it_again() {
    let mut bench = Bench::active(PREEMPT, &[200, 200]);
    let actions = bench.does(Event::Link { voice: 1, own: None });
    assert!(actions.contains(&Action::Release));
    assert!(actions.contains(&Action::Send { voice: 0, priority: 0 }));
    assert!(!actions.contains(&Action::Ended));
    assert_eq!((bench.state(), bench.why()), (State::Initialize, Why::Link));
    bench.does(Event::Link { voice: 1, own: Some(OWN.parse().unwrap()) });
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn group_without_a_link_waits_for_it() {
    let rules = VoiceRules { priority: 100, interval: interval() };
    let mut group = Group::new(PREEMPT, &[rules]);
    let mut actions = Vec::new();
    group.handle(Event::Start { resume: false }, ms(1), &mut actions);
    assert_eq!((group.state().0, group.state().1, actions.len()), (State::Initialize, Why::Link, 0));
    group.handle(Event::Link { voice: 0, own: Some(OWN.parse().unwrap()) }, ms(2), &mut actions);
    assert_eq!(group.state().0, State::Backup);
}

#[test]
fn process_that_comes_back_after_a_moment_goes_on_where_it_was() {
    let mut bench = Bench::new(PREEMPT, &[200]);
    let actions = bench.does(Event::Start { resume: true });
    assert!(actions.contains(&Action::Take) && actions.contains(&Action::Send { voice: 0, priority: 200 }));
    assert_eq!((bench.state(), bench.why()), (State::Active, Why::Resumed));
}
