//! One run: the query, and what comes back.

use std::sync::Arc;

use sekisho_api::bytes::Bytes;
use sekisho_api::{ProbeInput, ProbeRun, ProbeStep};

use super::verdict::Expect;
use crate::wire::{self, Header, opcode};

/// One run of the probe.
#[derive(Debug)]
pub(super) struct Run {
    query: Bytes,
    id: u16,
    /// Keys the fingerprint, so that it is of no use to whoever sees another run.
    seed: (u64, u64),
    fingerprint: u64,
    expect: Arc<Expect>,
    /// Messages come with their length before them (RFC 1035, section 4.2.2).
    framed: bool,
}

impl Run {
    pub(super) fn new(query: &[u8], expect: Arc<Expect>, nonce: u64) -> Self {
        let id = nonce as u16;
        let query: Vec<u8> = id.to_be_bytes().into_iter().chain(query.iter().skip(2).copied()).collect();
        let seed = (nonce, nonce.rotate_left(32));
        let fingerprint = wire::query(&query).map_or(0, |query| wire::fingerprint(seed, &query));
        Self { query: query.into(), id, seed, fingerprint, expect, framed: false }
    }

    /// The query with its length before it.
    fn framed(&self) -> Bytes {
        let length = u16::try_from(self.query.len()).unwrap_or(u16::MAX);
        [&length.to_be_bytes(), &self.query[..]].concat().into()
    }

    /// The verdict on one message; none: it is no answer to the query.
    fn verdict(&self, message: &[u8]) -> Option<ProbeStep> {
        let header = Header::read(message).filter(|header| header.id == self.id)?;
        if !wire::answers(message, opcode::QUERY, self.fingerprint, self.seed) {
            return None;
        }
        Some(match self.expect.judge(message, header, self.framed) {
            Ok(()) => ProbeStep::Up,
            Err(reason) => ProbeStep::Down(reason),
        })
    }

    /// Looks at the messages of a stream, one after the other.
    fn stream(&self, mut bytes: &[u8]) -> ProbeStep {
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let Some((message, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
            else {
                break;
            };
            if let Some(verdict) = self.verdict(message) {
                return verdict;
            }
            bytes = rest;
        }
        ProbeStep::NeedMore
    }
}

impl ProbeRun for Run {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match input {
            ProbeInput::Datagrams => ProbeStep::Send(0, self.query.clone()),
            ProbeInput::Connected(_) => {
                self.framed = true;
                ProbeStep::Send(0, self.framed())
            }
            ProbeInput::Bytes(bytes) if self.framed => self.stream(bytes),
            // Late, doubled or forged: the true answer may still come.
            ProbeInput::Bytes(datagram) => self.verdict(datagram).unwrap_or(ProbeStep::NeedMore),
            ProbeInput::Ended => ProbeStep::Down("it did not answer the query".to_owned()),
        }
    }
}
