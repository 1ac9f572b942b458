//! HTTP/1.1 on the wire, by hyper. No other module names it: messages are those of the `http` crate, bodies are
//! [`Upload`] and [`Download`], so that another engine can take its place.
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

pub(crate) use client::{Broken, Upstream};
pub(crate) use download::{Download, Incoming};
pub(crate) use server::{Finished, serve};
pub(crate) use upload::{Aborted, Upload};
