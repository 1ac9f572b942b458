//! One thing that happened, on one line.

use serde_json::{Value, json};

use crate::command::operator::{Event, number, rows, word};

/// For people.
pub(super) fn text(vip: Option<&str>, Event { name, data, .. }: &Event) -> String {
    let at = data.get("at").and_then(Value::as_f64).unwrap_or(0.0);
    let what = match name.as_str() {
        "decision" => decision(vip.unwrap_or_default(), data),
        "health" => {
            let (pool, server) = (word(data, "pool"), word(data, "server"));
            format!(
                "health {pool}/{server} {} -> {}: {}",
                word(data, "from"),
                word(data, "to"),
                word(data, "why")
            )
        }
        "operator" => {
            format!("operator {}: {} {}", word(data, "who"), word(data, "action"), word(data, "target"))
        }
        "reload" => format!("reload configuration {} is in force", number(data, "epoch")),
        _ => return format!("{} other", clock(at)),
    };
    format!("{} {what}", clock(at))
}

/// For programs: what the gateway says, with its kind.
pub(super) fn object(vip: Option<&str>, Event { name, data, .. }: &Event) -> Value {
    let mut object = json!({ "event": name });
    if let (Some(entries), Some(told)) = (object.as_object_mut(), data.as_object()) {
        entries.extend(vip.map(|vip| ("vip".to_owned(), vip.into())));
        entries.extend(told.clone());
    }
    object
}

fn decision(vip: &str, data: &Value) -> String {
    let (client, pool) = (word(data, "client"), word(data, "pool"));
    let place = match data.get("server").and_then(Value::as_str) {
        Some(_) => format!("{pool}/{}", word(data, "server")),
        None => format!("{pool}, no server"),
    };
    let why = word(data, "why");
    let mut text = format!("{vip} {client} -> {place}: {why}");
    let chosen = ["method", "moved"].contains(&why.as_str()).then(|| word(data, "method"));
    let looked = rows(data, "keys").filter(|key| word(key, "found") != "absent");
    let looked = looked.map(|key| match word(key, "kind") {
        kind if kind.is_empty() => format!("{} {}", word(key, "found"), word(key, "server")),
        kind if word(key, "found") == why => kind,
        kind => format!("{kind} {}", word(key, "found")),
    });
    let looked: Vec<String> = chosen.into_iter().filter(|method| !method.is_empty()).chain(looked).collect();
    if !looked.is_empty() {
        text.push_str(&format!(" ({})", looked.join(", ")));
    }
    match word(data, "queue").as_str() {
        "" => {}
        "full" => text.push_str(", the queue is full"),
        _ => {
            let waited = data.get("waited_seconds").and_then(Value::as_f64).unwrap_or(0.0);
            text.push_str(&format!(", after {waited:.1} s in the queue"));
        }
    }
    text
}

/// The time of day in UTC, as the log has it.
fn clock(at: f64) -> String {
    let millis = (at * 1000.0) as u64 % 86_400_000;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    format!("{:02}:{:02}:{:02}.{millis:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: Value) -> Event {
        Event { id: None, name: name.to_owned(), data }
    }

    #[test]
    fn line_says_when_what_and_why_and_lets_nobody_steer_the_terminal() {
        let decided = event(
            "decision",
            json!({ "at": 1_795_391_448.25, "client": "192.0.2.7:51034", "pool": "web", "server": "www1",
                    "why": "persistence", "keys": [{ "kind": "cookie", "found": "absent", "server": null },
                    { "kind": "user", "found": "hit", "server": "www1" }] }),
        );
        assert_eq!(
            text(Some("web"), &decided),
            "23:50:48.250Z web 192.0.2.7:51034 -> web/www1: persistence (user hit)"
        );
        let preferred = json!({ "at": 0.0, "client": "192.0.2.7:5", "pool": "web", "server": "www1",
                                "why": "preferred", "keys": [{ "kind": "cookie", "found": "preferred" }] });
        let preferred = text(Some("web"), &event("decision", preferred));
        assert_eq!(preferred, "00:00:00.000Z web 192.0.2.7:5 -> web/www1: preferred (cookie)");
        let chosen = json!({ "at": 0.0, "client": "192.0.2.7:5", "pool": "web", "server": "www1", "method": "random-two",
                             "why": "method", "keys": [{ "kind": "user", "found": "miss" }] });
        let chosen = text(Some("web"), &event("decision", chosen));
        assert_eq!(chosen, "00:00:00.000Z web 192.0.2.7:5 -> web/www1: method (random-two, user miss)");
        let none =
            json!({ "at": 0.0, "client": "192.0.2.7:5", "pool": "web", "server": null, "why": "all down" });
        let none = text(Some("web"), &event("decision", none));
        assert_eq!(none, "00:00:00.000Z web 192.0.2.7:5 -> web, no server: all down");
        let queued = |queue: &str, server: Option<&str>| {
            let data = json!({ "at": 0.0, "client": "192.0.2.7:5", "pool": "web", "server": server,
                               "why": "because", "queue": queue, "waited_seconds": 1.25 });
            text(Some("web"), &event("decision", data)).replace("00:00:00.000Z web 192.0.2.7:5 -> ", "")
        };
        assert_eq!(queued("served", Some("www1")), "web/www1: because, after 1.2 s in the queue");
        assert_eq!(queued("timeout", None), "web, no server: because, after 1.2 s in the queue");
        assert_eq!(queued("full", None), "web, no server: because, the queue is full");
        let health = json!({ "at": 1.5, "pool": "web", "server": "www2", "from": "up", "to": "down",
                             "why": "re\u{1b}[2Jfused" });
        assert_eq!(
            text(None, &event("health", health)),
            "00:00:01.500Z health web/www2 up -> down: re\u{fffd}[2Jfused"
        );
    }

    #[test]
    fn object_has_everything_the_gateway_says_and_what_it_is_about() {
        let decided = event("decision", json!({ "at": 1.0, "server": "www1" }));
        let expected = json!({ "event": "decision", "vip": "web", "at": 1.0, "server": "www1" });
        assert_eq!(object(Some("web"), &decided), expected);
        assert_eq!(
            object(None, &event("reload", json!({ "epoch": 3 }))),
            json!({ "event": "reload", "epoch": 3 })
        );
    }
}
