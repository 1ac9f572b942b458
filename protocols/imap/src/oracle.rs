//! One oracle for the fuzzer and for ordinary tests.

use std::sync::Arc;

use sekisho_api::{Conversation, Converse, Facts};
use sekisho_mail::{Credentials, Mechanism, NameIn, Secret, decode, encode, is_name};

use crate::back::{Capabilities, blames, capabilities, read, way};
use crate::conversation::Desk;
use crate::front::{Command, Frame, command, frame};
use crate::options::Options;

/// Takes `data` for a client's command, a server's line, a mechanism's message and a certificate's subject, and checks
/// what holds for all bytes.
///
/// # Panics
/// If something does not hold; that is the finding.
#[doc(hidden)]
pub fn wire_oracle(data: &[u8]) {
    framed(data);
    for line in data.split(|&byte| byte == b'\n') {
        _ = (read(line), capabilities(line), blames(line));
    }
    for mechanism in Mechanism::ALL {
        if let Some(credentials) = Credentials::read(mechanism, data.to_vec().into()) {
            assert!(is_name(credentials.mailbox(None)) && !credentials.mailbox(Some(b'*')).is_empty());
        }
    }
    assert_eq!(decode(encode(data).as_bytes()).as_deref().map(Vec::as_slice), Some(data));
    if let Ok(subject) = std::str::from_utf8(data) {
        for by in [NameIn::CommonName, NameIn::UserId, NameIn::Email] {
            assert!(by.find(subject).is_none_or(|name| name.len() <= subject.len()));
        }
    }
}

/// A conversation that takes everything that can be taken, for whoever plays both sides to it.
#[doc(hidden)]
pub fn fuzzed_conversation() -> Box<dyn Conversation> {
    let facts = Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 143).into());
    Desk(Arc::new(Options::offering(&Mechanism::ALL, "IDLE", true, false))).open(&facts)
}

/// The end of a command, once told, is told by whatever begins with it; and what it says can be said to a server so
/// that it is read as it was.
fn framed(data: &[u8]) {
    let whole = frame(data, usize::MAX);
    let Ok(Frame::Whole(length)) = whole else { return };
    for cut in [length / 2, length.saturating_sub(1)] {
        assert_eq!(frame(data.get(..cut).unwrap_or_default(), usize::MAX), Ok(Frame::Incomplete));
    }
    let Some(tagged) = data.get(..length).and_then(command) else { return };
    let Command::Login { user, password } = tagged.command else { return };
    let server = Capabilities { literals: true, ..Capabilities::default() };
    let credentials = Credentials::password(user.clone(), password.clone());
    let mut said = Secret::default();
    match way(&credentials, server) {
        Ok(way) => way.say("S2", &credentials, &mut said),
        Err(_) => return,
    }
    let back = command(&said).map(|tagged| tagged.command);
    assert_eq!(back, Some(Command::Login { user, password }), "a login is not read as it was said");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_read_holds_what_holds_for_all_bytes() {
        const WORDS: [&[u8]; 9] = [
            b"a LOGIN {3+}\r\nabc \"d\\\\\"\r\n",
            b"a AUTHENTICATE PLAIN AGEAYg==\r\n",
            b"a ID (\"x\" \"y\")\r\n",
            b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN]\r\n",
            b"S2 NO [LIMIT] no\r\n",
            b"\0anna\0pw",
            b"user=anna\x01auth=Bearer t\x01\x01",
            b"n,a=ben,n=an=2Cna,r=abc",
            b"CN=Smith\\, J\\c3\\b6rg+UID=7",
        ];
        sekisho_testkit::seeded(5000, &WORDS, wire_oracle);
        let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz/imap");
        let both = |data: &[u8]| {
            wire_oracle(data);
            sekisho_testkit::oracle(fuzzed_conversation, data);
        };
        assert!(sekisho_testkit::regressions(found, both) > 0);
    }
}
