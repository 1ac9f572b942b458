//! The parts of the OpenAPI document: what requests and answers look like (JSON Schema 2020-12).

use serde_json::{Map, Value, json};

/// A reference to a part.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// All parts.
pub(super) fn all() -> Value {
    let mut all = Map::new();
    for (name, schema) in requests().into_iter().chain(answers()).chain(common()) {
        all.insert(name.to_owned(), schema);
    }
    Value::Object(all)
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn seconds() -> Value {
    json!({ "type": "number", "minimum": 0 })
}

fn maybe(mut schema: Value) -> Value {
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
        return schema;
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// An object that has these, and nothing else.
fn object(properties: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    some_of(properties, &required)
}

/// An object that may have these, and nothing else.
fn some_of(properties: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

fn requests() -> Vec<(&'static str, Value)> {
    let weight = json!({ "type": "integer", "minimum": 0, "maximum": 256 });
    vec![
        ("Name", json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" })),
        (
            "Definition",
            json!({
                "type": "object",
                "description": "The keys that the configuration file has for it.",
            }),
        ),
        ("ServerChange", {
            let state = words(&["ready", "drain", "maintenance"]);
            some_of(&[("state", maybe_word(&state)), ("weight", maybe(weight))], &[])
        }),
        (
            "UserMove",
            some_of(
                &[
                    ("user", text()),
                    ("server", text()),
                    ("domain", maybe(text())),
                    ("pool", maybe(text())),
                    ("kick", flag()),
                ],
                &["user", "server"],
            ),
        ),
        (
            "AllMove",
            some_of(
                &[("from", text()), ("to", text()), ("domain", maybe(text())), ("kick", flag())],
                &["from", "to"],
            ),
        ),
        ("User", some_of(&[("user", text()), ("domain", maybe(text()))], &["user"])),
        ("Candidate", some_of(&[("text", text()), ("layered", flag())], &["text"])),
    ]
}

fn maybe_word(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn answers() -> Vec<(&'static str, Value)> {
    let rows = |name: &'static str, row: &str| object(&[(name, list(&reference(row)))]);
    let more = |name: &'static str, row: &str| object(&[(name, list(&reference(row))), ("more", flag())]);
    vec![
        (
            "Status",
            object(&[
                ("version", text()),
                ("pid", count()),
                ("uptime_seconds", seconds()),
                ("epoch", count()),
                ("file", text()),
                ("changes", count()),
                ("connections", count()),
                ("vips", count()),
                ("pools", count()),
                ("servers", count()),
                ("domains", list(&reference("Domain"))),
                ("peers", list(&reference("PeerNode"))),
                ("store", maybe(reference("SharedStore"))),
            ]),
        ),
        ("Caller", {
            let scope = words(&["read", "operate", "configure"]);
            object(&[("who", text()), ("from", text()), ("scope", scope)])
        }),
        ("Vips", rows("vips", "Vip")),
        ("Pools", rows("pools", "Pool")),
        ("Users", more("users", "UserEntry")),
        ("Connections", more("connections", "Connection")),
        ("Entries", more("entries", "Entry")),
        ("Certificates", rows("certificates", "Certificate")),
        ("Vrrp", rows("tables", "Object")),
        (
            "Peers",
            object(&[("peers", list(&reference("PeerNode"))), ("tables", list(&reference("PeerTable")))]),
        ),
        ("Store", object(&[("store", maybe(reference("SharedStore")))])),
        (
            "History",
            object(&[("probes", list(&reference("Probe"))), ("changes", list(&reference("Change")))]),
        ),
        ("Decisions", rows("decisions", "Decision")),
        ("Config", object(&[("file", text()), ("changes", count()), ("config", reference("Object"))])),
        (
            "Diff",
            object(&[
                ("file", text()),
                ("differences", list(&reference("Difference"))),
                ("servers", list(&reference("ServerSet"))),
            ]),
        ),
        ("Verdict", object(&[("valid", flag()), ("findings", list(&reference("Finding")))])),
        (
            "Outcome",
            object(&[("epoch", count()), ("changes", count()), ("warnings", list(&reference("Finding")))]),
        ),
        ("Kicked", object(&[("kicked", count())])),
        ("Forgotten", object(&[("forgotten", count())])),
        ("AllMoved", object(&[("moved", count()), ("kicked", count())])),
        ("Moved", object(&[("user", text()), ("server", text()), ("state", text()), ("kicked", count())])),
        ("Replaced", object(&[("process", count())])),
        ("Stream", text()),
        (
            "Error",
            some_of(
                &[("error", text()), ("help", text()), ("findings", list(&reference("Finding")))],
                &["error", "help"],
            ),
        ),
    ]
}

fn common() -> Vec<(&'static str, Value)> {
    let state = words(&["up", "suspect", "down", "ejected", "draining", "maintenance"]);
    let health = words(&["up", "suspect", "down"]);
    vec![
        ("Object", json!({ "type": "object" })),
        (
            "PeerNode",
            object(&[
                ("name", text()),
                ("up", flag()),
                ("kind", maybe(text())),
                ("taught", flag()),
                ("lag_seconds", seconds()),
                ("sent", count()),
                ("learned", count()),
                ("known", count()),
                ("older", count()),
                ("refused", count()),
                ("connections", count()),
                ("error", maybe(text())),
                ("differing", list(&text())),
                ("clock_ahead_seconds", maybe(json!({ "type": "number" }))),
                ("tables", list(&reference("PeerTableThere"))),
            ]),
        ),
        (
            "PeerTable",
            object(&[
                ("domain", text()),
                ("entries", count()),
                ("digest", text()),
                ("changed_seconds_ago", maybe(seconds())),
            ]),
        ),
        (
            "PeerTableThere",
            object(&[
                ("domain", text()),
                ("entries", count()),
                ("digest", text()),
                ("changed_seconds_ago", maybe(seconds())),
                ("alike", flag()),
                ("alike_seconds_ago", maybe(seconds())),
            ]),
        ),
        (
            "SharedStore",
            object(&[
                ("address", text()),
                ("up", flag()),
                ("loaded", flag()),
                ("lag_seconds", seconds()),
                ("pending", count()),
                ("written", count()),
                ("learned", count()),
                ("refused", count()),
                ("connections", count()),
                ("failures", count()),
                ("error", maybe(text())),
            ]),
        ),
        ("Domain", object(&[("name", text()), ("entries", count()), ("hits", count()), ("misses", count())])),
        (
            "Vip",
            object(&[
                ("name", text()),
                ("mode", words(&["proxy", "l4"])),
                ("protocol", text()),
                ("listen", list(&text())),
                ("pools", list(&text())),
                ("domain", text()),
                ("persist", list(&text())),
                ("connections", count()),
                ("served", count()),
                ("received_bytes", count()),
                ("sent_bytes", count()),
            ]),
        ),
        (
            "Pool",
            object(&[
                ("name", text()),
                ("method", text()),
                ("queued", count()),
                ("servers", list(&reference("Server"))),
            ]),
        ),
        (
            "Server",
            object(&[
                ("name", text()),
                ("address", text()),
                ("state", state.clone()),
                ("wanted", words(&["ready", "drain", "maintenance"])),
                ("health", health.clone()),
                ("ejected_for_seconds", maybe(seconds())),
                ("weight", count()),
                ("group", count()),
                ("active", count()),
                ("max_connections", maybe(count())),
                ("served", count()),
                ("failures", count()),
                ("response_seconds", maybe(seconds())),
                ("bytes_per_second", count()),
                ("last_probe", maybe(reference("Probe"))),
                ("notes", reference("Object")),
                ("certificate_expires", maybe(count())),
            ]),
        ),
        (
            "Probe",
            object(&[
                ("ok", flag()),
                ("seconds_ago", seconds()),
                ("took_seconds", seconds()),
                ("error", maybe(text())),
            ]),
        ),
        (
            "Change",
            object(&[("seconds_ago", seconds()), ("from", health.clone()), ("to", health), ("why", text())]),
        ),
        (
            "UserEntry",
            object(&[
                ("domain", text()),
                ("user", text()),
                ("pool", maybe(text())),
                ("server", text()),
                ("open", count()),
                ("expires_in_seconds", maybe(count())),
            ]),
        ),
        (
            "Connection",
            object(&[
                ("id", count()),
                ("vip", text()),
                ("client", text()),
                ("pool", text()),
                ("server", text()),
                ("user", maybe(text())),
                ("known_by", maybe(text())),
                ("seconds", count()),
            ]),
        ),
        (
            "Entry",
            object(&[
                ("id", text()),
                ("domain", text()),
                ("kind", text()),
                ("key", maybe(text())),
                ("pool", maybe(text())),
                ("server", text()),
                ("open", count()),
                ("expires_in_seconds", maybe(count())),
            ]),
        ),
        (
            "Certificate",
            object(&[("vip", text()), ("name", text()), ("file", text()), ("expires", seconds())]),
        ),
        (
            "Decision",
            object(&[
                ("number", count()),
                ("at", seconds()),
                ("id", count()),
                ("client", text()),
                ("pool", text()),
                ("method", text()),
                ("server", maybe(text())),
                ("why", text()),
                ("queue", maybe_word(&words(&["served", "timeout", "full", "useless"]))),
                ("waited_seconds", maybe(seconds())),
                (
                    "keys",
                    list(&object(&[
                        ("kind", maybe(text())),
                        ("found", words(&["absent", "preferred", "hit", "miss"])),
                        ("server", maybe(text())),
                    ])),
                ),
                (
                    "candidates",
                    list(&object(&[
                        ("server", text()),
                        ("state", state),
                        ("weight", seconds()),
                        ("active", count()),
                        ("score", maybe(json!({ "type": "number" }))),
                        ("verdict", text()),
                    ])),
                ),
            ]),
        ),
        ("Difference", object(&[("at", list(&text())), ("file", maybe(text())), ("layer", maybe(text()))])),
        ("ServerSet", {
            let state = words(&["ready", "drain", "maintenance"]);
            let set = |value: &Value| maybe(object(&[("file", value.clone()), ("now", value.clone())]));
            object(&[("pool", text()), ("server", text()), ("state", set(&state)), ("weight", set(&count()))])
        }),
        (
            "Finding",
            object(&[
                ("severity", words(&["error", "warning"])),
                ("message", text()),
                ("label", text()),
                ("help", maybe(text())),
                ("origin", text()),
                ("line", maybe(count())),
                ("column", maybe(count())),
            ]),
        ),
    ]
}
