//! Routed at once, relayed as soon as a server is there.

use sekisho_api::{Conversation, Converse, Facts, Fault, Input, Route, Step};

/// Opens conversations without a state: what was asked for and what came tells everything.
#[derive(Debug)]
pub(crate) struct AtOnce;

impl Converse for AtOnce {
    fn open(&self, _: &Facts) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

impl Conversation for AtOnce {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        Ok(match input {
            Input::Open(_) => Step::Route(0, Box::new(Route::new())),
            Input::Connected(_) => Step::Relay,
            // A client that has finished sending still wants its answer; what is drained are relays, not dials.
            Input::Client(_) | Input::Server(_) | Input::Ended(_) | Input::Draining => Step::Wait,
            // Nobody knows which words would be understood.
            _ => Step::Close,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kit() -> sekisho_testkit::Conversation {
        sekisho_testkit::converse(AtOnce).silent()
    }

    #[test]
    fn every_law_holds_whoever_speaks_first() {
        kit()
            .fixture(
                "the client speaks first",
                r#"
                = route
                C: hello
                ! connected one
                = relay
                > server "hello"
                S: world
                > client "world"
                "#,
            )
            .fixture(
                "the server speaks first",
                r#"
                = route
                ! connected one
                = relay
                S: 220 ready\r\n
                > client "220 ready\r\n"
                "#,
            )
            .fixture(
                "a client that sends and half-closes is served",
                r#"
                = route
                C: all of it
                ! ended client
                ! connected one
                = relay
                > server "all of it"
                "#,
            )
            .fixture(
                "nobody is there",
                r#"
                = route
                ! unavailable all-down
                = close all-down
                > client ""
                "#,
            )
            .laws();
    }

    #[test]
    fn no_script_breaks_it() {
        sekisho_testkit::seeded(2000, &[b"hello"], |data| {
            sekisho_testkit::oracle(
                || AtOnce.open(&Facts::plain(([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 2).into())),
                data,
            );
        });
    }
}
