//! The contract between Sekisho's core and a protocol.
//!
//! A protocol reads who a client is, in its own words, and leaves everything else to the core: sockets, TLS, limits,
//! deadlines, choosing a server, connecting, retrying, relaying, draining, logs and metrics. There are three ways to
//! be one, from the simplest to the freest:
//!
//! * [`Conversation`] for one client and one server: a state machine that is offered bytes and answers with a verb.
//!   [`HeadConversation`] is the common case, *read the first flight, name the key, relay*, in a page.
//! * [`Exchange`] for datagrams that carry a transaction id.
//! * [`Service`] for protocols that carry several requests, perhaps to several servers, over one connection.
//!
//! # A complete protocol
//!
//! The made-up protocol *greet*: a client's first line is `HELLO <user>`. The same user always meets the same
//! server, over this protocol and over every other that shares its persistence domain.
//!
//! ```
//! use std::sync::Arc;
//!
//! use sekisho_api::settings::Section;
//! use sekisho_api::*;
//!
//! /// HELLO, one space, a user name, LF; 64 bytes at the most.
//! #[derive(Debug)]
//! struct Greet {
//!     identity: IdentityRules,
//! }
//!
//! impl HeadConversation for Greet {
//!     fn head(&self, bytes: &[u8], _: &Facts) -> Result<Head, Fault> {
//!         let Some(end) = bytes.iter().take(64).position(|&b| b == b'\n') else {
//!             return if bytes.len() < 64 { Ok(Head::Incomplete) } else { Err(Fault::client("line-too-long")) };
//!         };
//!         // A line that names nobody is not an error: the client is balanced without a key.
//!         let user = bytes.get(..end).and_then(|line| line.strip_prefix(b"HELLO "));
//!         Ok(Head::Route(Route::new().with_key(user.and_then(|user| self.identity.user(user)))))
//!     }
//!
//!     fn refusal(&self, why: Unavailable) -> bytes::Bytes {
//!         format!("SORRY {why}\n").into()
//!     }
//! }
//!
//! /// The value that stands in the registration list.
//! #[derive(Debug)]
//! struct GreetProtocol;
//!
//! impl Protocol for GreetProtocol {
//!     fn descriptor(&self) -> Descriptor {
//!         Descriptor {
//!             name: "greet",
//!             summary: "HELLO lines, kept on a server by user",
//!             transport: Transport::Tcp,
//!             keys: &[KeyKind::USER],
//!         }
//!     }
//!
//!     fn configure(&self, _: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
//!         let greet = Greet { identity: vip.identity.clone() };
//!         Some(Handler::Conversation(Arc::new(Heads::new(greet))))
//!     }
//! }
//!
//! // What the core does with it: incomplete until the line is complete, then a route with a user.
//! let greet = Greet { identity: IdentityRules::default() };
//! let facts = Facts::plain("192.0.2.1:5000".parse().unwrap(), "192.0.2.80:7".parse().unwrap());
//! assert!(matches!(greet.head(b"HELLO al", &facts), Ok(Head::Incomplete)));
//! let Ok(Head::Route(route)) = greet.head(b"HELLO CORP\\Alice\nmore", &facts) else { panic!() };
//! assert_eq!(route.key(KeyKind::USER), greet.identity.user(b"alice").as_ref());
//! ```
//!
//! A binary of one's own adds it with one line: `sekisho::main(sekisho::builtin().with(GreetProtocol))`.
//!
//! # Three outcomes, not two
//!
//! Reading a key ends in a key, in *certainly no key*, or in *cannot tell yet*. The classic mistake is to answer
//! "no key" when a segment ends early, which sends a client to a server that depends on how the network cut its
//! bytes:
//!
//! ```compile_fail
//! # use sekisho_api::*;
//! fn head(bytes: &[u8]) -> Head {
//!     match bytes.split(|&b| b == b'\n').next() {
//!         // Wrong: the first piece is there before the line has ended.
//!         Some(line) => Head::Route(Route::new().with_key(KeyKind::USER, line)),
//!         None => Head::Incomplete,
//!     }
//! }
//! ```
//!
//! # Laws
//!
//! They stand at [`Conversation`]; `sekisho-testkit` checks them on any implementation in one line, and fuzzes with
//! the same oracle.

mod conversation;
mod exchange;
mod facts;
mod fault;
mod head;
mod identity;
mod key;
mod metric;
mod networks;
mod numbers;
mod persist;
mod probe;
mod protocol;
mod refusal;
mod rewound;
mod route;
mod server;
mod service;
pub mod settings;
mod write_through;

pub use bytes;
pub use smallvec;

pub use conversation::{Connected, Conversation, Converse, Input, Side, Step};
pub use exchange::{
    Answer, Asked, DATAGRAM, Delivery, Described, Exchange, Fingerprint, Forward, IdPlace, Request,
};
pub use facts::{ClientCertificate, Facts, Proxy, TlsFacts};
pub use fault::Fault;
pub use head::{Head, HeadConversation, Heads};
pub use identity::IdentityRules;
pub use key::{Key, KeyKind};
pub use metric::{Metric, VipMetric};
pub use networks::{Network, NetworkError, Networks};
pub use numbers::{ByNumber, Numbers};
pub use persist::{CookieSettings, Persist, SameSite, Secure};
pub use probe::{Probe, ProbeInput, ProbeKind, ProbeOver, ProbeRun, ProbeStep, ProbeTls};
pub use protocol::{
    Descriptor, Handler, Patience, PoolContext, PoolSettings, Protocol, Transport, VipContext,
};
pub use refusal::{Blame, Deadline, End, Unavailable};
pub use rewound::Rewound;
pub use route::{Prefer, Route};
pub use server::{Failure, Hold, Lease, Observation, Server, TOKEN_LEN, Why};
pub use service::{
    BoxStream, Core, Local, Marks, Note, Outlook, Record, Reply, RequestLine, Service, Sketch, SpanMark,
    Stream, Try, Worker,
};
