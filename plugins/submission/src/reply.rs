//! What servers answer in SMTP before and while somebody logs in (RFC 5321, section 4.2).

use sekisho_mail::{Asked, Outcome, Reply, ServerAbilities, XClient, line_end, split_word, trimmed};

pub(crate) fn reply(asked: Asked, bytes: &[u8]) -> Option<Reply> {
    let mut length = 0;
    loop {
        let rest = bytes.get(length..)?;
        let end = line_end(rest)?;
        length += end;
        let (code, goes_on) = match trimmed(rest.get(..end)?).split_at_checked(3) {
            Some((code, [b'-', ..])) => (code, true),
            Some((code, [] | [b' ', ..])) => (code, false),
            _ => (&b""[..], false),
        };
        let outcome = match code {
            b"421" => Outcome::Lost,
            b"334" if asked == Asked::Login => Outcome::More,
            // Credentials that are wrong (RFC 4954, section 6), and an account that is closed (RFC 5248).
            b"535" | b"525" => Outcome::Bad,
            [b'2', b'0'..=b'5', b'0'..=b'9'] => Outcome::Good,
            [b'4' | b'5', b'0'..=b'5', b'0'..=b'9'] => Outcome::Later,
            _ => Outcome::Lost,
        };
        if !goes_on || outcome == Outcome::Lost {
            return Some(Reply { outcome, length });
        }
    }
}

/// Reads an answer to EHLO (RFC 5321, section 4.1.1.1); a greeting says nothing.
pub(crate) fn abilities(reply: &[u8]) -> ServerAbilities {
    let mut abilities = ServerAbilities::default();
    for line in reply.split(|&byte| byte == b'\n') {
        let text = line.strip_prefix(b"250-").or(line.strip_prefix(b"250 ")).unwrap_or_default();
        let (name, rest) = split_word(trimmed(text));
        match name.to_ascii_uppercase().as_slice() {
            b"AUTH" => abilities.add_mechanisms(rest),
            // As servers said it before there was a standard, and some still say it beside the other.
            [b'A', b'U', b'T', b'H', b'=', first @ ..] => {
                abilities.add_mechanisms(first);
                abilities.add_mechanisms(rest);
            }
            b"XCLIENT" => abilities.xclient = XClient::read(rest),
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
    fn reply_ends_with_the_line_whose_code_no_hyphen_follows() {
        assert_eq!(outcome(Asked::Greeting, "220-one\r\n220 two\r\nmore"), Some((Outcome::Good, 18)));
        assert_eq!(outcome(Asked::Abilities, "250-one\r\n"), None);
        assert_eq!(outcome(Asked::Abilities, "250\r\n"), Some((Outcome::Good, 5)));
        assert_eq!(outcome(Asked::Login, "334 \r\n"), Some((Outcome::More, 6)));
        assert_eq!(outcome(Asked::Login, "235 2.7.0 in\r\n"), Some((Outcome::Good, 14)));
        assert_eq!(outcome(Asked::Login, "535 5.7.8 no\r\n"), Some((Outcome::Bad, 14)));
        assert_eq!(outcome(Asked::Login, "454 4.7.0 later\r\n"), Some((Outcome::Later, 17)));
        assert_eq!(outcome(Asked::Login, "534 5.7.9 too weak\r\n"), Some((Outcome::Later, 20)));
        for text in ["421 4.3.2 bye\r\n", "+OK ready\r\n", "\r\n", "2500\r\n", "334 \r\n", "999 x\r\n"] {
            assert_eq!(outcome(Asked::Verdict, text), Some((Outcome::Lost, text.len())), "{text}");
        }
    }

    #[test]
    fn abilities_are_read_from_the_answer_to_ehlo() {
        let text = "250-one\r\n250-AUTH=PLAIN\r\n250-auth LOGIN PLAIN\r\n250 XCLIENT NAME ADDR\r\n";
        let found = abilities(text.as_bytes());
        assert_eq!(found.mechanisms, [Mechanism::Plain, Mechanism::Login]);
        assert_eq!(found.xclient, XClient::read(b"NAME ADDR"));
        assert_eq!(abilities(b"220 AUTH PLAIN\r\n"), ServerAbilities::default());
    }
}
