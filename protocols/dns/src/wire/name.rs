//! Names (RFC 1035, sections 3.1 and 4.1.4): any octets in their labels, at most 255 in all.

use super::header::HEADER;

/// The longest name: 127 labels of one octet and the root.
pub(crate) const NAME: usize = 255;

/// Pointers that one name may go through. Nothing honest needs more than a few.
const HOPS: usize = 126;

/// Where the uncompressed name from `at` ends, behind its root label. `None` if it is cut, too long, or has a pointer
/// or a label of a type that nobody uses (RFC 6891, section 5).
pub(super) fn plain(message: &[u8], at: usize) -> Option<usize> {
    let mut position = at;
    loop {
        match *message.get(position)? {
            0 => return Some(position + 1),
            length @ 1..=63 => position += usize::from(length) + 1,
            _ => return None,
        }
        if position - at >= NAME {
            return None;
        }
    }
}

/// Where the perhaps compressed name from `at` ends: behind its root label or its first pointer. `None` if it is cut,
/// too long, or a pointer goes anywhere but to an earlier name.
#[inline]
pub(super) fn compressed(message: &[u8], at: usize) -> Option<usize> {
    let mut position = at;
    loop {
        match *message.get(position)? {
            0 => return Some(position + 1),
            length @ 1..=63 => position += usize::from(length) + 1,
            64..=191 => return None,
            _ => return follows(message, at, position).then_some(position + 2),
        }
        if position - at >= NAME {
            return None;
        }
    }
}

/// Whether the name from `start` is a good one, whose first pointer stands at `at`.
fn follows(message: &[u8], start: usize, mut at: usize) -> bool {
    let (mut floor, mut octets) = (start, at - start);
    for _ in 0..HOPS {
        // INVARIANT: what a pointer goes to lies wholly before the piece that it ends, as an earlier occurrence of a
        // name does (RFC 1035, section 4.1.4). So no octet is seen twice, and a name knows nothing of what follows it.
        let target = pointer(message, at).unwrap_or_default();
        let Some(earlier) = message.get(..floor).filter(|_| target >= HEADER) else { return false };
        let mut position = target;
        loop {
            match earlier.get(position) {
                Some(0) => return octets + (position - target) < NAME,
                Some(&length @ 1..=63) => position += usize::from(length) + 1,
                None | Some(64..=191) => return false,
                _ => break,
            }
            if octets + (position - target) >= NAME {
                return false;
            }
        }
        if position + 2 > floor {
            return false;
        }
        octets += position - target;
        (floor, at) = (target, position);
    }
    false
}

/// Where the pointer that ends the name from `at` stands, if one does.
pub(super) fn pointer_place(message: &[u8], at: usize) -> Option<usize> {
    let mut position = at;
    while position - at < NAME {
        match *message.get(position)? {
            0 | 64..=191 => return None,
            length @ 1..=63 => position += usize::from(length) + 1,
            _ => return Some(position),
        }
    }
    None
}

/// Where the pointer at `at` goes.
pub(super) fn pointer(message: &[u8], at: usize) -> Option<usize> {
    let &[high, low] = message.get(at..)?.first_chunk()?;
    Some(usize::from(u16::from_be_bytes([high & 0x3f, low])))
}

/// The labels of an uncompressed name, without the root.
pub(super) fn labels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (&length, behind) = rest.split_first()?;
        let (label, behind) = behind.split_at_checked(usize::from(length)).filter(|_| length != 0)?;
        rest = behind;
        Some(label)
    })
}

/// The name in lower case, or its last so many labels; with the root label, so that no name is the start of another.
///
/// Only A to Z change (RFC 4343): no length octet is one of them.
pub(crate) fn lower_name<'b>(name: &[u8], last_labels: Option<u8>, buf: &'b mut [u8; NAME]) -> &'b [u8] {
    let skipped = last_labels.map_or(0, |kept| labels(name).count().saturating_sub(usize::from(kept)));
    let start: usize = labels(name).take(skipped).map(|label| label.len() + 1).sum();
    let kept = name.get(start..).unwrap_or_default();
    let lower = buf.get_mut(..kept.len()).unwrap_or_default();
    for (to, from) in lower.iter_mut().zip(kept) {
        *to = from.to_ascii_lowercase();
    }
    lower
}
