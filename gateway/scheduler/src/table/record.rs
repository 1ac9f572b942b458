//! The journal's records.
//!
//! ```text
//! record  = length (u32 LE, of the payload) · payload · CRC-32 of length and payload (u32 LE)
//! payload = 1 · version (u64 LE) · left (u64 LE) · kind · scope · server · key        bound to a server
//!         | 2 · kind · scope · key                                                    removed
//!         | 3                                                                         all removed
//! left    = milliseconds since 1970 at which the last client left
//! kind, scope, server, key = length (u16 LE) · bytes; an empty scope is every pool's
//! ```

/// What a record says. Names are borrowed from the journal's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    Bound { version: u64, left: u64, kind: &'a [u8], scope: &'a [u8], server: &'a [u8], key: &'a [u8] },
    Removed { kind: &'a [u8], scope: &'a [u8], key: &'a [u8] },
    AllRemoved,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A record, and how many bytes it takes; none for a whole record of a kind this version does not know.
    Record(Option<Record<'a>>, usize),
    /// Nothing: the bytes are at their end.
    End,
    /// Something that is no whole record.
    Torn,
}

impl Record<'_> {
    /// Appends the record. Fields are far below the limits of their lengths: keys and names are bounded.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        match *self {
            Self::Bound { version, left, kind, scope, server, key } => {
                out.push(BOUND);
                out.extend_from_slice(&version.to_le_bytes());
                out.extend_from_slice(&left.to_le_bytes());
                [kind, scope, server, key].into_iter().for_each(|field| write_field(field, out));
            }
            Self::Removed { kind, scope, key } => {
                out.push(REMOVED);
                [kind, scope, key].into_iter().for_each(|field| write_field(field, out));
            }
            Self::AllRemoved => out.push(ALL_REMOVED),
        }
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        let sum = crc32(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&sum.to_le_bytes());
    }
}

/// Reads the record at the beginning of `bytes`. Total: whatever the bytes are, it answers.
pub(super) fn read(bytes: &[u8]) -> Next<'_> {
    if bytes.is_empty() {
        return Next::End;
    }
    let whole = || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 || length > LONGEST {
            return None;
        }
        let (payload, rest) = rest.split_at_checked(length)?;
        let sum = u32::from_le_bytes(*rest.first_chunk::<4>()?);
        (crc32(bytes.get(..4 + length)?) == sum).then_some((payload, length + 8))
    };
    match whole() {
        Some((payload, length)) => Next::Record(parse(payload), length),
        None => Next::Torn,
    }
}

fn parse(payload: &[u8]) -> Option<Record<'_>> {
    let (&tag, rest) = payload.split_first()?;
    match tag {
        BOUND => {
            let (version, rest) = rest.split_first_chunk::<8>()?;
            let (left, rest) = rest.split_first_chunk::<8>()?;
            let (kind, rest) = read_field(rest)?;
            let (scope, rest) = read_field(rest)?;
            let (server, rest) = read_field(rest)?;
            let (key, rest) = read_field(rest)?;
            let (version, left) = (u64::from_le_bytes(*version), u64::from_le_bytes(*left));
            rest.is_empty().then_some(Record::Bound { version, left, kind, scope, server, key })
        }
        REMOVED => {
            let (kind, rest) = read_field(rest)?;
            let (scope, rest) = read_field(rest)?;
            let (key, rest) = read_field(rest)?;
            rest.is_empty().then_some(Record::Removed { kind, scope, key })
        }
        ALL_REMOVED => rest.is_empty().then_some(Record::AllRemoved),
        _ => None,
    }
}

fn write_field(field: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(field.get(..usize::from(length)).unwrap_or(field));
}

fn read_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}

/// CRC-32 as in IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        let index = (crc ^ u32::from(byte)) & 0xff;
        crc = (crc >> 8) ^ TABLE.get(index as usize).copied().unwrap_or(0);
    }
    !crc
}

static TABLE: [u32; 256] = table();

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a bad index does not build")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

const BOUND: u8 = 1;
const REMOVED: u8 = 2;
const ALL_REMOVED: u8 = 3;
/// The longest payload: four fields of the greatest length and the numbers.
const LONGEST: usize = 4 * (2 + u16::MAX as usize) + 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_ieee_802_3() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn every_record_reads_back() {
        let records = [
            Record::Bound { version: 7, left: 9, kind: b"user", scope: b"", server: b"ts1", key: b"alice" },
            Record::Removed { kind: b"user", scope: b"web", key: b"\xff\0" },
            Record::AllRemoved,
        ];
        for record in records {
            let mut bytes = Vec::new();
            record.write(&mut bytes);
            assert_eq!(read(&bytes), Next::Record(Some(record), bytes.len()));
        }
    }

    #[test]
    fn a_whole_record_of_an_unknown_kind_is_skipped() {
        let mut bytes = vec![1, 0, 0, 0, 99];
        let sum = crc32(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        assert_eq!(read(&bytes), Next::Record(None, bytes.len()));
    }
}
