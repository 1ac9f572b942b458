//! The probe `udp`: a datagram, and one that answers it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::settings::{Problem, Section, parse_bytes};
use sekisho_api::{Probe, ProbeInput, ProbeKind, ProbeOver, ProbeRun, ProbeStep, ProbeTls};

/// The longest datagram that no path cuts (the payload of IPv6's least MTU, RFC 8200, section 5).
const MAX_BYTES: usize = 1232;
/// How much of what a server said stands in the reason.
const SHOWN: usize = 64;

/// `udp`: a server that answers `send` with something that contains `expect` is well.
#[derive(Debug)]
pub(crate) struct UdpProbe;

impl ProbeKind for UdpProbe {
    fn name(&self) -> &'static str {
        "udp"
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        if !options.has("send") {
            // Without a question there is no answer, and silence is no sign of health.
            options.missing("send", "write `send = \"text\"` or `send = \"hex: 00 01\"`");
        }
        let (send, expect) = (bytes(options, "send"), bytes(options, "expect"));
        if expect.is_none() && options.has("expect") {
            return None;
        }
        Some(Arc::new(Question { send: send?, expect: expect.unwrap_or_default() }))
    }
}

fn bytes(options: &mut Section<'_>, key: &'static str) -> Option<Bytes> {
    let text = options.text(key)?;
    let reason = match parse_bytes(text.value) {
        Ok(bytes) if (1..=MAX_BYTES).contains(&bytes.len()) => return Some(bytes.into()),
        Ok(bytes) if bytes.is_empty() => "it is empty",
        Ok(_) => "it is longer than 1232 bytes",
        Err(reason) => reason,
    };
    options.problem(Problem::new(text.span, format!("`{key}` cannot be used"), reason));
    None
}

/// A configured question.
#[derive(Clone, Debug)]
struct Question {
    send: Bytes,
    /// Empty: any answer will do.
    expect: Bytes,
}

impl Probe for Question {
    fn tls(&self) -> ProbeTls {
        ProbeTls::Never
    }

    fn over(&self) -> ProbeOver {
        ProbeOver::Datagrams
    }

    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        Box::new(self.clone())
    }
}

impl ProbeRun for Question {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match input {
            ProbeInput::Datagrams | ProbeInput::Connected(_) => ProbeStep::Send(0, self.send.clone()),
            ProbeInput::Bytes([]) => ProbeStep::NeedMore,
            ProbeInput::Bytes(answer) => {
                let found =
                    self.expect.is_empty() || answer.windows(self.expect.len()).any(|w| w == self.expect);
                if found {
                    return ProbeStep::Up;
                }
                let said = answer.get(..SHOWN).unwrap_or(answer).escape_ascii();
                ProbeStep::Down(format!("it answered \"{said}\""))
            }
            ProbeInput::Ended => ProbeStep::Down("it did not answer".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Node, Problems, Table, Value};

    use super::*;

    fn configured(entries: &[(&str, &str)]) -> (Option<Arc<dyn Probe>>, Vec<String>) {
        let entry = |(key, text): &(&str, &str)| {
            ((*key).to_owned(), 0..1, Node { span: 1..2, value: Value::Text((*text).to_owned()) })
        };
        let options = Table { entries: entries.iter().map(entry).collect() };
        let problems = Problems::new();
        let mut section = Section::new(&options, 0..9, &problems);
        let probe = UdpProbe.configure(&mut section);
        section.finish();
        (probe, problems.into_vec().into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn an_answer_with_the_expected_bytes_is_well_and_any_other_is_not() {
        let (probe, problems) = configured(&[("send", "hex: 00 01"), ("expect", "pong")]);
        assert!(problems.is_empty(), "{problems:?}");
        let mut run = probe.unwrap().open("one", ([192, 0, 2, 1], 53).into(), 0);
        assert!(matches!(run.step(ProbeInput::Datagrams), ProbeStep::Send(0, b) if b[..] == [0, 1]));
        assert!(matches!(run.step(ProbeInput::Bytes(b"a pong b")), ProbeStep::Up));
        assert!(matches!(run.step(ProbeInput::Bytes(b"error")), ProbeStep::Down(_)));
        assert!(matches!(run.step(ProbeInput::Ended), ProbeStep::Down(_)));
    }

    #[test]
    fn a_question_is_needed_and_must_be_readable() {
        assert_eq!(configured(&[]).1, ["`send` is missing"]);
        assert_eq!(configured(&[("send", "hex: 0")]).1, ["`send` cannot be used"]);
        assert_eq!(configured(&[("send", "a"), ("expects", "b")]).1, ["unknown key `expects`"]);
        assert!(configured(&[("send", "a")]).0.is_some());
    }
}
