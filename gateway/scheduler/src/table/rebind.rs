//! Sending clients that the table knows to another server.

use std::sync::Arc;
use std::time::Instant;

use sekisho_api::Key;

use super::Table;
use crate::pool::Pool;

impl Table {
    /// Sends a key to the server `to` from its next connection on, in every pool that has a server of the name, or
    /// in the pool `only`; pools without one keep theirs. `pools` are those that use this table. False if the table's
    /// bounds leave no room at all.
    ///
    /// Pools that share a server's name share a client's entry, as everywhere: what is meant for one of them holds
    /// for all.
    pub fn rebind(
        &self,
        key: &Key,
        to: &Arc<str>,
        only: Option<&str>,
        pools: &[Arc<Pool>],
        now: Instant,
    ) -> bool {
        let common = self.get(key, &[], now).pop().map(|entry| entry.server);
        let meant =
            || pools.iter().filter(|pool| has(pool, to) && only.is_none_or(|only| **pool.name() == *only));
        let Some(before) = common else { return self.assign(key, None, to, now) };
        if !meant().any(|pool| has(pool, &before)) {
            // Another pool's clients are bound by that entry; this one's have entries of its own.
            return meant().all(|pool| self.assign(key, Some(pool.name()), to, now));
        }
        let others = pools.iter().filter(|pool| !has(pool, to) && has(pool, &before));
        let kept = others.map(|pool| self.assign(key, Some(pool.name()), &before, now));
        // All of them, whatever became of one.
        let kept = kept.fold(true, |all, kept| all & kept);
        self.assign(key, None, to, now) && kept
    }

    /// Does the same for every key that is bound to the server `from`; says how many that were. Clients that are
    /// connected stay where they are until they come back.
    pub fn rebind_all(&self, from: &str, to: &Arc<str>, pools: &[Arc<Pool>], now: Instant) -> usize {
        let bound = self.list(None, Some(from), usize::MAX, now);
        let moved = bound.into_iter().filter(|entry| match &entry.pool {
            None => {
                let both = pools.iter().any(|pool| has(pool, from) && has(pool, to));
                both && self.rebind(&entry.key, to, None, pools, now)
            }
            Some(name) => {
                let own = pools.iter().find(|pool| pool.name() == name);
                own.is_some_and(|pool| has(pool, to)) && self.assign(&entry.key, Some(name), to, now)
            }
        });
        moved.count()
    }

    /// Forgets a key, in every scope; says how many entries that were.
    pub fn forget(&self, key: &Key, pools: &[Arc<Pool>]) -> usize {
        let scopes = std::iter::once(None).chain(pools.iter().map(|pool| Some(pool.name())));
        scopes.filter(|scope| self.remove(key, *scope)).count()
    }
}

fn has(pool: &Pool, server: &str) -> bool {
    pool.server(server).is_some()
}

#[cfg(test)]
mod tests {
    use crate::Method;
    use crate::testing::{Bench, by_user, pool, server, user};

    /// Three pools of one domain: `mail` and `web` on machines of the same names, `desks` on others but for one.
    fn bench() -> Bench {
        let named = |name: &str, servers: &[&str]| {
            let servers = servers.iter().map(|name| server(name)).collect();
            crate::PoolSpec { name: name.into(), ..pool(Method::FirstAvailable, servers) }
        };
        let pools = vec![
            named("mail", &["m1", "m2"]),
            named("web", &["m1", "m2"]),
            named("desks", &["ts1", "m1", "ts2"]),
        ];
        Bench::with(pools, by_user())
    }

    fn came(bench: &Bench, pool: usize, name: &str) -> String {
        let route = user(name);
        let lease = bench.scheduler.pools()[pool].choose(&bench.ask(&route, 9), bench.now).unwrap();
        lease.server().name().to_string()
    }

    fn rebind(bench: &Bench, name: &str, to: &str, only: Option<&str>) -> bool {
        let key = user(name).keys[0].clone();
        bench.table().rebind(&key, &to.into(), only, bench.scheduler.pools(), bench.now)
    }

    #[test]
    fn moved_client_is_on_the_new_server_in_every_pool_that_has_it() {
        let bench = bench();
        assert_eq!((came(&bench, 0, "alice"), came(&bench, 1, "alice")), ("m1".into(), "m1".into()));
        assert!(rebind(&bench, "alice", "m2", None));
        assert_eq!((came(&bench, 0, "alice"), came(&bench, 1, "alice")), ("m2".into(), "m2".into()));
        // Nobody came as Bob before.
        assert!(rebind(&bench, "bob", "m2", Some("mail")));
        assert_eq!((came(&bench, 0, "bob"), came(&bench, 1, "bob")), ("m2".into(), "m2".into()));
    }

    #[test]
    fn pools_without_the_new_server_keep_their_own() {
        let bench = bench();
        assert_eq!((came(&bench, 0, "alice"), came(&bench, 2, "alice")), ("m1".into(), "m1".into()));
        assert!(rebind(&bench, "alice", "m2", None));
        assert_eq!((came(&bench, 0, "alice"), came(&bench, 2, "alice")), ("m2".into(), "m1".into()));
        // Bound on the desks first: mail has an entry of its own, and only that one is meant.
        assert_eq!((came(&bench, 2, "bob"), came(&bench, 0, "bob")), ("ts1".into(), "m1".into()));
        assert!(rebind(&bench, "bob", "m2", None));
        assert_eq!((came(&bench, 2, "bob"), came(&bench, 0, "bob")), ("ts1".into(), "m2".into()));
        assert!(rebind(&bench, "bob", "ts2", None));
        assert_eq!((came(&bench, 2, "bob"), came(&bench, 0, "bob")), ("ts2".into(), "m2".into()));
    }

    #[test]
    fn all_clients_of_a_server_move_to_one_that_can_have_them() {
        let bench = bench();
        for name in ["alice", "bob", "carol"] {
            assert_eq!(came(&bench, 0, name), "m1");
        }
        assert_eq!((came(&bench, 2, "dora"), came(&bench, 0, "dora")), ("ts1".into(), "m1".into()));
        assert!(rebind(&bench, "carol", "m2", None));
        let (table, pools) = (bench.table(), bench.scheduler.pools());
        assert_eq!(table.rebind_all("m1", &"m2".into(), pools, bench.now), 3, "alice, bob and dora's mail");
        for name in ["alice", "bob", "carol", "dora"] {
            assert_eq!(came(&bench, 0, name), "m2", "{name}");
        }
        assert_eq!(came(&bench, 2, "dora"), "ts1");
        assert_eq!(table.rebind_all("m2", &"ts1".into(), pools, bench.now), 0, "no pool has both");
    }

    #[test]
    fn forgotten_client_is_chosen_anew() {
        let bench = bench();
        assert_eq!((came(&bench, 2, "bob"), came(&bench, 0, "bob")), ("ts1".into(), "m1".into()));
        let key = user("bob").keys[0].clone();
        assert_eq!(bench.table().forget(&key, bench.scheduler.pools()), 2);
        assert_eq!(bench.table().forget(&key, bench.scheduler.pools()), 0);
        assert!(bench.table().is_empty());
    }
}
