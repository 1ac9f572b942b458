//! The probe `rdp`: a Connection Request, and a Connection Confirm that answers it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::settings::{Problem, Section};
use sekisho_api::{Probe, ProbeInput, ProbeKind, ProbeRun, ProbeStep, ProbeTls};

use crate::deep::{Answer, read_connection_confirm};

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
        let tls = options.flag("tls", false);
        let every = options.integer("tls-every", 1, 1..=1000);
        if !tls && options.has("tls-every") {
            let message = "`tls-every` has no effect: no probe makes TLS";
            let problem = Problem::new(options.place("tls-every"), message, "never used");
            options.problem(problem.help("add tls = true"));
        }
        Some(Arc::new(Confirmed { tls: tls.then_some(every) }))
    }
}

/// A configured probe.
#[derive(Clone, Copy, Debug)]
struct Confirmed {
    /// Make the TLS that the server selects, too, in one of so many probes.
    tls: Option<u64>,
}

impl Probe for Confirmed {
    fn tls(&self) -> ProbeTls {
        ProbeTls::Never
    }

    fn open(&self, _: &str, _: SocketAddr, nonce: u64) -> Box<dyn ProbeRun> {
        let tls = self.tls.is_some_and(|every| nonce.is_multiple_of(every));
        Box::new(Run { tls, noted: 0, starting: false })
    }
}

/// One run of it.
#[derive(Debug)]
struct Run {
    tls: bool,
    /// How much of what the server said has been noted.
    noted: u8,
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
        let Ok(confirm) = read_connection_confirm(confirm) else { return not_rdp() };
        self.noted += 1;
        match (self.noted, confirm.answer) {
            (1, answer) => ProbeStep::Note("protocol", protocol(answer).to_owned()),
            (2, Answer::Selected(_)) => ProbeStep::Note("flags", flags(confirm.flags)),
            (_, Answer::Selected(selected)) if self.tls && TLS_FIRST.contains(&selected) => {
                self.starting = true;
                ProbeStep::StartTls(length)
            }
            // A failure (MS-RDPBCGR, section 2.2.1.2.2): it wants another security than was offered, and serves those who
            // have it. Servers without negotiation answer with the bare header.
            _ => ProbeStep::Up,
        }
    }
}

/// What a server selects of all that was offered (MS-RDPBCGR, sections 2.2.1.2.1 and 2.2.1.2.2).
const fn protocol(answer: Answer) -> &'static str {
    match answer {
        Answer::Nothing | Answer::Selected(0) | Answer::Failure(2) => "standard",
        Answer::Selected(1) => "tls",
        Answer::Selected(2) => "nla",
        Answer::Selected(4) => "rdstls",
        Answer::Selected(8) => "nla-ex",
        Answer::Selected(16) => "aad",
        Answer::Selected(_) => "unknown",
        Answer::Failure(1) => "wants-tls",
        Answer::Failure(3) => "without-certificate",
        Answer::Failure(5) => "wants-nla",
        Answer::Failure(6) => "wants-client-certificate",
        Answer::Failure(_) => "refused",
    }
}

/// What a server says that it can do.
fn flags(flags: u8) -> String {
    const NAMES: [(u8, &str); 4] =
        [(0x01, "extended-data"), (0x02, "graphics"), (0x08, "restricted-admin"), (0x10, "remote-guard")];
    let names: Vec<&str> = NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tls: bool) -> Box<dyn ProbeRun> {
        Box::new(Run { tls, noted: 0, starting: false })
    }

    fn confirm(tail: &[u8]) -> Vec<u8> {
        let length = 11 + tail.len() as u8;
        [&[3, 0, 0, length, length - 5, 0xd0, 0, 0, 0x12, 0x34, 0][..], tail].concat()
    }

    /// What is noted of a server that answers so, and what comes then.
    fn outcome(run: &mut dyn ProbeRun, answer: &[u8]) -> (Vec<String>, ProbeStep) {
        let mut notes = Vec::new();
        loop {
            match run.step(ProbeInput::Bytes(answer)) {
                ProbeStep::Note(name, text) => notes.push(format!("{name}: {text}")),
                step => return (notes, step),
            }
        }
    }

    #[test]
    fn whoever_confirms_or_wants_another_security_is_well_and_nobody_else_is() {
        let mut kit = sekisho_testkit::probe(|| run(false));
        for (answer, well, notes) in [
            (confirm(&[2, 1, 8, 0, 2, 0, 0, 0]), true, &["protocol: nla", "flags: extended-data"][..]),
            (confirm(&[2, 0, 8, 0, 0, 0, 0, 0]), true, &["protocol: standard", "flags: none"]),
            (
                confirm(&[2, 0x1f, 8, 0, 8, 0, 0, 0]),
                true,
                &["protocol: nla-ex", "flags: extended-data graphics restricted-admin remote-guard"],
            ),
            (confirm(&[3, 0, 8, 0, 5, 0, 0, 0]), true, &["protocol: wants-nla"]),
            (confirm(&[]), true, &["protocol: standard"]),
            (confirm(&[9, 0, 8, 0, 5, 0, 0, 0]), false, &[]),
            (b"SSH-2.0-OpenSSH\r\n".to_vec(), false, &[]),
            (vec![3, 0, 0, 11, 6, 0x80, 0, 0, 0, 0, 0x81], false, &[]),
        ] {
            let (noted, step) = outcome(&mut *run(false), &answer);
            assert_eq!(noted, notes, "{answer:02x?}");
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
        let mut run = run(true);
        assert!(matches!(run.step(ProbeInput::Connected(None)), ProbeStep::Send(0, _)));
        let confirm = confirm(&[2, 1, 8, 0, 2, 0, 0, 0]);
        assert!(matches!(outcome(&mut *run, &confirm).1, ProbeStep::StartTls(19)));
        let tls = sekisho_api::TlsFacts::default();
        assert!(matches!(run.step(ProbeInput::Connected(Some(&tls))), ProbeStep::Up));
    }

    #[test]
    fn one_in_so_many_probes_makes_tls_as_the_file_says() {
        let makes = |tls, nonce| {
            let mut run = Confirmed { tls }.open("one", ([192, 0, 2, 1], 3389).into(), nonce);
            let (_, step) = outcome(&mut *run, &confirm(&[2, 1, 8, 0, 1, 0, 0, 0]));
            matches!(step, ProbeStep::StartTls(_))
        };
        assert_eq!((0..12).filter(|&nonce| makes(Some(6), nonce)).count(), 2);
        assert!((0..12).all(|nonce| makes(Some(1), nonce) && !makes(None, nonce)));
    }
}
