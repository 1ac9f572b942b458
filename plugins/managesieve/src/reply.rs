//! What servers say in ManageSieve before and while somebody logs in.

use sekisho_mail::{Asked, Outcome, Reply, ServerAbilities, XClient};

use crate::message::{Part, end, parts};

/// Codes of refusals that are none of the client's doing (RFC 5804, section 1.3).
const LATER: [&[u8]; 2] = [b"TRYLATER", b"ENCRYPT-NEEDED"];

pub(crate) fn reply(asked: Asked, bytes: &[u8]) -> Option<Reply> {
    let mut length = 0;
    loop {
        let rest = bytes.get(length..)?;
        let message = end(rest)?;
        length += message;
        let parts = parts(rest.get(..message)?).unwrap_or_default();
        let outcome = match (parts.first(), asked) {
            (Some(Part::Text(_)), Asked::Greeting | Asked::Abilities) => continue,
            (Some(Part::Text(_)), Asked::Login) => Outcome::More,
            (Some(Part::Word(word)), _) if word.eq_ignore_ascii_case(b"OK") => Outcome::Good,
            (Some(Part::Word(word)), _) if word.eq_ignore_ascii_case(b"NO") => match parts.get(1) {
                Some(Part::Word(code)) if LATER.iter().any(|later| code.eq_ignore_ascii_case(later)) => {
                    Outcome::Later
                }
                _ => Outcome::Bad,
            },
            _ => Outcome::Lost,
        };
        return Some(Reply { outcome, length });
    }
}

/// Reads a list of capabilities (RFC 5804, section 1.7).
pub(crate) fn abilities(mut list: &[u8]) -> ServerAbilities {
    let mut abilities = ServerAbilities::default();
    while let Some((message, rest)) = end(list).and_then(|length| list.split_at_checked(length)) {
        list = rest;
        let parts = parts(message).unwrap_or_default();
        let Some(Part::Text(name)) = parts.first() else { continue };
        let value: &[u8] = if let Some(Part::Text(value)) = parts.get(1) { value } else { b"" };
        match name.to_ascii_uppercase().as_slice() {
            b"SASL" => abilities.add_mechanisms(value),
            b"XCLIENT" => abilities.xclient = XClient::read(value).or(Some(XClient::DOVECOT)),
            _ => {}
        }
    }
    abilities
}

#[cfg(test)]
mod tests {
    use sekisho_mail::Mechanism;

    use super::*;

    const LIST: &str =
        "\"SIEVE\" {8}\r\nfileinto\r\n\"SASL\" \"PLAIN\"\r\n\"XCLIENT\" \"ADDR PORT\"\r\nOK \"ready\"\r\n";

    fn outcome(asked: Asked, text: &str) -> Option<(Outcome, usize)> {
        reply(asked, text.as_bytes()).map(|reply| (reply.outcome, reply.length))
    }

    #[test]
    fn replies_end_with_their_verdict() {
        assert_eq!(outcome(Asked::Greeting, LIST), Some((Outcome::Good, LIST.len())));
        assert_eq!(outcome(Asked::Greeting, "\"SASL\" \"\"\r\n"), None);
        assert_eq!(outcome(Asked::Abilities, "\"SASL\" \"\"\r\nBYE\r\n"), Some((Outcome::Lost, 16)));
        assert_eq!(outcome(Asked::Login, "\"e30=\"\r\nNO\r\n"), Some((Outcome::More, 8)));
        assert_eq!(outcome(Asked::Login, "NO (trylater) {2}\r\nx\n\r\n"), Some((Outcome::Later, 23)));
        assert_eq!(outcome(Asked::Login, "NO \"wrong\"\r\n"), Some((Outcome::Bad, 12)));
        for text in ["+OK ready\r\n", "\"unfinished\r\n", "\r\n", "BYE \"now\"\r\n"] {
            assert_eq!(outcome(Asked::Verdict, text), Some((Outcome::Lost, text.len())), "{text}");
        }
    }

    #[test]
    fn abilities_are_read_from_the_list() {
        let found = abilities(LIST.as_bytes());
        assert_eq!(found.mechanisms, [Mechanism::Plain]);
        assert_eq!(found.xclient, XClient::read(b"ADDR PORT"));
        assert!(!found.passwords);
    }
}
