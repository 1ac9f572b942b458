//! Drives an engine by a script, as the runtime drives it by sockets.

use std::sync::Arc;

use sekisho_api::{Blame, Connected, Conversation, End, Facts, Route, Side, TlsFacts};
use sekisho_engine::{Action, BREACHES, Engine, EngineLimits};

use crate::effects::{Effects, route};
use crate::transcript::{Event, Line};

pub(crate) struct Rig {
    engine: Engine,
    pub(crate) effects: Effects,
    /// Read from a side's socket as soon as the engine has room.
    inbox: [Vec<u8>; 2],
    /// In the midst of a handshake: what comes in clear is lost.
    securing: [bool; 2],
    phase: Phase,
    attempt: u32,
    secrets: Vec<Vec<u8>>,
    /// The conversation may break the contract: it is the engine that is tested.
    lawless: bool,
    /// Debug output before the client said anything: what stands there is configuration.
    known: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Talking,
    Routing,
    Issuing,
    Connected,
    Relaying,
    Closed,
}

/// Client and server of all fixtures: addresses for documentation (RFC 5737).
pub(crate) fn facts() -> Facts {
    Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 443).into())
}

impl Rig {
    pub(crate) fn new(
        conversation: Box<dyn Conversation>,
        limits: EngineLimits,
        secrets: &[Vec<u8>],
    ) -> Self {
        let mut rig = Self::unstarted(conversation, limits, secrets);
        rig.run();
        rig
    }

    /// With a conversation that may break the contract.
    pub(crate) fn lawless(conversation: Box<dyn Conversation>, limits: EngineLimits) -> Self {
        let mut rig = Self { lawless: true, ..Self::unstarted(conversation, limits, &[]) };
        rig.run();
        rig
    }

    fn unstarted(conversation: Box<dyn Conversation>, limits: EngineLimits, secrets: &[Vec<u8>]) -> Self {
        let engine = Engine::new(conversation, &facts(), limits);
        Self {
            known: format!("{engine:?}"),
            engine,
            effects: Effects::default(),
            inbox: [Vec::new(), Vec::new()],
            securing: [false; 2],
            phase: Phase::Talking,
            attempt: 0,
            secrets: secrets.to_vec(),
            lawless: false,
        }
    }

    /// Whether a server is asked for.
    pub(crate) fn routing(&self) -> bool {
        self.phase == Phase::Routing
    }

    /// Whether another server could still take the place of the connected one.
    pub(crate) fn replaceable(&self) -> bool {
        self.phase == Phase::Connected && !self.engine.committed()
    }

    pub(crate) fn closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(crate) fn relaying(&self) -> bool {
        self.phase == Phase::Relaying
    }

    /// Forgets what was told, so that only the conversation's own memory counts, and reads no more ahead.
    pub(crate) fn forget(&mut self) {
        self.effects = Effects { to_servers: vec![Vec::new()], ..Effects::default() };
        self.inbox = [Vec::new(), Vec::new()];
    }

    /// `side` says `bytes`.
    pub(crate) fn say(&mut self, side: Side, bytes: &[u8]) {
        match (self.phase, side) {
            (Phase::Closed, _) | (Phase::Talking | Phase::Routing | Phase::Issuing, Side::Server) => {}
            (Phase::Relaying, _) => self.effects.wrote(side.other(), bytes),
            _ if *slot(&mut self.securing, side) => {}
            _ => {
                slot(&mut self.inbox, side).extend_from_slice(bytes);
                self.run();
            }
        }
    }

    /// What the lines of a script say and let happen.
    pub(crate) fn play(&mut self, lines: &[Line]) {
        for line in lines {
            match line {
                Line::Says(side, bytes) => self.say(*side, bytes),
                Line::Happens(event) => _ = self.happen(event),
                Line::Control(_) | Line::Told(..) => {}
            }
        }
    }

    /// Lets `event` happen; false if it cannot happen now.
    pub(crate) fn happen(&mut self, event: &Event) -> bool {
        if matches!(self.phase, Phase::Relaying | Phase::Closed) {
            // Both sides' ends are the relay's business; the engine has done its work.
            return matches!(event, Event::Ended(_));
        }
        match event {
            Event::Connected(name, start_tls) if self.phase == Phase::Routing => {
                self.attempt += 1;
                self.phase = Phase::Connected;
                self.effects.to_servers.push(Vec::new());
                let name = Arc::from(name.as_str());
                let (start_tls, attempt) = (*start_tls, self.attempt);
                self.engine.connected(Connected { name, tls: None, start_tls, attempt });
            }
            Event::Issued(token) if self.phase == Phase::Issuing => {
                self.phase = Phase::Talking;
                self.engine.issued(token);
            }
            Event::Unavailable(why) if matches!(self.phase, Phase::Routing | Phase::Issuing) => {
                self.phase = Phase::Talking;
                self.engine.unavailable(*why);
            }
            Event::Secured(side, name) if *slot(&mut self.securing, *side) => {
                *slot(&mut self.securing, *side) = false;
                let server_name = name.as_deref().map(Into::into);
                let facts = TlsFacts { server_name, version: "TLSv1.3", ..TlsFacts::default() };
                self.engine.secured(*side, Arc::new(facts));
            }
            Event::Ended(Side::Server) | Event::Failed if self.phase != Phase::Connected => return false,
            Event::Ended(side) => self.engine.ended(*side),
            Event::Failed => _ = self.engine.server_failed(),
            Event::Draining => self.engine.draining(),
            Event::Barred => self.engine.barred(),
            Event::Expired(deadline) => self.engine.expired(*deadline),
            Event::Connected(..) | Event::Issued(_) | Event::Unavailable(_) | Event::Secured(..) => {
                return false;
            }
        }
        self.run();
        true
    }

    fn lose_server(&mut self, phase: Phase) {
        self.phase = phase;
        slot(&mut self.inbox, Side::Server).clear();
        *slot(&mut self.securing, Side::Server) = false;
    }

    /// Until the engine waits for something that is not there.
    fn run(&mut self) {
        for turn in 0.. {
            assert!(turn < 1_000_000, "the engine asks for ever");
            for side in [Side::Client, Side::Server] {
                let inbox = slot(&mut self.inbox, side);
                let taken = self.engine.offer(side, inbox);
                inbox.drain(..taken);
            }
            let more = self.act();
            self.check_redaction();
            if !more {
                return;
            }
        }
    }

    /// Carries out one action; false if there is nothing more to do now.
    fn act(&mut self) -> bool {
        match self.engine.next() {
            Action::Read { client, server, .. } => {
                let [from_client, from_server] = &self.inbox;
                return (client && !from_client.is_empty()) || (server && !from_server.is_empty());
            }
            Action::Write(side, bytes) => {
                assert!(!bytes.is_empty(), "nothing is to be written");
                assert!(side == Side::Client || self.phase == Phase::Connected, "nobody is there to be told");
                self.effects.wrote(side, &bytes);
            }
            Action::Route(asked) => {
                self.phase = Phase::Routing;
                self.attempt = 0;
                self.hide(&asked);
                self.effects.asked(route(&asked));
            }
            Action::Issue(asked) => {
                self.phase = Phase::Issuing;
                self.hide(&asked);
                self.effects.asked(route(&asked).replacen("route", "issue", 1));
            }
            Action::Retry => {
                self.effects.asked("retry");
                self.lose_server(Phase::Routing);
            }
            Action::ReleaseServer { failed } => {
                self.effects.asked(if failed { "fail" } else { "release" });
                self.lose_server(Phase::Talking);
            }
            Action::Strike => self.effects.asked("strike"),
            Action::StartTls(side) => {
                self.effects
                    .asked(format!("starttls {}", if side == Side::Client { "client" } else { "server" }));
                slot(&mut self.inbox, side).clear();
                *slot(&mut self.securing, side) = true;
            }
            Action::Relay { to_server, to_client } => {
                self.phase = Phase::Relaying;
                self.effects.asked("relay");
                let [client, server] = std::mem::take(&mut self.inbox);
                for (side, bytes) in [
                    (Side::Server, &to_server[..]),
                    (Side::Server, &client),
                    (Side::Client, &to_client),
                    (Side::Client, &server),
                ] {
                    self.effects.wrote(side, bytes);
                }
                return false;
            }
            Action::Close(end) => {
                if let End::Fault(Blame::Gateway, label) = end {
                    assert!(
                        self.lawless || !BREACHES.contains(&label),
                        "the conversation broke a law: {label}"
                    );
                }
                self.phase = Phase::Closed;
                assert!(
                    matches!(self.engine.next(), Action::Close(again) if again == end),
                    "the end is not final"
                );
                assert_eq!(
                    self.engine.room(Side::Client) + self.engine.room(Side::Server),
                    0,
                    "reading goes on"
                );
                self.effects.asked(format!("close {}", end.name()));
                return false;
            }
        }
        true
    }

    /// What a client was known by is a secret from here on.
    fn hide(&mut self, asked: &Route) {
        for key in &asked.keys {
            // Short values are words that stand in any debug output.
            let text = key.expose().escape_ascii().to_string();
            if key.expose().len() >= 4 && !self.known.contains(&text) {
                self.secrets.push(key.expose().to_vec());
            }
        }
    }

    /// Law 11.
    fn check_redaction(&self) {
        if self.secrets.is_empty() {
            return;
        }
        let shown = format!("{:?}", self.engine);
        for secret in &self.secrets {
            let list = format!("{secret:?}");
            let text = secret.escape_ascii().to_string();
            let hidden = !shown.contains(list.trim_matches(['[', ']'])) && !shown.contains(&text);
            assert!(hidden, "debug output shows \"{text}\" (law 11): {shown}");
        }
    }
}

fn slot<T>(pair: &mut [T; 2], side: Side) -> &mut T {
    let [client, server] = pair;
    match side {
        Side::Client => client,
        Side::Server => server,
    }
}
