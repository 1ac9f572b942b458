//! A login under way.

use zeroize::Zeroizing;

use crate::back::{Capabilities, Login};
use sekisho_mail::Credentials;

/// A login under way.
pub(super) struct Attempt {
    /// The client's tag, which the answer carries.
    pub(super) tag: Vec<u8>,
    pub(super) credentials: Credentials,
    /// What the server can, once it has said so.
    pub(super) server: Option<Capabilities>,
    /// What the server will be told.
    pub(super) login: Option<Login>,
    /// What it is told when it asks.
    pub(super) response: Option<Zeroizing<Vec<u8>>>,
    /// It is to start TLS first.
    pub(super) start_tls: bool,
    /// The client was told what the server can now that it is logged in.
    pub(super) named: bool,
    /// The server's verdict behind its tag, and what it can, while that is asked.
    pub(super) verdict: Vec<u8>,
    pub(super) names: Vec<u8>,
}

impl Attempt {
    pub(super) fn new(tag: Vec<u8>, credentials: Credentials) -> Box<Self> {
        Box::new(Self {
            tag,
            credentials,
            server: None,
            login: None,
            response: None,
            start_tls: false,
            named: false,
            verdict: Vec::new(),
            names: Vec::new(),
        })
    }

    /// Another server is tried: nothing that the one before said counts.
    pub(super) fn begin(&mut self, start_tls: bool) {
        (self.server, self.login, self.response) = (None, None, None);
        (self.start_tls, self.named) = (start_tls, false);
    }

    /// A line to the client with its tag: a response of the server behind the server's own tag.
    pub(super) fn tagged(&self, rest: &[u8]) -> Vec<u8> {
        [&self.tag, &b" "[..], rest, b"\r\n"].concat()
    }
}
