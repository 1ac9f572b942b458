//! What is said in POP3 before login (RFC 1939, RFC 2449, RFC 2595, RFC 5034).

use sekisho_mail::{Asked, Command, Dialect, List, Offer, Reply, ServerAbilities, Word, split_word, trimmed};

use crate::reply;

/// Keeps a user on one server, and leaves it to that server to believe the password.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pop3;

sekisho_mail::protocol!(Pop3);

impl Dialect for Pop3 {
    const NAME: &'static str = "pop3";
    const SUMMARY: &'static str = "POP3, kept on a server by user, without a password store";
    const AUTH: &'static str = "AUTH";
    const START_TLS: &'static str = "STLS";
    const QUIT: &'static str = "QUIT";
    const BANNER: &'static str = "POP3 ready";
    const LIST: List = List {
        key: "capabilities",
        default: &["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE"],
        own: &["STLS", "USER", "SASL"],
        words: true,
    };
    /// A command has at most 255 octets (RFC 5034, section 4).
    const INITIAL_MAX: usize = 255 - "AUTH OAUTHBEARER \r\n".len();

    fn greeting(self, offer: &Offer<'_>, again: bool) -> String {
        // Without a timestamp: APOP proves a password that nobody here has.
        if again { String::new() } else { format!("+OK {}\r\n", offer.banner()) }
    }

    fn command<'a>(self, text: &'a [u8], offer: &Offer<'_>) -> Command<'a> {
        let (name, rest) = split_word(trimmed(text));
        match (name.to_ascii_uppercase().as_slice(), rest) {
            (b"CAPA", b"") => Command::Answer(capabilities(offer)),
            (b"STLS", b"") => Command::StartTls,
            (b"QUIT", b"") => Command::Quit,
            // Asked for the list of mechanisms, as it was done before CAPA.
            (b"AUTH", b"") => Command::Answer(lines(offer.mechanisms().split_whitespace())),
            (b"AUTH", _) => {
                let (mechanism, initial) = split_word(rest);
                let initial = (!initial.is_empty()).then(|| initial.to_vec().into());
                Command::Auth { mechanism: offer.mechanism(mechanism), initial }
            }
            (b"USER", user @ [_, ..]) => Command::User(user),
            (b"PASS", password) => Command::Pass(password),
            _ => Command::Wrong(self.word(Word::Wrong("Unknown command, or log in first"))),
        }
    }

    fn word(self, word: Word<'_>) -> String {
        match word {
            Word::BeginTls => "+OK Begin TLS negotiation now\r\n".to_owned(),
            Word::GoOn => "+OK\r\n".to_owned(),
            Word::Ask(question) => format!("+ {question}\r\n"),
            Word::Bye => "+OK Logging out\r\n".to_owned(),
            Word::Wrong(why) | Word::Cancelled(why) => format!("-ERR {why}\r\n"),
            Word::NoMechanism => "-ERR Unsupported authentication mechanism\r\n".to_owned(),
            Word::NeedsTls => "-ERR [SYS/PERM] Start TLS first\r\n".to_owned(),
            Word::NoUser => "-ERR [AUTH] No such user\r\n".to_owned(),
            Word::Unable => "-ERR [SYS/PERM] The server has no such way to log in\r\n".to_owned(),
            Word::Unavailable(why) | Word::Leave(why) => format!("-ERR [SYS/TEMP] {why}\r\n"),
        }
    }

    fn reply(self, asked: Asked, bytes: &[u8]) -> Option<Reply> {
        reply::reply(asked, bytes)
    }

    fn abilities(self, reply: &[u8]) -> ServerAbilities {
        reply::abilities(reply)
    }

    fn ask(self, _: &[u8]) -> Option<String> {
        Some("CAPA\r\n".to_owned())
    }
}

fn capabilities(offer: &Offer<'_>) -> String {
    let mechanisms = offer.mechanisms();
    let sasl = (!mechanisms.is_empty()).then(|| format!("SASL {mechanisms}"));
    let own = [offer.starts_tls().then_some("STLS"), offer.lets_log_in().then_some("USER"), sasl.as_deref()];
    lines(offer.list().chain(own.into_iter().flatten()))
}

/// An answer of several lines (RFC 1939, section 3).
fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = "+OK\r\n".to_owned();
    for line in lines {
        text.extend([line, "\r\n"]);
    }
    text + ".\r\n"
}
