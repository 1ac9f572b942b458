//! Servers with equal scores.

use crate::field::Field;

/// The places that share the best score. Beyond [`Ties::MAX`] the rest wait for a later choice, when these have
/// more leases than they.
#[derive(Debug)]
pub(crate) struct Ties {
    places: [u32; Self::MAX],
    count: usize,
}

impl Ties {
    /// The most places kept: they live on the stack.
    const MAX: usize = 64;

    pub(super) fn new() -> Self {
        Self { places: [0; Self::MAX], count: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    pub(super) fn add(&mut self, place: usize) {
        if let (Some(slot), Ok(place)) = (self.places.get_mut(self.count), u32::try_from(place)) {
            *slot = place;
            self.count += 1;
        }
    }

    /// The places with their weights, for the wheel.
    pub(super) fn weights<'a>(self, field: &'a Field<'_>) -> impl Iterator<Item = (usize, u64)> + 'a {
        (0..self.count).filter_map(move |i| {
            let place = *self.places.get(i)? as usize;
            // A server that filled up since still takes its turn; taking the lease fails and the choice is repeated.
            let weight = field.server(place).map_or(0, |server| field.weight(server)).max(1);
            Some((place, weight))
        })
    }
}
