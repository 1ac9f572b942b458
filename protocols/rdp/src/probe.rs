//! The probe `rdp`: a Connection Request, and a Connection Confirm that answers it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::settings::Section;
use sekisho_api::{Probe, ProbeInput, ProbeKind, ProbeRun, ProbeStep, ProbeTls};

/// Everything that a client may offer but Entra ID: TLS, CredSSP, CredSSP with early authorization. The cookie tells
/// the server's log who asks.
const REQUEST: &[u8] = b"\x03\x00\x00\x2d\x28\xe0\x00\x00\x00\x00\x00Cookie: mstshash=lbprobe\r\n\x01\x00\x08\x00\x0b\x00\x00\x00";

/// Selected protocols that begin with TLS on the connection itself.
const TLS_FIRST: std::ops::RangeInclusive<u32> = 1..=8;

/// `rdp`: a server that answers a Connection Request is well.
#[derive(Debug)]
pub(crate) struct RdpProbe;

impl ProbeKind for RdpProbe {
    fn name(&self) -> &'static str {
        "rdp"
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        Some(Arc::new(Confirmed { tls: options.flag("tls", false) }))
    }
}

/// A configured probe.
#[derive(Clone, Copy, Debug)]
struct Confirmed {
    /// Make the TLS that the server selects, too.
    tls: bool,
}

impl Probe for Confirmed {
    fn tls(&self) -> ProbeTls {
        ProbeTls::Never
    }

    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        Box::new(Run { tls: self.tls, starting: false })
    }
}

/// One run of it.
#[derive(Debug)]
struct Run {
    tls: bool,
    /// TLS was asked for: what comes next is that it is up.
    starting: bool,
}

impl ProbeRun for Run {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match input {
            ProbeInput::Connected(_) if self.starting => ProbeStep::Up,
            ProbeInput::Connected(_) => ProbeStep::Send(0, Bytes::from_static(REQUEST)),
            ProbeInput::Bytes(answer) => self.answered(answer),
            ProbeInput::Ended | ProbeInput::Datagrams => {
                ProbeStep::Down("it closed the connection without a Connection Confirm".to_owned())
            }
        }
    }
}

impl Run {
    fn answered(&mut self, answer: &[u8]) -> ProbeStep {
        let not_rdp = || ProbeStep::Down("it does not speak Remote Desktop".to_owned());
        if !answer.iter().zip(b"\x03\x00").all(|(byte, expected)| byte == expected) {
            return not_rdp();
        }
        let &[_, _, high, low, indicator, code, ..] = answer else { return ProbeStep::NeedMore };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if code & 0xf0 != 0xd0 || length != usize::from(indicator) + 5 {
            return not_rdp();
        }
        let Some(confirm) = answer.get(..length) else { return ProbeStep::NeedMore };
        match confirm.get(11..) {
            // MS-RDPBCGR, section 2.2.1.2.1: the protocol that the server selected.
            Some([2, _, 8, 0, selected @ ..]) => {
                let selected = selected.try_into().map_or(0, u32::from_le_bytes);
                self.starting = self.tls && TLS_FIRST.contains(&selected);
                if self.starting { ProbeStep::StartTls(length) } else { ProbeStep::Up }
            }
            // Section 2.2.1.2.2: it wants another security than was offered, and serves those who have it. Servers
            // without negotiation answer with the bare header.
            Some([3, _, 8, 0, ..] | []) => ProbeStep::Up,
            _ => not_rdp(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_confirms_or_wants_another_security_is_well_and_nobody_else_is() {
        let plain = || -> Box<dyn ProbeRun> { Box::new(Run { tls: false, starting: false }) };
        let mut kit = sekisho_testkit::probe(plain);
        let confirm = |tail: &[u8]| {
            let length = 11 + tail.len() as u8;
            [&[3, 0, 0, length, length - 5, 0xd0, 0, 0, 0x12, 0x34, 0][..], tail].concat()
        };
        for (answer, well) in [
            (confirm(&[2, 1, 8, 0, 2, 0, 0, 0]), true),
            (confirm(&[3, 0, 8, 0, 5, 0, 0, 0]), true),
            (confirm(&[]), true),
            (confirm(&[9, 0, 8, 0, 5, 0, 0, 0]), false),
            (b"SSH-2.0-OpenSSH\r\n".to_vec(), false),
            (vec![3, 0, 0, 11, 6, 0x80, 0, 0, 0, 0, 0x81], false),
        ] {
            let step = plain().step(ProbeInput::Bytes(&answer));
            assert_eq!(matches!(step, ProbeStep::Up), well, "{answer:02x?}: {step:?}");
            kit = if well { kit.up(answer) } else { kit.down(answer) };
        }
        kit.laws();
    }

    #[test]
    fn what_it_asks_is_a_whole_first_packet() {
        let first = crate::first_packet(REQUEST).unwrap().unwrap();
        assert_eq!((first.bytes, first.negotiation.map(|n| n.protocols)), (REQUEST, Some(0xb)));
    }

    #[test]
    fn tls_that_the_server_selects_is_made_where_it_is_asked_for() {
        let mut run = Run { tls: true, starting: false };
        assert!(matches!(run.step(ProbeInput::Connected(None)), ProbeStep::Send(0, _)));
        let confirm = sekisho_testkit::hex("03000013 0ed00000123400 0201080002000000").unwrap();
        assert!(matches!(run.step(ProbeInput::Bytes(&confirm)), ProbeStep::StartTls(19)));
        let tls = sekisho_api::TlsFacts::default();
        assert!(matches!(run.step(ProbeInput::Connected(Some(&tls))), ProbeStep::Up));
    }
}
