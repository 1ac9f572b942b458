//! What a good answer looks like.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::text;
use crate::wire::{self, Header, Rcode, Record, Section};

/// What a good answer looks like.
#[derive(Debug)]
pub(super) struct Expect {
    /// The codes that are well; none: all but those of a server that cannot or will not.
    pub(super) rcodes: Option<Vec<Rcode>>,
    /// What must stand in the data of some answer; empty: anything will do.
    pub(super) text: Vec<u8>,
    /// The fewest answers.
    pub(super) least: usize,
}

impl Expect {
    /// Judges an answer; over a stream it is whole.
    ///
    /// # Errors
    /// What is wrong with it, for the operator.
    pub(super) fn judge(&self, answer: &[u8], header: Header, whole: bool) -> Result<(), String> {
        let rcode = Rcode(wire::rcode(answer));
        let well = match &self.rcodes {
            Some(rcodes) => rcodes.contains(&rcode),
            None => !matches!(rcode, Rcode::SERVFAIL | Rcode::NOTIMP | Rcode::REFUSED),
        };
        if !well {
            return Err(format!("it answered {}", text::show_rcode(rcode)));
        }
        // What the answer lacks may be what did not fit into it.
        let hint = if header.tc() && !whole { " (it is truncated: probe over TCP)" } else { "" };
        let answers = || {
            let records = wire::records(answer).into_iter().flatten().map_while(Result::ok);
            records.filter(|record| record.section == Section::Answer)
        };
        let count = answers().count();
        if count < self.least {
            return Err(format!("it gave {count} answers{hint}"));
        }
        if !self.text.is_empty() && !answers().any(|record| self.stands_in(answer, &record)) {
            return Err(format!("no answer has the expected text{hint}"));
        }
        Ok(())
    }

    /// Whether the text stands in the record's data: addresses are compared as they are written, texts piece by
    /// piece, everything else byte for byte.
    fn stands_in(&self, answer: &[u8], record: &Record) -> bool {
        let data = answer.get(record.data.clone()).unwrap_or_default();
        let has = |bytes: &[u8]| bytes.windows(self.text.len()).any(|window| window == self.text);
        match record.kind {
            A => data
                .try_into()
                .is_ok_and(|octets: [u8; 4]| has(Ipv4Addr::from(octets).to_string().as_bytes())),
            AAAA => data
                .try_into()
                .is_ok_and(|octets: [u8; 16]| has(Ipv6Addr::from(octets).to_string().as_bytes())),
            _ => has(data),
        }
    }
}

/// The types of addresses.
const A: u16 = 1;
const AAAA: u16 = 28;
