//! The ids that one socket has in use towards its server.

/// Slots in the beginning; their number doubles as they fill.
const FEWEST: usize = 64;

/// The most slots of a socket: half of all 16-bit ids, so that a guess has to be right among twice as many.
const MOST: usize = 32_768;

/// Draws of a free id before giving up.
const DRAWS: usize = 6;

/// Ids in use, each with what waits under it. An id's slot is its remainder; a slot that is taken is never given to
/// another before it was released.
#[derive(Debug)]
pub(super) struct Ids<T> {
    // INVARIANT: empty, or a power of two.
    slots: Vec<Option<(u32, T)>>,
    live: usize,
}

impl<T> Default for Ids<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), live: 0 }
    }
}

impl<T: Copy> Ids<T> {
    /// Takes a free id of `width` bytes; none if the table is so full that none was found in a few draws.
    pub(super) fn claim(&mut self, width: usize, value: T, mut draw: impl FnMut() -> u32) -> Option<u32> {
        let mask = u32::MAX >> (32 - 8 * width.clamp(1, 4));
        let most = MOST.min((mask as usize).saturating_add(1));
        if 2 * self.live >= self.slots.len() && self.slots.len() < most {
            self.grow((2 * self.slots.len()).clamp(FEWEST, most));
        }
        (0..DRAWS).find_map(|_| {
            let id = draw() & mask;
            let slot = self.slot(id)?;
            slot.is_none().then(|| *slot = Some((id, value)))?;
            self.live += 1;
            Some(id)
        })
    }

    /// What waits under this id.
    pub(super) fn get(&self, id: u32) -> Option<T> {
        let slot = self.slots.get(id as usize & self.slots.len().wrapping_sub(1))?;
        slot.filter(|(taken, _)| *taken == id).map(|(_, value)| value)
    }

    /// Gives the id back.
    pub(super) fn release(&mut self, id: u32) -> Option<T> {
        let value = self.get(id)?;
        *self.slot(id)? = None;
        self.live -= 1;
        Some(value)
    }

    /// Gives all ids back.
    pub(super) fn clear(&mut self) -> Vec<T> {
        self.live = 0;
        self.slots.iter_mut().filter_map(Option::take).map(|(_, value)| value).collect()
    }

    /// How many are in use.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    fn slot(&mut self, id: u32) -> Option<&mut Option<(u32, T)>> {
        let place = id as usize & self.slots.len().wrapping_sub(1);
        self.slots.get_mut(place)
    }

    /// Ids in different slots differ in their lower bits, and do so in a larger table.
    fn grow(&mut self, size: usize) {
        let mut slots = vec![None; size];
        for (id, value) in self.slots.drain(..).flatten() {
            if let Some(slot) = slots.get_mut(id as usize & (size - 1)) {
                *slot = Some((id, value));
            }
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::slab::Slab;
    use super::*;

    proptest! {
        /// What is found under an id is what claimed it last, and nothing takes a slot that is in use.
        #[test]
        fn id_leads_to_who_claimed_it_and_to_nobody_else(
            width in 1_usize..=4,
            steps in prop::collection::vec((any::<bool>(), any::<u32>()), 1..2000),
        ) {
            let (mut ids, mut model) = (Ids::default(), HashMap::new());
            let mut seed = 1_u32;
            for (number, (claim, pick)) in steps.into_iter().enumerate() {
                if claim {
                    let draw = || {
                        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (seed >> 8) ^ pick
                    };
                    if let Some(id) = ids.claim(width, number, draw) {
                        prop_assert_eq!(model.insert(id, number), None, "a live id was given again");
                    }
                } else if let Some(&id) = model.keys().nth(pick as usize % model.len().max(1)) {
                    prop_assert_eq!(ids.release(id), model.remove(&id));
                    prop_assert_eq!(ids.release(id), None, "released twice");
                }
                prop_assert_eq!(ids.live(), model.len());
                prop_assert_eq!(ids.get(pick), model.get(&pick).copied());
            }
            for (id, number) in model {
                prop_assert_eq!(ids.get(id), Some(number));
            }
        }
    }

    proptest! {
        /// Over several sockets and through any order of asking, finishing and answering: what an answer finds under
        /// its id is a query that was asked under that id on that socket and is still under way, or nothing.
        #[test]
        fn answer_finds_the_query_that_was_asked_under_its_id_or_none(
            steps in prop::collection::vec((0_u8..4, 0_usize..3, any::<u16>()), 1..3000),
        ) {
            let mut sockets = [Ids::default(), Ids::default(), Ids::default()];
            let (mut queries, mut live, mut sent) = (Slab::default(), Vec::new(), Vec::new());
            for (step, socket, pick) in steps {
                let pick = usize::from(pick);
                match step {
                    0 | 1 => {
                        let key = queries.insert((socket, 0));
                        // Few different ids, so that they are used again soon.
                        let id = sockets[socket].claim(1, key, || pick as u32);
                        if let Some(id) = id {
                            *queries.get_mut(key).unwrap() = (socket, id);
                            live.push(key);
                            sent.push((socket, id));
                        } else {
                            queries.remove(key);
                        }
                    }
                    2 if !live.is_empty() => {
                        let key = live.swap_remove(pick % live.len());
                        let (socket, id) = queries.remove(key).unwrap();
                        prop_assert_eq!(sockets[socket].release(id), Some(key));
                    }
                    // An answer to anything that was ever sent: in time, late, or doubled.
                    _ => if let Some(&(socket, id)) = sent.get(pick % sent.len().max(1)) {
                        let found = sockets[socket].get(id).map(|key| queries.get(key).copied());
                        prop_assert!(matches!(found, None | Some(Some(_))), "a key that leads nowhere");
                        if let Some(query) = found.flatten() {
                            prop_assert_eq!(query, (socket, id));
                        }
                    },
                }
            }
            prop_assert_eq!(sockets.iter().map(Ids::live).sum::<usize>(), queries.len());
        }
    }

    #[test]
    fn full_table_refuses_and_overwrites_nobody() {
        let mut ids = Ids::default();
        assert_eq!(ids.claim(2, 'a', || 7), Some(7));
        assert_eq!(ids.claim(2, 'b', || 7), None);
        assert_eq!(ids.claim(2, 'b', || 7 + MOST as u32), None, "another id with the same slot");
        assert_eq!(ids.get(7), Some('a'));
        let mut next = 0;
        let narrow = (0..1000).filter(|_| {
            let draw = || {
                next += 1;
                next
            };
            ids.claim(1, 'c', draw).is_some()
        });
        assert_eq!(narrow.count(), 255, "as many as ids of one byte");
        assert_eq!(ids.clear().len(), 256);
        assert_eq!((ids.live(), ids.get(7)), (0, None));
    }
}
