//! A conversation that answers anything, to see what the engine makes of it.

use bytes::Bytes;
use sekisho_api::{Conversation, Fault, Input, Route, Step};
use sekisho_engine::EngineLimits;

use crate::oracle::play;
use crate::rig::Rig;

/// Checks the engine: half of `data` is what a lawless conversation answers, the rest is what happens to it. Whatever
/// both are, the engine neither panics nor asks for ever, writes only to who is there, and ends finally.
///
/// # Panics
/// If something of this does not hold; that is the finding.
pub fn engine(data: &[u8]) {
    let (answers, script) = data.split_at(data.len() / 2);
    let limits = EngineLimits { buffer: 64, steps: 16, output: 256 };
    let rig = Rig::lawless(Box::new(Scripted { answers: answers.to_vec(), at: 0 }), limits);
    _ = play(rig, script, |rig, side, bytes| rig.say(side, bytes));
}

/// Answers by the next three bytes: which verb, how much it consumes, how much it says.
#[derive(Debug)]
struct Scripted {
    answers: Vec<u8>,
    at: usize,
}

impl Scripted {
    fn byte(&mut self) -> usize {
        let byte = self.answers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte.into()
    }
}

impl Conversation for Scripted {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        let (verb, consumed, said) = (self.byte(), self.byte(), self.byte());
        // One too many now and then: an overdraw.
        let n = consumed % (input.bytes().len() + 2);
        let words = Bytes::from(vec![b'w'; said]);
        Ok(match verb % 14 {
            0 | 1 => Step::NeedMore,
            2 => Step::Wait,
            3 => Step::Pass(n),
            4 => Step::Drop(n),
            5 => Step::Replace(n, words),
            6 => Step::Reply(n, words),
            7 => Step::Route(n, Box::new(Route::new())),
            8 => Step::Commit,
            9 => Step::Release(n),
            10 => Step::StartTls(n),
            11 => Step::Relay,
            12 => Step::Close,
            _ if consumed % 2 == 0 => return Err(Fault::client("scripted").telling(words)),
            _ => return Err(Fault::server("scripted").telling(words)),
        })
    }
}
