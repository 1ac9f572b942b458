//! The probe of a dialect: a greeting, and what the server can.

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{Probe, ProbeInput, ProbeKind, ProbeRun, ProbeStep};

use crate::line::{Overlong, REPLY_MAX, within};
use crate::{Asked, Dialect, Outcome};

/// What a probe calls itself where servers want a name.
const NAME: &[u8] = b"localhost";

/// The probe of a dialect, by the dialect's name.
pub fn probe<D: Dialect>(dialect: D) -> Arc<dyn ProbeKind> {
    Arc::new(Kind(dialect))
}

#[derive(Debug)]
struct Kind<D>(D);

impl<D: Dialect> ProbeKind for Kind<D> {
    fn name(&self) -> &'static str {
        D::PROBE
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        Some(Arc::new(Greets { dialect: self.0, start_tls: options.flag("starttls", false) }))
    }
}

#[derive(Debug)]
struct Greets<D> {
    dialect: D,
    start_tls: bool,
}

impl<D: Dialect> Probe for Greets<D> {
    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        let Self { dialect, start_tls } = *self;
        Box::new(Run { dialect, start_tls, asked: Some(Asked::Greeting), noted: false })
    }
}

#[derive(Debug)]
struct Run<D> {
    dialect: D,
    /// TLS is still to be started.
    start_tls: bool,
    /// What the server is to answer; nothing any more once it is known to be well.
    asked: Option<Asked>,
    /// What it can was told to operators.
    noted: bool,
}

impl<D: Dialect> ProbeRun for Run<D> {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match (self.asked, input) {
            (None, _) => ProbeStep::Up,
            (Some(asked), ProbeInput::Bytes(bytes)) => self.heard(asked, bytes),
            (Some(Asked::Verdict), ProbeInput::Connected(_)) => self.ask(0),
            (_, ProbeInput::Connected(_)) => ProbeStep::NeedMore,
            (_, ProbeInput::Ended | ProbeInput::Datagrams) => {
                ProbeStep::Down("it closed the connection".to_owned())
            }
        }
    }
}

impl<D: Dialect> Run<D> {
    fn heard(&mut self, asked: Asked, bytes: &[u8]) -> ProbeStep {
        let mut outcome = Outcome::Lost;
        let framed = within(bytes, REPLY_MAX, |bytes| {
            let reply = self.dialect.reply(asked, bytes)?;
            outcome = reply.outcome;
            Some(reply.length)
        });
        let length = match framed {
            Ok(Some(length)) => length,
            Ok(None) => return ProbeStep::NeedMore,
            Err(Overlong) => return ProbeStep::Down("it sends an answer without end".to_owned()),
        };
        match (outcome, asked) {
            (Outcome::Good, Asked::Verdict) => ProbeStep::StartTls(length),
            (Outcome::Good, Asked::Greeting) if self.dialect.ask(NAME).is_some() => self.ask(length),
            (Outcome::Good, _) if std::mem::take(&mut self.start_tls) => {
                self.asked = Some(Asked::Verdict);
                ProbeStep::Send(length, format!("{}\r\n", D::START_TLS).into())
            }
            (Outcome::Good, _) if !std::mem::replace(&mut self.noted, true) => {
                let abilities = self.dialect.abilities(bytes.get(..length).unwrap_or_default());
                let names: Vec<_> = abilities.mechanisms.iter().map(|mechanism| mechanism.name()).collect();
                ProbeStep::Note("mechanisms", names.join(" "))
            }
            // A good-bye ends the connection as servers like it, without an entry in their logs.
            (Outcome::Good, _) => {
                self.asked = None;
                ProbeStep::Send(length, format!("{}\r\n", D::QUIT).into())
            }
            (_, Asked::Verdict) => ProbeStep::Down("it does not start TLS".to_owned()),
            (Outcome::Later, _) => ProbeStep::Down("it says that it is not ready".to_owned()),
            _ => ProbeStep::Down(format!("it does not speak {} well", D::NAME)),
        }
    }

    /// Asks what the server can, or waits until it says so.
    fn ask(&mut self, length: usize) -> ProbeStep {
        self.asked = Some(Asked::Abilities);
        match self.dialect.ask(NAME) {
            Some(question) => ProbeStep::Send(length, question.into()),
            None => ProbeStep::NeedMore,
        }
    }
}
