//! HTTP for Sekisho: every request is balanced on its own, over kept server connections.
//!
//! A client connection belongs to one worker. What the worker shares between its clients (the idle server
//! connections, the cookies' text) stays in it; nothing on the path of a request is shared between threads.
//!
//! | module | idea |
//! |---|---|
//! | `protocol`, `options` | what stands in the configuration |
//! | `worker`, `conn` | one client connection: idle, serving, closing, and its deadlines |
//! | `proxy`, `exchange` | one request: from its head to the last byte of its answer, and its account |
//! | `target`, `hop`, `forward`, `cookie`, `keys` | the rules on message heads, as pure functions |
//! | `codec` | messages as bytes: the only modules that know them |
//! | `encode` | answers in a coding that the client takes |
//! | `pool` | idle server connections |
//! | `probe` | the `http` health probe |

mod answer;
mod codec;
mod conn;
mod cookie;
mod encode;
mod exchange;
mod forward;
mod hop;
mod keys;
mod methods;
mod options;
mod pool;
mod probe;
mod protocol;
mod proxy;
mod response;
mod rules;
mod target;
mod text;
mod two;
mod user;
mod worker;

pub use protocol::Http;
