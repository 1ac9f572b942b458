//! What is said in ManageSieve before login (RFC 5804, section 2).

use sekisho_mail::{Asked, Command, Dialect, List, Mechanism, Offer, Reply, Secret, ServerAbilities, Word};

use crate::message::{Part, end, parts};
use crate::reply;

/// The longest quoted string (RFC 5804, section 4).
const QUOTED_MAX: usize = 1024;

/// Keeps a user on one server, and leaves it to that server to believe the password.
#[derive(Clone, Copy, Debug, Default)]
pub struct ManageSieve;

sekisho_mail::protocol!(ManageSieve);

impl Dialect for ManageSieve {
    const NAME: &'static str = "managesieve";
    const SUMMARY: &'static str = "ManageSieve, kept on a server by user, without a password store";
    const AUTH: &'static str = "AUTHENTICATE";
    const START_TLS: &'static str = "STARTTLS";
    const QUIT: &'static str = "LOGOUT";
    const BANNER: &'static str = "ManageSieve ready";
    /// What the common servers have in common.
    const LIST: List = List {
        key: "sieve-extensions",
        default: &[
            "fileinto",
            "reject",
            "envelope",
            "encoded-character",
            "vacation",
            "subaddress",
            "comparator-i;ascii-numeric",
            "relational",
            "imap4flags",
            "copy",
            "include",
            "variables",
            "body",
            "enotify",
            "environment",
            "mailbox",
            "date",
            "index",
            "ihave",
        ],
        own: &[],
        words: false,
    };
    const INITIAL_MAX: usize = usize::MAX;

    fn greeting(self, offer: &Offer<'_>, _: bool) -> String {
        let extensions = offer.list().collect::<Vec<_>>().join(" ");
        let start_tls = if offer.starts_tls() { "\"STARTTLS\"\r\n" } else { "" };
        format!(
            "\"IMPLEMENTATION\" \"Sekisho\"\r\n\"SIEVE\" \"{extensions}\"\r\n\"SASL\" \"{}\"\r\n{start_tls}\
             \"VERSION\" \"1.0\"\r\nOK {}\r\n",
            offer.mechanisms(),
            quote(offer.banner().as_bytes()).unwrap_or_default()
        )
    }

    fn end(self, bytes: &[u8]) -> Option<usize> {
        end(bytes)
    }

    fn command<'a>(self, text: &'a [u8], offer: &Offer<'_>) -> Command<'a> {
        let wrong = |why| Command::Wrong(self.word(Word::Wrong(why)));
        let Some(parts) = parts(text) else { return wrong("A command is expected") };
        let Some((Part::Word(name), arguments)) = parts.split_first() else {
            return wrong("A command is expected");
        };
        match (name.to_ascii_uppercase().as_slice(), arguments) {
            (b"CAPABILITY", []) => Command::Answer(self.greeting(offer, false)),
            (b"NOOP", []) => Command::Answer("OK \"Done\"\r\n".to_owned()),
            (b"NOOP", [Part::Text(tag)]) => match quote(tag) {
                Some(tag) => Command::Answer(format!("OK (TAG {tag}) \"Done\"\r\n")),
                None => wrong("Such a tag cannot be repeated"),
            },
            (b"STARTTLS", []) => Command::StartTls,
            (b"LOGOUT", []) => Command::Quit,
            (b"AUTHENTICATE", [Part::Text(name), rest @ ..]) if rest.len() < 2 => {
                let initial = match rest {
                    [Part::Text(text)] => Some(Secret::clone(text)),
                    [] => None,
                    _ => return wrong("Wrong arguments"),
                };
                Command::Auth { mechanism: offer.mechanism(name), initial }
            }
            _ => wrong("Unknown command, or authenticate first"),
        }
    }

    fn response(self, text: &[u8]) -> Option<Vec<u8>> {
        match parts(text)?.as_mut_slice() {
            [Part::Text(text)] => Some(std::mem::take(&mut **text)),
            _ => None,
        }
    }

    fn word(self, word: Word<'_>) -> String {
        match word {
            Word::BeginTls => "OK \"Begin TLS negotiation now\"\r\n".to_owned(),
            Word::GoOn => "OK\r\n".to_owned(),
            Word::Ask(question) => format!("\"{question}\"\r\n"),
            Word::Bye => "OK \"Logging out\"\r\n".to_owned(),
            Word::Wrong(why) | Word::Cancelled(why) => format!("NO \"{why}\"\r\n"),
            Word::NoMechanism => "NO \"Unsupported authentication mechanism\"\r\n".to_owned(),
            Word::NeedsTls => "NO (ENCRYPT-NEEDED) \"Start TLS first\"\r\n".to_owned(),
            Word::NoUser => "NO \"No such user\"\r\n".to_owned(),
            Word::Unable => "NO \"The server has no such mechanism\"\r\n".to_owned(),
            Word::Unavailable(why) => format!("NO (TRYLATER) \"{why}\"\r\n"),
            Word::Leave(why) => format!("BYE \"{why}\"\r\n"),
        }
    }

    fn reply(self, asked: Asked, bytes: &[u8]) -> Option<Reply> {
        reply::reply(asked, bytes)
    }

    fn abilities(self, reply: &[u8]) -> ServerAbilities {
        reply::abilities(reply)
    }

    fn ask(self, _: &[u8]) -> Option<String> {
        None
    }

    fn auth(self, mechanism: Mechanism, initial: Option<&str>) -> String {
        let space = if initial.is_some() { " " } else { "" };
        let initial = initial.map_or_else(|| "\r\n".to_owned(), |text| self.answer(text));
        format!("AUTHENTICATE \"{}\"{space}{initial}", mechanism.name())
    }

    fn answer(self, response: &str) -> String {
        match response.len() {
            ..=QUOTED_MAX => format!("\"{response}\"\r\n"),
            size => format!("{{{size}+}}\r\n{response}\r\n"),
        }
    }
}

/// A quoted string, if it can be one.
fn quote(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let fits = text.len() <= QUOTED_MAX && !text.chars().any(char::is_control);
    fits.then(|| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}
