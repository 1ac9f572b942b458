//! What servers answer in POP3 before and while somebody logs in.

use sekisho_mail::{Asked, Outcome, Reply, ServerAbilities, XClient, line_end, split_word, trimmed};

/// What Dovecot says in its greeting where it trusts whoever connects.
const XCLIENT: &[u8] = b"[XCLIENT]";
/// Codes of failures that are none of the client's (RFC 3206; RFC 2449, section 8.1.1).
const LATER: [&[u8]; 3] = [b"[SYS/TEMP]", b"[IN-USE]", b"[LOGIN-DELAY]"];

pub(crate) fn reply(asked: Asked, bytes: &[u8]) -> Option<Reply> {
    let length = line_end(bytes)?;
    let (word, text) = split_word(trimmed(bytes.get(..length)?));
    let outcome = match word {
        b"+OK" => Outcome::Good,
        b"+" => Outcome::More,
        b"-ERR" if asked == Asked::Abilities => Outcome::Good,
        b"-ERR" if LATER.contains(&split_word(text).0) => Outcome::Later,
        b"-ERR" => Outcome::Bad,
        _ => Outcome::Lost,
    };
    if (asked, word) == (Asked::Abilities, b"+OK") {
        return Some(Reply { outcome, length: list_end(bytes, length)? });
    }
    Some(Reply { outcome, length })
}

/// Where an answer of several lines ends, whose first one ends at `length`: behind a line that is a dot.
fn list_end(bytes: &[u8], mut length: usize) -> Option<usize> {
    loop {
        let rest = bytes.get(length..)?;
        let end = line_end(rest)?;
        length += end;
        if trimmed(rest.get(..end)?) == b"." {
            return Some(length);
        }
    }
}

/// Reads a greeting, or an answer to CAPA (RFC 2449, section 6). Who has no CAPA has USER and PASS.
pub(crate) fn abilities(reply: &[u8]) -> ServerAbilities {
    let mut abilities =
        ServerAbilities { passwords: reply.starts_with(b"-ERR"), ..ServerAbilities::default() };
    for line in reply.split(|&byte| byte == b'\n') {
        let (name, rest) = split_word(trimmed(line));
        match name.to_ascii_uppercase().as_slice() {
            b"USER" => abilities.passwords = true,
            b"SASL" => abilities.add_mechanisms(rest),
            b"XCLIENT" => abilities.xclient = XClient::read(rest).or(Some(XClient::DOVECOT)),
            b"+OK" if rest.starts_with(XCLIENT) => abilities.xclient = Some(XClient::DOVECOT),
            _ => {}
        }
    }
    abilities
}

#[cfg(test)]
mod tests {
    use sekisho_mail::Mechanism;

    use super::*;

    fn outcome(asked: Asked, text: &str) -> Option<(Outcome, usize)> {
        reply(asked, text.as_bytes()).map(|reply| (reply.outcome, reply.length))
    }

    #[test]
    fn replies_are_told_apart_and_end_where_their_kind_does() {
        assert_eq!(outcome(Asked::Greeting, "+OK ready\r\nmore"), Some((Outcome::Good, 11)));
        assert_eq!(outcome(Asked::Greeting, "+OK ready"), None);
        assert_eq!(outcome(Asked::Abilities, "+OK\r\nUSER\r\n..\r\n.\r\nmore"), Some((Outcome::Good, 18)));
        assert_eq!(outcome(Asked::Abilities, "+OK\r\nUSER\r\n"), None);
        assert_eq!(outcome(Asked::Abilities, "-ERR what?\r\n"), Some((Outcome::Good, 12)));
        assert_eq!(outcome(Asked::Login, "+ \r\n"), Some((Outcome::More, 4)));
        assert_eq!(outcome(Asked::Login, "-ERR [AUTH] no\r\n"), Some((Outcome::Bad, 16)));
        assert_eq!(outcome(Asked::Login, "-ERR [IN-USE] wait\r\n"), Some((Outcome::Later, 20)));
        for text in ["* OK ready\r\n", "220 mail ESMTP\r\n", "\r\n", "+OKAY\r\n"] {
            assert_eq!(outcome(Asked::Greeting, text), Some((Outcome::Lost, text.len())), "{text}");
        }
    }

    #[test]
    fn abilities_are_found_in_the_list_and_in_the_greeting() {
        let read = |text: &str| abilities(text.as_bytes());
        let both = read("+OK\r\nTOP\r\nuser\r\nSASL PLAIN LOGIN\r\n.\r\n");
        assert_eq!(both.mechanisms, [Mechanism::Plain, Mechanism::Login]);
        assert!(both.passwords && both.xclient.is_none());
        assert_eq!(read("+OK [XCLIENT] Dovecot ready.\r\n").xclient, Some(XClient::DOVECOT));
        assert!(!read("+OK\r\nTOP\r\n.\r\n").passwords);
        assert!(read("-ERR Unknown command\r\n").passwords);
    }
}
