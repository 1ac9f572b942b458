//! Padding of answers: all look alike in length, which TLS would else tell (RFC 7830, RFC 8467).

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::wire::Edns;

/// Answers are as long as a multiple of this (RFC 8467, section 4.1).
const BLOCK: usize = 468;
/// The option's number (RFC 7830, section 3).
const PADDING: u16 = 12;
/// Number and length of an option.
const OPTION_HEAD: usize = 4;

/// Whether the padding option stands in the OPT record of `message`: a client that pads wants padded answers
/// (RFC 7830, section 4).
pub(super) fn present(message: &[u8], edns: &Edns) -> bool {
    let mut options = message.get(edns.options.clone()).unwrap_or_default();
    while let Some((&[a, b, c, d], rest)) = options.split_first_chunk() {
        if u16::from_be_bytes([a, b]) == PADDING {
            return true;
        }
        options = rest.get(usize::from(u16::from_be_bytes([c, d]))..).unwrap_or_default();
    }
    false
}

/// `answer`, padded. `None` where it stays as it is: something stands behind its OPT record, a server padded it
/// already, or it would be longer than a message can be.
pub(super) fn padded(answer: &[u8], edns: &Edns) -> Option<Bytes> {
    if edns.range.end != answer.len() || edns.version != 0 || present(answer, edns) {
        return None;
    }
    let bare = answer.len() + OPTION_HEAD;
    let whole = bare.next_multiple_of(BLOCK);
    let padding = u16::try_from(whole - bare).ok().filter(|_| u16::try_from(whole).is_ok())?;
    let options = u16::try_from(edns.options.len() + OPTION_HEAD).ok()?.checked_add(padding)?;
    let mut out = BytesMut::with_capacity(whole);
    out.put_slice(answer.get(..edns.options.start.checked_sub(2)?)?);
    out.put_u16(options);
    out.put_slice(answer.get(edns.options.clone())?);
    out.put_u16(PADDING);
    out.put_u16(padding);
    out.put_bytes(0, padding.into());
    Some(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::https::tests::messages;
    use crate::wire::{query, ttls};

    #[test]
    fn padded_answers_are_multiples_of_468_and_say_the_same() {
        for length in [0_usize, 1, 400, 420, 463, 464, 465, 900] {
            let answer = messages::answer(&messages::query("a.example", true), 60, length);
            let edns = ttls(&answer, |_, _| {}).unwrap().edns.unwrap();
            let padded = padded(&answer, &edns).unwrap();
            assert_eq!(padded.len() % BLOCK, 0, "{length}");
            let again = ttls(&padded, |_, _| {}).unwrap();
            assert_eq!(again.end, padded.len());
            assert_eq!(again.ttl, Some(60));
            assert!(present(&padded, &again.edns.unwrap()));
        }
    }

    #[test]
    fn what_a_server_padded_or_signed_stays_as_it_is() {
        let query_bytes = messages::query("a.example", true);
        let answer = messages::answer(&query_bytes, 60, 10);
        let edns = ttls(&answer, |_, _| {}).unwrap().edns.unwrap();
        let once = padded(&answer, &edns).unwrap();
        let edns = ttls(&once, |_, _| {}).unwrap().edns.unwrap();
        assert_eq!(padded(&once, &edns), None);
        let mut trailed = answer.to_vec();
        trailed.push(0);
        let edns = ttls(&answer, |_, _| {}).unwrap().edns.unwrap();
        assert_eq!(padded(&trailed, &edns), None);
        assert!(present(&query_bytes, query(&query_bytes).unwrap().edns.as_ref().unwrap()));
    }

    #[test]
    fn an_answer_that_padding_would_make_too_long_stays_as_it_is() {
        let answer = messages::answer(&messages::query("a.example", true), 60, 65_470);
        let edns = ttls(&answer, |_, _| {}).unwrap().edns.unwrap();
        assert_eq!(padded(&answer, &edns), None);
    }
}
