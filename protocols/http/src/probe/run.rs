//! One probe: a state machine over the answer's bytes.

use std::sync::Arc;

use sekisho_api::bytes::Bytes;
use sekisho_api::{ProbeInput, ProbeRun, ProbeStep};

use super::options::Expect;
use super::status::status_line;

/// One run. It reads no further than its verdict needs.
#[derive(Debug)]
pub(super) struct Run {
    request: Bytes,
    expect: Arc<Expect>,
}

impl Run {
    pub(super) fn new(request: Bytes, expect: Arc<Expect>) -> Self {
        Self { request, expect }
    }

    /// The verdict on all that came so far; `None`: it depends on what is still to come.
    fn verdict(&self, bytes: &[u8]) -> Option<ProbeStep> {
        let (head, body) = match after_informational(bytes) {
            Ok(found) => found?,
            Err(status) => return Some(status),
        };
        let line = head.split(|&b| b == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.expect.verdict(status_line(line)?, body)
    }
}

impl Expect {
    /// The verdict on an answer with this status, of whose body this much is there; `None`: it depends on the rest.
    pub(super) fn verdict(&self, status: u16, body: &[u8]) -> Option<ProbeStep> {
        if !self.statuses.iter().any(|range| range.contains(status)) {
            return Some(ProbeStep::Down(format!("status {status}")));
        }
        match &self.body {
            None => Some(ProbeStep::Up),
            Some(wanted)
                if wanted.is_empty() || body.windows(wanted.len()).any(|window| window == wanted) =>
            {
                Some(ProbeStep::Up)
            }
            Some(_) => None,
        }
    }
}

impl ProbeRun for Run {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match input {
            ProbeInput::Connected(_) | ProbeInput::Datagrams => ProbeStep::Send(0, self.request.clone()),
            ProbeInput::Bytes(bytes) => match self.verdict(bytes) {
                Some(verdict) => verdict,
                None if bytes.len() >= MOST => {
                    ProbeStep::Down("answer too long without what is expected".into())
                }
                None => ProbeStep::NeedMore,
            },
            ProbeInput::Ended => ProbeStep::Down("closed before the expected answer was complete".into()),
        }
    }
}

type HeadAndBody<'b> = (&'b [u8], &'b [u8]);

/// The final answer's head, without its empty line, and what of the body is there: interim answers (1xx) before it
/// are skipped. `Ok(None)`: not there yet.
fn after_informational(mut bytes: &[u8]) -> Result<Option<HeadAndBody<'_>>, ProbeStep> {
    loop {
        let line_end = bytes.iter().position(|&b| b == b'\n');
        let line = bytes.get(..line_end.unwrap_or(bytes.len())).unwrap_or_default();
        if line_end.is_none() {
            // Not one more byte is needed to see that this is no HTTP.
            let known = line.len().min(HTTP.len());
            return match line.get(..known) == HTTP.get(..known) && line.len() < LONGEST_LINE {
                true => Ok(None),
                false => Err(ProbeStep::Down("the answer is not HTTP/1".into())),
            };
        }
        let Some(status) = status_line(line.strip_suffix(b"\r").unwrap_or(line)) else {
            return Err(ProbeStep::Down("the answer is not HTTP/1".into()));
        };
        let Some((head, rest)) = split_head(bytes) else { return Ok(None) };
        if status >= 200 {
            return Ok(Some((head, rest)));
        }
        bytes = rest;
    }
}

/// Splits behind the first empty line; lines may end in LF alone.
fn split_head(bytes: &[u8]) -> Option<HeadAndBody<'_>> {
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let end = rest.iter().position(|&b| b == b'\n')?;
        from += end + 1;
        match bytes.get(from..)? {
            [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] => return Some((bytes.get(..from)?, after)),
            _ => {}
        }
    }
}

const HTTP: &[u8] = b"HTTP/1.";
const LONGEST_LINE: usize = 4096;
/// The contract keeps at most 64 KiB.
const MOST: usize = 60 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::status::StatusRange;

    fn run(statuses: &str, body: Option<&str>) -> Run {
        let statuses: Vec<StatusRange> = statuses.split(',').map(|s| s.parse().unwrap()).collect();
        let expect = Expect { statuses, body: body.map(|b| b.as_bytes().to_vec()) };
        Run::new(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"), Arc::new(expect))
    }

    fn verdict(run: &mut Run, answer: &[u8]) -> &'static str {
        match run.step(ProbeInput::Bytes(answer)) {
            ProbeStep::Up => "up",
            ProbeStep::Down(_) => "down",
            ProbeStep::NeedMore => "more",
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn expected_status_is_up_and_every_other_is_down() {
        let mut run = run("200-299,401", None);
        for (answer, expected) in [
            (&b"HTTP/1.1 204 No Content\r\n\r\n"[..], "up"),
            (b"HTTP/1.0 401 x\n\n", "up"),
            (b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\r\n", "down"),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\na: b\r\n\r\n", "up"),
            (b"SSH-2.0-OpenSSH\r\n", "down"),
            (b"SSH", "down"),
            (b"HTTP/1.1 2", "more"),
        ] {
            assert_eq!(verdict(&mut run, answer), expected, "{}", String::from_utf8_lossy(answer));
        }
    }

    #[test]
    fn body_is_searched_for_the_expected_text() {
        let mut run = run("200", Some("ready"));
        assert_eq!(verdict(&mut run, b"HTTP/1.1 200 OK\r\nx: ready\r\n\r\nnot rea"), "more");
        assert_eq!(verdict(&mut run, b"HTTP/1.1 200 OK\r\n\r\nall ready."), "up");
        assert!(matches!(run.step(ProbeInput::Ended), ProbeStep::Down(_)));
    }

    #[test]
    fn every_prefix_needs_more_until_the_verdict_and_the_verdict_stays() {
        for answer in [
            &b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nready"
                [..],
            b"HTTP/1.1 500 Oops\nx: y\n\nbody",
        ] {
            let mut run = run("200", Some("ready"));
            let last = verdict(&mut run, answer);
            let verdicts: Vec<_> = (0..=answer.len())
                .map(|n| verdict(&mut run, &answer[..n]))
                .skip_while(|v| *v == "more")
                .collect();
            assert!(verdicts.iter().all(|v| *v == last), "{verdicts:?}");
        }
    }

    #[test]
    fn endless_answers_end_in_down() {
        let mut long = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        long.resize(64 * 1024, b'x');
        assert_eq!(verdict(&mut run("200", Some("ready")), &long), "down");
        let mut head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        head.resize(64 * 1024, b'x');
        assert_eq!(verdict(&mut run("200", None), &head), "down");
        assert_eq!(
            verdict(&mut run("200", None), &[b"HTTP/1.1 200 ".as_slice(), &[b'x'; 5000]].concat()),
            "down"
        );
    }
}
