//! A mechanism under way with a client.

use crate::{Credentials, LoginExchange, LoginStep, Mechanism, Secret};

/// A mechanism under way with a client, until it is known who logs in.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// One response says it all.
    Once(Mechanism),
    /// LOGIN.
    Login(LoginExchange),
}

impl Exchange {
    pub(crate) fn new(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Login => Self::Login(LoginExchange::default()),
            mechanism => Self::Once(mechanism),
        }
    }

    /// How a client that it names became known: the word for logs and metrics.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Once(mechanism) => mechanism.word(),
            Self::Login(_) => Mechanism::Login.word(),
        }
    }

    /// Takes a decoded response; none before the first.
    pub(crate) fn step(&mut self, response: Option<Secret>) -> LoginStep {
        match (self, response) {
            (Self::Login(login), response) => login.step(response),
            (Self::Once(_), None) => LoginStep::Ask(""),
            (Self::Once(mechanism), Some(response)) => match Credentials::read(*mechanism, response) {
                Some(credentials) => LoginStep::Done(credentials),
                None => LoginStep::Wrong,
            },
        }
    }
}
