//! Server names: told once in a connection under a number from 1 to 128, from then on by the number alone. A number
//! may get another name later.
//!
//! ```text
//! server key = 0                                   no server
//!            | length · number                     a name that was told
//!            | length · number · length · name
//! ```

use std::sync::Arc;

use super::varint;

/// Names that were told to the other side.
#[derive(Debug, Default)]
pub(crate) struct Told {
    names: Vec<Arc<str>>,
    /// Which place the next name takes once all are taken.
    turn: usize,
}

/// Names that the other side told.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    names: Vec<Option<Arc<str>>>,
}

impl Told {
    /// Appends a name.
    pub(super) fn write(&mut self, name: Option<&Arc<str>>, out: &mut Vec<u8>) {
        let Some(name) = name else { return varint::write(0, out) };
        let mut item = Vec::with_capacity(name.len() + 4);
        match self.names.iter().position(|known| **known == **name) {
            Some(place) => varint::write(place as u64 + 1, &mut item),
            None => {
                let place = self.place(name);
                varint::write(place as u64 + 1, &mut item);
                varint::write(name.len() as u64, &mut item);
                item.extend_from_slice(name.as_bytes());
            }
        }
        varint::write(item.len() as u64, out);
        out.extend_from_slice(&item);
    }

    fn place(&mut self, name: &Arc<str>) -> usize {
        if self.names.len() < PLACES {
            self.names.push(Arc::clone(name));
            return self.names.len() - 1;
        }
        let place = self.turn % PLACES;
        self.turn = place + 1;
        if let Some(taken) = self.names.get_mut(place) {
            *taken = Arc::clone(name);
        }
        place
    }
}

impl Sent {
    /// Reads a name; the outer none is malformed, the inner one no server, or a name that was never told.
    pub(super) fn read<'a>(&mut self, bytes: &'a [u8]) -> Option<(Option<Arc<str>>, &'a [u8])> {
        let (length, rest) = varint::read(bytes)?;
        if length == 0 {
            return Some((None, rest));
        }
        let (item, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let (number, item) = varint::read(item)?;
        let place = usize::try_from(number).ok()?.checked_sub(1).filter(|place| *place < PLACES)?;
        if !item.is_empty() {
            let (length, name) = varint::read(item)?;
            let (name, _) = name.split_at_checked(usize::try_from(length).ok()?)?;
            // A name that is no text is no server's here.
            let name = std::str::from_utf8(name).ok().filter(|name| (1..=LONGEST_NAME).contains(&name.len()));
            if self.names.len() <= place {
                self.names.resize(place + 1, None);
            }
            if let Some(taken) = self.names.get_mut(place) {
                *taken = name.map(Arc::from);
            }
        }
        Some((self.names.get(place).cloned().flatten(), rest))
    }
}

/// Names that one side keeps of the other: HAProxy's number.
const PLACES: usize = 128;
/// The longest name that is kept, in bytes.
const LONGEST_NAME: usize = 255;
