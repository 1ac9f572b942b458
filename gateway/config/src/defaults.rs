//! What holds where the file says nothing, and the bounds of what it may say: each with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The most one process can have: Linux's `fs.nr_open` goes to 2^30, but memory ends long before.
pub(crate) const CONNECTIONS: RangeInclusive<u64> = 1..=10_000_000;
/// More workers than any machine has cores is a slip.
pub(crate) const WORKERS: RangeInclusive<u64> = 1..=1024;
/// Most requests and short sessions end within it; long ones end the wait.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Every deadline: a millisecond is the timers' grain, a week is longer than any session.
pub(crate) const DEADLINE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(604_800);
/// As [`DEADLINE`], where zero means *at once* or *never*.
pub(crate) const DEADLINE_OR_ZERO: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(604_800);
/// Lifecycle and problems, nothing per connection.
pub(crate) const LOG: &str = "info";
/// Each access log has a thread of its own, and each worker a buffer for each.
pub(crate) const LOGS_MAX: usize = 8;
pub(crate) const SAMPLE: RangeInclusive<u64> = 1..=1_000_000;
pub(crate) const LINES: RangeInclusive<u64> = 1..=10_000_000;
/// A request in ten thousands is worth a span; a flood of requests is not worth as many.
pub(crate) const SPANS: u64 = 1000;
/// What syslog and the journal know the program by.
pub(crate) const TAG: &str = "sekisho";
/// Where the journal of systemd listens (systemd-journald.service(8)).
pub(crate) const JOURNAL: &str = "/run/systemd/journal/socket";
/// A key of 128 bits: fewer can be guessed.
pub(crate) const SECRET_MIN: usize = 16;

/// What an address of a unix socket has room for (unix(7)), without the zero at its end.
pub(crate) const SOCKET_PATH_MAX: usize = 107;

/// Three round trips on a bad mobile network.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// As the handshake: a client that has not said what it wants by then does not mean to.
pub(crate) const HEAD: Duration = Duration::from_secs(10);
/// One lost SYN (sent again after 1 s) and a slow server still fit.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);
/// Longer than the pauses of interactive sessions that do not send keepalives of their own.
pub(crate) const IDLE: Duration = Duration::from_secs(600);
/// A side that has heard the other end has this long to say the rest.
pub(crate) const HALF_CLOSED: Duration = Duration::from_secs(30);
/// Below the five minutes after which many firewalls forget a silent connection.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(60);

/// As long as a person takes who looks for a password.
pub(crate) const STRIKE_MEMORY: Duration = Duration::from_secs(600);
/// Fewer than three are slips.
pub(crate) const STRIKES: RangeInclusive<u64> = 3..=1_000_000;

/// A whole HTTP head or TLS ClientHello of the sizes that clients send, four times over.
pub(crate) const BUFFER: u64 = 64 * 1024;
/// Less does not hold a TLS ClientHello; more is not a head.
pub(crate) const BUFFERS: RangeInclusive<u64> = 1024..=16 * 1024 * 1024;
/// One server may have just died and the next be dying; more attempts only delay the answer.
pub(crate) const ATTEMPTS: u64 = 3;
/// Each attempt may take the whole connect deadline.
pub(crate) const ATTEMPTS_ALLOWED: RangeInclusive<u64> = 1..=16;
/// A range wider than this is a job for a rule in the kernel: every port is a socket in every worker.
pub(crate) const LISTEN_MAX: usize = 4096;

/// As HAProxy: weights up to 256 share finely enough.
pub(crate) const WEIGHT: u64 = 1;
/// The bounds of a weight; 0 serves only clients that are kept on the server.
pub(crate) const WEIGHTS: RangeInclusive<u64> = 0..=256;
/// Enough for a burst; whoever is behind a thousand others is better told.
pub(crate) const QUEUE_CAPACITY: u64 = 1000;
/// Before a person or a client gives up waiting.
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// Any fixed number: nodes that are configured alike must hash alike.
pub(crate) const SEED: u64 = 0;
/// As NetScaler's LEASTBANDWIDTH.
pub(crate) const BANDWIDTH_WINDOW: Duration = Duration::from_secs(14);
/// A quarter above the average: the bound that Mirrokni et al. (2017) recommend.
pub(crate) const BOUNDED_LOAD_FACTOR: f64 = 1.25;
/// At 1 every server must be exactly average; beyond 10 the bound does not bind.
pub(crate) const BOUNDED_LOAD_FACTORS: RangeInclusive<f64> = 1.01..=10.0;

/// A dead server is noticed within a quarter of a minute even without traffic.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// A suspect server is judged within seconds.
pub(crate) const PROBE_FAST_INTERVAL: Duration = Duration::from_secs(1);
/// A server that needs longer to say that it is well is not.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// One lost packet or one restart of a service in between is no failure.
pub(crate) const PROBE_FALL: u64 = 3;
/// One good answer may be luck.
pub(crate) const PROBE_RISE: u64 = 2;
/// The bounds of both.
pub(crate) const PROBE_COUNTS: RangeInclusive<u64> = 1..=100;
/// Percent: enough that the probes of many gateways drift apart.
pub(crate) const PROBE_JITTER: u64 = 10;
/// Percent: beyond half an interval, intervals mean nothing.
pub(crate) const PROBE_JITTERS: RangeInclusive<u64> = 0..=50;

/// The first failure of traffic is worth a probe.
pub(crate) const SUSPECT_AFTER: u64 = 1;
/// As many failures in a row as failed probes take a server down.
pub(crate) const DOWN_AFTER: u64 = 3;
/// Without probes, traffic has to try again: seldom enough to spare clients.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(10);
/// Three times down and up within [`FLAP_WINDOW`] is no restart.
pub(crate) const FLAP_CHANGES: u64 = 6;
/// See [`FLAP_CHANGES`].
pub(crate) const FLAP_WINDOW: Duration = Duration::from_secs(60);
/// As long as the window: what was unwell for it must be well for it.
pub(crate) const FLAP_HOLD: Duration = Duration::from_secs(60);
/// As Envoy: fewer may be the clients' fault.
pub(crate) const CONSECUTIVE: u64 = 5;
/// A share of fewer requests is chance.
pub(crate) const MIN_REQUESTS: u64 = 20;
/// Long enough for that many requests, short enough to notice before people do.
pub(crate) const OUTLIER_INTERVAL: Duration = Duration::from_secs(10);
/// As Envoy: a restart fits into it.
pub(crate) const EJECTION: Duration = Duration::from_secs(30);
/// As Envoy.
pub(crate) const EJECTION_MAX: Duration = Duration::from_secs(300);
/// Shorter ones are not looked at in time, longer ones are an operator's business.
pub(crate) const EJECTIONS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
/// Percent: what is left must be able to carry everything.
pub(crate) const MAX_EJECTED: u64 = 50;
/// Percent of something.
pub(crate) const SHARES: RangeInclusive<u64> = 1..=100;
/// The bounds of the counts above; 0 turns the rule off.
pub(crate) const COUNTS: RangeInclusive<u64> = 0..=1000;

/// Entries of a persistence table: the users of a large site, at about 200 bytes each.
pub(crate) const TABLE_ENTRIES: u64 = 100_000;
/// More would not fit a machine's memory beside everything else.
pub(crate) const TABLE_ENTRIES_ALLOWED: RangeInclusive<u64> = 1..=50_000_000;
/// Room for [`TABLE_ENTRIES`] with the longest keys.
pub(crate) const TABLE_BYTES: u64 = 64 * 1024 * 1024;
/// Less holds nothing of use; more than 64 GiB is a slip.
pub(crate) const TABLE_BYTES_ALLOWED: RangeInclusive<u64> = 64 * 1024..=64 * 1024 * 1024 * 1024;
/// A working day.
pub(crate) const EXPIRE: Duration = Duration::from_secs(8 * 3600);
/// Up to a year, as cookies.
pub(crate) const EXPIRES: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(366 * 86_400);
/// A certificate is due: two weeks are enough to renew one by hand.
pub(crate) const EXPIRY_WARNING: Duration = Duration::from_secs(14 * 86_400);
/// The largest configuration read: a thousand VIPs fit in a tenth of it.
pub(crate) const FILE_MAX: u64 = 4 * 1024 * 1024;
/// The largest certificate or secret file read: the authorities of a whole system are a tenth of it.
pub(crate) const PEM_MAX: u64 = 4 * 1024 * 1024;
/// The largest file of tokens read: a thousand operators and programs.
pub(crate) const TOKENS_MAX: u64 = 128 * 1024;
/// Names stand in logs, addresses of the API and metrics labels.
pub(crate) const NAME_MAX: usize = 64;

/// As keepalived.
pub(crate) const VRRP_PRIORITY: u64 = 100;
/// 0 and 255 mean something else in RFC 9568.
pub(crate) const VRRP_PRIORITIES: RangeInclusive<u64> = 1..=254;
/// The virtual routers of RFC 9568.
pub(crate) const VRRP_ROUTERS: RangeInclusive<u64> = 1..=255;
/// A third of a second without an address is hardly noticed; RFC 9568's second makes it three and a half.
pub(crate) const ADVERT_INTERVAL: Duration = Duration::from_millis(100);
/// What the packet holds.
pub(crate) const ADVERT_INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_millis(40_950);
/// As keepalived's.
pub(crate) const PREEMPT_DELAYS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(1000);
/// One advert has so many addresses at the most; twice that for two families.
pub(crate) const VRRP_ADDRESSES: usize = 255;
/// As long as the kernel's names of interfaces (IFNAMSIZ).
pub(crate) const INTERFACE_NAME: usize = 15;

/// The bit of a packet's mark that says that a socket of the gateway has a client's address.
pub(crate) const MARK: u64 = 0x0200_0000;
/// The table of routes for what is so marked, and the priority of the rule that leads there: before the main table.
pub(crate) const ROUTES: u64 = 5_300;
pub(crate) const PRIORITY: u64 = 5_300;
/// Most servers have one that is called so.
pub(crate) const INTERFACE: &str = "eth0";
/// Tables 253 to 255 are the kernel's; 0 is none.
pub(crate) const ROUTE_TABLES: RangeInclusive<u64> = 256..=u32::MAX as u64;

/// A store is near; a connection attempt to it holds nobody up.
pub(crate) const STORE_CONNECT: Duration = Duration::from_secs(1);
/// Its answers take less than a millisecond; one that needs longer than this is as good as none.
pub(crate) const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// A silent connection is asked after half of it and given up after all of it.
pub(crate) const STORE_STALENESS: Duration = Duration::from_secs(5);
/// Below 10 ms nothing answers reliably; what takes longer than an hour is no sharing.
pub(crate) const STORE_TIMES: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(3600);
/// Who shares a store with others sees at once whose names these are.
pub(crate) const STORE_PREFIX: &str = "sekisho:";
/// What HAProxy keeps of a string where its table says nothing: 32 bytes with a zero at the end.
pub(crate) const PEER_TEXT: u16 = 31;
