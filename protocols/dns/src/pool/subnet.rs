//! What servers are told of clients' networks (RFC 7871).

use std::net::IpAddr;

use sekisho_api::settings::Section;

use crate::prefix::Prefixes;
use crate::wire::{Query, is_transfer, opcode};

/// What servers are told of clients' networks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubnetPolicy {
    mode: Mode,
    prefixes: Prefixes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// What the client itself says.
    #[default]
    Pass,
    /// What the client itself says, else its address.
    Add,
    /// Its address, whatever it says.
    Override,
    /// Nothing.
    Strip,
}

/// What the server of one query is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The network that stands in the query as the server gets it, and how many bits of it.
    pub(crate) subnet: Option<(IpAddr, u8)>,
    /// Whether the query is written anew for it.
    pub(crate) rewritten: bool,
}

impl Default for SubnetPolicy {
    fn default() -> Self {
        Self { mode: Mode::default(), prefixes: PREFIXES }
    }
}

impl SubnetPolicy {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let words =
            [("pass", Mode::Pass), ("add", Mode::Add), ("override", Mode::Override), ("strip", Mode::Strip)];
        Self {
            mode: section.word("client-subnet", &words).unwrap_or_default(),
            prefixes: Prefixes::read(section, "client-subnet-prefix", PREFIXES),
        }
    }

    /// What the server is told of `client`. Nothing is changed in what is signed, in zone transfers, in opcodes other
    /// than QUERY, and in versions of EDNS that are not known.
    pub(crate) fn of(self, query: &Query<'_>, client: IpAddr) -> Told {
        let edns = query.edns.as_ref();
        let says = edns.is_some_and(|edns| edns.has_subnet);
        let subnet = edns.and_then(|edns| edns.subnet.as_ref()).map(|subnet| (subnet.address, subnet.source));
        let asis = Told { subnet, rewritten: false };
        let fixed = query.signed
            || query.header.opcode() != opcode::QUERY
            || is_transfer(query)
            || edns.is_some_and(|edns| edns.version != 0);
        if fixed {
            return asis;
        }
        match self.mode {
            Mode::Pass => asis,
            Mode::Add if says => asis,
            Mode::Strip => Told { subnet: None, rewritten: says },
            Mode::Add | Mode::Override => {
                let bits = self.prefixes.bits(client);
                Told { subnet: Some((self.prefixes.of(client), bits)), rewritten: true }
            }
        }
    }
}

/// As RFC 7871, section 11.1, recommends.
const PREFIXES: Prefixes = Prefixes { v4: 24, v6: 56 };
