//! Which table updates are of, and what stands in them.
//!
//! ```text
//! definition = id · length · name · key form · key length · types (bits) · [expiry in ms · parameters]
//! parameters = for each type that is an array or a rate: type · [elements] · [period]
//! ```

use std::time::Duration;

use smallvec::SmallVec;

use super::message::{DEFINE, write};
use super::varint;

/// What may stand in an entry, by its bit in a definition.
pub(crate) mod types {
    /// The number of the client's server.
    #[cfg(test)]
    pub(crate) const SERVER_ID: u8 = 0;
    /// A flag of general purpose.
    pub(crate) const GPT0: u8 = 1;
    /// A counter of general purpose.
    pub(crate) const GPC0: u8 = 2;
    /// The name of the client's server, by the dictionary.
    pub(crate) const SERVER_KEY: u8 = 19;
    /// Types of the protocol as it is known here.
    pub(in super::super) const KNOWN: u8 = 27;

    pub(in super::super) fn is_rate(kind: u8) -> bool {
        matches!(kind, 3 | 5 | 8 | 10 | 12 | 14 | 16 | 18 | 21 | 24 | 26)
    }

    pub(in super::super) fn is_array(kind: u8) -> bool {
        matches!(kind, 22..=24)
    }
}

/// What keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    Integer,
    Ipv4,
    Ipv6,
    /// With its length before it; of the table's length at most, a zero byte included.
    Text,
    /// Of the table's length exactly.
    Binary,
}

impl KeyForm {
    fn of(code: u64) -> Option<Self> {
        FORMS.iter().find(|(_, other)| u64::from(*other) == code).map(|(form, _)| *form)
    }

    fn code(self) -> u8 {
        FORMS.iter().find(|(form, _)| *form == self).map_or(0, |(_, code)| *code)
    }
}

const FORMS: [(KeyForm, u8); 5] =
    [(KeyForm::Integer, 2), (KeyForm::Ipv4, 4), (KeyForm::Ipv6, 5), (KeyForm::Text, 6), (KeyForm::Binary, 7)];

/// A table as its sender has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition<'a> {
    /// The sender's number for it.
    pub(crate) id: u64,
    pub(crate) name: &'a str,
    /// How entries of it look; none if something stands in them that is not known here, so that they cannot be read.
    pub(crate) shape: Option<Shape>,
    /// How long its entries live; none where the sender does not tell.
    pub(crate) expire: Option<Duration>,
}

/// How the entries of a table look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) key: KeyForm,
    /// The length of keys, in bytes.
    pub(crate) key_length: u16,
    /// What stands in them, in order, and how often.
    // INVARIANT: every type is a known one, and no count is above MOST_ELEMENTS.
    pub(crate) data: SmallVec<[(u8, u8); 4]>,
}

impl Shape {
    /// Whether a type stands in the entries.
    pub(crate) fn has(&self, kind: u8) -> bool {
        self.data.iter().any(|(other, _)| *other == kind)
    }
}

impl<'a> Definition<'a> {
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let (id, rest) = varint::read(data)?;
        let (length, rest) = varint::read(rest)?;
        let (name, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let name = std::str::from_utf8(name).ok().filter(|name| (1..=LONGEST_NAME).contains(&name.len()))?;
        let (form, rest) = varint::read(rest)?;
        let (key_length, rest) = varint::read(rest)?;
        let (bits, rest) = varint::read(rest)?;
        let expiry = varint::read(rest);
        let parameters = expiry.map(|(_, rest)| rest);
        let shape = KeyForm::of(form).and_then(|key| {
            let key_length = u16::try_from(key_length).ok()?;
            Some(Shape { key, key_length, data: shape(bits, parameters)? })
        });
        let expire =
            expiry.map(|(millis, _)| Duration::from_millis(millis)).filter(|expire| !expire.is_zero());
        Some(Self { id, name, shape, expire })
    }

    /// Appends it. Its types are plain ones, without parameters.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Some(shape) = &self.shape else { return };
        write(DEFINE, out, |data| {
            varint::write(self.id, data);
            varint::write(self.name.len() as u64, data);
            data.extend_from_slice(self.name.as_bytes());
            varint::write(shape.key.code().into(), data);
            varint::write(shape.key_length.into(), data);
            varint::write(shape.data.iter().fold(0, |bits, (kind, _)| bits | 1 << *kind), data);
            let millis =
                self.expire.map_or(0, |expire| u64::try_from(expire.as_millis()).unwrap_or(u64::MAX));
            varint::write(millis.min(MOST_MILLIS), data);
        });
    }
}

/// What the bits say, with the elements of arrays; none if they cannot be understood.
fn shape(bits: u64, parameters: Option<&[u8]>) -> Option<SmallVec<[(u8, u8); 4]>> {
    if bits >> types::KNOWN != 0 {
        return None;
    }
    let mut rest = parameters;
    let mut data = SmallVec::new();
    for kind in (0..types::KNOWN).filter(|kind| bits >> kind & 1 == 1) {
        let mut elements = 1;
        let (array, rate) = (types::is_array(kind), types::is_rate(kind));
        if array || (rate && rest.is_some()) {
            let (prefix, after) = varint::read(rest?)?;
            if prefix != u64::from(kind) {
                return None;
            }
            let (count, after) = if array { varint::read(after)? } else { (1, after) };
            elements = u8::try_from(count).ok().filter(|count| *count <= MOST_ELEMENTS)?;
            rest = Some(if rate { varint::read(after)?.1 } else { after });
        }
        data.push((kind, elements));
    }
    Some(data)
}

/// The longest name of a table, in bytes.
const LONGEST_NAME: usize = 511;
/// The most elements of an array: HAProxy's bound.
const MOST_ELEMENTS: u8 = 100;
/// HAProxy keeps times in 31 bits of milliseconds.
const MOST_MILLIS: u64 = i32::MAX as u64;
