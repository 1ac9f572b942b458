//! The Remote Desktop loads: the first exchange of a connection, then bytes.
//!
//! A server says who it is, and what it has heard, in the field SRC-REF of its confirmation.

mod check;
mod client;
mod server;

pub(super) use check::check;
pub(super) use client::{Desktop, connections};
pub(super) use server::answer;

/// How many users there are.
const USERS: usize = 1_000;

/// The first packet of a user: X.224 Connection Request (MS-RDPBCGR, section 2.2.1.1) with a cookie, for NLA.
fn request(number: usize) -> Vec<u8> {
    let cookie = format!("Cookie: mstshash=user{:04}\r\n", number % USERS);
    let variable = [cookie.as_bytes(), &[1, 0, 8, 0, 3, 0, 0, 0]].concat();
    let size = u8::try_from(variable.len() + 6).unwrap_or(u8::MAX);
    [&[3, 0, 0, size.saturating_add(5), size, 0xe0, 0, 0, 0, 0, 0], variable.as_slice()].concat()
}

/// The size of a whole packet (RFC 1006, section 6) at the start of `bytes`.
fn packet(bytes: &[u8]) -> Option<usize> {
    let [3, 0, high, low] = *bytes.first_chunk()? else { return None };
    let size = usize::from(u16::from_be_bytes([high, low]));
    (size <= bytes.len()).then_some(size)
}

/// The size of a confirmation.
const CONFIRMATION: usize = 19;

/// What the server with this name answers to `request`: X.224 Connection Confirm (section 2.2.1.2), for NLA.
fn confirmation(name: u8, request: &[u8]) -> [u8; CONFIRMATION] {
    [3, 0, 0, 19, 14, 0xd0, 0, 0, sum(request), name, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0]
}

/// The name of the server that answered, if it answered to `request` as sent.
fn confirmed(answer: &[u8; CONFIRMATION], request: &[u8]) -> Option<u8> {
    let name = *answer.get(9)?;
    (*answer == confirmation(name, request)).then_some(name)
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, &byte| sum.wrapping_mul(31).wrapping_add(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_the_request_as_sent_counts() {
        let (one, other) = (request(1), request(2));
        assert_eq!(packet(&one), Some(one.len()));
        assert_eq!(packet(&one[..one.len() - 1]), None);
        assert_eq!(confirmed(&confirmation(b'b', &one), &one), Some(b'b'));
        assert_eq!(confirmed(&confirmation(b'b', &one), &other), None);
    }
}
