//! Several nodes over links that lose, delay and cut: driven by a seed, on a virtual clock.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::vrrp::packet::Centiseconds;

const INTERVAL: Duration = Duration::from_millis(100);
/// What a packet may take.
const DELAY: Duration = Duration::from_millis(3);
/// From the moment at which all is well until one node is active and the others know: the patience of the worst, the
/// skew, and packets on their way.
const SETTLED: Duration = Duration::from_millis(450);

/// What happens to the network in one step, before time passes.
#[derive(Clone, Debug)]
enum Mischief {
    /// Packets from one node to another are lost on a voice, or pass again.
    Cut { from: usize, to: usize, voice: usize, cut: bool },
    /// Of a hundred packets, so many are lost.
    Loss(u32),
    /// A node dies.
    Kill(usize),
    /// A node's link is down, or up.
    Link { node: usize, voice: usize, up: bool },
    /// A node's priority changes.
    Lost { node: usize, points: u8 },
    /// A node is stopped.
    Stop(usize),
    /// A node that died or was stopped is started.
    Start(usize),
}

struct World {
    now: Moment,
    random: u64,
    loss: u32,
    /// Whether packets never overtake each other.
    in_order: bool,
    /// Links that are cut: from, to, voice.
    cut: Vec<(usize, usize, usize)>,
    nodes: Vec<Node>,
    /// By arrival, with a number that keeps the order.
    packets: BTreeMap<(Moment, u64), (usize, usize, usize, u8)>,
    sent: u64,
    changes: Vec<(Moment, usize, State)>,
}

struct Node {
    group: Group,
    /// Whether the process runs.
    runs: bool,
    rules: (Rules, Vec<VoiceRules>),
    up: Vec<bool>,
    lost: u8,
}

impl World {
    fn new(seed: u64, rules: Rules, priorities: &[u8], voices: usize) -> Self {
        let interval = Centiseconds::from_duration(INTERVAL);
        let node = |priority: &u8| {
            let voices = vec![VoiceRules { priority: *priority, interval }; voices];
            let (up, group) = (vec![true; voices.len()], Group::new(rules, &voices));
            Node { group, runs: false, rules: (rules, voices), up, lost: 0 }
        };
        let nodes = priorities.iter().map(node).collect();
        Self {
            now: Duration::from_secs(1),
            random: seed | 1,
            loss: 0,
            in_order: false,
            cut: Vec::new(),
            nodes,
            packets: BTreeMap::new(),
            sent: 0,
            changes: Vec::new(),
        }
    }

    /// xorshift64*.
    fn random(&mut self, below: u32) -> u32 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let high = (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32;
        high % below
    }

    /// Of two nodes, one has the higher address on even voices, the other on odd ones.
    fn address(node: usize, voice: usize) -> IpAddr {
        let host = if voice.is_multiple_of(2) { node as u8 + 1 } else { 254 - node as u8 };
        Ipv4Addr::new(192, 0, 2, host).into()
    }

    fn event(&mut self, node: usize, event: Event) {
        let mut actions = Vec::new();
        self.nodes[node].group.handle(event, self.now, &mut actions);
        for action in actions {
            match action {
                Action::Send { voice, priority } => self.send(node, voice, priority),
                Action::Changed { to, .. } => self.changes.push((self.now, node, to)),
                Action::Ended => self.nodes[node].runs = false,
                Action::Take | Action::Announce | Action::Release => {}
            }
        }
    }

    fn send(&mut self, from: usize, voice: usize, priority: u8) {
        for to in 0..self.nodes.len() {
            let cut = self.cut.contains(&(from, to, voice)) || !self.nodes[from].up[voice];
            if to == from || cut || self.random(100) < self.loss {
                continue;
            }
            let delay = if self.in_order { DELAY } else { DELAY * self.random(100) / 100 };
            self.sent += 1;
            self.packets.insert((self.now + delay, self.sent), (from, to, voice, priority));
        }
    }

    fn start(&mut self, node: usize) {
        if self.nodes[node].runs {
            return;
        }
        let (rules, voices) = self.nodes[node].rules.clone();
        self.nodes[node].group = Group::new(rules, &voices);
        self.nodes[node].runs = true;
        for voice in 0..voices.len() {
            let own = self.nodes[node].up[voice].then(|| Self::address(node, voice));
            self.event(node, Event::Link { voice, own });
        }
        let lost = self.nodes[node].lost;
        self.event(node, Event::Lost(lost));
        self.event(node, Event::Start { resume: false });
    }

    fn link(&mut self, node: usize, voice: usize, up: bool) {
        self.nodes[node].up[voice] = up;
        if self.nodes[node].runs {
            self.event(node, Event::Link { voice, own: up.then(|| Self::address(node, voice)) });
        }
    }

    fn happens(&mut self, mischief: &Mischief) {
        match *mischief {
            Mischief::Cut { from, to, voice, cut: true } => self.cut.push((from, to, voice)),
            Mischief::Cut { from, to, voice, cut: false } => {
                self.cut.retain(|cut| *cut != (from, to, voice));
            }
            Mischief::Loss(loss) => self.loss = loss,
            Mischief::Kill(node) => self.nodes[node].runs = false,
            Mischief::Link { node, voice, up } => self.link(node, voice, up),
            Mischief::Lost { node, points } => {
                self.nodes[node].lost = points;
                if self.nodes[node].runs {
                    self.event(node, Event::Lost(points));
                }
            }
            Mischief::Stop(node) if self.nodes[node].runs => self.event(node, Event::HandOver),
            Mischief::Stop(_) => {}
            Mischief::Start(node) => self.start(node),
        }
    }

    /// All links carry, all nodes run.
    fn heal(&mut self) {
        (self.loss, self.cut) = (0, Vec::new());
        for node in 0..self.nodes.len() {
            for voice in 0..self.nodes[node].up.len() {
                self.link(node, voice, true);
            }
            self.start(node);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let packet = self.packets.keys().next().copied();
            let due = |node: &Node| node.runs.then(|| node.group.due()).flatten();
            let timer = self.nodes.iter().enumerate().filter_map(|(n, node)| Some((due(node)?, n))).min();
            let next = packet.map(|(at, _)| at).into_iter().chain(timer.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            match (packet, timer) {
                (Some(key), _) if key.0 == next => {
                    let (from, to, voice, priority) = self.packets.remove(&key).unwrap();
                    if self.nodes[to].runs && self.nodes[to].up[voice] {
                        let interval = Centiseconds::from_duration(INTERVAL);
                        self.event(
                            to,
                            Event::Advert { voice, from: Self::address(from, voice), priority, interval },
                        );
                    }
                }
                (_, Some((_, node))) => self.event(node, Event::Tick),
                _ => break,
            }
        }
        self.now = end;
    }

    fn active(&self) -> Vec<usize> {
        let active = |node: &Node| node.runs && node.group.state().0 == State::Active;
        (0..self.nodes.len()).filter(|node| active(&self.nodes[*node])).collect()
    }

    fn best(&self) -> usize {
        let claim = |node: &usize| (self.nodes[*node].group.priority(0), *node);
        (0..self.nodes.len()).filter(|node| self.nodes[*node].runs).max_by_key(claim).unwrap()
    }
}

fn mischief(nodes: usize, voices: usize) -> impl Strategy<Value = Vec<(Mischief, u64)>> {
    let (node, voice) = (0..nodes, 0..voices);
    let one = prop_oneof![
        (node.clone(), node.clone(), voice.clone(), any::<bool>())
            .prop_map(|(from, to, voice, cut)| Mischief::Cut { from, to, voice, cut }),
        (0_u32..80).prop_map(Mischief::Loss),
        node.clone().prop_map(Mischief::Kill),
        (node.clone(), voice, any::<bool>()).prop_map(|(node, voice, up)| Mischief::Link { node, voice, up }),
        (node.clone(), prop_oneof![Just(0_u8), Just(20), Just(255)])
            .prop_map(|(node, points)| Mischief::Lost { node, points }),
        node.clone().prop_map(Mischief::Stop),
        node.prop_map(Mischief::Start),
    ];
    prop::collection::vec((one, 0_u64..700), 0..40)
}

/// After whatever happened, once all is well: one active node after [`SETTLED`], and then nothing moves.
fn settles(
    seed: u64,
    rules: Rules,
    priorities: &[u8],
    voices: usize,
    mischief: &[(Mischief, u64)],
) -> Result<World, TestCaseError> {
    settled(World::new(seed, rules, priorities, voices), mischief)
}

fn settled(mut world: World, mischief: &[(Mischief, u64)]) -> Result<World, TestCaseError> {
    for node in 0..world.nodes.len() {
        world.start(node);
    }
    for (what, millis) in mischief {
        world.happens(what);
        world.pass(Duration::from_millis(*millis));
    }
    // Who is stopping ends first, and is started again.
    world.heal();
    world.pass(Duration::from_millis(600));
    world.heal();
    world.pass(SETTLED);
    prop_assert_eq!(world.active().len(), 1, "one node is active: {:?}", world.changes);
    let before = world.changes.len();
    world.pass(Duration::from_secs(10));
    prop_assert_eq!(world.active().len(), 1);
    prop_assert_eq!(world.changes.len(), before, "nothing moves any more: {:?}", world.changes);
    Ok(world)
}

const PREEMPT: Rules = Rules { preempt: true, delay: Duration::ZERO };
const STAY: Rules = Rules { preempt: false, delay: Duration::ZERO };

/// Histories at whose end all three nodes are equal and wake together. Each of two heard first the voice on which the
/// other is better; both gave up, and again.
#[test]
fn equal_nodes_do_not_give_up_to_each_other_again_and_again() {
    use Mischief::{Cut, Kill, Link, Loss, Lost, Start, Stop};
    let lost = |node, points| Lost { node, points };
    let cut = |from, to, cut| Cut { from, to, voice: 0, cut };
    let down = |node, voice| Link { node, voice, up: false };
    let together = vec![
        (down(0, 0), 56),
        (Kill(0), 129),
        (lost(0, 0), 433),
        (cut(0, 0, false), 693),
        (cut(2, 2, false), 634),
        (down(0, 0), 381),
        (lost(1, 255), 298),
        (Stop(2), 500),
        (Stop(1), 0),
        (cut(0, 0, false), 0),
        (cut(0, 0, false), 0),
        (lost(0, 255), 436),
        (cut(0, 0, false), 66),
        (lost(2, 255), 48),
    ];
    let cut_one_way = vec![
        (Kill(0), 542),
        (Start(0), 282),
        (lost(2, 255), 345),
        (cut(0, 1, true), 141),
        (Kill(2), 378),
        (lost(1, 255), 401),
        (Stop(1), 67),
        (Loss(15), 300),
        (lost(0, 20), 106),
        (Loss(30), 594),
        (lost(0, 255), 414),
        (Stop(1), 86),
        (Stop(0), 237),
        (cut(0, 0, false), 313),
    ];
    let after_loss = vec![
        (lost(1, 255), 322),
        (Loss(39), 229),
        (Kill(0), 538),
        (Stop(0), 39),
        (Kill(0), 595),
        (Kill(0), 151),
        (Stop(0), 656),
        (Loss(66), 438),
        (Start(0), 30),
        (cut(2, 2, false), 607),
        (Kill(0), 233),
        (Stop(0), 178),
        (Kill(0), 392),
        (Kill(0), 235),
        (Kill(0), 491),
        (Start(0), 338),
        (Stop(1), 184),
        (Kill(2), 393),
        (Kill(1), 112),
        (lost(2, 255), 424),
        (lost(0, 255), 128),
        (Stop(1), 272),
        (Stop(0), 0),
        (cut(0, 0, false), 3),
    ];
    let histories = [
        (17_608_557_124_712_209_242, together),
        (12_623_487_560_051_923_604, cut_one_way),
        (17_891_160_172_141_517_474, after_loss),
    ];
    for (seed, mischief) in histories {
        settles(seed, PREEMPT, &[100, 100, 200], 2, &mischief).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_nodes_settle_on_the_better_one(seed: u64, mischief in mischief(2, 1)) {
        let world = settles(seed, PREEMPT, &[200, 100], 1, &mischief)?;
        let all_equal = world.nodes.iter().all(|node| node.lost == 255);
        prop_assert!(all_equal || world.active() == [world.best()]);
    }

    #[test]
    fn three_nodes_settle_on_the_best_one(seed: u64, mischief in mischief(3, 1)) {
        let world = settles(seed, PREEMPT, &[120, 200, 110], 1, &mischief)?;
        let best = world.nodes[world.best()].group.priority(0);
        let active = world.nodes[world.active()[0]].group.priority(0);
        prop_assert_eq!(active, best);
    }

    #[test]
    fn nodes_with_two_voices_settle(seed: u64, mischief in mischief(3, 2)) {
        settles(seed, PREEMPT, &[100, 100, 200], 2, &mischief)?;
    }

    #[test]
    fn equal_nodes_that_wake_together_settle_whichever_voice_is_heard_first(
        seed: u64,
        nodes in 2_usize..5,
        voices in 1_usize..5,
        lost in prop_oneof![Just(0_u8), Just(255)],
    ) {
        let started: Vec<_> = (0..nodes).map(|node| (Mischief::Lost { node, points: lost }, 0)).collect();
        settles(seed, PREEMPT, &vec![100; nodes], voices, &started)?;
    }

    #[test]
    fn nodes_that_are_each_better_on_another_voice_settle(
        seed: u64,
        priorities in prop::collection::vec(prop::collection::vec(100_u8..104, 3), 2..4),
        mischief in mischief(2, 3),
    ) {
        let mut world = World::new(seed, PREEMPT, &vec![100; priorities.len()], 3);
        for (node, priorities) in world.nodes.iter_mut().zip(&priorities) {
            for (voice, priority) in node.rules.1.iter_mut().zip(priorities) {
                voice.priority = *priority;
            }
        }
        settled(world, &mischief)?;
    }

    #[test]
    fn split_of_two_equal_nodes_heals_without_a_gap(seed: u64, millis in 0_u64..1000) {
        let mut world = World::new(seed, PREEMPT, &[100, 100], 2);
        world.in_order = true;
        let split = [(0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1)];
        world.cut.extend(split);
        world.start(0);
        world.pass(Duration::from_millis(millis));
        world.start(1);
        world.pass(Duration::from_secs(3));
        prop_assert_eq!(world.active(), [0, 1]);
        let before = world.changes.len();
        world.heal();
        world.pass(Duration::from_secs(5));
        prop_assert_eq!(world.active().len(), 1);
        prop_assert_eq!(world.changes.len(), before + 1, "one gives up: {:?}", &world.changes[before..]);
    }

    #[test]
    fn one_of_two_equal_nodes_gives_up_though_the_first_voice_is_cut_one_way(
        seed: u64,
        millis in 0_u64..1000,
        (from, to) in prop_oneof![Just((0_usize, 1_usize)), Just((1, 0))],
    ) {
        let mut world = World::new(seed, PREEMPT, &[100, 100], 2);
        world.cut.extend([(0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1)]);
        world.start(0);
        world.pass(Duration::from_millis(millis));
        world.start(1);
        world.pass(Duration::from_secs(3));
        prop_assert_eq!(world.active(), [0, 1]);
        world.cut = vec![(from, to, 0)];
        let before = world.changes.len();
        world.pass(Duration::from_secs(5));
        prop_assert_eq!(world.active().len(), 1);
        prop_assert_eq!(world.changes.len(), before + 1, "one gives up: {:?}", &world.changes[before..]);
    }

    #[test]
    fn nodes_that_do_not_preempt_settle(seed: u64, mischief in mischief(3, 1)) {
        settles(seed, STAY, &[100, 150, 200], 1, &mischief)?;
    }

    #[test]
    fn death_of_the_active_node_is_noticed_after_three_adverts_and_the_skew(
        seed: u64,
        priorities in prop::collection::vec(1_u8..=254, 2..4),
        millis in 0_u64..1000,
    ) {
        let mut world = World::new(seed, PREEMPT, &priorities, 1);
        (0..priorities.len()).for_each(|node| world.start(node));
        world.pass(Duration::from_millis(3000 + millis));
        let [active] = world.active()[..] else { panic!("one node is active: {:?}", world.changes) };
        world.happens(&Mischief::Kill(active));
        // The last advert, the patience of the worst, and the way of a packet.
        world.pass(INTERVAL * 4 + DELAY);
        // Of two with the same priority the first has it, which need not be the same one.
        let priority = |node: usize| world.nodes[node].group.priority(0);
        let active: Vec<_> = world.active().into_iter().map(priority).collect();
        prop_assert_eq!(active, [priority(world.best())]);
    }

    #[test]
    fn somebody_has_the_addresses_all_through_a_planned_stop(
        seed: u64,
        (preempt, priorities) in (any::<bool>(), prop::collection::vec(1_u8..=254, 2..4)),
        millis in 0_u64..1000,
    ) {
        let mut world = World::new(seed, if preempt { PREEMPT } else { STAY }, &priorities, 1);
        (0..priorities.len()).for_each(|node| world.start(node));
        world.pass(Duration::from_millis(3000 + millis));
        let [active] = world.active()[..] else { panic!("one node is active: {:?}", world.changes) };
        world.happens(&Mischief::Stop(active));
        for _ in 0..1000 {
            world.pass(Duration::from_millis(1));
            let held = world.nodes.iter().filter(|node| node.runs && node.group.holds()).count();
            prop_assert!(held > 0);
        }
        prop_assert!(!world.nodes[active].runs);
        prop_assert_eq!(world.active().len(), 1);
    }
}
