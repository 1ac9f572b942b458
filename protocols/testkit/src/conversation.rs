//! What is tested of a conversation, and how a test is written.

use std::fmt;

use sekisho_api::{Converse, HeadConversation, Heads};
use sekisho_engine::EngineLimits;

use crate::rig::facts;
use crate::transcript::Transcript;

/// Tests of a conversation that `make` opens.
pub fn conversation(make: impl Fn() -> Box<dyn sekisho_api::Conversation> + 'static) -> Conversation {
    Conversation {
        make: Box::new(make),
        fixtures: Vec::new(),
        limits: EngineLimits::default(),
        memory: 64 * 1024,
        silent: false,
    }
}

/// Tests of the conversations that `converse` opens.
pub fn converse(converse: impl Converse + 'static) -> Conversation {
    conversation(move || converse.open(&facts()))
}

/// Tests of a protocol that reads a head.
pub fn head(head: impl HeadConversation) -> Conversation {
    converse(Heads::new(head))
}

/// A conversation, its fixtures and what it is allowed: finished by [`Conversation::laws`].
#[must_use = "nothing is tested before `laws`"]
pub struct Conversation {
    pub(crate) make: Box<dyn Fn() -> Box<dyn sekisho_api::Conversation>>,
    pub(crate) fixtures: Vec<(String, Transcript)>,
    pub(crate) limits: EngineLimits,
    pub(crate) memory: usize,
    pub(crate) silent: bool,
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation({} fixtures)", self.fixtures.len())
    }
}

impl Conversation {
    /// Adds a fixture.
    ///
    /// # Panics
    /// If it is no transcript.
    pub fn fixture(mut self, name: &str, text: &str) -> Self {
        let transcript = Transcript::parse(text).unwrap_or_else(|error| panic!("fixture {name}: {error}"));
        self.fixtures.push((name.to_owned(), transcript));
        self
    }

    /// Adds several transcripts, by name: see [`fixtures!`](crate::fixtures).
    pub fn fixtures(self, fixtures: &[(&str, &str)]) -> Self {
        fixtures.iter().fold(self, |tests, (name, text)| tests.fixture(name, text))
    }

    /// Sets the limits that the engine enforces.
    pub fn limits(mut self, limits: EngineLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The most memory in bytes that the conversation's own state may take; 64 KiB unless told.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// The protocol has no words for a missing server (law 12): the connection just closes.
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Checks every law that bytes can show, over every fixture:
    ///
    /// * the fixture's own expectations hold;
    /// * **1, 4, 5, 6** damaged bytes, damaged order and a thousand random scripts of [`oracle`](crate::oracle) neither
    ///   panic nor break the contract: the engine names overdraw, no progress, floods and waiting for nobody;
    /// * **2** every cut in two, byte by byte, and random cuts have the same effects;
    /// * **3** the state stays within its memory while a mebibyte is poured over it;
    /// * **9** bytes slipped in behind `StartTls` change nothing;
    /// * **10** a server that fails before the commit, at any point, leaves the next one told the same;
    /// * **11** neither keys nor `secret:` lines show in debug output, after each step of all this;
    /// * **12** each reason for there being no server is said to the client.
    ///
    /// Laws 7 and 8 hold by types and by fixtures: write one whose key is missing and one whose key is unreadable.
    ///
    /// # Panics
    /// With the law, the fixture and both outcomes.
    pub fn laws(self) {
        for (name, transcript) in &self.fixtures {
            let whole = self.expectations(name, transcript);
            self.cuts(name, transcript, &whole);
            self.plaintext(name, transcript, &whole);
            self.replay(name, transcript, &whole);
            self.own_words(name, transcript);
            self.total(name, transcript);
            self.bounded(name, transcript);
        }
        self.scripts();
    }
}

/// Says what was being done when something panicked.
pub(crate) struct Context(pub(crate) String);

impl Drop for Context {
    #[expect(clippy::print_stderr, reason = "a failing test says which seed failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while: {}", self.0);
        }
    }
}
