//! A DNS query over UDP: id, question as fingerprint, SERVFAIL as refusal (RFC 1035, section 4.1).

use std::hash::Hasher;
use std::time::Instant;

use sekisho_api::{
    Answer, Asked, Delivery, Exchange, Facts, Fingerprint, Forward, IdPlace, Key, KeyKind, Request, Route,
    Unavailable,
};
use siphasher::sip::SipHasher13;

#[derive(Debug)]
struct Dns;

const HEADER: usize = 12;
const ID: IdPlace = IdPlace { offset: 0, width: 2 };

/// Where the only question ends; `None` if there is not exactly one, whole and uncompressed.
fn question(datagram: &[u8]) -> Option<usize> {
    if datagram.get(4..6)? != [0, 1] {
        return None;
    }
    let mut at = HEADER;
    loop {
        let label = usize::from(*datagram.get(at)?);
        at += 1 + label;
        match label {
            0 => break,
            1..=63 if at - HEADER <= 255 => {}
            _ => return None,
        }
    }
    (datagram.len() >= at + 4).then_some(at + 4)
}

/// The lower-cased question, under a key that a resolver draws at start.
fn fingerprint(question: &[u8]) -> Fingerprint {
    let mut hasher = SipHasher13::new_with_keys(1, 2);
    hasher.write(&question.to_ascii_lowercase());
    Fingerprint(hasher.finish())
}

fn is_response(datagram: &[u8]) -> bool {
    datagram.get(2).is_some_and(|flags| flags & 0x80 != 0)
}

impl Exchange for Dns {
    fn request(&self, datagram: &[u8], _: &Facts, _: Instant, _: &mut [u8]) -> Request {
        if is_response(datagram) {
            return Request::Ignore("response");
        }
        let Some(end) = question(datagram) else { return Request::Ignore("malformed") };
        let question = &datagram[HEADER..end];
        Request::Forward(Forward {
            route: Route::new()
                .with_key(Key::new(KeyKind::QNAME, &question[..question.len() - 4].to_ascii_lowercase())),
            id: ID,
            fingerprint: fingerprint(question),
            memo: [0; 2],
            written: None,
            repeatable: true,
            share: None,
        })
    }

    fn answer(&self, datagram: &[u8], asked: &Asked<'_>, _: Instant, _: &mut [u8]) -> Answer {
        match question(datagram).filter(|_| is_response(datagram)) {
            Some(end) if fingerprint(&datagram[HEADER..end]) == asked.fingerprint => {
                Answer::Deliver(Delivery { id: ID, written: None })
            }
            _ => Answer::Stray,
        }
    }

    fn id(&self, datagram: &[u8]) -> Option<u32> {
        ID.read(datagram)
    }

    fn refuse(&self, request: &[u8], _: &Facts, _: Unavailable, _: Instant, out: &mut [u8]) -> Option<usize> {
        let end = question(request)?;
        let answer = out.get_mut(..end)?;
        answer.copy_from_slice(&request[..end]);
        answer[2] = request[2] & 0x79 | 0x80;
        answer[3] = 2;
        answer[6..HEADER].fill(0);
        Some(end)
    }
}

#[test]
fn dns_query_keeps_every_law() {
    let packet = |text| sekisho_testkit::hex(text).unwrap();
    sekisho_testkit::exchange(Dns)
        .pair(
            "www.example.org A",
            packet("1234 0100 0001 0000 0000 0000 03777777 076578616d706c65 036f7267 00 0001 0001"),
            packet(
                "1234 8180 0001 0001 0000 0000 03575757 074558414d504c45 036f7267 00 0001 0001 # 0x20 case
                    c00c 0001 0001 0000003c 0004 c0000201",
            ),
        )
        .pair(
            "example.org MX",
            packet("0001 0100 0001 0000 0000 0000 076578616d706c65 036f7267 00 000f 0001"),
            packet("0001 8180 0001 0000 0000 0000 076578616d706c65 036f7267 00 000f 0001"),
        )
        .laws();
}
