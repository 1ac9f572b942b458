//! The lines of a server before and while somebody logs in (RFC 9051, section 7).

use super::Capabilities;

/// The longest line. Capability lists of real servers have about 1 KiB.
pub(crate) const LINE_MAX: usize = 8 * 1024;

/// What a server's line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// `* OK …`.
    Ok,
    /// `* BYE …`.
    Bye,
    /// `* PREAUTH …`.
    PreAuth,
    /// `* CAPABILITY …`: the names.
    Capability(&'a [u8]),
    /// `* ID …`.
    Id,
    /// Any other untagged response.
    Untagged,
    /// `+ …`: what follows.
    Continue(&'a [u8]),
    /// A tagged response: its tag, whether it is OK, and what stands behind the tag.
    Tagged { tag: &'a [u8], ok: bool, rest: &'a [u8] },
    /// None of these.
    Strange,
}

/// Reads a line without its end.
pub(crate) fn read(line: &[u8]) -> Line<'_> {
    if let Some(rest) = line.strip_prefix(b"* ") {
        let (name, text) = split(rest);
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        return match () {
            () if is("OK") => Line::Ok,
            () if is("BYE") => Line::Bye,
            () if is("PREAUTH") => Line::PreAuth,
            () if is("CAPABILITY") => Line::Capability(text),
            () if is("ID") => Line::Id,
            () => Line::Untagged,
        };
    }
    if let Some(rest) = line.strip_prefix(b"+") {
        return Line::Continue(rest.strip_prefix(b" ").unwrap_or(rest));
    }
    let (tag, rest) = split(line);
    let verdict = split(rest).0;
    let is = |wanted: &str| verdict.eq_ignore_ascii_case(wanted.as_bytes());
    match tag.is_empty() {
        false if is("OK") => Line::Tagged { tag, ok: true, rest },
        false if is("NO") || is("BAD") => Line::Tagged { tag, ok: false, rest },
        _ => Line::Strange,
    }
}

/// Whether the client is to blame for a refusal, `NO [CODE] …` without its tag: a wrong password is, a server that is
/// full or not well is not (RFC 9051, section 7.1).
pub(crate) fn blames(rest: &[u8]) -> bool {
    const OTHERS: [&str; 6] = ["UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG", "CANNOT", "PRIVACYREQUIRED"];
    let code = split(rest).1.strip_prefix(b"[").unwrap_or_default();
    let end = code.iter().position(|byte| matches!(byte, b']' | b' ')).unwrap_or(0);
    let code = code.get(..end).unwrap_or_default();
    !OTHERS.iter().any(|other| code.eq_ignore_ascii_case(other.as_bytes()))
}

/// What a line says of capabilities.
pub(crate) fn capabilities(line: &[u8]) -> Option<Capabilities> {
    match read(line) {
        Line::Capability(names) => Some(Capabilities::read(names)),
        _ => Capabilities::in_code(line),
    }
}

/// What stands before the first space, and behind it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b' ').unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use sekisho_mail::Mechanism;

    use super::*;

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(read(b"* OK ready"), Line::Ok);
        assert_eq!(read(b"* bye late"), Line::Bye);
        assert_eq!(read(b"* PREAUTH come in"), Line::PreAuth);
        assert_eq!(read(b"* CAPABILITY IMAP4rev1 ID"), Line::Capability(b"IMAP4rev1 ID"));
        assert_eq!(read(b"* 3 EXISTS"), Line::Untagged);
        assert_eq!(read(b"+ "), Line::Continue(b""));
        assert_eq!(read(b"+"), Line::Continue(b""));
        assert_eq!(read(b"S3 OK in"), Line::Tagged { tag: b"S3", ok: true, rest: b"OK in" });
        assert_eq!(read(b"S3 NO"), Line::Tagged { tag: b"S3", ok: false, rest: b"NO" });
        for line in [&b""[..], b"S3", b"S3 PERHAPS", b" OK", b"*", b"HTTP/1.1 400 Bad Request"] {
            assert_eq!(read(line), Line::Strange, "{line:?}");
        }
    }

    #[test]
    fn clients_are_blamed_for_nothing_but_what_they_said() {
        for rest in [
            "NO [AUTHENTICATIONFAILED] no",
            "NO no",
            "BAD what?",
            "NO",
            "NO [UNAVAILABLE",
            "NO [] UNAVAILABLE",
        ] {
            assert!(blames(rest.as_bytes()), "{rest}");
        }
        for rest in ["NO [UNAVAILABLE] later", "NO [limit] too many", "NO [INUSE]", "NO [SERVERBUG x] y"] {
            assert!(!blames(rest.as_bytes()), "{rest}");
        }
    }

    #[test]
    fn capabilities_are_found_in_a_line_of_their_own_and_in_a_code() {
        let mechanisms = [Mechanism::Plain].into_iter().collect();
        let expected =
            Capabilities { imap4rev1: true, mechanisms, sasl_ir: true, id: true, ..Capabilities::default() };
        assert_eq!(capabilities(b"* CAPABILITY IMAP4rev1 SASL-IR ID AUTH=PLAIN"), Some(expected));
        assert_eq!(capabilities(b"* OK [CAPABILITY imap4rev1 sasl-ir id auth=plain] Hi"), Some(expected));
        assert_eq!(capabilities(b"* OK Waiting for authentication process to respond.."), None);
    }
}
