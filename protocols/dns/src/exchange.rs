//! DNS over UDP.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::{Answer, Asked, Described, Exchange, Facts, KeyKind, Request, Route, Unavailable};

use crate::desk::{Desk, Over};

/// DNS over UDP: the desk, as the core asks it.
#[derive(Debug)]
pub(crate) struct DnsExchange(pub(crate) Arc<Desk>);

impl Exchange for DnsExchange {
    fn request(&self, datagram: &[u8], facts: &Facts, now: Instant, out: &mut [u8]) -> Request {
        self.0.request(datagram, facts, Over::Udp, now, out)
    }

    fn id(&self, datagram: &[u8]) -> Option<u32> {
        Desk::id(datagram)
    }

    fn answer(&self, datagram: &[u8], asked: &Asked<'_>, now: Instant, out: &mut [u8]) -> Answer {
        self.0.answer(datagram, asked, Over::Udp, now, out)
    }

    fn known(&self, request: &[u8], facts: &Facts, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.0.known(request, facts, Over::Udp, now, out)
    }

    fn refuse(
        &self,
        request: &[u8],
        facts: &Facts,
        why: Unavailable,
        now: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        self.0.refuse(request, facts, why, Over::Udp, now, out)
    }

    fn described(&self, client: IpAddr, said: &[(KeyKind, &str)]) -> Result<Option<Route>, String> {
        self.0.described(client, said)
    }

    fn describe(&self, request: &[u8], answer: &[u8]) -> Option<Described> {
        self.0.describe(request, answer)
    }
}
