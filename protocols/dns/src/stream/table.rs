//! What is under way on one server connection, by transaction id.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher, RandomState};

use super::ids::Ids;

/// The most entries of a table: with a quarter of the ids taken, six draws fail once in 4,000 times.
pub(crate) const MOST: usize = 1 << 14;

/// Entries under ids that the table draws.
#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: HashMap<u16, T, BuildHasherDefault<Spread>>,
    ids: Ids,
}

impl<T> Table<T> {
    /// An empty table with ids of its own.
    pub(crate) fn new(random: RandomState) -> Self {
        Self { entries: HashMap::default(), ids: Ids::new(random) }
    }

    /// A free id; `None` if the table is full, or so nearly full that none was found. A living entry is never
    /// overwritten.
    pub(crate) fn free(&mut self) -> Option<u16> {
        if self.entries.len() >= MOST {
            return None;
        }
        (0..DRAWS).map(|_| self.ids.draw()).find(|id| !self.entries.contains_key(id))
    }

    /// Enters under an id that [`Table::free`] gave.
    pub(crate) fn enter(&mut self, id: u16, entry: T) {
        self.entries.insert(id, entry);
    }

    /// The entry under this id.
    pub(crate) fn get(&self, id: u16) -> Option<&T> {
        self.entries.get(&id)
    }

    /// The entry under this id, to be changed.
    pub(crate) fn get_mut(&mut self, id: u16) -> Option<&mut T> {
        self.entries.get_mut(&id)
    }

    /// Takes the entry under this id.
    pub(crate) fn remove(&mut self, id: u16) -> Option<T> {
        self.entries.remove(&id)
    }

    /// Takes the entries that `which` wants.
    pub(crate) fn extract(&mut self, mut which: impl FnMut(&mut T) -> bool) -> Vec<T> {
        self.entries.extract_if(|_, entry| which(entry)).map(|(_, entry)| entry).collect()
    }

    /// All entries, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.values_mut()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Hashes an id by one multiplication: ids are the table's own and random already.
#[derive(Debug, Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u16(u16::from(byte));
        }
    }

    fn write_u16(&mut self, id: u16) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

const DRAWS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_is_found_under_its_own_id_until_it_is_taken() {
        let mut table = Table::new(RandomState::new());
        let ids: Vec<u16> = (0..1000)
            .map(|n| {
                let id = table.free().unwrap();
                table.enter(id, n);
                id
            })
            .collect();
        assert_eq!(table.len(), 1000);
        for (n, &id) in ids.iter().enumerate() {
            assert_eq!(table.get(id), Some(&n));
            assert_eq!(table.remove(id), Some(n));
            assert_eq!(table.remove(id), None);
        }
        assert!(table.is_empty());
    }

    #[test]
    fn full_table_gives_no_id_and_overwrites_nothing() {
        let mut table = Table::new(RandomState::new());
        let mut misses = 0;
        while table.len() < MOST {
            match table.free() {
                Some(id) => {
                    assert!(table.get(id).is_none());
                    table.enter(id, ());
                }
                None => misses += 1,
            }
        }
        assert!(misses < 40, "{misses} misses");
        assert_eq!(table.free(), None);
        assert_eq!(table.extract(|()| true).len(), MOST);
        assert!(table.free().is_some());
    }
}
