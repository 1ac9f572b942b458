//! The preconnection PDU, with which a client names a target before the request proper (MS-RDPEPS, section 2.2.1).

use super::Malformed;

/// Sizes that a preconnection PDU may claim: its fixed part, and the longest with a text of any sense.
const SIZES: std::ops::RangeInclusive<u32> = 16..=1024;

/// How many bytes stand before the Connection Request; `None`: cannot tell yet.
pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    // A size that begins with the bytes of a TPKT header would be 3 or beyond 64 KiB: it is no size at all.
    match bytes {
        [] | [3] => return Ok(None),
        [3, 0, ..] => return Ok(Some(0)),
        _ => {}
    }
    let number = |at: usize| {
        bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok()).map(u32::from_le_bytes)
    };
    let Some(size) = number(0) else {
        // Only small sizes are allowed: the third byte is zero, and the second at most four.
        let possible =
            bytes.get(1).is_none_or(|&high| high <= 4) && bytes.get(2).is_none_or(|&zero| zero == 0);
        return if possible { Ok(None) } else { Err(Malformed::NotRdp) };
    };
    if !SIZES.contains(&size) {
        return Err(Malformed::NotRdp);
    }
    match number(8) {
        Some(1 | 2) => Ok(usize::try_from(size).ok().filter(|&size| bytes.len() > size)),
        Some(_) => Err(Malformed::NotRdp),
        None => Ok(None),
    }
}
