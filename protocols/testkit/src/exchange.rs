//! The laws of an exchange.

use std::time::Instant;

use sekisho_api::{Answer, Asked, DATAGRAM, Forward, Request, Unavailable};

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

    fn request(&self, datagram: &[u8]) -> (Request, Vec<u8>) {
        let mut out = vec![0; DATAGRAM];
        let request = self.exchange.request(datagram, &facts(), Instant::now(), &mut out);
        let written = match &request {
            Request::Forward(forward) => forward.written,
            Request::Answer(written, _) => Some(*written),
            Request::Ignore(_) => None,
        };
        if let Some(written) = written {
            assert!(written <= out.len(), "it wrote {written} bytes into room for {}", out.len());
            out.truncate(written);
        }
        (request, out)
    }

    fn forward(&self, datagram: &[u8]) -> Option<Forward> {
        match self.request(datagram) {
            (Request::Forward(forward), _) => Some(forward),
            _ => None,
        }
    }

    fn answer(&self, datagram: &[u8], asked: &Asked<'_>) -> Answer {
        self.exchange.answer(datagram, asked, Instant::now(), &mut vec![0; DATAGRAM])
    }

    fn matching(&self, name: &str, request: &[u8], answer: &[u8]) {
        let exchange = &self.exchange;
        let Some(Forward { id: place, fingerprint, memo, .. }) = self.forward(request) else {
            panic!("{name}: the request is not forwarded");
        };
        let id = place.read(request);
        assert!(id.is_some() && id == exchange.id(request), "{name}: the id does not stand where it says");
        let mut other = request.to_vec();
        assert!(place.write(&mut other, !id.unwrap_or(0)), "{name}: the id cannot be replaced");
        let Some(Forward { fingerprint: again, .. }) = self.forward(&other) else {
            panic!("{name}: another id changes the outcome");
        };
        assert_eq!(again, fingerprint, "{name}: the id is part of the fingerprint");
        let asked = Asked { request, fingerprint, memo };
        match self.answer(answer, &asked) {
            Answer::Stray => panic!("{name}: its own answer does not match"),
            Answer::Deliver(delivery) | Answer::Another(delivery) => assert_eq!(
                delivery.id.read(answer),
                exchange.id(answer),
                "{name}: the answer's id does not stand where it says"
            ),
        }
        let neighbour = Asked { fingerprint: sekisho_api::Fingerprint(fingerprint.0 ^ 1), ..asked };
        assert_eq!(self.answer(answer, &neighbour), Answer::Stray, "{name}: any fingerprint matches");
        for (other, foreign, _) in &self.pairs {
            if let Some(theirs) = self.forward(foreign)
                && theirs.fingerprint != fingerprint
            {
                let asked = Asked { request: foreign, fingerprint: theirs.fingerprint, memo: theirs.memo };
                assert_eq!(self.answer(answer, &asked), Answer::Stray, "{name}: its answer matches {other}");
            }
        }
    }

    fn total(&self, what: &str, datagram: &[u8]) {
        let _context = Context(what.to_owned());
        if let (Request::Forward(Forward { id, fingerprint, memo, written, .. }), out) =
            self.request(datagram)
        {
            assert!(id.read(datagram).is_some(), "{what}: the id stands outside the datagram");
            assert!(
                written.is_none() || id.read(&out).is_some(),
                "{what}: the id stands outside what is sent"
            );
            _ = self.answer(datagram, &Asked { request: datagram, fingerprint, memo });
        }
        _ = self.exchange.known(datagram, &facts(), Instant::now(), &mut vec![0; DATAGRAM]);
        _ = self.exchange.describe(datagram, datagram);
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
        if let Some(len) = self.exchange.refuse(datagram, &facts(), why, Instant::now(), &mut out) {
            assert!(len <= room, "{what}: a refusal of {len} bytes in room for {room}");
        }
    }
}
