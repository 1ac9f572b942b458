//! The laws of a probe.

use std::fmt;

use sekisho_api::{ProbeInput, ProbeRun, ProbeStep, TlsFacts};

use crate::conversation::Context;
use crate::mutate::Seed;

/// Tests of the probe runs that `make` opens.
pub fn probe(make: impl Fn() -> Box<dyn ProbeRun> + 'static) -> Probe {
    Probe { make: Box::new(make), cases: Vec::new() }
}

/// A probe and what servers say to it: finished by [`Probe::laws`].
#[must_use = "nothing is tested before `laws`"]
pub struct Probe {
    make: Box<dyn Fn() -> Box<dyn ProbeRun>>,
    cases: Vec<(Vec<u8>, bool)>,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({} cases)", self.cases.len())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Cue {
    Connected,
    Bytes,
    Ended,
}

impl Probe {
    /// A server that says this, then closes, is well.
    pub fn up(mut self, says: impl Into<Vec<u8>>) -> Self {
        self.cases.push((says.into(), true));
        self
    }

    /// A server that says this, then closes, is not.
    pub fn down(mut self, says: impl Into<Vec<u8>>) -> Self {
        self.cases.push((says.into(), false));
        self
    }

    /// Checks that each verdict is as expected, the same for every cut and byte by byte, that damaged bytes give a
    /// verdict too, and that no step consumes more than there is or goes on for ever.
    ///
    /// # Panics
    /// With what does not hold.
    pub fn laws(self) {
        for (says, up) in &self.cases {
            let shown = says.escape_ascii();
            let (verdict, sent) = self.run(&[says]);
            assert_eq!(verdict, *up, "a server that says \"{shown}\" (sent: \"{}\")", sent.escape_ascii());
            for cut in 1..says.len() {
                let (head, tail) = says.split_at(cut);
                let outcome = self.run(&[head, tail]);
                assert_eq!(outcome, (verdict, sent.clone()), "\"{shown}\" cut at {cut}");
            }
            let bytes: Vec<&[u8]> = says.chunks(1).collect();
            assert_eq!(self.run(&bytes), (verdict, sent), "\"{shown}\" byte by byte");
            for number in 0..256 {
                let _context = Context(format!("\"{shown}\" damaged by seed {number}"));
                let mut damaged = says.clone();
                Seed::new(number).damage(&mut damaged);
                self.run(&[&damaged]);
            }
        }
    }

    /// The verdict, and all that was sent.
    fn run(&self, pieces: &[&[u8]]) -> (bool, Vec<u8>) {
        let mut run = (self.make)();
        let mut buffer = Vec::new();
        let mut sent = Vec::new();
        let mut pieces = pieces.iter();
        let mut cue = Cue::Connected;
        let tls = TlsFacts { version: "TLSv1.3", ..TlsFacts::default() };
        for _ in 0..100_000 {
            let ended = cue == Cue::Ended;
            let step = run.step(match cue {
                Cue::Connected => ProbeInput::Connected(Some(&tls)),
                Cue::Bytes => ProbeInput::Bytes(&buffer),
                Cue::Ended => ProbeInput::Ended,
            });
            cue = Cue::Bytes;
            match step {
                // Behind the end comes nothing: whoever wants more will not be well any more.
                ProbeStep::NeedMore if ended => return (false, sent),
                ProbeStep::NeedMore => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None => cue = Cue::Ended,
                },
                ProbeStep::Send(n, _) | ProbeStep::StartTls(n) if n > buffer.len() => {
                    panic!("a step consumes {n} of {} bytes", buffer.len())
                }
                ProbeStep::Send(n, bytes) => {
                    buffer.drain(..n);
                    sent.extend_from_slice(&bytes);
                }
                ProbeStep::StartTls(_) => buffer.clear(),
                ProbeStep::Note(name, text) => {
                    assert!(text.len() <= 64, "the note {name} has {} bytes", text.len());
                }
                ProbeStep::Up => return (true, sent),
                ProbeStep::Down(_) => return (false, sent),
            }
        }
        panic!("a probe goes on for ever");
    }
}
