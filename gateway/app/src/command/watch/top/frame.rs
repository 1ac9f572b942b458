//! A snapshot and how it is shown, as lines.

use super::super::seen::Status;
use super::super::{bytes, latency, rate};
use super::snapshot::{ServerRow, Snapshot, VipRow};
use super::view::{Mode, View};
use crate::command::operator::{clean, span};

/// A line of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    paint: Paint,
}

/// How a line stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    Plain,
    Head,
    Chosen,
    /// Something is wrong.
    Bad,
    /// Somebody wants it so.
    Quiet,
}

const KEYS: &str = "q quit  s sort  / filter  d drain  m maintenance  r ready  w weight";

/// What is drawn in so many columns and rows.
pub(super) fn frame(snapshot: &Snapshot, view: &View, width: usize, height: usize) -> Vec<Line> {
    let plain = |text: String| Line { text, paint: Paint::Plain };
    let mut lines = vec![Line { text: title(snapshot), paint: Paint::Head }, plain(String::new())];
    let vips = vips(&snapshot.vips);
    // Servers have the most of the height.
    let most = (height / 3).max(3);
    let hidden = vips.len().saturating_sub(most);
    lines.extend(vips.into_iter().take(most));
    if hidden > 0 {
        lines.push(plain(format!("… and {hidden} more")));
    }
    lines.push(plain(String::new()));
    let rows = view.rows(snapshot);
    let mut servers = servers(&rows, view);
    if !servers.is_empty() {
        lines.push(servers.remove(0));
    }
    let room = height.saturating_sub(lines.len() + 2).max(1);
    let at = rows.iter().position(|row| Some(row.place()) == view.chosen).unwrap_or(0);
    let first = (at + 1).saturating_sub(room).min(servers.len());
    lines.extend(servers.into_iter().skip(first).take(room));
    if rows.is_empty() {
        lines.push(plain("no server has this in its name, address or state".to_owned()));
    }
    // What is typed at nobody needs no keys.
    if view.chosen.is_some() || view.mode != Mode::Look {
        lines.push(plain(String::new()));
        lines.push(Line { text: foot(&rows, view), paint: Paint::Head });
    }
    for line in &mut lines {
        line.text = line.text.chars().take(width).collect();
    }
    lines.truncate(height);
    lines
}

fn title(snapshot: &Snapshot) -> String {
    let Status { version, uptime_seconds, epoch, connections, .. } = &snapshot.status;
    let serving = snapshot.servers.iter().filter(|row| row.server.serves()).count();
    format!(
        "sekisho {}   up {}   configuration {epoch}   {connections} connections   {serving} of {} servers take new clients",
        clean(version),
        span(*uptime_seconds as u64),
        snapshot.servers.len()
    )
}

fn vips(vips: &[VipRow]) -> Vec<Line> {
    let head = ["VIP", "protocol", "connections", "/s", "in/s", "out/s", "known"].map(str::to_owned);
    let row = |vip: &VipRow| {
        [
            clean(&vip.name),
            clean(&vip.protocol),
            vip.connections.to_string(),
            rate(vip.served_per_second),
            bytes(vip.received_bytes_per_second),
            bytes(vip.sent_bytes_per_second),
            vip.hits.map(|hits| format!("{:.0} %", hits * 100.0)).unwrap_or_default(),
        ]
    };
    let rows = vips.iter().map(|vip| (row(vip), Paint::Plain));
    aligned(std::iter::once((head, Paint::Head)).chain(rows).collect(), 2)
}

fn servers(rows: &[&ServerRow], view: &View) -> Vec<Line> {
    let head =
        ["server", "address", "state", "weight", "connections", "/s", "failures/s", "bytes/s", "response"];
    let mut head = head.map(str::to_owned);
    if let Some(column) = head.get_mut(view.sort.column()) {
        column.push('↓');
    }
    let row = |row: &&ServerRow| {
        let server = &row.server;
        let paint = match (Some(row.place()) == view.chosen, server.failed(), server.serves()) {
            (true, ..) => Paint::Chosen,
            (_, true, _) => Paint::Bad,
            (_, _, false) => Paint::Quiet,
            _ => Paint::Plain,
        };
        let connections = match server.max_connections {
            Some(most) => format!("{} of {most}", server.active),
            None => server.active.to_string(),
        };
        // Of one that is out it is what its failures count as.
        let response = server.response_seconds.filter(|_| !server.failed()).map(latency);
        let cells = [
            clean(&row.place()),
            clean(&server.address),
            clean(&server.state),
            server.weight.to_string(),
            connections,
            rate(row.served_per_second),
            rate(row.failures_per_second),
            bytes(server.bytes_per_second as f64),
            response.unwrap_or_default(),
        ];
        (cells, paint)
    };
    aligned(std::iter::once((head, Paint::Head)).chain(rows.iter().map(row)).collect(), 3)
}

/// Rows in columns: the first `words` begin below each other, the others end so.
fn aligned<const COLUMNS: usize>(rows: Vec<([String; COLUMNS], Paint)>, words: usize) -> Vec<Line> {
    let mut widths = [0; COLUMNS];
    for (cells, _) in &rows {
        for (widest, cell) in widths.iter_mut().zip(cells) {
            *widest = cell.chars().count().max(*widest);
        }
    }
    let line = |(cells, paint): ([String; COLUMNS], Paint)| {
        let cell = |(column, (cell, wide)): (usize, (String, usize))| {
            let cell = if cell.is_empty() { "-".to_owned() } else { cell };
            if column < words { format!("{cell:wide$}") } else { format!("{cell:>wide$}") }
        };
        let cells: Vec<String> = cells.into_iter().zip(widths).enumerate().map(cell).collect();
        Line { text: cells.join("  "), paint }
    };
    rows.into_iter().map(line).collect()
}

fn foot(rows: &[&ServerRow], view: &View) -> String {
    let chosen = view.chosen.as_deref().unwrap_or_default();
    let row = rows.iter().find(|row| row.place() == chosen);
    match (&view.mode, &view.said) {
        (Mode::Filter, _) => format!("show: {}_   Enter keeps it, Esc shows all", clean(&view.filter)),
        (Mode::Weight(typed), _) => {
            let now = row.map_or(0, |row| row.server.weight);
            format!("weight of {} (0 to 256, now {now}): {typed}_   Enter sets it", clean(chosen))
        }
        (Mode::Confirm(state), _) => {
            let connections = row.map_or(0, |row| row.server.active);
            format!(
                "{state} {}, which has {connections} connections?   y yes, any other key no",
                clean(chosen)
            )
        }
        (Mode::Look, Some(said)) => clean(said),
        (Mode::Look, None) if view.filter.is_empty() => KEYS.to_owned(),
        (Mode::Look, None) => format!("{KEYS}   (shown: {}; Esc shows all)", clean(&view.filter)),
    }
}

/// The lines as a terminal draws them, over those before: nothing flickers.
pub(super) fn painted(lines: &[Line], colours: bool) -> String {
    let mut text = String::from("\u{1b}[H");
    for (index, line) in lines.iter().enumerate() {
        let begin = match line.paint {
            Paint::Plain => "",
            Paint::Head => "\u{1b}[1m",
            Paint::Chosen => "\u{1b}[7m",
            Paint::Bad if colours => "\u{1b}[31m",
            Paint::Quiet if colours => "\u{1b}[33m",
            Paint::Bad | Paint::Quiet => "",
        };
        let end = if begin.is_empty() { "" } else { "\u{1b}[0m" };
        let last = if index + 1 == lines.len() { "" } else { "\r\n" };
        text.push_str(&format!("{begin}{}{end}\u{1b}[K{last}", line.text));
    }
    text.push_str("\u{1b}[J");
    text
}

#[cfg(test)]
mod tests {
    use super::super::super::seen::Server;
    use super::*;
    use crate::cli::Sort;

    fn row(name: &str, state: &str, active: u64) -> ServerRow {
        ServerRow {
            pool: "web".to_owned(),
            server: Server {
                name: name.to_owned(),
                address: "10.0.0.21:80".to_owned(),
                state: state.to_owned(),
                weight: 1,
                active,
                bytes_per_second: active * 1000,
                response_seconds: (state == "up").then_some(0.0123),
                ..Server::default()
            },
            served_per_second: active as f64 / 4.0,
            ..ServerRow::default()
        }
    }

    fn snapshot(servers: Vec<ServerRow>) -> Snapshot {
        let status = Status {
            version: "0.1.0".to_owned(),
            uptime_seconds: 7300.0,
            epoch: 3,
            connections: 9,
            ..Status::default()
        };
        let vip = VipRow {
            name: "web".to_owned(),
            protocol: "http".to_owned(),
            connections: 9,
            served_per_second: 340.2,
            received_bytes_per_second: 1_234_567.0,
            sent_bytes_per_second: 99.0,
            hits: Some(0.97),
        };
        Snapshot { status, vips: vec![vip], servers }
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn frame_shows_the_gateway_its_vips_and_its_servers() {
        let snapshot = snapshot(vec![row("www1", "up", 8), row("www2", "do\u{1b}wn", 0)]);
        let view = View::new(Sort::Connections, None);
        let expected = [
            "sekisho 0.1.0   up 2 h   configuration 3   9 connections   1 of 2 servers take new clients",
            "",
            "VIP  protocol  connections   /s    in/s  out/s  known",
            "web  http                9  340  1.2 MB   99 B   97 %",
            "",
            "server    address       state  weight  connections↓   /s  failures/s  bytes/s  response",
            "web/www1  10.0.0.21:80  up          1             8  2.0           0   8.0 KB     12 ms",
            "web/www2  10.0.0.21:80  do\u{fffd}wn       1             0    0           0      0 B         -",
        ];
        assert_eq!(texts(&frame(&snapshot, &view, 120, usize::MAX)), expected);
    }

    #[test]
    fn frame_never_exceeds_the_terminal_and_the_chosen_server_is_always_on_it() {
        let servers = (0..1000).map(|index| row(&format!("s{index}"), "up", 1)).collect();
        let snapshot = snapshot(servers);
        let mut view = View::new(Sort::Name, None);
        for chosen in [0, 12, 500, 999] {
            view.chosen = Some(format!("web/s{chosen}"));
            for (width, height) in [(80, 24), (20, 9), (200, 60)] {
                let lines = frame(&snapshot, &view, width, height);
                assert!(lines.len() <= height, "{width} {height}");
                assert!(lines.iter().all(|line| line.text.chars().count() <= width), "{width} {height}");
                let place = format!("web/s{chosen} ");
                let shown = lines.iter().filter(|line| line.paint == Paint::Chosen).count();
                assert_eq!(shown, 1, "{place} at {width} {height}");
            }
        }
        // Too small for anything, and still no panic.
        frame(&snapshot, &view, 0, 0);
        frame(&snapshot, &view, 1, 1);
    }

    #[test]
    fn foot_says_what_a_key_will_do_before_it_is_done() {
        let snapshot = snapshot(vec![row("www1", "up", 8)]);
        let mut view = View::new(Sort::Name, None);
        view.settle(&snapshot);
        let foot = |view: &View| frame(&snapshot, view, 120, 24).pop().unwrap().text;
        assert_eq!(foot(&view), KEYS);
        view.mode = Mode::Confirm("drain");
        assert_eq!(foot(&view), "drain web/www1, which has 8 connections?   y yes, any other key no");
        view.mode = Mode::Weight("12".to_owned());
        assert_eq!(foot(&view), "weight of web/www1 (0 to 256, now 1): 12_   Enter sets it");
    }

    #[test]
    fn colours_are_left_out_where_nobody_wants_them() {
        let mut snapshot = snapshot(vec![row("www1", "down", 0)]);
        snapshot.vips.clear();
        let lines = frame(&snapshot, &View::new(Sort::Name, None), 120, 24);
        assert!(painted(&lines, true).contains("\u{1b}[31m"));
        assert!(!painted(&lines, false).contains("\u{1b}[3"));
    }
}
