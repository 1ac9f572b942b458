//! A health probe as a state machine without sockets.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::facts::TlsFacts;
use crate::protocol::PoolSettings;
use crate::settings::Section;

/// A kind of probe, found by the name that `probe = { kind = "..." }` gives.
pub trait ProbeKind: fmt::Debug + Send + Sync {
    /// The name in the configuration.
    fn name(&self) -> &'static str;

    /// Reads the probe's own keys. What is wrong is recorded in the section; `None` if it cannot be used.
    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>>;

    /// The same for a pool in which the protocol that brings this kind has settings of its own
    /// ([`crate::Protocol::configure_pool`]): a probe speaks to servers as traffic does.
    fn configure_for(
        &self,
        options: &mut Section<'_>,
        pool: Option<&PoolSettings>,
    ) -> Option<Arc<dyn Probe>> {
        let _ = pool;
        self.configure(options)
    }
}

/// A configured probe of a pool; one value serves all its servers.
pub trait Probe: fmt::Debug + Send + Sync {
    /// Whether the core makes a TLS connection before the first step.
    fn tls(&self) -> ProbeTls {
        ProbeTls::AsPool
    }

    /// Whether it speaks over datagrams instead of a stream.
    fn over(&self) -> ProbeOver {
        ProbeOver::Stream
    }

    /// Begins a probe of `server` (its name and address are for requests that carry them).
    /// `nonce` is fresh randomness for ids.
    fn open(&self, server: &str, address: std::net::SocketAddr, nonce: u64) -> Box<dyn ProbeRun>;
}

/// What a probe speaks over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOver {
    /// A stream.
    Stream,
    /// Datagrams, each offered by itself.
    Datagrams,
    /// Datagrams, or a stream where the pool's servers are reached over streams alone.
    AsPool,
}

/// Which connection a probe wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeTls {
    /// As traffic to the pool's servers goes.
    AsPool,
    /// TLS, always.
    Always,
    /// Plain, always.
    Never,
}

/// One run of a probe.
pub trait ProbeRun: fmt::Debug + Send {
    /// Looks at what happened and answers with the next step. Total on all bytes.
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep;
}

/// What a probe is shown.
#[derive(Clone, Copy, Debug)]
pub enum ProbeInput<'a> {
    /// The connection is up, and the TLS on it if there is one.
    Connected(Option<&'a TlsFacts>),
    /// The same where datagrams are spoken.
    Datagrams,
    /// Everything the server sent since the last consuming step.
    Bytes(&'a [u8]),
    /// The server will send nothing more.
    Ended,
}

/// What a probe answers.
#[derive(Debug)]
pub enum ProbeStep {
    /// More bytes are needed. At most 64 KiB are ever kept.
    NeedMore,
    /// Consume this many bytes and send these.
    Send(usize, Bytes),
    /// Consume this many bytes and start TLS.
    StartTls(usize),
    /// Remember of the server, for operators: a name of lower-case words joined by hyphens, and at most 64 bytes of text.
    /// Consumes nothing; the bytes that there are, be it none, are shown again.
    Note(&'static str, String),
    /// The server is well.
    Up,
    /// The server is not; the text says why, for the operator.
    Down(String),
}
