//! What is said in SMTP before login (RFC 5321, RFC 4954, RFC 3207).

use sekisho_mail::{Asked, Command, Dialect, List, Offer, Reply, ServerAbilities, Word, split_word, trimmed};

use crate::reply;

/// Keeps a user on one server, and leaves it to that server to believe the password.
#[derive(Clone, Copy, Debug, Default)]
pub struct Submission;

sekisho_mail::protocol!(Submission);

impl Dialect for Submission {
    const NAME: &'static str = "submission";
    const SUMMARY: &'static str = "mail submission, kept on a server by user, without a password store";
    const PROBE: &'static str = "smtp";
    const AUTH: &'static str = "AUTH";
    const START_TLS: &'static str = "STARTTLS";
    const QUIT: &'static str = "QUIT";
    const BANNER: &'static str = "sekisho ESMTP ready";
    const LIST: List = List {
        key: "capabilities",
        default: &["PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES"],
        own: &["STARTTLS", "AUTH", "XCLIENT"],
        words: true,
    };
    /// A command line has at most 512 octets (RFC 4954, section 4).
    const INITIAL_MAX: usize = 512 - "AUTH OAUTHBEARER \r\n".len();
    const IPV6: &'static str = "IPV6:";
    const FRESH_AFTER_XCLIENT: bool = true;

    fn greeting(self, offer: &Offer<'_>, again: bool) -> String {
        if again { String::new() } else { format!("220 {}\r\n", offer.banner()) }
    }

    fn command<'a>(self, text: &'a [u8], offer: &Offer<'_>) -> Command<'a> {
        let (name, rest) = split_word(trimmed(text).trim_ascii_end());
        let said = |answer: &str| Command::Answer(format!("{answer}\r\n"));
        let wrong = |answer: &str| Command::Wrong(format!("{answer}\r\n"));
        match name.to_ascii_uppercase().as_slice() {
            b"EHLO" | b"HELO" if !is_name(rest) => wrong("501 5.5.4 A name is expected"),
            b"EHLO" => Command::Hello(rest, capabilities(offer)),
            b"HELO" => Command::Hello(rest, format!("250 {}\r\n", host(offer))),
            b"STARTTLS" if rest.is_empty() => Command::StartTls,
            b"AUTH" if rest.is_empty() => wrong("501 5.5.4 A mechanism is expected"),
            b"AUTH" if offer.name().is_none() => wrong("503 5.5.1 Say EHLO first"),
            b"AUTH" => {
                let (mechanism, initial) = split_word(rest);
                let initial = (!initial.is_empty()).then(|| initial.to_vec().into());
                Command::Auth { mechanism: offer.mechanism(mechanism), initial }
            }
            b"NOOP" => said("250 2.0.0 OK"),
            b"RSET" if rest.is_empty() => said("250 2.0.0 OK"),
            b"QUIT" if rest.is_empty() => Command::Quit,
            b"MAIL" | b"RCPT" | b"DATA" | b"BDAT" | b"BURL" | b"VRFY" | b"EXPN" | b"ETRN" => {
                wrong("530 5.7.0 Authentication required")
            }
            _ => wrong("500 5.5.2 Unknown command"),
        }
    }

    fn word(self, word: Word<'_>) -> String {
        match word {
            Word::BeginTls => "220 2.0.0 Ready to start TLS\r\n".to_owned(),
            Word::GoOn => "250 2.0.0 OK\r\n".to_owned(),
            Word::Ask(question) => format!("334 {question}\r\n"),
            Word::Bye => "221 2.0.0 Bye\r\n".to_owned(),
            Word::Wrong(why) => format!("503 5.5.1 {why}\r\n"),
            Word::Cancelled(why) => format!("501 5.5.2 {why}\r\n"),
            Word::NoMechanism => "504 5.5.4 Unsupported authentication mechanism\r\n".to_owned(),
            Word::NeedsTls => "538 5.7.11 Start TLS first\r\n".to_owned(),
            Word::NoUser => "535 5.7.8 No such user\r\n".to_owned(),
            Word::Unable => "504 5.5.4 The server has no such mechanism\r\n".to_owned(),
            Word::Unavailable(why) => format!("454 4.7.0 {why}\r\n"),
            Word::Leave(why) => format!("421 4.7.0 {why}\r\n"),
        }
    }

    fn reply(self, asked: Asked, bytes: &[u8]) -> Option<Reply> {
        reply::reply(asked, bytes)
    }

    fn abilities(self, reply: &[u8]) -> ServerAbilities {
        reply::abilities(reply)
    }

    fn ask(self, name: &[u8]) -> Option<String> {
        Some(format!("EHLO {}\r\n", String::from_utf8_lossy(name)))
    }
}

/// What a client may call itself: it is said again to servers.
fn is_name(name: &[u8]) -> bool {
    (1..=255).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic)
}

/// What the gateway calls itself.
fn host<'a>(offer: &Offer<'a>) -> &'a str {
    offer.banner().split_whitespace().next().unwrap_or("sekisho")
}

fn capabilities(offer: &Offer<'_>) -> String {
    let mechanisms = offer.mechanisms();
    let auth = (!mechanisms.is_empty()).then(|| format!("AUTH {mechanisms}"));
    let own = [offer.starts_tls().then_some("STARTTLS"), auth.as_deref()];
    let mut text = String::new();
    let mut line = host(offer);
    for next in offer.list().chain(own.into_iter().flatten()) {
        text.extend(["250-", line, "\r\n"]);
        line = next;
    }
    text + "250 " + line + "\r\n"
}
