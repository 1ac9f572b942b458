//! Numbers: one byte below 240, else four bits and then seven in each byte.

/// The longest number, in bytes.
pub(super) const LONGEST: usize = 10;

/// Appends a number.
pub(super) fn write(value: u64, out: &mut Vec<u8>) {
    let Ok(first) = u8::try_from(value) else { return long(value, out) };
    if first < LONG { out.push(first) } else { long(value, out) }
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is written")]
fn long(value: u64, out: &mut Vec<u8>) {
    out.push(value as u8 | LONG);
    let mut rest = (value - u64::from(LONG)) >> 4;
    while rest >= u64::from(MORE) {
        out.push(rest as u8 | MORE);
        rest = (rest - u64::from(MORE)) >> 7;
    }
    out.push(rest as u8);
}

/// The number at the beginning, and what follows it; none if it does not end within the bytes or its 64 bits.
pub(super) fn read(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let mut value = u64::from(first);
    if first < LONG {
        return Some((value, rest));
    }
    let mut shift = 4;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        let part = u64::from(byte);
        let part = (shift < 64).then(|| part << shift).filter(|shifted| shifted >> shift == part)?;
        value = value.checked_add(part)?;
        if byte < MORE {
            return Some((value, rest));
        }
        shift += 7;
    }
}

const LONG: u8 = 240;
const MORE: u8 = 128;
