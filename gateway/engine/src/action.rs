//! What the engine asks of its driver.

use std::fmt;

use bytes::{Bytes, BytesMut};
use sekisho_api::{End, Route, Side};

/// What the driver does next.
///
/// Each is carried out before [`crate::Engine::next`] is called again, in the order given; a driver that queues its
/// writes empties the queue before `StartTls`, `Relay` and `Close`.
pub enum Action {
    /// Nothing to do until something comes: bytes of a side that is named here, its end, the outcome of a dial.
    Read {
        /// Whether the client is to be read. False is back-pressure, or it has ended.
        client: bool,
        /// Whether the server is to be read.
        server: bool,
        /// What the client is waited for.
        need: Need,
    },
    /// Write these to that side.
    Write(Side, Bytes),
    /// Choose a server and connect to it; answer with `connected` or `unavailable`.
    Route(Box<Route>),
    /// Choose a server without connecting to it; answer with `issued` or `unavailable`.
    Issue(Box<Route>),
    /// The server failed the conversation before anything was committed: settle its lease as failed and try another;
    /// answer with `connected` or `unavailable`.
    Retry,
    /// Close the server if there is one, or give up the dial, and settle the lease.
    ReleaseServer {
        /// Whether the server has failed.
        failed: bool,
    },
    /// Count a strike against the client's address, and go on after the time that this costs it; with `barred` if it has
    /// had too many.
    Strike,
    /// Do the handshake with that side (the gateway is TLS server to the client and TLS client to the server);
    /// answer with `secured`. What the socket delivered in clear before the handshake must not enter it.
    StartTls(Side),
    /// Relay byte for byte, these first. A side that has ended stays ended. The engine has done its work.
    Relay {
        /// What the client had said and the server has not seen.
        to_server: BytesMut,
        /// What the server had said and the client has not seen.
        to_client: BytesMut,
    },
    /// Close both sides; comes again if asked again.
    Close(End),
}

/// What a client is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The conversation needs more of the client's bytes: the head deadline runs.
    NeedMore,
    /// The conversation waits for somebody else.
    Wait,
}

/// What becomes of a conversation whose server failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing was committed: `next` answers with [`Action::Retry`].
    Again,
    /// The conversation was committed to it and is told that the server ended; this is why. Go on with `next`.
    Final(End),
}

/// Lengths only: what travels may be a password.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { client, server, need } => {
                write!(f, "Read {{ client: {client}, server: {server}, need: {need:?} }}")
            }
            Self::Write(side, bytes) => write!(f, "Write({side:?}, {} bytes)", bytes.len()),
            Self::Route(route) => write!(f, "Route({route:?})"),
            Self::Issue(route) => write!(f, "Issue({route:?})"),
            Self::Retry => f.write_str("Retry"),
            Self::ReleaseServer { failed } => write!(f, "ReleaseServer {{ failed: {failed} }}"),
            Self::Strike => f.write_str("Strike"),
            Self::StartTls(side) => write!(f, "StartTls({side:?})"),
            Self::Relay { to_server, to_client } => {
                write!(
                    f,
                    "Relay {{ to_server: {} bytes, to_client: {} bytes }}",
                    to_server.len(),
                    to_client.len()
                )
            }
            Self::Close(end) => write!(f, "Close({end:?})"),
        }
    }
}
