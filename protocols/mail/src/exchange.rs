//! A mechanism under way with a client.

use crate::{Credentials, LoginExchange, LoginStep, Mechanism, Secret};

/// A mechanism under way with a client, until it is known who logs in.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// One response says it all.
    Once(Mechanism),
    /// LOGIN.
    Login(LoginExchange),
    /// EXTERNAL: one response, and who the client's certificate says it is.
    External(Box<[u8]>),
}

impl Exchange {
    /// `subject`: who the client's certificate says it is.
    pub(crate) fn new(mechanism: Mechanism, subject: Option<&[u8]>) -> Self {
        match mechanism {
            Mechanism::Login => Self::Login(LoginExchange::default()),
            Mechanism::External => Self::External(subject.unwrap_or_default().into()),
            mechanism => Self::Once(mechanism),
        }
    }

    /// How a client that it names became known: the word for logs and metrics.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Once(mechanism) => mechanism.word(),
            Self::Login(_) => Mechanism::Login.word(),
            Self::External(_) => Mechanism::External.word(),
        }
    }

    /// Takes a decoded response; none before the first.
    pub(crate) fn step(&mut self, response: Option<Secret>) -> LoginStep {
        let credentials = match (self, response) {
            (Self::Login(login), response) => return login.step(response),
            (_, None) => return LoginStep::Ask(""),
            (Self::Once(mechanism), Some(response)) => Credentials::read(*mechanism, response),
            (Self::External(subject), Some(authzid)) => Credentials::external(authzid, subject),
        };
        credentials.map_or(LoginStep::Wrong, LoginStep::Done)
    }
}
