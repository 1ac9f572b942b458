//! One oracle for the fuzzer and for ordinary tests.

use super::{Query, Rcode, Unreadable};
use super::{answer_without, answers, error, fingerprint, payload, query, rcode, records, truncated, ttls};
use super::{lower_name, with_subnet};

/// Takes `data` for a query and for an answer, and checks what holds for all bytes.
///
/// # Panics
/// If something does not hold; that is the finding.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    // Room for everything, so that nothing is left undone for lack of it.
    let mut out = vec![0; data.len() + 128];
    let read = query(data);
    told(data, read.as_ref(), &mut out);
    if let Ok(query) = &read {
        relayed(query, &mut out);
    }
    answered(data, &mut out);
}

/// What the gateway says itself, to any request.
fn told(data: &[u8], read: Result<&Query<'_>, &Unreadable>, out: &mut [u8]) {
    let Some(length) = error(data, Rcode::SERVFAIL, Some((22, "no server is up")), out) else {
        assert!(matches!(read, Err(Unreadable::Silence(_))), "a request that can be told nothing");
        return;
    };
    let reply = out.get(..length).unwrap_or_default();
    assert!(length <= data.len() + 24, "an own answer of {length} octets to {}", data.len());
    assert!(ttls(reply, |_, _| {}).is_some(), "an own answer is unreadable");
    if let Ok(query) = read {
        let print = fingerprint(KEY, query);
        assert!(answers(reply, query.header.opcode(), print, KEY), "an own answer answers something else");
    }
}

/// What becomes of a request on its way.
fn relayed(query: &Query<'_>, out: &mut [u8]) {
    assert!(payload(query) >= 512 && query.end <= query.bytes.len());
    if let Some(question) = &query.question {
        let mut buf = [0; 255];
        assert!(lower_name(question.name, None, &mut buf).eq_ignore_ascii_case(question.name));
        let (name, rest) = question.wire.split_at_checked(question.name.len()).unwrap_or_default();
        let head = query.bytes.get(..4).unwrap_or_default();
        let shouted = [head, &[0, 1, 0, 0, 0, 0, 0, 0], &name.to_ascii_uppercase(), rest].concat();
        let again = super::query(&shouted).unwrap_or_else(|why| panic!("the question alone: {why:?}"));
        assert_eq!(fingerprint(KEY, query), fingerprint(KEY, &again), "case changes the fingerprint");
    }
    for subnet in [None, Some(([192, 0, 2, 77].into(), 24))] {
        let Some(length) = with_subnet(query, subnet, out) else { continue };
        let again = super::query(out.get(..length).unwrap_or_default());
        let again = again.unwrap_or_else(|why| panic!("a rewritten query: {why:?}"));
        assert_eq!(again.edns.as_ref().map(|edns| edns.has_subnet), Some(subnet.is_some()), "{subnet:?}");
        assert_eq!(again.question, query.question, "{subnet:?}");
        // What trails the message comes along.
        assert_eq!(again.bytes.get(again.end..), query.bytes.get(query.end..), "{subnet:?}");
    }
}

/// What becomes of an answer on its way.
fn answered(data: &[u8], out: &mut [u8]) {
    assert!(rcode(data) < 4096);
    let mut seen = 0;
    let summary = ttls(data, |at, _| {
        assert!(at >= 12 && at + 4 <= data.len(), "a time to live outside the message");
        seen += 1;
    });
    assert!(seen <= data.len() / 11, "more records than there is room for");
    if let Some(length) = truncated(data, data, 512, out) {
        let cut = out.get(..length).unwrap_or_default();
        assert!(length <= 512 && ttls(cut, |_, _| {}).is_some(), "a truncated answer is unreadable");
    }
    let count = |message: &[u8]| records(message).map(|records| records.filter(|r| r.is_ok()).count());
    for (drop_opt, drop_subnet) in [(true, false), (false, true)] {
        let Some(length) = answer_without(data, drop_opt, drop_subnet, out) else { continue };
        let rest = out.get(..length).unwrap_or_default();
        assert!(length < data.len(), "something was to be left out");
        assert_eq!(
            count(rest).map(|left| left + usize::from(drop_opt)),
            count(data),
            "other records are gone"
        );
        if summary.is_some() {
            assert!(ttls(rest, |_, _| {}).is_some(), "an answer has become unreadable");
        }
    }
}

const KEY: (u64, u64) = (1, 2);
