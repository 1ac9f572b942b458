//! The cache beside the simplest cache that could be right.

use std::collections::HashMap;

use super::bound::Draws;
use super::*;

/// Keeps everything for ever and decides when asked.
#[derive(Debug, Default)]
struct Naive(HashMap<Key, (Instant, Message)>);

/// The name in lower case, the type, the flags, those of EDNS, and whom the server was told of.
type Key = (Vec<u8>, u16, u16, Option<u16>, Prefix);

impl Naive {
    fn key(asked: &Message, subnet: Prefix) -> Key {
        let edns = asked.opt.as_ref().map(|opt| opt.flags);
        (asked.name.to_ascii_lowercase(), asked.kind, asked.flags, edns, subnet)
    }

    /// What [`Bench::find`] must give, and whether it is stale.
    fn find(&self, asked: &Message, subnet: Prefix, now: Instant, stale: u64) -> Option<(Vec<u8>, bool)> {
        let (stored, answer) = self.0.get(&Self::key(asked, subnet))?;
        let age = now.duration_since(*stored).as_secs();
        let smallest = answer.records.iter().flatten().map(|record| record.ttl).min()?;
        let fresh = age < u64::from(smallest);
        if !fresh && age >= u64::from(smallest) + stale {
            return None;
        }
        let mut given = Message { id: asked.id, name: asked.name.clone(), ..answer.clone() };
        for record in given.records.iter_mut().flatten() {
            record.ttl = if fresh { record.ttl - age as u32 } else { 30 };
        }
        if let Some(opt) = given.opt.as_mut().filter(|_| !fresh) {
            opt.options.push((15, vec![0, 3]));
        }
        Some((given.bytes(), !fresh))
    }
}

#[test]
fn a_cache_with_room_gives_what_the_simplest_one_would() {
    const STALE: u64 = 20;
    for seed in 0..20 {
        let mut draws = Draws(seed);
        let mut bench =
            Bench::with(&CacheSettings { stale: Duration::from_secs(STALE), bytes: 8 << 20, ..settings() });
        let mut naive = Naive::default();
        for turn in 0..2_000 {
            let name = ["a.example", "b.example", "A.Example", "ab.example"][draws.below(4)];
            let mut asked = ask(name).id(turn).kind([A, AAAA, TXT][draws.below(3)]);
            asked.flags = [RD, 0, RD | CD, RD | AD][draws.below(4)];
            asked.opt =
                [None, Some(0), Some(DO)][draws.below(3)].map(|flags| Opt { flags, ..Opt::default() });
            let subnet =
                [None, Some(([192, 0, 2, 0].into(), 24)), Some(([192, 0, 2, 0].into(), 25))][draws.below(3)];
            if draws.below(3) == 0 {
                let kind = asked.kind;
                let mut answer = asked.answer();
                for _ in 0..=draws.below(3) {
                    answer = answer.with(draws.below(2) * 2, kind, draws.below(60) as u32, &[turn as u8; 4]);
                }
                // Of answers without a TTL to keep them by, and without data, nothing is kept.
                let ttls = || answer.records.iter().flatten().map(|record| record.ttl);
                if ttls().all(|ttl| ttl > 0) && !answer.records[0].is_empty() {
                    naive.0.insert(Naive::key(&asked, subnet), (bench.now, answer.clone()));
                }
                bench.offer_to(&asked, subnet, &answer.bytes());
            }
            let expected = naive.find(&asked, subnet, bench.now, STALE);
            let fresh = expected.clone().filter(|(_, stale)| !stale).map(|(bytes, _)| bytes);
            assert_eq!(bench.find_to(&asked, subnet), fresh, "seed {seed}, turn {turn}: {asked:?}");
            if subnet.is_none() {
                let any = expected.map(|(bytes, _)| bytes);
                assert_eq!(bench.find_stale(&asked), any, "seed {seed}, turn {turn}: {asked:?}");
            }
            bench.pass(draws.below(4) as u64 / 2);
        }
        assert_eq!(bench.cache.counts().evicted, 0);
    }
}
