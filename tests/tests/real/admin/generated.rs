//! Requests made from the gateway's own description of itself: each operation with bodies, names and queries that fit
//! it and that do not. Whatever is asked, the answer is one that is described, and never a failure of the gateway's.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Site;
use super::schema::problems;

/// Operations that end the conversation: a stream, and another process in this one's place.
const APART: [&str; 2] = ["Events", "Upgrade"];
/// Rounds through all operations.
const ROUNDS: usize = 40;

#[test]
fn every_answer_is_one_that_is_described_whatever_is_asked() {
    let site = Site::start("admin-generated", "127.0.9.15");
    let document = site.with(2, &[], "/v1/openapi.json").1;
    let mut asker = Asker::new(&site);
    let mut dice = Dice(7);
    let (mut done, mut refused, mut wrong) = (0, 0, BTreeMap::new());
    for _ in 0..ROUNDS {
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                if APART.contains(&operation["operationId"].as_str().unwrap()) {
                    continue;
                }
                let (target, body) = request(path, operation, &document, &mut dice);
                let (status, answer) = asker.ask(&method.to_uppercase(), &target, &body);
                let asked = format!("{method} {target} {body}: {status} {answer}");
                assert!(status < 500, "{asked}");
                let described = match status {
                    200 => &operation["responses"]["200"],
                    _ => &operation["responses"]["default"],
                };
                let schema = &described["content"]["application/json"]["schema"];
                let found = problems(schema, &answer, &document, "");
                wrong.extend(
                    found.into_iter().map(|problem| (format!("{method} {path}{problem}"), asked.clone())),
                );
                if status == 200 { done += 1 } else { refused += 1 }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(done > 200 && refused > 200, "the dice are loaded: {done} done, {refused} refused");
    // After all of that it serves, and says so.
    assert_eq!(site.with(0, &[], "/v1/status").0, 200);
}

/// One request: mostly as it is described, and mostly with one thing wrong.
fn request(path: &str, operation: &Value, document: &Value, dice: &mut Dice) -> (String, String) {
    let mut target = path.to_owned();
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        if parameter["in"] == "path" {
            let known = ["web", "a", "b", "default", "new"];
            let odd = ["nobody", "%00", "a%2fb", "é", "..", "~", "x".repeat(300).leak()];
            let value = if dice.one_in(4) { dice.pick(&odd) } else { dice.pick(&known) };
            target = target.replace(&format!("{{{name}}}"), value);
        } else if parameter["required"] == true || dice.one_in(3) {
            let values = match parameter["schema"]["type"].as_str().unwrap() {
                "integer" => ["1", "0", "-1", "10001", "x", "", "18446744073709551616"],
                _ => ["web", "a", "default", "source-ip", "nobody", "%zz", "%ff"],
            };
            query.push(format!("{name}={}", dice.pick(&values)));
        }
    }
    if dice.one_in(10) {
        query.push(dice.pick(&["x=1", "limit=1&limit=1", "&&&", "="]).to_owned());
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let body = match (schema.is_null(), dice.one_in(8)) {
        (_, true) => {
            let deep = "[".repeat(2000);
            dice.pick(&["{", "null", "[]", "1", "\"x\"", "{\"a\":null}", "\u{fffd}", &deep]).to_owned()
        }
        (true, false) => "{}".to_owned(),
        (false, false) => {
            let mut value = made(schema, document, dice);
            if dice.one_in(3) {
                spoil(&mut value, dice);
            }
            value.to_string()
        }
    };
    (target, body)
}

/// A value that fits.
fn made(schema: &Value, document: &Value, dice: &mut Dice) -> Value {
    if let Some(target) = schema["$ref"].as_str() {
        if target.ends_with("/Definition") {
            return definition(dice);
        }
        return made(document.pointer(target.trim_start_matches('#')).unwrap(), document, dice);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let which = dice.roll(any.len());
        return made(&any[which], document, dice);
    }
    if let Some(words) = schema["enum"].as_array() {
        return words[dice.roll(words.len())].clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[dice.roll(kinds.len())].as_str().unwrap(),
        kind => kind.as_str().unwrap(),
    };
    match kind {
        "null" => Value::Null,
        "boolean" => json!(dice.one_in(2)),
        "integer" | "number" => json!(dice.roll(schema["maximum"].as_u64().unwrap_or(1000) as usize + 1)),
        "string" => json!(dice.pick(&["a", "web", "alice", "CORP\\alice", "", "b", "[vip.x]\nlisten = 1\n"])),
        "object" => {
            let needed = schema["required"].as_array().cloned().unwrap_or_default();
            let mut object = Map::new();
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                if needed.contains(&json!(name)) || dice.one_in(2) {
                    object.insert(name.clone(), made(schema, document, dice));
                }
            }
            Value::Object(object)
        }
        other => panic!("{other}"),
    }
}

/// What a VIP, a pool or a server may be; each fits one of them.
fn definition(dice: &mut Dice) -> Value {
    let port = 7520 + dice.roll(4);
    match dice.roll(5) {
        0 => json!({ "listen": format!("127.0.9.15:{port}"), "protocol": "tcp", "pool": "web" }),
        1 => json!({ "servers": { "a": "127.0.9.15:7501" }, "method": "least-connections" }),
        2 => json!({ "address": format!("127.0.9.15:{port}"), "weight": dice.roll(300) }),
        3 => json!({ "address": "127.0.9.15:0" }),
        _ => json!({}),
    }
}

/// Makes one thing of it wrong.
fn spoil(value: &mut Value, dice: &mut Dice) {
    let Some(object) = value.as_object_mut() else { return };
    let names: Vec<String> = object.keys().cloned().collect();
    let wrong =
        [json!(-1), json!(1e300), json!([]), json!({}), json!("x".repeat(5000)), json!(true), json!(null)];
    match names.get(dice.roll(names.len().max(1))) {
        Some(name) if dice.one_in(2) => drop(object.remove(name)),
        Some(name) => drop(object.insert(name.clone(), wrong[dice.roll(wrong.len())].clone())),
        None => drop(object.insert("unheard-of".to_owned(), json!(1))),
    }
}

/// The same numbers in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Asks over one connection for as long as it stays.
struct Asker {
    address: String,
    token: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Asker {
    fn new(site: &Site) -> Self {
        let address = site.api.trim_start_matches("http://").to_owned();
        Self { address, token: site.tokens[2].clone(), stream: None }
    }

    fn ask(&mut self, method: &str, target: &str, body: &str) -> (u16, Value) {
        let stream = self.stream.get_or_insert_with(|| {
            let stream = TcpStream::connect(&self.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            BufReader::new(stream)
        });
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.9.15\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        // Whoever is refused by the head alone may not be listened to until the end.
        let _ = stream.get_mut().write_all(request.as_bytes());
        let (mut status, mut length, mut stays) = (0, 0, true);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "no answer to {method} {target} {body}");
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.parse().unwrap();
            } else if line == "Connection: close" {
                stays = false;
            } else if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).unwrap();
        if !stays {
            self.stream = None;
        }
        let answer =
            serde_json::from_slice(&answer).unwrap_or_else(|error| panic!("{error}: {method} {target}"));
        (status, answer)
    }
}
