//! A whole protocol in a page: read the first flight, name the key, relay.

use std::fmt;

use bytes::Bytes;

use crate::conversation::{Conversation, Converse, Input, Step};
use crate::facts::Facts;
use crate::fault::Fault;
use crate::refusal::Unavailable;
use crate::route::Route;

/// The outcome of looking at a client's first bytes.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once per connection and taken apart at once")]
pub enum Head {
    /// Cannot tell yet: the message is incomplete.
    Incomplete,
    /// All that can be known is known. A route without a key says: certainly no key.
    Route(Route),
}

/// A protocol whose client speaks first and whose first flight tells all that the gateway needs.
///
/// The bytes are passed on untouched; nothing is consumed before the server is there, so a server that does not
/// answer the dial is replaced by another.
pub trait HeadConversation: fmt::Debug + Send + Sync + 'static {
    /// Reads the client's first bytes, all that came so far. A pure function: same bytes, same answer.
    ///
    /// # Errors
    /// A [`Fault`] when the bytes cannot be the beginning of this protocol.
    fn head(&self, bytes: &[u8], facts: &Facts) -> Result<Head, Fault>;

    /// What a client is told when there is no server. Empty, the default: the connection just closes.
    fn refusal(&self, why: Unavailable) -> Bytes {
        let _ = why;
        Bytes::new()
    }
}

/// Makes a [`Converse`] of a [`HeadConversation`].
#[derive(Debug)]
pub struct Heads<H>(std::sync::Arc<H>);

impl<H: HeadConversation> Heads<H> {
    /// Wraps the protocol.
    pub fn new(head: H) -> Self {
        Self(std::sync::Arc::new(head))
    }
}

impl<H: HeadConversation> Converse for Heads<H> {
    fn open(&self, facts: &Facts) -> Box<dyn Conversation> {
        Box::new(HeadState { head: self.0.clone(), facts: facts.clone(), stage: Stage::Reading })
    }
}

#[derive(Debug)]
struct HeadState<H> {
    head: std::sync::Arc<H>,
    facts: Facts,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Reading,
    Routing,
    Refused,
}

impl<H: HeadConversation> Conversation for HeadState<H> {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (self.stage, input) {
            (Stage::Reading, Input::Client(bytes)) => match self.head.head(bytes, &self.facts)? {
                Head::Incomplete => Ok(Step::NeedMore),
                Head::Route(route) => {
                    self.stage = Stage::Routing;
                    Ok(Step::Route(0, Box::new(route)))
                }
            },
            (Stage::Reading, Input::Open(_)) => Ok(Step::NeedMore),
            (Stage::Routing, Input::Connected(_)) => Ok(Step::Relay),
            (Stage::Routing, Input::Unavailable(why)) => {
                self.stage = Stage::Refused;
                let words = self.head.refusal(why);
                Ok(if words.is_empty() { Step::Close } else { Step::Reply(0, words) })
            }
            (Stage::Routing, Input::Client(_) | Input::Server(_) | Input::Draining) => Ok(Step::Wait),
            (Stage::Routing, Input::Ended(_)) => Ok(Step::Wait),
            _ => Ok(Step::Close),
        }
    }
}
