//! The names of response codes (IANA, Domain Name System Parameters, DNS RCODEs).

use crate::wire::Rcode;

/// A response code by its name in any case, or by its number.
pub(crate) fn rcode(text: &str) -> Option<Rcode> {
    let known = RCODES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
    let number = || text.parse().ok().filter(|code| *code < 4096 && !text.starts_with('+'));
    known.map(|(code, _)| *code).or_else(number).map(Rcode)
}

/// The name of a response code, or its number.
pub(crate) fn show_rcode(rcode: Rcode) -> String {
    let known = RCODES.iter().find(|(code, _)| *code == rcode.0);
    known.map_or_else(|| format!("response code {}", rcode.0), |(_, name)| (*name).to_owned())
}

const RCODES: &[(u16, &str)] = &[
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_codes_are_known_by_name_and_by_number() {
        for (text, code) in [("ServFail", 2), ("5", 5), ("badvers", 16), ("4095", 4095)] {
            assert_eq!(rcode(text), Some(Rcode(code)), "{text}");
        }
        assert_eq!((rcode("4096"), rcode("+5"), rcode("fail")), (None, None, None));
        assert_eq!(
            (show_rcode(Rcode(3)), show_rcode(Rcode(14))),
            ("NXDOMAIN".to_owned(), "response code 14".to_owned())
        );
    }
}
