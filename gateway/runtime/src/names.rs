//! The names of log fields: the same thing has the same name in every form of every log.

/// When the line was written, which is when what it tells of ended: RFC 3339, UTC, milliseconds.
pub(crate) const TIME: &str = "time";
/// The VIP.
pub(crate) const VIP: &str = "vip";
/// The connection's number in hexadecimal, unique while the process runs; mail servers are told the same one.
pub(crate) const ID: &str = "id";
/// The client's address and port.
pub(crate) const CLIENT: &str = "client";
/// The proxy that named the client in a PROXY header; absent where the client connected itself.
pub(crate) const PEER: &str = "peer";
/// The number under which that proxy knows the connection, where it says so.
pub(crate) const UNIQUE_ID: &str = "unique_id";
/// Whose word was taken for the client's address: `proxy-protocol` for `client`, `x-forwarded-for` for
/// `forwarded_for`; absent where nobody's was.
pub(crate) const BELIEVED: &str = "believed";
/// The client that trusted proxies name in the request.
pub(crate) const FORWARDED_FOR: &str = "forwarded_for";
/// The address and port that the client reached.
pub(crate) const LOCAL: &str = "local";
/// The version of TLS with the client; absent on plain connections.
pub(crate) const TLS: &str = "tls";
/// The pool of the server.
pub(crate) const POOL: &str = "pool";
/// The server.
pub(crate) const SERVER: &str = "server";
/// Why that server: `preferred`, `persisted`, `method`, `moved`, `last-resort`.
pub(crate) const WHY: &str = "why";
/// The balancing method, where one chose.
pub(crate) const METHOD: &str = "method";
/// The kind of key that the client was known by; never the key.
pub(crate) const KEY: &str = "key";
/// How the client became known, in the protocol's own word.
pub(crate) const KNOWN_BY: &str = "known_by";
/// Servers tried.
pub(crate) const ATTEMPTS: &str = "attempts";
/// Until the server's first byte, in milliseconds.
pub(crate) const ANSWERED: &str = "answered_ms";
/// In all, in milliseconds.
pub(crate) const TOOK: &str = "took_ms";
/// Bytes from the client.
pub(crate) const RECEIVED: &str = "received";
/// Bytes to the client.
pub(crate) const SENT: &str = "sent";
/// The one reason for which it ended.
pub(crate) const END: &str = "end";
/// The request's method.
pub(crate) const REQUEST: &str = "request";
/// The host asked for.
pub(crate) const HOST: &str = "host";
/// The request's path and query as they came.
pub(crate) const TARGET: &str = "target";
/// The request's protocol version.
pub(crate) const VERSION: &str = "version";
/// The rule that the request met, by name or number.
pub(crate) const RULE: &str = "rule";
/// The status answered.
pub(crate) const STATUS: &str = "status";
/// The number of the request that its server was told too.
pub(crate) const REQUEST_ID: &str = "request_id";
/// The number of the trace that the request belongs to.
pub(crate) const TRACE_ID: &str = "trace_id";
/// The rate limit that the request was beyond.
pub(crate) const RATE_LIMIT: &str = "rate_limit";
