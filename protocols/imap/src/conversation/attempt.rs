//! A login under way.

use std::sync::Arc;

use sekisho_mail::Credentials;

use crate::back::{Capabilities, Way};

/// A login under way.
pub(super) struct Attempt {
    /// The client's tag, which the answer carries.
    pub(super) tag: Box<[u8]>,
    pub(super) credentials: Credentials,
    /// The server's name.
    pub(super) server: Option<Arc<str>>,
    /// What the server can, once it has said so.
    pub(super) capabilities: Option<Capabilities>,
    /// How the server is told.
    pub(super) way: Option<Way>,
    /// The response was said: with the command, or when the server asked.
    pub(super) responded: bool,
    /// What the server asked the client beyond that.
    pub(super) challenges: u8,
    /// What the server was told may be more than it takes, or is the client's own word: if it fails now, that is not
    /// its fault.
    pub(super) strange: bool,
    /// It is to start TLS first.
    pub(super) start_tls: bool,
    /// The client was told what the server can now that it is logged in.
    pub(super) named: bool,
    /// The server's verdict behind its tag, and what it can, while the client waits for them.
    pub(super) verdict: Vec<u8>,
    pub(super) names: Vec<u8>,
}

impl Attempt {
    pub(super) fn new(tag: &[u8], credentials: Credentials) -> Box<Self> {
        Box::new(Self {
            tag: tag.into(),
            credentials,
            server: None,
            capabilities: None,
            way: None,
            responded: false,
            challenges: 0,
            strange: false,
            start_tls: false,
            named: false,
            verdict: Vec::new(),
            names: Vec::new(),
        })
    }

    /// Another server is tried: nothing that the one before said counts.
    pub(super) fn begin(&mut self, server: Arc<str>, start_tls: bool) {
        (self.server, self.start_tls) = (Some(server), start_tls);
        (self.capabilities, self.way, self.responded) = (None, None, false);
        (self.challenges, self.strange, self.named) = (0, false, false);
    }

    /// A line to the client with its tag: a response of the server behind the server's own tag.
    pub(super) fn tagged(&self, rest: &[u8]) -> Vec<u8> {
        [&self.tag, &b" "[..], rest, b"\r\n"].concat()
    }

    /// The verdict, with the client's tag.
    pub(super) fn answer(&self) -> Vec<u8> {
        self.tagged(&self.verdict)
    }
}
