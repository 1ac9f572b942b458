//! One oracle for the fuzzer and for ordinary tests.

use super::{Rcode, Unreadable};
use super::{answer_without, error, payload, query, truncated, ttls, with_subnet};

/// Takes `data` for a query and for an answer, and checks what holds for all bytes.
///
/// # Panics
/// If something does not hold; that is the finding.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    let mut out = vec![0; data.len() + 128];
    let read = query(data);
    if let Some(length) = error(data, Rcode::SERVFAIL, Some((22, "no server is up")), &mut out) {
        assert!(length <= data.len() + 24, "an own answer of {length} octets to {}", data.len());
        assert!(
            ttls(out.get(..length).unwrap_or_default(), |_, _| {}).is_some(),
            "an own answer is unreadable"
        );
    } else {
        assert!(matches!(read, Err(Unreadable::Silence(_))), "a request that can be told nothing");
    }
    if let Ok(query) = &read {
        assert!((512..=65_535).contains(&payload(query)));
        for subnet in [None, Some(([192, 0, 2, 77].into(), 24))] {
            if let Some(length) = with_subnet(query, subnet, &mut out) {
                let again = super::query(out.get(..length).unwrap_or_default());
                let again = again.as_ref().ok().and_then(|again| again.edns.as_ref());
                assert_eq!(again.map(|edns| edns.has_subnet), Some(subnet.is_some()), "a rewritten query");
            }
        }
    }
    _ = truncated(data, data, 512, &mut out);
    for (drop_opt, drop_subnet) in [(true, false), (false, true)] {
        if let Some(length) = answer_without(data, drop_opt, drop_subnet, &mut out) {
            assert!(length < data.len(), "something was to be left out");
        }
    }
}
