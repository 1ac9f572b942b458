//! Answers of a running gateway, for people.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::Verb;
use crate::table::Table;

/// What is printed.
pub(super) fn text(verb: &Verb<'_>, answers: &[Value]) -> String {
    let (first, second) = (answers.first().unwrap_or(&Value::Null), answers.get(1));
    match verb {
        Verb::Servers(options) => {
            let pool = options.pool.as_deref();
            let notes =
                if options.notes { format!("\n{}", notes(first, pool, now())) } else { String::new() };
            servers(first, pool) + &notes
        }
        Verb::Vrrp(_) => super::vrrp::text(first),
        Verb::Peers(_) => super::peers::text(first),
        Verb::State(_, options) => state(&options.server, first, second),
        Verb::Weight(options) => format!("{} has weight {}\n", options.server, number(first, "weight")),
        Verb::Users(_) => users(first),
        Verb::MoveUser(_) => moved(first),
        Verb::MoveUsers(options) => {
            let moved = counted(number(first, "moved"), "user is", "users are");
            let ended = ended(first);
            format!("{moved} on {} from the next connection on{ended}\n", clean(&options.to))
        }
        Verb::KickUser(_) => {
            format!("{} ended\n", counted(number(first, "kicked"), "connection", "connections"))
        }
        Verb::ForgetUser(_) => match number(first, "forgotten") {
            0 => "nothing was known of this user\n".to_owned(),
            _ => "forgotten: the next connection is balanced anew\n".to_owned(),
        },
        Verb::Connections(_) => connections(first),
        Verb::Layer(verb, _) => super::layer::text(verb, first),
        Verb::Upgrade(_) => {
            format!("process {} serves; the old one lets its connections end\n", number(first, "process"))
        }
    }
}

fn servers(answer: &Value, only: Option<&str>) -> String {
    let head = ["pool", "server", "address", "state", "weight", "connections", "response", "last probe"];
    let mut table = Table::new(head);
    for pool in pools(answer, only) {
        for server in rows(pool, "servers") {
            let connections = number(server, "active");
            table.row([
                word(pool, "name"),
                word(server, "name"),
                word(server, "address"),
                condition(server),
                number(server, "weight").to_string(),
                match server.get("max_connections").and_then(Value::as_u64) {
                    Some(most) => format!("{connections} of {most}"),
                    None => connections.to_string(),
                },
                response(server),
                probe(server),
            ]);
        }
    }
    table.to_string()
}

/// The state, and how much longer an ejection lasts.
fn condition(server: &Value) -> String {
    let state = word(server, "state");
    match server.get("ejected_for_seconds").and_then(Value::as_f64) {
        Some(left) if state == "ejected" => format!("{state} for {}", span(left.ceil() as u64)),
        _ => state,
    }
}

fn response(server: &Value) -> String {
    let seconds = server.get("response_seconds").and_then(Value::as_f64);
    seconds.map(|seconds| format!("{:.0} ms", (seconds * 1000.0).max(1.0))).unwrap_or_default()
}

fn probe(server: &Value) -> String {
    let Some(probe) = server.get("last_probe").filter(|probe| probe.is_object()) else {
        return String::new();
    };
    let ago = probe.get("seconds_ago").and_then(Value::as_f64).unwrap_or(0.0);
    let ago = span(ago as u64);
    match probe.get("error").and_then(Value::as_str) {
        None => format!("ok, {ago} ago"),
        Some(error) => format!("{}, {ago} ago", clean(error)),
    }
}

/// What probes found out about the servers, a row for each thing.
fn notes(answer: &Value, only: Option<&str>, now: u64) -> String {
    let mut table = Table::new(["pool", "server", "note", "what"]);
    for pool in pools(answer, only) {
        for server in rows(pool, "servers") {
            let mut note = |name: &str, what| {
                table.row([word(pool, "name"), word(server, "name"), name.to_owned(), what]);
            };
            for (name, what) in server.get("notes").and_then(Value::as_object).into_iter().flatten() {
                note(name, clean(what.as_str().unwrap_or_default()));
            }
            match server.get("certificate_expires").and_then(Value::as_u64) {
                None => {}
                Some(at) if at <= now => note("certificate", "EXPIRED".to_owned()),
                Some(at) => note("certificate", format!("expires in {}", span(at - now))),
            }
        }
    }
    table.to_string()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn pools<'v>(answer: &'v Value, only: Option<&str>) -> impl Iterator<Item = &'v Value> {
    rows(answer, "pools").filter(move |pool| only.is_none_or(|only| word(pool, "name") == only))
}

fn state(server: &str, answer: &Value, kicked: Option<&Value>) -> String {
    let connections = counted(number(answer, "active"), "connection", "connections");
    let ended = kicked.map(ended).unwrap_or_default();
    let state = match (word(answer, "wanted").as_str(), word(answer, "state")) {
        ("maintenance", _) => "in maintenance".to_owned(),
        // A server that is down drains nothing, and will once it is up.
        ("drain", down) if down != "draining" => format!("to drain, {down} for now,"),
        (_, state) => state,
    };
    let has = if kicked.is_some() { "had" } else { "has" };
    format!("{server} is {state} and {has} {connections}{ended}\n")
}

fn users(answer: &Value) -> String {
    let several = rows(answer, "users").any(|user| word(user, "domain") != "default");
    let mut table = Table::new(["user", "server", "pool", "open", "expires", "domain"]);
    let mut short = Table::new(["user", "server", "pool", "open", "expires"]);
    for user in rows(answer, "users") {
        let pool = user.get("pool").and_then(Value::as_str).map_or_else(|| "all".to_owned(), clean);
        let expires = user.get("expires_in_seconds").and_then(Value::as_u64).map(span).unwrap_or_default();
        let open = number(user, "open").to_string();
        let cells = [word(user, "user"), word(user, "server"), pool, open, expires];
        let [a, b, c, d, e] = cells.clone();
        table.row([a, b, c, d, e, word(user, "domain")]);
        short.row(cells);
    }
    let text = if several { table.to_string() } else { short.to_string() };
    text + more(answer)
}

fn connections(answer: &Value) -> String {
    let mut table = Table::new(["id", "VIP", "client", "pool", "server", "user", "known by", "for"]);
    for connection in rows(answer, "connections") {
        table.row([
            number(connection, "id").to_string(),
            word(connection, "vip"),
            word(connection, "client"),
            word(connection, "pool"),
            word(connection, "server"),
            word(connection, "user"),
            word(connection, "known_by"),
            span(number(connection, "seconds")),
        ]);
    }
    table.to_string() + more(answer)
}

fn more(answer: &Value) -> &'static str {
    match answer.get("more").and_then(Value::as_bool) {
        Some(true) => "  … and more: narrow it down, or raise --limit\n",
        _ => "",
    }
}

fn moved(answer: &Value) -> String {
    let (server, state) = (word(answer, "server"), word(answer, "state"));
    let mut text =
        format!("{} is on {server} from the next connection on{}\n", word(answer, "user"), ended(answer));
    if !["up", "suspect", "draining"].contains(&state.as_str()) {
        // Writing to a string cannot fail.
        _ = writeln!(text, "but for now that server takes nobody: its state is {state}");
    }
    text
}

/// How many connections were ended, if any were.
fn ended(answer: &Value) -> String {
    match number(answer, "kicked") {
        0 => String::new(),
        kicked => format!("; {} ended", counted(kicked, "connection", "connections")),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A time in its largest unit.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

pub(crate) fn rows<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

pub(crate) fn word(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).map(clean).unwrap_or_default()
}

pub(crate) fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// The text without what a terminal would obey: some of it comes from servers and clients.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn servers_are_a_table_that_shows_limits_and_probes_and_another_what_is_known_of_them() {
        let answer = json!({ "pools": [{ "name": "mail", "servers": [
            { "name": "m1", "address": "10.0.0.31:143", "state": "up", "weight": 1, "active": 4,
              "max_connections": 9, "response_seconds": 0.0004, "notes": { "greeting": "Dovecot" },
              "last_probe": { "ok": true, "seconds_ago": 2.5, "error": null }, "certificate_expires": 90_061 },
            { "name": "m2", "address": "10.0.0.32:143", "state": "down", "weight": 2, "active": 0, "notes": {},
              "last_probe": { "ok": false, "seconds_ago": 61.0, "error": "re\u{1b}fused" } },
            { "name": "m3", "address": "10.0.0.33:143", "state": "ejected", "ejected_for_seconds": 11.2, "weight": 1,
              "active": 1, "notes": {} },
        ] }] });
        let expected = [
            "  pool  server  address        state             weight  connections  response  last probe",
            "  ----  ------  -------------  ----------------  ------  -----------  --------  -----------------",
            "  mail  m1      10.0.0.31:143  up                1       4 of 9       1 ms      ok, 2 s ago",
            "  mail  m2      10.0.0.32:143  down              2       0            -         re\u{fffd}fused, 1 m ago",
            "  mail  m3      10.0.0.33:143  ejected for 12 s  1       1            -         -",
        ];
        assert_eq!(servers(&answer, None).lines().collect::<Vec<_>>(), expected);
        assert_eq!(servers(&answer, Some("web")).lines().count(), 2, "a head");
        let expected = [
            "  pool  server  note         what",
            "  ----  ------  -----------  --------------",
            "  mail  m1      greeting     Dovecot",
            "  mail  m1      certificate  expires in 1 d",
        ];
        assert_eq!(notes(&answer, None, 61).lines().collect::<Vec<_>>(), expected);
        assert!(notes(&answer, None, 90_061).contains("EXPIRED"));
    }

    #[test]
    fn users_show_their_domain_only_where_it_says_something() {
        let user = |domain: &str| {
            json!({ "users": [{ "domain": domain, "user": "alice", "pool": null, "server": "m1", "open": 2,
                                "expires_in_seconds": null }], "more": true })
        };
        assert!(!users(&user("default")).contains("domain"));
        let text = users(&user("staff"));
        assert!(text.contains("staff") && text.contains("all") && text.contains("and more"), "{text}");
    }

    #[test]
    fn move_to_a_server_that_takes_nobody_says_so() {
        let text = moved(&json!({ "user": "alice", "server": "m2", "state": "maintenance", "kicked": 1 }));
        assert!(text.contains("1 connection ended") && text.contains("its state is maintenance"), "{text}");
        let text = moved(&json!({ "user": "alice", "server": "m2", "state": "up", "kicked": 0 }));
        assert_eq!(text, "alice is on m2 from the next connection on\n");
    }

    #[test]
    fn state_of_a_server_that_is_down_says_both_what_is_wanted_and_what_is() {
        let said = |wanted: &str, now: &str| {
            let answer = json!({ "wanted": wanted, "state": now, "active": 1 });
            state("mail/m1", &answer, Some(&json!({ "kicked": 1 })))
        };
        let after = "and had 1 connection; 1 connection ended\n";
        assert_eq!(said("drain", "draining"), format!("mail/m1 is draining {after}"));
        assert_eq!(said("drain", "down"), format!("mail/m1 is to drain, down for now, {after}"));
        assert_eq!(said("maintenance", "maintenance"), format!("mail/m1 is in maintenance {after}"));
        assert_eq!(said("ready", "up"), format!("mail/m1 is up {after}"));
    }

    #[test]
    fn times_are_shown_in_their_largest_unit() {
        let spans = [0, 59, 60, 3599, 3600, 86_400 * 3].map(span);
        assert_eq!(spans, ["0 s", "59 s", "1 m", "59 m", "1 h", "3 d"]);
    }
}
