//! The names of log fields: the same thing has the same name in every form of every log.

use std::fmt;

/// Declares the fields, and the list of them all.
macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $field:ident = $name:literal,)*) => {
        /// A field of a line of the access log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum LogField {
            $($(#[doc = $doc])+ $field,)*
        }

        impl LogField {
            /// All of them, in the order in which lines have them.
            pub const ALL: &[Self] = &[$(Self::$field),*];

            /// The name.
            #[inline]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }

            /// What stands before the value in a line of text.
            #[inline]
            pub const fn in_text(self) -> &'static str {
                match self { $(Self::$field => concat!(" ", $name, "="),)* }
            }

            /// What stands before the value in a line of JSON.
            #[inline]
            pub const fn in_json(self) -> &'static str {
                match self { $(Self::$field => concat!(",\"", $name, "\":"),)* }
            }
        }
    };
}

fields! {
    /// When the line was written, which is when what it tells of ended: RFC 3339, UTC, milliseconds.
    Time = "time",
    /// The VIP.
    Vip = "vip",
    /// The connection's number in hexadecimal, unique while the process runs; mail servers are told the same one.
    Id = "id",
    /// The client's address and port.
    Client = "client",
    /// The proxy that named the client in a PROXY header; absent where the client connected itself.
    Peer = "peer",
    /// The number under which that proxy knows the connection, where it says so.
    UniqueId = "unique_id",
    /// The client that trusted proxies name in the request.
    ForwardedFor = "forwarded_for",
    /// Whose word was taken for the client's address: `proxy-protocol` for `client`, `x-forwarded-for` for
    /// `forwarded_for`; absent where nobody's was.
    Believed = "believed",
    /// The address and port that the client reached.
    Local = "local",
    /// The version of TLS with the client; absent on plain connections.
    Tls = "tls",
    /// The pool of the server.
    Pool = "pool",
    /// The server.
    Server = "server",
    /// Why that server: `preferred`, `persisted`, `method`, `moved`, `last-resort`.
    Why = "why",
    /// The balancing method, where one chose.
    Balance = "balance",
    /// The kind of key that the client was known by; never the key.
    Key = "key",
    /// How the client became known, in the protocol's own word.
    KnownBy = "known_by",
    /// Servers tried.
    Attempts = "attempts",
    /// Until the server's first byte, in milliseconds.
    Answered = "answered_ms",
    /// In all, in milliseconds.
    Took = "took_ms",
    /// Bytes from the client.
    Received = "received",
    /// Bytes to the client.
    Sent = "sent",
    /// The one reason for which it ended.
    End = "end",
    /// The request's method, as HTTP has them; of other protocols, what stands for it: the type of a DNS query.
    Method = "method",
    /// The host asked for.
    Host = "host",
    /// The request's path and query as they came.
    Target = "target",
    /// The request's protocol version.
    Version = "version",
    /// The rule that the request met, by name or number.
    Rule = "rule",
    /// The status answered.
    Status = "status",
    /// The number of the request that its server was told too.
    RequestId = "request_id",
    /// The number of the trace that the request belongs to.
    TraceId = "trace_id",
    /// The rate limit that the request was beyond.
    RateLimit = "rate_limit",
    /// Lines that the log's own limit of lines a second left out, since the last line that says so; alone in its line.
    LeftOut = "left_out",
}

impl LogField {
    /// The field of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

impl fmt::Display for LogField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
