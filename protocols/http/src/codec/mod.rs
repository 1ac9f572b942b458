//! HTTP/1.1 on the wire. No other module knows how: messages are those of the `http` crate, bodies are [`Upload`] and
//! [`Download`].
//!
//! Servers are spoken to by a codec of the gateway's own, `client`: nearly all that a request costs beside system
//! calls was spent there. Clients are heard by hyper.
//!
//! hyper's parser is told to be strict by its defaults. Three of its switches are deliberately left alone:
//! `pipeline_flush`, because with it the write buffer has no bound and an answer in pieces waits for as long as
//! the next request has begun to arrive; `max_buf_size`, because heads have a limit of their own and bodies profit
//! from a read buffer that grows; and title case, because names are case-insensitive.

mod client;
mod download;
mod server;
mod server_io;
mod upload;
mod upstream_io;

pub(crate) use client::{Broken, Buffers, Outgoing, Upstream};
pub(crate) use download::Download;
pub(crate) use server::{Finished, serve};
pub(crate) use upload::{Aborted, Upload};
