//! A protocol as a state machine without sockets: offered bytes, answering with one verb.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::facts::{Facts, TlsFacts};
use crate::fault::Fault;
use crate::key::KeyKind;
use crate::refusal::{Deadline, Unavailable};
use crate::route::Route;

/// One of the two sides of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl Side {
    /// The opposite side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a conversation is shown.
///
/// Bytes are always *everything unconsumed* of one side: after `NeedMore` the same bytes come again with more behind
/// them. What is not bytes comes exactly once, and never while an earlier verb is still being carried out.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// The first call: a client connected and nothing was read yet. A protocol whose server speaks first greets here.
    Open(&'a Facts),
    /// The client's unconsumed bytes; empty only directly after a verb about this side.
    Client(&'a [u8]),
    /// The server's unconsumed bytes; empty only directly after a verb about this side.
    Server(&'a [u8]),
    /// The server that [`Step::Route`] asked for is connected. Comes again, with another server, when the first one
    /// failed before [`Step::Commit`]: whatever was said to it must be said again.
    Connected(&'a Connected),
    /// There is no server. Say so in the protocol's own words, then [`Step::Close`] or stay for another attempt.
    Unavailable(Unavailable),
    /// The token that [`Step::Issue`] asked for, at most [`crate::Prefer::SEALED_MAX`] bytes of URL-safe base64. A client
    /// that comes back with it ([`crate::Prefer::Sealed`]) meets the server that was chosen.
    Issued(&'a str),
    /// TLS on this side is up. What was buffered in clear before it is gone.
    Secured(Side, &'a TlsFacts),
    /// This side will send nothing more; everything it sent has been consumed or cannot be. A server that ends before
    /// [`Step::Commit`] is a failing server: instead of this, `Connected` comes with another one. One that had been told
    /// something counts as such once another one has been committed to: its client may be why.
    Ended(Side),
    /// The core would like the conversation to end at the next safe point. Not an order.
    Draining,
    /// Too many strikes ([`Step::Strike`]) came from the client's address: the connection closes after this call, the last
    /// chance for a word to the client. May come instead of `Open`.
    Barred,
    /// A deadline passed and the connection closes after this call: the last chance for a word to the client.
    Expired(Deadline),
}

impl Input<'_> {
    /// The side whose bytes a verb's `n` counts, and that [`Step::Reply`] answers.
    pub const fn side(&self) -> Side {
        match self {
            Self::Server(_)
            | Self::Connected(_)
            | Self::Secured(Side::Server, _)
            | Self::Ended(Side::Server) => Side::Server,
            _ => Side::Client,
        }
    }

    /// The unconsumed bytes, none for what is not bytes.
    pub const fn bytes(&self) -> &[u8] {
        match self {
            Self::Client(bytes) | Self::Server(bytes) => bytes,
            _ => &[],
        }
    }
}

/// The server that was chosen and connected.
#[derive(Clone, Debug)]
pub struct Connected {
    /// Its name from the configuration.
    pub name: Arc<str>,
    /// The TLS to it that is already up; `None` on a plain connection.
    pub tls: Option<Arc<TlsFacts>>,
    /// TLS has to be started in mid-stream ([`Step::StartTls`]) before anything is said that must not be overheard.
    pub start_tls: bool,
    /// 1 for the first server that was tried for this route.
    pub attempt: u32,
}

/// The one verb a conversation answers with. `n` counts bytes from the start of the offered ones.
///
/// After any verb but `NeedMore`, `Wait`, `Relay` and `Close`, the conversation is called again with what remains of
/// the same side, be it empty, until it answers `NeedMore` or `Wait`.
#[derive(Debug)]
pub enum Step {
    /// More bytes of the offered side are needed. Only this verb can mean that a head is too large or too slow.
    NeedMore,
    /// Nothing to do until the *other* side, or the core, has done something. The bytes stay. As an answer to no bytes
    /// at all it says nothing about those that come later: they are shown.
    Wait,
    /// Forward `n` bytes to the other side as they are.
    Pass(usize),
    /// Forget `n` bytes.
    Drop(usize),
    /// Consume `n` bytes and send these to the other side instead.
    Replace(usize, Bytes),
    /// Consume `n` bytes and send these back to the offered side.
    Reply(usize, Bytes),
    /// Consume `n` bytes and ask for a server. A server that the conversation already has is released first.
    /// Answered by `Connected` or `Unavailable`.
    Route(usize, Box<Route>),
    /// Consume `n` bytes and ask for a token that leads this client to its server when it comes back within a minute: for
    /// protocols that can send it away. A server is chosen and remembered as for `Route`, and not connected to. Answered
    /// by `Issued` or `Unavailable`; a server that the conversation already has is a fault.
    Issue(usize, Box<Route>),
    /// From here on a failing server is not replaced by another. Implied by the first byte of a server that reaches
    /// the client, and by `Relay`.
    Commit,
    /// Consume `n` bytes, give the server up and settle its lease; the conversation stays with the client, whose bytes
    /// are shown next.
    Release(usize),
    /// As `Release`, and the server has failed: where another one cannot be tried any more, since it may have heard what
    /// is secret, the failure would else be known to the client alone.
    Fail(usize),
    /// Consume `n` bytes; the client did what must not be repeated quickly, such as naming a wrong password. It counts
    /// against the client's address, and the conversation stands still for a time that grows with the count.
    Strike(usize),
    /// Consume `n` bytes and start TLS on the offered side, after everything said to it has been written. All that
    /// is buffered behind the `n` bytes is discarded: it was sent in clear and must never count as secured. Nothing is
    /// shown before `Secured`.
    StartTls(usize),
    /// Both sides belong together from here on, byte for byte, what is buffered first. The conversation is over.
    Relay,
    /// Write what was said, then close both sides.
    Close,
}

/// Decides what happens to the bytes of one connection.
///
/// Twelve laws make a protocol's author's life simple and the core's possible; `sekisho-testkit` checks each of
/// them on any implementation, in one line:
///
/// 1. **Total.** Any bytes in any order give a verb or a [`Fault`]; no panic, no unbounded loop.
/// 2. **Split-blind.** The same bytes give the same verbs' effects however they were cut on the way.
/// 3. **Bounded.** The state's size does not depend on what a peer claims or how much it sends.
/// 4. **Honest need.** `NeedMore` means that a longer input of this side can change the answer; `Wait` means that
///    only the other side or the core can.
/// 5. **No overdraw.** `n` never exceeds the offered bytes.
/// 6. **Progress.** A verb that consumes nothing and says nothing is not answered twice in a row to the same input.
/// 7. **Keys are optional.** A missing or unreadable key is not a fault; the route goes without it.
/// 8. **Prefer, never address.** What a client sends selects among configured servers.
/// 9. **No plaintext across TLS.** Nothing learned from bytes behind `StartTls` survives it.
/// 10. **Replayable until committed.** `Connected` may come again; the answer to it does not depend on how often.
/// 11. **Silence is redacted.** `Debug` shows neither keys nor credentials.
/// 12. **Own words.** `Unavailable` is answered in the protocol's own language.
pub trait Conversation: fmt::Debug + Send {
    /// Looks at `input` and answers with the next [`Step`]. Never blocks, never panics, never asks for the time.
    ///
    /// # Errors
    /// A [`Fault`] when one side broke the protocol's framing; the core tells the client what the fault carries
    /// and closes. A fault of the server before [`Step::Commit`] makes it a failing server: another one is tried.
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault>;
}

/// Opens the conversations of one VIP. One value serves all workers.
pub trait Converse: fmt::Debug + Send + Sync {
    /// A conversation for a client that has just connected.
    fn open(&self, facts: &Facts) -> Box<dyn Conversation>;

    /// Whether it speaks to servers over TLS alone that it starts in mid-stream: pools that are configured otherwise do
    /// not suit it.
    fn wants_start_tls(&self) -> bool {
        false
    }

    /// The route of a client that an operator describes, as [`crate::Service::described`].
    ///
    /// # Errors
    /// A phrase: which word is wrong, or why such a client gets no server.
    fn described(&self, client: IpAddr, said: &[(KeyKind, &str)]) -> Result<Option<Route>, String> {
        let _ = (client, said);
        Ok(None)
    }
}
