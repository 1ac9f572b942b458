//! The probe `imap`: a greeting, and capabilities that a client can log in with.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::settings::Section;
use sekisho_api::{Probe, ProbeInput, ProbeKind, ProbeRun, ProbeStep};

use crate::back::{LINE_MAX, Line, capabilities, read};
use crate::front::line;

/// `imap`: a server that greets, and says that it speaks IMAP4rev1, is well.
#[derive(Debug)]
pub(crate) struct ImapProbe;

impl ProbeKind for ImapProbe {
    fn name(&self) -> &'static str {
        "imap"
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        Some(Arc::new(Greets { start_tls: options.flag("starttls", false) }))
    }
}

/// A configured probe.
#[derive(Clone, Copy, Debug)]
struct Greets {
    start_tls: bool,
}

impl Probe for Greets {
    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        Box::new(Run { start_tls: self.start_tls, stage: Stage::Greeting, able: false })
    }
}

#[derive(Debug)]
struct Run {
    /// TLS is still to be started.
    start_tls: bool,
    stage: Stage,
    able: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    StartTls,
    Capability,
}

impl ProbeRun for Run {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match input {
            ProbeInput::Connected(_) if self.stage == Stage::StartTls => self.ask(0),
            ProbeInput::Connected(_) => ProbeStep::NeedMore,
            ProbeInput::Bytes(bytes) => self.heard(bytes),
            ProbeInput::Ended | ProbeInput::Datagrams => {
                ProbeStep::Down("it closed the connection".to_owned())
            }
        }
    }
}

impl Run {
    fn heard(&mut self, bytes: &[u8]) -> ProbeStep {
        let mut consumed = 0;
        loop {
            let rest = bytes.get(consumed..).unwrap_or_default();
            let (text, length) = match line(rest, LINE_MAX) {
                Ok(Some(found)) => found,
                Ok(None) => return ProbeStep::NeedMore,
                Err(_) => return ProbeStep::Down("it sends a line without end".to_owned()),
            };
            consumed += length;
            match (self.stage, read(text)) {
                (Stage::Greeting, Line::Ok) if self.start_tls => {
                    self.stage = Stage::StartTls;
                    return ProbeStep::Send(consumed, Bytes::from_static(b"P0 STARTTLS\r\n"));
                }
                (Stage::Greeting, Line::Ok) => return self.ask(consumed),
                (Stage::StartTls, Line::Tagged { tag: b"P0", ok: true, .. }) => {
                    return ProbeStep::StartTls(consumed);
                }
                (Stage::Capability, Line::Capability(_)) => {
                    self.able |= capabilities(text).is_some_and(|capabilities| capabilities.imap4rev1);
                }
                (Stage::Capability, Line::Tagged { tag: b"P1", ok: true, .. }) => {
                    return match self.able {
                        true => ProbeStep::Up,
                        false => ProbeStep::Down("it does not speak IMAP4rev1".to_owned()),
                    };
                }
                (
                    Stage::StartTls | Stage::Capability,
                    Line::Ok | Line::Id | Line::Untagged | Line::Capability(_),
                ) => {}
                (_, Line::Bye) => return ProbeStep::Down("it says good-bye".to_owned()),
                (Stage::StartTls, _) => return ProbeStep::Down("it does not start TLS".to_owned()),
                _ => return ProbeStep::Down("it does not speak IMAP".to_owned()),
            }
        }
    }

    fn ask(&mut self, consumed: usize) -> ProbeStep {
        self.stage = Stage::Capability;
        // LOGOUT behind it ends the connection as servers like it, without an entry in their logs.
        ProbeStep::Send(consumed, Bytes::from_static(b"P1 CAPABILITY\r\nP2 LOGOUT\r\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_greets_and_speaks_imap_is_well_and_nobody_else_is() {
        let run = |start_tls| {
            move || -> Box<dyn ProbeRun> { Box::new(Run { start_tls, stage: Stage::Greeting, able: false }) }
        };
        let able = "* OK [CAPABILITY IMAP4rev1] Hi\r\n* CAPABILITY IMAP4rev1 ID\r\nP1 OK done\r\n";
        let slow = "* OK Waiting for authentication process to respond..\r\n* OK Hi\r\n* CAPABILITY IMAP4rev1\r\nP1 OK\r\n";
        sekisho_testkit::probe(run(false))
            .up(able)
            .up(slow)
            .down("* BYE Too many connections\r\n")
            .down("* PREAUTH Hi\r\n")
            .down("* OK Hi\r\n* CAPABILITY POP3\r\nP1 OK\r\n")
            .down("* OK Hi\r\nP1 BAD\r\n")
            .down("220 mail ESMTP\r\n")
            .laws();
        let mut tls = run(true)();
        assert!(matches!(tls.step(ProbeInput::Bytes(b"* OK Hi\r\n")), ProbeStep::Send(9, _)));
        assert!(matches!(tls.step(ProbeInput::Bytes(b"P0 OK go\r\n")), ProbeStep::StartTls(10)));
        assert!(matches!(tls.step(ProbeInput::Connected(None)), ProbeStep::Send(0, _)));
    }
}
