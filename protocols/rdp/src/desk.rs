//! Where clients arrive: a first packet is read, and says which way its client is served.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use bytes::Bytes;
use sekisho_api::{Conversation, Converse, Facts, Fault, Input, KeyKind, Route, Step};

use crate::deep::{Deep, Verdict};
use crate::first::{First, first_packet};
use crate::key::Line;
use crate::options::Options;
use crate::passing::Passing;

/// Opens the conversations of a VIP.
#[derive(Debug)]
pub(crate) struct Desk(Arc<Vip>);

/// What the conversations of a VIP share.
#[derive(Debug)]
pub(crate) struct Vip {
    pub(crate) options: Options,
    /// What the servers say that they can do, by the last of them that confirmed a request.
    flags: AtomicU8,
}

impl Vip {
    /// Extended client data, which every server since Windows 2000 takes, and graphics; what else a server may offer is
    /// about logins that the gateway does not serve (MS-RDPBCGR, section 2.2.1.2.1).
    const MIRRORED: u8 = 0x03;
    const EXTENDED_CLIENT_DATA: u8 = 0x01;

    /// What the gateway says in a server's place.
    pub(crate) fn flags(&self) -> u8 {
        self.flags.load(Relaxed)
    }

    /// A server confirmed a request with these.
    pub(crate) fn confirmed(&self, flags: u8) {
        let flags = flags & Self::MIRRORED;
        // All workers read it: it is written when it changes.
        if self.flags() != flags {
            self.flags.store(flags, Relaxed);
        }
    }
}

impl Desk {
    pub(crate) fn new(options: Options) -> Self {
        Self(Arc::new(Vip { options, flags: AtomicU8::new(Vip::EXTENDED_CLIENT_DATA) }))
    }
}

impl Converse for Desk {
    fn open(&self, facts: &Facts) -> Box<dyn Conversation> {
        Box::new(Visit { vip: self.0.clone(), client: facts.client.ip(), way: Way::Reading })
    }

    fn wants_start_tls(&self) -> bool {
        self.0.options.replays()
    }

    /// A user's name is taken as it stands in a cookie, so that its strength is known, too.
    fn described(&self, client: IpAddr, said: &[(KeyKind, &str)]) -> Result<Option<Route>, String> {
        let word = |wanted| said.iter().find(|(kind, _)| *kind == wanted).map(|(_, word)| word);
        let line = match (word(KeyKind::RDP_TOKEN), word(KeyKind::USER)) {
            (Some(token), _) => Some(format!("Cookie: msts={token}")),
            (None, Some(user)) => Some(format!("Cookie: mstshash={user}")),
            (None, None) => None,
        };
        let first = First { line: line.as_deref().map(str::as_bytes), ..First::default() };
        Ok(Some(self.0.options.route(&first, client)))
    }
}

/// One client.
struct Visit {
    vip: Arc<Vip>,
    client: IpAddr,
    way: Way,
}

enum Way {
    /// The first packet is not whole yet.
    Reading,
    /// It goes to a server as it is, and so does everything behind it.
    Passing(Passing),
    /// The gateway ends its TLS.
    Deep(Box<Deep>),
    Refused,
}

impl Visit {
    fn read(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some(first) = first_packet(bytes)? else { return Ok(Step::NeedMore) };
        let length = first.bytes.len();
        let route = self.vip.options.route(&first, self.client);
        match Verdict::on(&first, &self.vip.options) {
            Verdict::Pass => {
                // A token of the gateway's own has done its work, and some servers take no line that they do not know.
                let request = match first.line.map(Line::read) {
                    Some(Line::Sealed(_)) => first.without_line().into(),
                    _ => Bytes::copy_from_slice(first.bytes),
                };
                self.way = Way::Passing(Passing::new(self.vip.clone(), request));
                Ok(Step::Route(length, Box::new(route)))
            }
            Verdict::Refuse(words) => {
                self.way = Way::Refused;
                Ok(Step::Reply(length, words))
            }
            Verdict::Deep(protocols) => Ok(self.enter(&first, protocols, route)),
        }
    }

    fn enter(&mut self, first: &First<'_>, protocols: u32, route: Route) -> Step {
        let (deep, confirm) = Deep::new(self.vip.clone(), first, protocols, route);
        self.way = Way::Deep(Box::new(deep));
        Step::Reply(first.bytes.len(), Bytes::from(confirm))
    }
}

impl Conversation for Visit {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (&mut self.way, input) {
            (Way::Passing(passing), input) => passing.step(input),
            (Way::Deep(deep), input) => deep.step(input),
            (Way::Reading, Input::Client(bytes)) => self.read(bytes),
            (Way::Reading, Input::Open(_)) => Ok(Step::NeedMore),
            (Way::Reading | Way::Refused, _) => Ok(Step::Close),
        }
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut visit = f.debug_struct("Visit");
        match &self.way {
            Way::Reading => visit.field("way", &"reading"),
            Way::Passing(passing) => visit.field("way", passing),
            Way::Deep(deep) => visit.field("way", deep),
            Way::Refused => visit.field("way", &"refused"),
        };
        visit.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts::plain(([192, 0, 2, 1], 5000).into(), ([192, 0, 2, 80], 3389).into())
    }

    #[test]
    fn first_packet_is_held_until_a_server_confirms_it_and_every_law_is_kept() {
        let routes = [("tsv://Farm.2".into(), 1)].into();
        let desk = Desk::new(Options { routes, ..Options::default() });
        sekisho_testkit::conversation(move || desk.open(&facts()))
            .fixture("a mute server and one that is none are replaced", include_str!("../tests/failover.txt"))
            .fixture("token", include_str!("../tests/token.txt"))
            .fixture("token that the gateway issued", include_str!("../tests/sealed.txt"))
            .fixture("hint behind a preconnection PDU", include_str!("../tests/hint.txt"))
            .fixture("no server", include_str!("../tests/refused.txt"))
            .fixture("another protocol", include_str!("../tests/another.txt"))
            .laws();
    }

    #[test]
    fn any_script_is_survived() {
        let words: [&[u8]; 3] = [
            b"\x03\x00\x00\x0b\x06\xe0\0\0\0\0\0\0",
            b"\x03\x00\x00\x0b\x06\xd0\0\0\0\0\0\0",
            b"\x10\0\0\0\0\0\0\0\x01\0\0\0",
        ];
        sekisho_testkit::seeded(2000, &words, |data| {
            sekisho_testkit::oracle(|| Desk::new(Options::default()).open(&facts()), data);
        });
    }
}
