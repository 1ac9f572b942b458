//! One probe over HTTP/2.

use std::sync::Arc;

use sekisho_api::bytes::Bytes;
use sekisho_api::{ProbeInput, ProbeRun, ProbeStep};

use super::grpc;
use super::options::Expect;
use super::run::Run;
use super::two::{Read, Reading, request};
use crate::pool_options::Spoken;

/// A probe over the version that the connection turns out to have.
#[derive(Debug)]
pub(super) struct Either {
    version: Spoken,
    one: Run,
    two: RunTwo,
    /// It is HTTP/2.
    second: bool,
}

impl Either {
    pub(super) fn new(version: Spoken, one: Run, two: RunTwo) -> Self {
        Self { version, one, two, second: false }
    }
}

impl ProbeRun for Either {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        if let ProbeInput::Connected(tls) = input {
            let agreed = tls.map(|tls| tls.alpn.as_deref() == Some(b"h2"));
            self.second = agreed.unwrap_or(self.version == Spoken::Two);
            if self.version == Spoken::Two && agreed == Some(false) {
                return ProbeStep::Down("TLS does not agree on HTTP/2".into());
            }
        }
        if self.second { self.two.step(input) } else { self.one.step(input) }
    }
}

/// What makes a server well.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Such an answer.
    Answer(Arc<Expect>),
    /// That it says so, as gRPC has it.
    Health,
}

/// One run over HTTP/2. It reads no further than its verdict needs.
#[derive(Debug)]
pub(super) struct RunTwo {
    fields: Vec<(String, String)>,
    body: &'static [u8],
    wanted: Wanted,
    reading: Reading,
}

impl RunTwo {
    /// One that asks with these fields, of which the scheme is missing, and this body.
    pub(super) fn new(fields: Vec<(String, String)>, body: &'static [u8], wanted: Wanted) -> Self {
        Self { fields, body, wanted, reading: Reading::default() }
    }

    fn request(&self, tls: bool) -> Bytes {
        let scheme = [(":scheme", if tls { "https" } else { "http" })];
        let fields = self.fields.iter().map(|(name, value)| (&**name, &**value));
        let fields: Vec<_> = scheme.into_iter().chain(fields).collect();
        request(&fields, self.body)
    }

    fn verdict(&self) -> Option<ProbeStep> {
        let Reading { status, body, over } = &self.reading;
        let verdict = match &self.wanted {
            Wanted::Answer(expect) => expect.verdict((*status)?, body),
            Wanted::Health => grpc::verdict((*status)?, body, *over),
        };
        verdict.or_else(|| over.then(|| ProbeStep::Down("the answer lacks what is expected".into())))
    }
}

impl ProbeRun for RunTwo {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        let bytes = match input {
            ProbeInput::Connected(tls) => return ProbeStep::Send(0, self.request(tls.is_some())),
            ProbeInput::Datagrams | ProbeInput::Ended => {
                return ProbeStep::Down("closed before the expected answer was complete".into());
            }
            ProbeInput::Bytes(bytes) => bytes,
        };
        let Read { taken, say } = match self.reading.read(bytes) {
            Ok(read) => read,
            Err(why) => return ProbeStep::Down(why.into()),
        };
        match self.verdict() {
            Some(verdict) => verdict,
            None if self.reading.body.len() > MOST => {
                ProbeStep::Down("answer too long without what is expected".into())
            }
            None if taken > 0 => ProbeStep::Send(taken, say.into()),
            None => ProbeStep::NeedMore,
        }
    }
}

/// What a server may send before it is credited with what it sent.
const MOST: usize = 60 * 1024;

#[cfg(test)]
mod tests {
    use sekisho_api::TlsFacts;

    use super::*;
    use crate::probe::status::StatusRange;

    fn either(version: Spoken) -> Either {
        let expect = Arc::new(Expect { statuses: vec![StatusRange::WELL], body: None });
        let one = Run::new(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"), expect.clone());
        let fields = vec![(":method".into(), "GET".into()), (":path".into(), "/".into())];
        Either::new(version, one, RunTwo::new(fields, b"", Wanted::Answer(expect)))
    }

    fn begins(version: Spoken, tls: Option<&TlsFacts>) -> Option<&'static str> {
        match either(version).step(ProbeInput::Connected(tls)) {
            ProbeStep::Send(0, bytes) if bytes.starts_with(b"PRI * HTTP/2.0") => Some("2"),
            ProbeStep::Send(0, bytes) if bytes.starts_with(b"GET / HTTP/1.1") => Some("1.1"),
            ProbeStep::Down(_) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn version_is_what_tls_agrees_on_and_in_clear_what_is_configured() {
        let agreed = |alpn: Option<&[u8]>| TlsFacts { alpn: alpn.map(Into::into), ..TlsFacts::default() };
        let (two, one, none) = (agreed(Some(b"h2")), agreed(Some(b"http/1.1")), agreed(None));
        assert_eq!(begins(Spoken::Two, None), Some("2"));
        assert_eq!(begins(Spoken::Agreed, None), Some("1.1"));
        assert_eq!(begins(Spoken::Two, Some(&two)), Some("2"));
        assert_eq!(begins(Spoken::Agreed, Some(&two)), Some("2"));
        assert_eq!(begins(Spoken::Agreed, Some(&one)), Some("1.1"));
        assert_eq!(begins(Spoken::Agreed, Some(&none)), Some("1.1"));
        assert_eq!(begins(Spoken::Two, Some(&none)), None);
    }

    #[test]
    fn settings_are_acknowledged_and_the_status_decides() {
        let mut run = either(Spoken::Two);
        run.step(ProbeInput::Connected(None));
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let ProbeStep::Send(9, said) = run.step(ProbeInput::Bytes(&settings)) else { panic!("not answered") };
        assert_eq!(said[..], [0, 0, 0, 4, 1, 0, 0, 0, 0]);
        assert!(matches!(run.step(ProbeInput::Bytes(&[0, 0, 1, 1, 5, 0, 0, 0])), ProbeStep::NeedMore));
        let answer = [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88];
        assert!(matches!(run.step(ProbeInput::Bytes(&answer)), ProbeStep::Up));
        let failed = [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x8e];
        let mut run = either(Spoken::Two);
        run.step(ProbeInput::Connected(None));
        assert!(matches!(run.step(ProbeInput::Bytes(&failed)), ProbeStep::Down(why) if why == "status 500"));
    }
}
