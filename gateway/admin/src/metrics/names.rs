//! Every metric of the core: its name, what it is, and by which labels. `docs/metrics.md` has the same table.
//!
//! Names follow the conventions of Prometheus: base units, `_total` for what only grows. What a protocol counts itself
//! is named by it and stands below `sekisho_PROTOCOL_`.

/// A metric: one name, and a number for each combination of its labels' values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    pub(crate) help: &'static str,
}

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows, from zero at the start.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Counts by upper bounds, with their number and sum.
    Histogram,
    /// Always 1: what it says stands in its labels.
    Info,
}

impl Kind {
    /// The word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

const NONE: &[&str] = &[];
const VIP: &[&str] = &["vip"];
/// What a protocol tells of a pool.
pub(crate) const POOL: &[&str] = &["pool"];
/// What it tells of something in a VIP.
pub(crate) const VIP_NAME: &[&str] = &["vip", "name"];
const SERVER: &[&str] = &["pool", "server"];
const VRRP: &[&str] = &["vrrp"];
const DOMAIN: &[&str] = &["domain"];
const PEER: &[&str] = &["peer"];

/// Declares the constants, and the list of them all.
macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(crate) const $constant: Family =
                Family { name: $name, kind: Kind::$kind, labels: $labels, help: $help };
        )*
        /// All of them, in the order in which they are given.
        pub(crate) const ALL: &[Family] = &[$($constant),*];
    };
}

families! {
    BUILD = Info "sekisho_build_info" &["version"], "The version that runs.";
    STARTED = Gauge "process_start_time_seconds" NONE, "When the process started, since 1970.";
    UPTIME = Gauge "sekisho_uptime_seconds" NONE, "How long it has been running.";
    CPU = Counter "process_cpu_seconds_total" NONE, "Processor time that the process has used.";
    RESIDENT = Gauge "process_resident_memory_bytes" NONE, "Memory that the process takes.";
    EPOCH = Gauge "sekisho_configuration_epoch" NONE, "Which configuration of this process is in force: 1 at the start, one more with each reload.";
    CONNECTIONS = Gauge "sekisho_connections" NONE, "Client connections and UDP flows that are open, over all VIPs.";

    VIP_CONNECTIONS = Gauge "sekisho_vip_connections" VIP, "Client connections and UDP flows that are open.";
    VIP_SERVED = Counter "sekisho_vip_served_total" VIP, "Connections, flows, requests or queries that have ended, well or not.";
    VIP_RECEIVED = Counter "sekisho_vip_received_bytes_total" VIP, "Bytes from clients, of what has ended.";
    VIP_SENT = Counter "sekisho_vip_sent_bytes_total" VIP, "Bytes to clients, of what has ended.";
    VIP_ENDS = Counter "sekisho_vip_ends_total" &["vip", "end"], "How what has ended did, by the name that the access log has for it; faults and limits by kind.";
    VIP_RESPONSES = Counter "sekisho_vip_responses_total" &["vip", "class"], "Answers by the class of their status, of protocols whose statuses have three digits, as HTTP's.";
    VIP_CONNECT = Histogram "sekisho_vip_connect_seconds" VIP, "Until a connection to a server was there, where one had to be made.";
    VIP_RESPONSE = Histogram "sekisho_vip_response_seconds" VIP, "Until a server's first byte, of what has ended.";
    VIP_DURATION = Histogram "sekisho_vip_duration_seconds" VIP, "From the first byte to the last, of what has ended.";
    VIP_KNOWN = Counter "sekisho_vip_known_total" &["vip", "by"], "How the clients of connections that have ended became known, in the protocol's own words.";
    VIP_ANSWERED = Counter "sekisho_vip_answered_total" &["vip", "reason"], "Datagrams that the gateway answered itself, by the protocol's reason.";
    VIP_IGNORED = Counter "sekisho_vip_ignored_total" &["vip", "reason"], "Datagrams of clients that were met with silence, by the protocol's reason; with accept-proxy also untrusted-proxy and proxy-header.";
    VIP_ASKED = Counter "sekisho_vip_asked_total" VIP, "Datagrams sent to servers, each time that one was.";
    VIP_SHARED = Counter "sekisho_vip_shared_total" VIP, "Datagrams that waited for the answer to an equal one.";
    VIP_HANDED = Counter "sekisho_vip_handed_total" VIP, "Datagrams for servers that are reached over streams.";
    VIP_REFUSED = Counter "sekisho_vip_refused_total" VIP, "Datagrams that a server's host or the network sent back.";
    VIP_REPEATS = Counter "sekisho_vip_repeats_total" VIP, "Datagrams that a second server was asked as well, because the first was silent.";
    VIP_TIMEOUTS = Counter "sekisho_vip_timeouts_total" VIP, "Datagrams that no server has answered in time.";
    VIP_LATE = Counter "sekisho_vip_late_total" VIP, "Answers that came after that of another server.";
    VIP_STRAYS = Counter "sekisho_vip_strays_total" VIP, "Datagrams of servers that answered nothing that was asked.";
    VIP_OVERLOADS = Counter "sekisho_vip_overloads_total" VIP, "Datagrams that were refused because too many were under way.";

    POOL_QUEUED = Gauge "sekisho_pool_queued" POOL, "Clients that wait for a server with room.";
    POOL_QUEUE_CAPACITY = Gauge "sekisho_pool_queue_capacity" POOL, "The most clients that may wait.";
    POOL_CONNECT = Histogram "sekisho_pool_connect_seconds" POOL, "Until a connection to one of its servers was there, where one had to be made.";
    POOL_RESPONSE = Histogram "sekisho_pool_response_seconds" POOL, "Until the first byte of one of its servers, of what has ended.";
    POOL_DURATION = Histogram "sekisho_pool_duration_seconds" POOL, "From the first byte to the last, of what it has served and has ended.";

    SERVER_UP = Gauge "sekisho_server_up" SERVER, "Whether it serves anybody: 1 when up, suspect or draining, 0 when down, ejected or in maintenance.";
    SERVER_STATE = Gauge "sekisho_server_state" &["pool", "server", "state"], "1 for the state that it is in, 0 for the others.";
    SERVER_WEIGHT = Gauge "sekisho_server_weight" SERVER, "Its weight.";
    SERVER_ACTIVE = Gauge "sekisho_server_active" SERVER, "Connections, requests or queries that it has now.";
    SERVER_SERVED = Counter "sekisho_server_served_total" SERVER, "Connections, requests or queries that it was chosen for.";
    SERVER_BYTES = Counter "sekisho_server_bytes_total" SERVER, "Bytes relayed, both ways together.";
    SERVER_RESPONSE = Gauge "sekisho_server_response_seconds" SERVER, "Its average response time: to traffic, else to connecting, else to probes; not given before the first.";
    SERVER_FAILURES = Counter "sekisho_server_failures_total" &["pool", "server", "reason"], "How often it failed a client, by how.";
    SERVER_TIMEOUTS = Counter "sekisho_server_timeouts_total" SERVER, "Answers of it that did not come in time; also counted as failures.";
    SERVER_STRAYS = Counter "sekisho_server_strays_total" SERVER, "Datagrams from its address that answered nothing that was asked.";
    SERVER_EJECTIONS = Counter "sekisho_server_ejections_total" SERVER, "How often it was ejected because it failed its clients.";
    SERVER_REPEATS = Counter "sekisho_server_repeats_total" SERVER, "Requests that another server was asked as well, because this one was silent.";

    SERVER_PROBES = Counter "sekisho_server_probes_total" &["pool", "server", "result"], "Probes, by whether they `passed` or `failed`.";
    SERVER_PROBE = Gauge "sekisho_server_probe_seconds" SERVER, "How long the latest probe took; not given before the first.";
    SERVER_CERTIFICATE = Gauge "sekisho_server_certificate_expiry_timestamp_seconds" SERVER, "When the certificate expires that it showed to a probe, since 1970.";
    SERVER_NOTE = Info "sekisho_server_note_info" &["pool", "server", "name", "text"], "What probes found out about it.";

    PERSISTENCE_ENTRIES = Gauge "sekisho_persistence_entries" DOMAIN, "Keys that are remembered.";
    PERSISTENCE_BYTES = Gauge "sekisho_persistence_bytes" DOMAIN, "Bytes of keys and names.";
    PERSISTENCE_HITS = Counter "sekisho_persistence_hits_total" DOMAIN, "Look-ups that found the client's server.";
    PERSISTENCE_MISSES = Counter "sekisho_persistence_misses_total" DOMAIN, "Look-ups that did not.";
    PERSISTENCE_INSERTS = Counter "sekisho_persistence_inserts_total" DOMAIN, "Keys that were taken in.";
    PERSISTENCE_MOVES = Counter "sekisho_persistence_moves_total" DOMAIN, "Keys whose server changed.";
    PERSISTENCE_EVICTIONS = Counter "sekisho_persistence_evictions_total" DOMAIN, "Keys that made room for others.";
    PERSISTENCE_EXPIRED = Counter "sekisho_persistence_expired_total" DOMAIN, "Keys that expired.";

    VRRP_STATE = Gauge "sekisho_vrrp_state" &["vrrp", "state"], "1 for the state that it is in on this node, 0 for the others.";
    VRRP_PRIORITY = Gauge "sekisho_vrrp_priority" VRRP, "The priority that this node advertises.";
    VRRP_TRANSITIONS = Counter "sekisho_vrrp_transitions_total" VRRP, "How often its state has changed.";
    VRRP_SENT = Counter "sekisho_vrrp_adverts_sent_total" VRRP, "Adverts sent.";
    VRRP_RECEIVED = Counter "sekisho_vrrp_adverts_received_total" VRRP, "Adverts of other nodes that were heard.";
    VRRP_INVALID = Counter "sekisho_vrrp_adverts_invalid_total" VRRP, "Packets that were not believed.";

    PEER_UP = Gauge "sekisho_peer_up" PEER, "1 while what clients are known is exchanged with this node.";
    PEER_LAG = Gauge "sekisho_peer_lag_seconds" PEER, "The longest that a change waits until the node has acknowledged it.";
    PEER_UPDATES = Counter "sekisho_peer_updates_total" &["peer", "result"], "Changes that were told (`sent`), and those of the node: `learned`, `known` already, `older` than what is here, `refused` since they mean nothing here.";
    PEER_CONNECTS = Counter "sekisho_peer_connections_total" PEER, "Connections with it.";
    PEER_DIFFERENCES = Gauge "sekisho_peer_differences" PEER, "How much of what must agree on both nodes does not.";
    PEER_CLOCK = Gauge "sekisho_peer_clock_ahead_seconds" PEER, "By how much the clock of the node is ahead of that of this one; less than nothing: behind.";
    PEER_THERE = Gauge "sekisho_peer_remote_entries" &["peer", "domain"], "Keys that the node holds of what is exchanged, as it has told.";
    PEER_ALIKE = Gauge "sekisho_peer_table_alike" &["peer", "domain"], "1 while the node was seen to hold the same as this one within half a minute.";
    PEER_ENTRIES = Gauge "sekisho_peer_table_entries" DOMAIN, "Keys that this node holds of what is exchanged.";
    PEER_DIGEST = Gauge "sekisho_peer_table_digest" DOMAIN, "A number that is the same on nodes that hold the same.";

    LOG_LINES = Counter "sekisho_access_log_lines_total" &["log"], "Lines of the access log that were written.";
    LOG_OMITTED = Counter "sekisho_access_log_omitted_total" &["log", "reason"], "Lines that were not: `sampled` and `limited` by configuration, `slow` and `failed` by the receiver.";
    LOG_MESSAGES = Counter "sekisho_log_messages_total" NONE, "Messages of the gateway's own log that were written; not given where it goes to standard error.";
    LOG_LOST = Counter "sekisho_log_messages_lost_total" &["reason"], "Messages of it that were not: `slow`, because so many waited for the receiver, or `failed`, because it did not take them.";

    STORE_UP = Gauge "sekisho_store_up" NONE, "Whether what clients are known is shared with other gateways: 1 while the store of `[store]` is reached.";
    STORE_PENDING = Gauge "sekisho_store_pending" NONE, "Changes that were sent to the store and that it has not confirmed.";
    STORE_WRITTEN = Counter "sekisho_store_written_total" NONE, "Entries written that were news to the store.";
    STORE_LEARNED = Counter "sekisho_store_learned_total" NONE, "Entries of other gateways that were news here.";
    STORE_REFUSED = Counter "sekisho_store_refused_total" NONE, "Entries that the store did not take, and those in it that could not be read, by another secret for one.";
    STORE_CONNECTS = Counter "sekisho_store_connects_total" NONE, "How often the store was reached.";
    STORE_FAILURES = Counter "sekisho_store_failures_total" NONE, "How often reaching it failed, or a connection to it was lost.";
    STORE_LAG = Gauge "sekisho_store_lag_seconds" NONE, "For how long what is known here may not be known to others: since the oldest change that is not confirmed, or since the store is gone.";

    TOKEN_EXPIRY = Gauge "sekisho_token_expiry_timestamp_seconds" &["name"], "When an operator's token expires, since 1970; not given for those that do not.";
    CERTIFICATE_EXPIRY = Gauge "sekisho_certificate_expiry_timestamp_seconds" &["vip", "name", "file"], "When a certificate in use expires, since 1970.";
}
