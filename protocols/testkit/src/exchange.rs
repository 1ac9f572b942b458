//! The laws of an exchange.

use sekisho_api::{Request, Unavailable};

use crate::conversation::Context;
use crate::mutate::Seed;
use crate::rig::facts;
use crate::transcript::WHYS;

/// Tests of `exchange`.
pub fn exchange(exchange: impl sekisho_api::Exchange + 'static) -> Exchange {
    Exchange { exchange: Box::new(exchange), pairs: Vec::new() }
}

/// An exchange and its fixtures: finished by [`Exchange::laws`].
#[derive(Debug)]
#[must_use = "nothing is tested before `laws`"]
pub struct Exchange {
    exchange: Box<dyn sekisho_api::Exchange>,
    pairs: Vec<(String, Vec<u8>, Vec<u8>)>,
}

impl Exchange {
    /// Adds a request that is forwarded and an answer to it, as they travel.
    pub fn pair(mut self, name: &str, request: impl Into<Vec<u8>>, answer: impl Into<Vec<u8>>) -> Self {
        self.pairs.push((name.to_owned(), request.into(), answer.into()));
        self
    }

    /// Checks, over every pair:
    ///
    /// * the request is forwarded, its id stands where it says, and another id changes neither fingerprint nor route;
    /// * its own answer matches; the answers of all other pairs and the fingerprint's neighbours do not;
    /// * a refusal is never longer than the room it has, in room of any size;
    /// * every prefix and a thousand damaged datagrams give an outcome, and places lie inside the datagram.
    ///
    /// # Panics
    /// With the rule that does not hold.
    pub fn laws(self) {
        for (name, request, answer) in &self.pairs {
            self.matching(name, request, answer);
            for len in 0..=request.len().max(answer.len()) {
                self.total(&format!("{name}: cut to {len}"), request.get(..len).unwrap_or(request));
                self.total(&format!("{name}: answer cut to {len}"), answer.get(..len).unwrap_or(answer));
            }
            for number in 0..1000 {
                let mut seed = Seed::new(number);
                for datagram in [request, answer] {
                    let mut datagram = datagram.clone();
                    seed.damage(&mut datagram);
                    self.total(&format!("{name}: damaged by seed {number}"), &datagram);
                }
            }
        }
    }

    fn matching(&self, name: &str, request: &[u8], answer: &[u8]) {
        let exchange = &self.exchange;
        let Request::Forward { id: place, fingerprint, .. } = exchange.request(request, &facts()) else {
            panic!("{name}: the request is not forwarded");
        };
        let id = place.read(request);
        assert!(id.is_some() && id == exchange.id(request), "{name}: the id does not stand where it says");
        let mut other = request.to_vec();
        assert!(place.write(&mut other, !id.unwrap_or(0)), "{name}: the id cannot be replaced");
        let Request::Forward { fingerprint: again, .. } = exchange.request(&other, &facts()) else {
            panic!("{name}: another id changes the outcome");
        };
        assert_eq!(again, fingerprint, "{name}: the id is part of the fingerprint");
        let place = exchange
            .answer(answer, fingerprint)
            .unwrap_or_else(|| panic!("{name}: its own answer does not match"));
        assert_eq!(
            place.read(answer),
            exchange.id(answer),
            "{name}: the answer's id does not stand where it says"
        );
        let neighbour = sekisho_api::Fingerprint(fingerprint.0 ^ 1);
        assert_eq!(exchange.answer(answer, neighbour), None, "{name}: any fingerprint matches");
        for (other, foreign, _) in &self.pairs {
            if let Request::Forward { fingerprint: foreign, .. } = exchange.request(foreign, &facts())
                && foreign != fingerprint
            {
                assert_eq!(exchange.answer(answer, foreign), None, "{name}: its answer matches {other}");
            }
        }
    }

    fn total(&self, what: &str, datagram: &[u8]) {
        let _context = Context(what.to_owned());
        if let Request::Forward { id, fingerprint, .. } = self.exchange.request(datagram, &facts()) {
            assert!(id.read(datagram).is_some(), "{what}: the id stands outside the datagram");
            _ = self.exchange.answer(datagram, fingerprint);
        }
        _ = self.exchange.id(datagram);
        for why in WHYS {
            for room in [0, 1, 2, 3, 11, 12, 13, datagram.len().saturating_sub(1), datagram.len(), 512, 1232]
            {
                self.refusal(what, datagram, why, room);
            }
        }
    }

    fn refusal(&self, what: &str, datagram: &[u8], why: Unavailable, room: usize) {
        let mut out = vec![0; room];
        if let Some(len) = self.exchange.refuse(datagram, why, &mut out) {
            assert!(len <= room, "{what}: a refusal of {len} bytes in room for {room}");
        }
    }
}
