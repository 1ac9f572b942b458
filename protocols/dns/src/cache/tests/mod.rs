//! Messages put together by hand, and a cache to try them on.

mod bound;
mod given;
mod kept;
mod model;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Cache, CacheSettings};
use crate::wire::{Query, query};

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const TSIG: u16 = 250;

const RD: u16 = 0x0100;
const AD: u16 = 0x0020;
const CD: u16 = 0x0010;
const TC: u16 = 0x0200;
/// QR, RD and RA: what resolvers answer with.
const ANSWER: u16 = 0x8180;
const DO: u16 = 0x8000;

const NXDOMAIN: u16 = 3;

type Prefix = Option<(IpAddr, u8)>;

/// A message, part by part.
#[derive(Clone, Debug)]
struct Message {
    id: u16,
    flags: u16,
    name: Vec<u8>,
    kind: u16,
    class: u16,
    records: [Vec<Record>; 3],
    opt: Option<Opt>,
    /// What trails the last record.
    trail: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Record {
    /// As it travels; two bytes for a pointer.
    name: Vec<u8>,
    kind: u16,
    ttl: u32,
    data: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Opt {
    extended: u8,
    version: u8,
    flags: u16,
    options: Vec<(u16, Vec<u8>)>,
}

/// A query for the addresses of `name`.
fn ask(name: &str) -> Message {
    Message {
        id: 0x1234,
        flags: RD,
        name: wire_name(name),
        kind: A,
        class: 1,
        records: Default::default(),
        opt: None,
        trail: Vec::new(),
    }
}

impl Message {
    fn kind(mut self, kind: u16) -> Self {
        self.kind = kind;
        self
    }

    fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    fn opt(mut self, flags: u16, options: &[(u16, &[u8])]) -> Self {
        let options = options.iter().map(|&(code, data)| (code, data.to_vec())).collect();
        self.opt = Some(Opt { flags, options, ..Opt::default() });
        self
    }

    /// An answer to this query, without any records yet.
    fn answer(&self) -> Self {
        let opt = self.opt.as_ref().map(|opt| Opt { flags: opt.flags, ..Opt::default() });
        Self { flags: ANSWER & !RD | self.flags & (RD | CD), opt, ..self.clone() }
    }

    /// A record of the question's name in a section: 0 answer, 1 authority, 2 additional.
    fn with(mut self, section: usize, kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.records[section].push(Record { name: vec![0xc0, 12], kind, ttl, data: data.to_vec() });
        self
    }

    fn address(self, ttl: u32) -> Self {
        self.with(0, A, ttl, &[192, 0, 2, 1])
    }

    /// The SOA of a negative answer.
    fn soa(self, ttl: u32, minimum: u32) -> Self {
        let mut data = vec![0; 2 + 16];
        data.extend(minimum.to_be_bytes());
        self.with(1, SOA, ttl, &data)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let word = |all: &mut Vec<u8>, word: u16| all.extend(word.to_be_bytes());
        word(&mut all, self.id);
        word(&mut all, self.flags);
        word(&mut all, 1);
        for (section, records) in self.records.iter().enumerate() {
            let opt = usize::from(section == 2 && self.opt.is_some());
            word(&mut all, (records.len() + opt) as u16);
        }
        all.extend(&self.name);
        word(&mut all, self.kind);
        word(&mut all, self.class);
        for record in self.records.iter().flatten() {
            all.extend(&record.name);
            word(&mut all, record.kind);
            word(&mut all, 1);
            all.extend(record.ttl.to_be_bytes());
            word(&mut all, record.data.len() as u16);
            all.extend(&record.data);
        }
        if let Some(opt) = &self.opt {
            all.extend([0, 0, 41, 4, 208, opt.extended, opt.version]);
            word(&mut all, opt.flags);
            word(&mut all, opt.options.iter().map(|(_, data)| data.len() as u16 + 4).sum());
            for (code, data) in &opt.options {
                word(&mut all, *code);
                word(&mut all, data.len() as u16);
                all.extend(data);
            }
        }
        all.extend(&self.trail);
        all
    }
}

fn wire_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> = labels.flat_map(|l| std::iter::once(l.len() as u8).chain(l.bytes())).collect();
    wire.push(0);
    wire
}

/// The data of a client subnet option for an IPv4 prefix.
fn ecs([a, b, c]: [u8; 3], source: u8, scope: u8) -> Vec<u8> {
    let mut data = vec![0, 1, source, scope];
    data.extend([a, b, c].iter().take(usize::from(source.div_ceil(8))));
    data
}

fn read(bytes: &[u8]) -> Query<'_> {
    query(bytes).expect("a query")
}

/// A cache with a clock.
#[derive(Debug)]
struct Bench {
    cache: Cache,
    now: Instant,
}

fn settings() -> CacheSettings {
    CacheSettings {
        bytes: 1 << 20,
        max_ttl: CacheSettings::MAX_TTL,
        min_ttl: Duration::ZERO,
        negative_ttl: CacheSettings::NEGATIVE_TTL,
        error_ttl: CacheSettings::ERROR_TTL,
        stale: Duration::ZERO,
        shards: 4,
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(&settings())
    }

    fn with(settings: &CacheSettings) -> Self {
        Self { cache: Cache::new(settings, (1, 2)), now: Instant::now() }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Offers an answer to a query that went out with this subnet.
    fn offer_to(&self, asked: &Message, subnet: Prefix, answer: &[u8]) {
        let bytes = asked.bytes();
        let asked = read(&bytes);
        if let Some(key) = self.cache.key(&asked, subnet) {
            self.cache.store(key, &asked, answer, answer, self.now);
        }
    }

    fn offer(&self, asked: &Message, answer: &Message) {
        self.offer_to(asked, None, &answer.bytes());
    }

    fn find_to(&self, asked: &Message, subnet: Prefix) -> Option<Vec<u8>> {
        let bytes = asked.bytes();
        let asked = read(&bytes);
        let mut out = vec![0xee; 65_535];
        let length = self.cache.find(self.cache.key(&asked, subnet)?, &asked, subnet, self.now, &mut out)?;
        out.truncate(length);
        Some(out)
    }

    fn find(&self, asked: &Message) -> Option<Vec<u8>> {
        self.find_to(asked, None)
    }

    fn find_stale(&self, asked: &Message) -> Option<Vec<u8>> {
        let bytes = asked.bytes();
        let asked = read(&bytes);
        let mut out = vec![0xee; 65_535];
        let key = self.cache.key(&asked, None)?;
        let length = self.cache.find_stale(key, &asked, None, self.now, &mut out)?;
        out.truncate(length);
        Some(out)
    }

    /// For how many seconds a second query like this one is answered from what is kept of the answer.
    fn kept_for(asked: &Message, answer: &Message, settings: &CacheSettings) -> u64 {
        let mut bench = Self::with(settings);
        bench.offer(asked, answer);
        let start = bench.now;
        let (mut low, mut high) = (0, 1_u64 << 32);
        while low < high {
            let middle = u64::midpoint(low, high);
            bench.now = start + Duration::from_secs(middle);
            if bench.find(asked).is_some() { low = middle + 1 } else { high = middle }
        }
        low
    }
}
