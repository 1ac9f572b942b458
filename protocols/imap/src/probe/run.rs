//! One run of the probe.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::{ProbeInput, ProbeRun, ProbeStep};
use sekisho_mail::{Credentials, Secret};

use super::note::Note;
use crate::back::{Cannot, Capabilities, LINE_MAX, Line, Way, capabilities, read, way};
use crate::front::line;

const START_TLS: &str = "P0";
const ASK: &str = "P1";
const LOG_IN: &str = "P2";

#[derive(Debug)]
pub(super) struct Run {
    /// TLS is still to be started.
    start_tls: bool,
    /// Who is to be logged in, and how the server is told.
    user: Option<Arc<Credentials>>,
    way: Option<Way>,
    stage: Stage,
    able: Option<Capabilities>,
    greeting: Note,
    list: Note,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    StartTls,
    Capability,
    Login,
    /// It is well, and hears a good-bye.
    Leaving,
}

impl ProbeRun for Run {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match input {
            _ if self.stage == Stage::Leaving => ProbeStep::Up,
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
    pub(super) fn new(start_tls: bool, user: Option<Arc<Credentials>>) -> Self {
        let (greeting, list) = (Note::default(), Note::default());
        Self { start_tls, user, way: None, stage: Stage::Greeting, able: None, greeting, list }
    }

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
                (Stage::Greeting, Line::Ok) => {
                    self.greeting.hear(spoken(text));
                    if self.start_tls {
                        self.stage = Stage::StartTls;
                        return ProbeStep::Send(consumed, Bytes::from(format!("{START_TLS} STARTTLS\r\n")));
                    }
                    return self.ask(consumed);
                }
                (Stage::StartTls, Line::Tagged { tag, ok: true, .. }) if tag == START_TLS.as_bytes() => {
                    return ProbeStep::StartTls(consumed);
                }
                // Dovecot greets before it is ready, and again when it is: it answers after that.
                (Stage::Capability, Line::Ok) => self.greeting.hear(spoken(text)),
                (Stage::Capability, Line::Capability(names)) => {
                    self.able = capabilities(text);
                    self.list.hear(names);
                }
                (Stage::Capability, Line::Tagged { tag, ok: true, .. }) if tag == ASK.as_bytes() => {
                    return self.asked(consumed);
                }
                (Stage::Login, Line::Tagged { tag, ok: true, .. }) if tag == LOG_IN.as_bytes() => {
                    self.stage = Stage::Leaving;
                    return ProbeStep::Send(consumed, Bytes::from_static(b"P3 LOGOUT\r\n"));
                }
                (Stage::Login, Line::Tagged { rest, .. }) => {
                    let said = rest.get(..100).unwrap_or(rest).escape_ascii();
                    return ProbeStep::Down(format!("it does not log the user in: {said}"));
                }
                (Stage::Login, Line::Continue(_)) => {
                    let answer =
                        self.user.as_deref().zip(self.way.take()).and_then(|(user, way)| way.answer(user));
                    return match answer {
                        Some(answer) => ProbeStep::Send(consumed, Bytes::from_owner(Secret::new(answer))),
                        None => ProbeStep::Down("it asks for more than a password".to_owned()),
                    };
                }
                (
                    Stage::StartTls | Stage::Capability | Stage::Login,
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
        // LOGOUT behind it ends the connection in an orderly way, and servers log it as such.
        let good_bye = if self.user.is_some() { "" } else { "P3 LOGOUT\r\n" };
        ProbeStep::Send(consumed, Bytes::from(format!("{ASK} CAPABILITY\r\n{good_bye}")))
    }

    /// What the server can is known.
    fn asked(&mut self, consumed: usize) -> ProbeStep {
        if let Some(text) = self.greeting.take() {
            return ProbeStep::Note("greeting", text);
        }
        if let Some(text) = self.list.take() {
            return ProbeStep::Note("capabilities", text);
        }
        let Some(able) = self.able.filter(|able| able.imap4rev1) else {
            return ProbeStep::Down("it does not speak IMAP4rev1".to_owned());
        };
        let Some(user) = self.user.as_deref() else { return ProbeStep::Up };
        match way(user, able) {
            Ok(way) => {
                let mut command = Secret::new(Vec::with_capacity(Way::room(user)));
                way.say(LOG_IN, user, &mut command);
                (self.way, self.stage) = (Some(way), Stage::Login);
                ProbeStep::Send(consumed, Bytes::from_owner(command))
            }
            Err(Cannot::LoginDisabled) => {
                ProbeStep::Down("it takes no password on this connection (LOGINDISABLED)".to_owned())
            }
            Err(Cannot::NoMechanism) => ProbeStep::Down("there is no way to log the user in".to_owned()),
        }
    }
}

/// What a greeting says for people: without `* OK` and the code.
fn spoken(line: &[u8]) -> &[u8] {
    let text = line.get(b"* OK ".len()..).unwrap_or_default();
    match text.iter().position(|&byte| byte == b']') {
        Some(end) if text.starts_with(b"[") => text.get(end + 1..).unwrap_or_default().trim_ascii_start(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start_tls: bool, user: bool) -> impl Fn() -> Box<dyn ProbeRun> {
        let user = user.then(|| Arc::new(Credentials::password(b"probe".into(), b"hunter2".into())));
        move || Box::new(Run::new(start_tls, user.clone()))
    }

    #[test]
    fn whoever_greets_and_speaks_imap_is_well_and_nobody_else_is() {
        let able = "* OK [CAPABILITY IMAP4rev1] Hi\r\n* CAPABILITY IMAP4rev1 ID\r\nP1 OK done\r\n";
        let slow = "* OK Waiting for authentication process to respond..\r\n* OK Hi\r\n* CAPABILITY IMAP4rev1\r\nP1 OK\r\n";
        sekisho_testkit::probe(run(false, false))
            .up(able)
            .up(slow)
            .down("* OK Waiting for authentication process to respond..\r\n")
            .down("* BYE Too many connections\r\n")
            .down("* PREAUTH Hi\r\n")
            .down("* OK Hi\r\n* CAPABILITY POP3\r\nP1 OK\r\n")
            .down("* OK Hi\r\nP1 BAD\r\n")
            .down("220 mail ESMTP\r\n")
            .laws();
        let mut tls = run(true, false)();
        assert!(matches!(tls.step(ProbeInput::Bytes(b"* OK Hi\r\n")), ProbeStep::Send(9, _)));
        assert!(matches!(tls.step(ProbeInput::Bytes(b"P0 OK go\r\n")), ProbeStep::StartTls(10)));
        assert!(matches!(tls.step(ProbeInput::Connected(None)), ProbeStep::Send(0, _)));
    }

    #[test]
    fn server_that_does_not_log_the_probes_user_in_is_not_well() {
        let plain = "* OK Hi\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nP1 OK\r\n";
        let login = "* OK Hi\r\n* CAPABILITY IMAP4rev1\r\nP1 OK\r\n";
        sekisho_testkit::probe(run(false, true))
            .up([plain, "+\r\n* OK [ALERT] x\r\nP2 OK in\r\n* BYE\r\nP3 OK\r\n"].concat())
            .up([login, "P2 OK in\r\n"].concat())
            .down(plain)
            .down([login, "P2 NO [AUTHENTICATIONFAILED] no\r\n"].concat())
            .down([login, "+ \r\n"].concat())
            .down([plain, "+\r\n+\r\n"].concat())
            .down("* OK Hi\r\n* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nP1 OK\r\nP2 OK\r\n")
            .laws();
        let shown = format!("{:?}", run(false, true)());
        assert!(!shown.contains("hunter2") && !shown.contains("probe\""), "{shown}");
    }

    #[test]
    fn what_a_server_calls_itself_and_can_do_is_noted() {
        let said = b"* CAPABILITY IMAP4rev1 IDLE\r\nP1 OK\r\n";
        let mut probe = run(false, false)();
        let greeted = probe.step(ProbeInput::Bytes(b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n"));
        assert!(matches!(greeted, ProbeStep::Send(..)));
        let mut step = || probe.step(ProbeInput::Bytes(said));
        assert!(matches!(step(), ProbeStep::Note("greeting", text) if text == "Dovecot ready."));
        assert!(matches!(step(), ProbeStep::Note("capabilities", text) if text == "IMAP4rev1 IDLE"));
        assert!(matches!(step(), ProbeStep::Up));
    }
}
