//! A login under way.

use crate::login::Login;
use crate::{Credentials, ServerAbilities};

/// A login under way.
pub(super) struct Attempt {
    pub(super) credentials: Credentials,
    /// The server is to start TLS first.
    pub(super) start_tls: bool,
    /// What it can, as far as it has said so.
    pub(super) server: ServerAbilities,
    /// It was told the client's address.
    pub(super) identified: bool,
    /// What it will be told.
    pub(super) login: Option<Login>,
    /// What it was told may be more than it takes, or is the client's own word: if it fails now, that is not its fault.
    pub(super) strange: bool,
}

impl Attempt {
    pub(super) fn new(credentials: Credentials) -> Box<Self> {
        Box::new(Self {
            credentials,
            start_tls: false,
            server: ServerAbilities::default(),
            identified: false,
            login: None,
            strange: false,
        })
    }

    /// A server is tried: nothing that the one before said counts.
    pub(super) fn begin(&mut self, start_tls: bool) {
        (self.start_tls, self.identified, self.strange) = (start_tls, false, false);
        (self.server, self.login) = (ServerAbilities::default(), None);
    }
}
