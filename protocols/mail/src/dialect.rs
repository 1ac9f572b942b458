//! What one mail protocol says in its own way, and all of them say.

use std::fmt;

use crate::{Mechanism, Offer, Secret, ServerAbilities, line_end, trimmed};

/// A mail protocol as far as logging in: POP3, submission, ManageSieve.
///
/// What happens, and in which order, is the same for all of them and stands in the conversation ([`crate::handler`]);
/// here stand the words. [`protocol!`](macro@crate::protocol) makes a dialect a protocol. All functions are pure and total on all bytes.
pub trait Dialect: Copy + fmt::Debug + Send + Sync + 'static {
    /// The name of the protocol.
    const NAME: &'static str;
    /// What it is, in a line.
    const SUMMARY: &'static str;
    /// The name of its probe.
    const PROBE: &'static str = Self::NAME;
    /// How the command begins that may bring a mechanism's response: its line may be long.
    const AUTH: &'static str;
    /// The command that starts TLS.
    const START_TLS: &'static str;
    /// The command that says good-bye.
    const QUIT: &'static str;
    /// What the greeting says unless it is configured.
    const BANNER: &'static str;
    /// The list of what the gateway offers besides logging in.
    const LIST: List;
    /// The longest initial response that a command takes, encoded; a longer one waits until the server asks.
    const INITIAL_MAX: usize;
    /// What stands before an IPv6 address in XCLIENT.
    const IPV6: &'static str = "";
    /// XCLIENT is answered by a greeting, and everything that the server said before counts no more.
    const FRESH_AFTER_XCLIENT: bool = false;

    /// What a client is told as it connects and, where it is `again`, once TLS has been started.
    fn greeting(self, offer: &Offer<'_>, again: bool) -> String;

    /// The length of the first command, or of the first line of a mechanism, in what a client said; `None`: it has not
    /// ended yet.
    fn end(self, bytes: &[u8]) -> Option<usize> {
        line_end(bytes)
    }

    /// Reads a whole command.
    fn command<'a>(self, text: &'a [u8], offer: &Offer<'_>) -> Command<'a>;

    /// The base64 text in a whole line of a mechanism; `None` if it is none.
    fn response(self, text: &[u8]) -> Option<Vec<u8>> {
        Some(trimmed(text).to_vec())
    }

    /// Says something in the protocol's own words: whole lines.
    fn word(self, word: Word<'_>) -> String;

    /// Reads a server's first reply, of the kind that was asked for; `None`: it has not ended yet.
    fn reply(self, asked: Asked, bytes: &[u8]) -> Option<Reply>;

    /// What a server's greeting, or its answer to [`Dialect::ask`], says of what it can.
    fn abilities(self, reply: &[u8]) -> ServerAbilities;

    /// Asks a server what it can, on behalf of a client that calls itself `name`; `None`: servers say it unasked, as they
    /// greet and once TLS has been started.
    fn ask(self, name: &[u8]) -> Option<String>;

    /// The command that logs in by a mechanism, with the initial response in base64 if there is to be one.
    fn auth(self, mechanism: Mechanism, initial: Option<&str>) -> String {
        let initial = initial.map(|text| if text.is_empty() { "=" } else { text });
        let space = if initial.is_some() { " " } else { "" };
        format!("{} {}{space}{}\r\n", Self::AUTH, mechanism.name(), initial.unwrap_or_default())
    }

    /// A response in base64 as a line.
    fn answer(self, response: &str) -> String {
        format!("{response}\r\n")
    }
}

/// The list of what the gateway offers besides logging in.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// Its key in the configuration.
    pub key: &'static str,
    /// What it has unless it is configured.
    pub default: &'static [&'static str],
    /// First words that are not for the configuration to say, upper-case.
    pub own: &'static [&'static str],
    /// Its entries may have several words.
    pub words: bool,
}

/// A command of a client that has not logged in.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// The gateway answers by itself.
    Answer(String),
    /// As `Answer`, and the client calls itself this.
    Hello(&'a [u8], String),
    /// TLS is to be started.
    StartTls,
    /// A mechanism, none if it is not offered ([`Offer::mechanism`]), with its initial response in base64.
    Auth {
        /// The mechanism.
        mechanism: Option<Mechanism>,
        /// Its first response.
        initial: Option<Secret>,
    },
    /// A user whose password follows.
    User(&'a [u8]),
    /// The password.
    Pass(&'a [u8]),
    /// The client leaves.
    Quit,
    /// What cannot be obeyed, with its answer.
    Wrong(String),
}

/// What the gateway tells a client of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// TLS may begin.
    BeginTls,
    /// A user was named; the password is awaited.
    GoOn,
    /// A mechanism's question in base64.
    Ask(&'a str),
    /// The answer to a good-bye.
    Bye,
    /// A command makes no sense where it comes.
    Wrong(&'a str),
    /// A mechanism's exchange came to nothing.
    Cancelled(&'a str),
    /// No such mechanism.
    NoMechanism,
    /// TLS comes first.
    NeedsTls,
    /// Nobody logs in by such a name.
    NoUser,
    /// The server has no way to log such a client in.
    Unable,
    /// There is no server, or it failed: later, perhaps.
    Unavailable(&'a str),
    /// The gateway's good-bye.
    Leave(&'a str),
}

/// What a server was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: it greets.
    Greeting,
    /// What it can.
    Abilities,
    /// Anything that has a verdict and nothing else: to start TLS, to believe a client's address.
    Verdict,
    /// To log somebody in.
    Login,
}

/// A whole reply of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it means.
    pub outcome: Outcome,
    /// How many bytes it has.
    pub length: usize,
}

/// What a server's reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Yes.
    Good,
    /// No.
    Bad,
    /// Not now: nobody is to blame.
    Later,
    /// It wants another response.
    More,
    /// It leaves, or speaks another language.
    Lost,
}
