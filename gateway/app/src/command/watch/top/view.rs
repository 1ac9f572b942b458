//! How a snapshot is shown, and what keys do to that.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::keys::Key;
use super::snapshot::{ServerRow, Snapshot};
use crate::cli::Sort;

/// The longest text that is typed.
const TYPED_MAX: usize = 100;
/// Rows of a page.
const PAGE: isize = 20;

/// How it is shown.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) sort: Sort,
    /// A part of a server's place, address or state.
    pub(super) filter: String,
    /// The server that keys are about.
    pub(super) chosen: Option<String>,
    pub(super) mode: Mode,
    /// What came of the last change.
    pub(super) said: Option<String>,
}

/// What keys mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Look,
    /// The filter is typed.
    Filter,
    /// A weight is typed.
    Weight(String),
    /// A state is to be confirmed.
    Confirm(&'static str),
}

/// What a key asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Stay,
    Quit,
    /// The gateway is to change this server.
    Change {
        server: String,
        body: Value,
    },
}

impl View {
    pub(super) fn new(sort: Sort, filter: Option<String>) -> Self {
        Self { sort, filter: filter.unwrap_or_default(), chosen: None, mode: Mode::Look, said: None }
    }

    /// The servers that are shown, in their order.
    pub(super) fn rows<'s>(&self, snapshot: &'s Snapshot) -> Vec<&'s ServerRow> {
        let wanted = self.filter.to_lowercase();
        let has = |row: &&ServerRow| {
            let parts = [&row.place(), &row.server.address, &row.server.state];
            parts.iter().any(|part| part.to_lowercase().contains(&wanted))
        };
        let mut rows: Vec<&ServerRow> = snapshot.servers.iter().filter(has).collect();
        // Equals keep the order of the configuration.
        rows.sort_by(|a, b| self.order(a, b));
        rows
    }

    fn order(&self, a: &ServerRow, b: &ServerRow) -> Ordering {
        let most = |a: f64, b: f64| b.total_cmp(&a);
        match self.sort {
            Sort::Name => Ordering::Equal,
            Sort::State => badness(a).cmp(&badness(b)),
            Sort::Connections => b.server.active.cmp(&a.server.active),
            Sort::Rate => most(a.served_per_second, b.served_per_second),
            Sort::Failures => most(a.failures_per_second, b.failures_per_second)
                .then(b.server.failures.cmp(&a.server.failures)),
            Sort::Response => {
                let seconds = |row: &ServerRow| row.server.response_seconds.unwrap_or(-1.0);
                most(seconds(a), seconds(b))
            }
            Sort::Bytes => b.server.bytes_per_second.cmp(&a.server.bytes_per_second),
        }
    }

    /// Keeps the chosen server among those that are shown.
    pub(super) fn settle(&mut self, snapshot: &Snapshot) {
        let rows = self.rows(snapshot);
        let there = |chosen: &String| rows.iter().any(|row| row.place() == *chosen);
        if !self.chosen.as_ref().is_some_and(there) {
            self.chosen = rows.first().map(|row| row.place());
            // Whatever was about to be done was about another server.
            if matches!(self.mode, Mode::Confirm(_) | Mode::Weight(_)) {
                self.mode = Mode::Look;
            }
        }
    }

    /// Says what came of something.
    pub(super) fn say(&mut self, what: String) {
        self.said = Some(what);
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: Key, snapshot: &Snapshot) -> Step {
        if key == Key::Control('c') {
            return Step::Quit;
        }
        self.said = None;
        match std::mem::replace(&mut self.mode, Mode::Look) {
            Mode::Look => return self.look(key, snapshot),
            Mode::Filter => self.filtered(key),
            Mode::Weight(typed) => return self.weight(key, typed),
            Mode::Confirm(state) => {
                if let (Key::Char('y'), Some(server)) = (key, self.chosen.clone()) {
                    return Step::Change { server, body: json!({ "state": state }) };
                }
                self.said = Some("nothing is changed".to_owned());
            }
        }
        Step::Stay
    }

    fn look(&mut self, key: Key, snapshot: &Snapshot) -> Step {
        let chosen = self.chosen.is_some();
        match key {
            Key::Char('q') => return Step::Quit,
            Key::Char('s') => self.sort = self.sort.next(),
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Escape => self.filter.clear(),
            Key::Char('d') if chosen => self.mode = Mode::Confirm("drain"),
            Key::Char('r') if chosen => self.mode = Mode::Confirm("ready"),
            Key::Char('m') if chosen => self.mode = Mode::Confirm("maintenance"),
            Key::Char('w') if chosen => self.mode = Mode::Weight(String::new()),
            Key::Up | Key::Char('k') => self.choose(snapshot, -1),
            Key::Down | Key::Char('j') => self.choose(snapshot, 1),
            Key::PageUp => self.choose(snapshot, -PAGE),
            Key::PageDown => self.choose(snapshot, PAGE),
            Key::Home => self.choose(snapshot, isize::MIN),
            Key::End => self.choose(snapshot, isize::MAX),
            _ => {}
        }
        Step::Stay
    }

    fn choose(&mut self, snapshot: &Snapshot, by: isize) {
        let rows = self.rows(snapshot);
        let at = rows.iter().position(|row| Some(row.place()) == self.chosen).unwrap_or(0);
        let at = at.saturating_add_signed(by).min(rows.len().saturating_sub(1));
        self.chosen = rows.get(at).map(|row| row.place());
    }

    fn filtered(&mut self, key: Key) {
        match key {
            Key::Enter => return,
            Key::Escape => return self.filter.clear(),
            Key::Backspace => drop(self.filter.pop()),
            Key::Char(c) if self.filter.len() < TYPED_MAX => self.filter.push(c),
            _ => {}
        }
        self.mode = Mode::Filter;
    }

    fn weight(&mut self, key: Key, mut typed: String) -> Step {
        match (key, self.chosen.clone()) {
            (Key::Enter, Some(server)) => match typed.parse::<u32>() {
                Ok(weight @ 0..=256) => return Step::Change { server, body: json!({ "weight": weight }) },
                _ => self.said = Some("a weight is 0 to 256; nothing is changed".to_owned()),
            },
            (Key::Escape | Key::Enter, _) => self.said = Some("nothing is changed".to_owned()),
            (key, _) => {
                match key {
                    Key::Backspace => drop(typed.pop()),
                    Key::Char(c) if c.is_ascii_digit() && typed.len() < 3 => typed.push(c),
                    _ => {}
                }
                self.mode = Mode::Weight(typed);
            }
        }
        Step::Stay
    }
}

/// The worse a state, the further up.
fn badness(row: &ServerRow) -> usize {
    const WORST_FIRST: [&str; 6] = ["down", "ejected", "suspect", "maintenance", "draining", "up"];
    let place = WORST_FIRST.iter().position(|state| *state == row.server.state);
    place.unwrap_or(WORST_FIRST.len())
}

#[cfg(test)]
mod tests {
    use super::super::super::seen::Server;
    use super::*;

    fn snapshot() -> Snapshot {
        let row = |name: &str, state: &str, active: u64| ServerRow {
            pool: "web".to_owned(),
            server: Server { name: name.to_owned(), state: state.to_owned(), active, ..Server::default() },
            ..ServerRow::default()
        };
        let servers = vec![row("a", "up", 1), row("b", "down", 0), row("c", "up", 9)];
        Snapshot { servers, ..Snapshot::default() }
    }

    fn names(view: &View) -> Vec<String> {
        view.rows(&snapshot()).iter().map(|row| row.server.name.clone()).collect()
    }

    fn view() -> View {
        let mut view = View::new(Sort::Name, None);
        view.settle(&snapshot());
        view
    }

    fn typed(view: &mut View, text: &str) -> Step {
        let keys = super::super::keys::read(text.as_bytes());
        keys.into_iter().map(|key| view.press(key, &snapshot())).last().unwrap_or(Step::Stay)
    }

    #[test]
    fn rows_are_sorted_and_filtered_as_keys_say() {
        let mut view = view();
        assert_eq!(names(&view), ["a", "b", "c"]);
        typed(&mut view, "s");
        assert_eq!((view.sort, names(&view)), (Sort::State, vec!["b".into(), "a".into(), "c".into()]));
        typed(&mut view, "s");
        assert_eq!(names(&view), ["c", "a", "b"]);
        typed(&mut view, "/DOWNx\u{7f}\r");
        assert_eq!(names(&view), ["b"]);
        typed(&mut view, "\u{1b}");
        assert_eq!(names(&view).len(), 3);
    }

    #[test]
    fn nothing_is_changed_without_a_confirmation() {
        let mut view = view();
        assert_eq!(typed(&mut view, "d"), Step::Stay);
        assert_eq!(typed(&mut view, "n"), Step::Stay);
        assert_eq!(typed(&mut view, "\u{1b}[B"), Step::Stay);
        let expected = Step::Change { server: "web/b".to_owned(), body: json!({ "state": "maintenance" }) };
        assert_eq!(typed(&mut view, "my"), expected);
        let expected = Step::Change { server: "web/b".to_owned(), body: json!({ "weight": 12 }) };
        assert_eq!(typed(&mut view, "w1x2\r"), expected);
        assert_eq!(typed(&mut view, "w999\r"), Step::Stay);
        assert!(view.said.as_ref().is_some_and(|said| said.contains("0 to 256")));
    }

    #[test]
    fn confirmation_is_never_about_another_server_than_it_was_asked_for() {
        let mut view = view();
        typed(&mut view, "\u{1b}[Bd");
        let mut gone = snapshot();
        gone.servers.remove(1);
        view.settle(&gone);
        assert_eq!((view.chosen.as_deref(), view.mode.clone()), (Some("web/a"), Mode::Look));
        assert_eq!(typed(&mut view, "y"), Step::Stay);
    }

    #[test]
    fn whoever_wants_out_gets_out_whatever_is_typed() {
        assert_eq!(typed(&mut view(), "q"), Step::Quit);
        assert_eq!(typed(&mut view(), "/q\u{3}"), Step::Quit);
        assert_eq!(typed(&mut view(), "w\u{3}"), Step::Quit);
    }
}
