//! HTTP/2 towards servers (RFC 9113): framing, header compression and flow control are the `h2` crate's.
//!
//! | module | idea |
//! |---|---|
//! | `connection` | a connection that many requests share, and the places on it |
//! | `driver`, `pulse` | the task that it lives in, and whether its server is still there |
//! | `stream` | one request, and its answer |
//! | `request`, `answer` | heads, from the terms of HTTP/1.1 to those of HTTP/2 and back |

mod answer;
mod connection;
mod driver;
mod pulse;
mod request;
mod stream;

pub(crate) use connection::{Connection, Place, Terms};
pub(crate) use pulse::Rhythm;
pub(super) use stream::Stream;
