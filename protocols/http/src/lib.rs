//! HTTP for Sekisho: every request is balanced on its own, over kept server connections.
//!
//! A client connection belongs to one worker. What the worker shares between its clients (the idle server
//! connections, the cookies' text) stays in it; nothing on the path of a request is shared between threads.
//!
//! | module | idea |
//! |---|---|
//! | `protocol`, `options`, `pool_options` | what stands in the configuration |
//! | `worker`, `conn` | one client connection: idle, serving, closing, and its deadlines |
//! | `two` | a client connection of HTTP/2: many requests at a time, each served as one of HTTP/1.1 is |
//! | `proxy`, `exchange`, `response` | one request: from its head to the last byte of its answer, and its account |
//! | `retry`, `deadlines` | whether a request that failed is tried on another server, and how long it may take |
//! | `rules`, `routing`, `outlook` | what becomes of a request by what it asks for, and how that is explained |
//! | `user`, `jwt` | who asks |
//! | `rates` | how often may be asked |
//! | `trace`, `tls_fields`, `reserved` | what a server is told of a request beside its client's address |
//! | `target`, `methods`, `last_hop`, `hop`, `forward`, `present`, `cookie`, `keys` | what holds for heads, as pure functions |
//! | `codec` | messages as bytes: the only modules that know them |
//! | `encode` | answers in a coding that the client takes |
//! | `answer`, `pages`, `grpc` | what the gateway says itself, what the operator would rather have it say, and to callers of gRPC |
//! | `pool`, `shared`, `gate` | server connections: idle ones of HTTP/1.1, those of HTTP/2, and how many there may be |
//! | `probe` | the health probes `http` and `grpc` |

mod answer;
mod codec;
mod conn;
mod cookie;
mod deadlines;
mod encode;
mod exchange;
mod forward;
mod gate;
mod grpc;
mod hop;
mod jwt;
mod keys;
mod last_hop;
mod methods;
mod options;
mod outlook;
mod pages;
mod pool;
mod pool_options;
mod present;
mod probe;
mod protocol;
mod proxy;
mod rates;
mod reserved;
mod response;
mod retry;
mod routing;
mod rules;
mod shared;
mod target;
mod text;
mod tls_fields;
mod trace;
mod two;
mod user;
mod worker;

pub use codec::wire_oracle;
pub use protocol::Http;
