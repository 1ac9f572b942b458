//! What the tests share: short specifications, a hand-moved clock, seeded numbers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::{Key, KeyKind, Lease, Persist, Prefer, Route, Unavailable};

use crate::*;

pub(crate) fn server(name: &str) -> ServerSpec {
    let port =
        1000 + name.bytes().fold(0, |sum: u16, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 50_000;
    ServerSpec {
        name: name.into(),
        address: ([192, 0, 2, 1], port).into(),
        weight: 1,
        max_connections: None,
        group: 0,
        admin: Admin::Ready,
    }
}

pub(crate) fn pool(method: Method, servers: Vec<ServerSpec>) -> PoolSpec {
    PoolSpec {
        name: "pool".into(),
        method,
        servers,
        all_down: AllDown::Refuse,
        on_down: OnDown::Next,
        queue: QueueSpec { capacity: 0, timeout: Duration::from_secs(5) },
        slow_start: Duration::ZERO,
        health: health(),
        seed: 7,
    }
}

pub(crate) fn health() -> HealthSpec {
    HealthSpec {
        active: true,
        interval: Duration::from_secs(5),
        fast_interval: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        fall: 1,
        rise: 1,
        jitter: 0.0,
        passive: PassiveSpec { suspect_after: 3, down_after: 5, retry_after: Duration::from_secs(10) },
        flap: FlapSpec { changes: 0, window: Duration::ZERO, hold: Duration::ZERO },
        outlier: None,
    }
}

pub(crate) fn table_spec() -> TableSpec {
    TableSpec {
        name: "default".into(),
        max_entries: 1000,
        max_bytes: 1 << 20,
        expire: Duration::from_secs(600),
    }
}

pub(crate) fn secret() -> Secret {
    Secret::new(b"only a secret of tests").unwrap()
}

pub(crate) fn by_source() -> Vec<Persist> {
    vec![Persist::SourceIp { v4: 32, v6: 128 }]
}

pub(crate) fn by_cookie() -> Vec<Persist> {
    vec![Persist::Cookie(Default::default())]
}

pub(crate) fn by_user() -> Vec<Persist> {
    vec![Persist::Key(KeyKind::USER)]
}

pub(crate) fn user(name: &str) -> Route {
    Route::new().with_key(Key::new(KeyKind::USER, name.as_bytes()))
}

pub(crate) fn prefers(prefer: Prefer) -> Route {
    Route { prefer: Some(prefer), ..Route::new() }
}

/// A scheduler with one pool, one table and a clock that is moved by hand.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) scheduler: Scheduler,
    pub(crate) persist: Vec<Persist>,
    pub(crate) now: Instant,
}

impl Bench {
    pub(crate) fn new(spec: PoolSpec) -> Self {
        Self::with(vec![spec], Vec::new())
    }

    pub(crate) fn with(specs: Vec<PoolSpec>, persist: Vec<Persist>) -> Self {
        let now = Instant::now();
        let scheduler = Scheduler::build(specs, vec![table_spec()], &secret(), 11, None, now);
        Self { scheduler, persist, now }
    }

    pub(crate) fn reload(&mut self, specs: Vec<PoolSpec>) {
        let tables = vec![table_spec()];
        self.scheduler = Scheduler::build(specs, tables, &secret(), 11, Some(&self.scheduler), self.now);
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.scheduler.pools()[0]
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.scheduler.tables()[0]
    }

    pub(crate) fn server(&self, name: &str) -> &Arc<ServerState> {
        self.pool().server(name).unwrap()
    }

    pub(crate) fn ask<'a>(&'a self, route: &'a Route, client: u32) -> Ask<'a> {
        Ask { route, client: address(client), persist: &self.persist, table: self.table(), user_limit: None }
    }

    pub(crate) fn choose(&self, route: &Route, client: u32) -> Result<Lease, Unavailable> {
        self.pool().choose(&self.ask(route, client), self.now)
    }

    /// The name of the server chosen for a client of whom nothing but the address is known; the lease is settled.
    pub(crate) fn name(&self, client: u32) -> String {
        name(&self.choose(&Route::new(), client).unwrap())
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(crate) fn probe(&self, name: &str, ok: bool) -> Option<Change> {
        let server = self.server(name);
        server.begin_probe(self.now);
        let ok = if ok { Ok(()) } else { Err("refused".to_owned()) };
        server.probed(ProbeResult { ok, took: Duration::from_millis(1) }, self.now, 0)
    }
}

pub(crate) fn name(lease: &Lease) -> String {
    lease.server().name().to_string()
}

pub(crate) fn address(client: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 + client).into())
}

/// SplitMix64, so that a failing simulation is repeated by its seed.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}
