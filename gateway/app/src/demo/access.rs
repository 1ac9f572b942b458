//! The gateway's own account of what it did: its access log, read while it is written.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a line may take to come after the client has its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One line of the access log, as far as the demo shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The client's end of its connection.
    pub(super) client: SocketAddr,
    /// The VIP.
    pub(super) vip: String,
    /// The server; none if the client got none.
    pub(super) server: Option<String>,
    /// Why that server.
    pub(super) why: Option<String>,
    /// The balancing method, where one chose.
    pub(super) method: Option<String>,
    /// The kind of key that the client was known by.
    pub(super) key: Option<String>,
    /// How the client became known, in its protocol's words.
    pub(super) known_by: Option<String>,
    /// The path and query of a request.
    pub(super) target: Option<String>,
    /// The status of an answer.
    pub(super) status: Option<u64>,
    /// How the connection or request ended.
    pub(super) end: String,
}

impl Entry {
    /// Reads a line; `None` if it is not one of the access log.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            client: text("client")?.parse().ok()?,
            vip: text("vip")?,
            server: text("server"),
            why: text("why"),
            method: text("balance"),
            key: text("key"),
            known_by: text("known_by"),
            target: text("target"),
            status: value.get("status").and_then(Value::as_u64),
            end: text("end")?,
        })
    }
}

/// The lines that came, and those that nobody asked for yet.
#[derive(Debug)]
pub(super) struct Access {
    lines: Receiver<String>,
    waiting: VecDeque<Entry>,
}

impl Access {
    pub(super) fn new(lines: Receiver<String>) -> Self {
        Self { lines, waiting: VecDeque::new() }
    }

    /// The next entry of the connection from `client`; `None` if none comes in time.
    pub(super) fn of(&mut self, client: SocketAddr) -> Option<Entry> {
        let found = self.waiting.iter().position(|entry| entry.client == client);
        if let Some(entry) = found.and_then(|at| self.waiting.remove(at)) {
            return Some(entry);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let entry = self.next(deadline.saturating_duration_since(Instant::now()))?;
            if entry.client == client {
                return Some(entry);
            }
            self.waiting.push_back(entry);
        }
    }

    /// The next entry of any connection; `None` if none comes within `patience`.
    pub(super) fn next(&mut self, patience: Duration) -> Option<Entry> {
        let deadline = Instant::now() + patience;
        loop {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
            if let Some(entry) = Entry::parse(&line) {
                return Some(entry);
            }
        }
    }

    /// Forgets what nobody asked for.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
        while self.lines.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn line(port: u16, server: &str) -> String {
        format!(
            r#"{{"client":"127.0.0.1:{port}","vip":"web","server":"{server}","why":"method","end":"done"}}"#
        )
    }

    #[test]
    fn entries_are_found_by_client_in_the_order_in_which_they_came() {
        let (send, lines) = mpsc::channel();
        for text in [line(1, "a"), "not json".to_owned(), line(2, "b"), line(1, "c")] {
            send.send(text).unwrap();
        }
        drop(send);
        let mut access = Access::new(lines);
        let mut server = |port| access.of(SocketAddr::from(([127, 0, 0, 1], port))).and_then(|e| e.server);
        assert_eq!(server(2).as_deref(), Some("b"));
        assert_eq!(server(1).as_deref(), Some("a"));
        assert_eq!(server(1).as_deref(), Some("c"));
        assert_eq!(server(1), None);
    }
}
