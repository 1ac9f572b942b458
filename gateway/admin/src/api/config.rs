//! The configuration: shown, checked, changed beside the file, loaded anew.

use std::path::Path;
use std::time::SystemTime;

use sekisho_api::settings::{Node, Table, Value as Written};
use sekisho_config::{Layer, NOT_SHOWN, Place, Report, Severity};
use sekisho_scheduler as scheduler;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::change::By;
use super::look::wanted;
use super::refused::Refused;
use super::routes::Action;
use crate::answer::Status;
use crate::steering::{Done, InForce, Refusal, Steering, Wish};

/// What the configuration is to have at a place.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Definition(Value);

/// A configuration that somebody thinks of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Candidate {
    text: String,
    /// Whether the runtime layer counts as well.
    #[serde(default)]
    layered: bool,
}

#[derive(Serialize)]
pub(super) struct Verdict {
    valid: bool,
    findings: Vec<FindingLine>,
}

#[derive(Serialize)]
struct FindingLine {
    severity: &'static str,
    message: String,
    label: String,
    help: Option<String>,
    origin: String,
    line: Option<usize>,
    column: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Outcome {
    epoch: u64,
    /// How many places the runtime layer changes.
    changes: usize,
    warnings: Vec<FindingLine>,
}

#[derive(Serialize)]
pub(super) struct Shown {
    file: String,
    changes: usize,
    config: Value,
}

#[derive(Serialize)]
pub(super) struct Diff {
    file: String,
    differences: Vec<DifferenceLine>,
    servers: Vec<ServerSet>,
}

/// States and weights that operators set: they hold beside the file as well, and no layer has them.
#[derive(Serialize)]
struct ServerSet {
    pool: String,
    server: String,
    state: Option<Set<&'static str>>,
    weight: Option<Set<u32>>,
}

#[derive(Serialize)]
struct Set<T> {
    file: T,
    now: T,
}

#[derive(Serialize)]
struct DifferenceLine {
    at: Vec<String>,
    file: Option<String>,
    layer: Option<String>,
}

/// The configuration in force, as it would be written in one file.
pub(super) fn shown(now: &InForce) -> Shown {
    Shown {
        file: now.file.display().to_string(),
        changes: now.layer.len(),
        config: Value::Object(object(&now.document)),
    }
}

/// Where the runtime layer says something else than the file that was loaded, without its secrets; and what operators
/// set of servers.
pub(super) fn differences(now: &InForce, wishes: Vec<scheduler::Wish>) -> Diff {
    let differences =
        now.layer.differences(&now.text, is_secret).into_iter().map(|difference| DifferenceLine {
            at: difference.at.keys().into_iter().map(str::to_owned).collect(),
            file: difference.file,
            layer: difference.layer,
        });
    let servers = wishes.into_iter().map(|wish| ServerSet {
        state: wish.state.map(|was| Set { file: wanted(was.configured), now: wanted(was.wanted) }),
        weight: wish.weight.map(|was| Set { file: was.configured, now: was.wanted }),
        pool: wish.pool,
        server: wish.server,
    });
    Diff {
        file: now.file.display().to_string(),
        differences: differences.collect(),
        servers: servers.collect(),
    }
}

/// Checks a candidate. Files are read and names resolved for it, which takes its time, elsewhere.
pub(super) async fn validate(steering: &Steering, candidate: Candidate) -> Result<Verdict, Refused> {
    let now = steering.in_force();
    let check = move || {
        let layer = if candidate.layered { now.layer } else { Layer::default() };
        let base = now.file.parent().unwrap_or(Path::new("")).to_owned();
        let at = SystemTime::now();
        sekisho_config::check_layered(&candidate.text, &layer, "candidate", &base, &now.registry, at)
    };
    let checked = tokio::task::spawn_blocking(check).await;
    let checked = checked.map_err(|_| {
        Refused::new(
            Status::Unavailable,
            "the candidate could not be checked",
            "report it, with the candidate",
        )
    })?;
    Ok(match checked {
        Ok(layered) => Verdict { valid: true, findings: findings(&layered.loaded.warnings) },
        Err(report) => Verdict { valid: false, findings: findings(&report) },
    })
}

/// The place that a path means.
pub(super) fn place(action: Action, first: &str, second: &str) -> Result<Place, Refused> {
    for name in [first, second].into_iter().filter(|name| !name.is_empty()) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.len() > NAME_MAX || !name.chars().all(allowed) {
            let help = "letters, digits, `-`, `_` and `.`, at most 64 of them";
            return Err(Refused::new(Status::BadRequest, "this cannot be a name", help));
        }
    }
    Ok(match action {
        Action::SetVip | Action::RemoveVip => Place::Vip(first.to_owned()),
        Action::SetPool | Action::RemovePool => Place::Pool(first.to_owned()),
        _ => Place::Server { pool: first.to_owned(), server: second.to_owned() },
    })
}

/// Sets or removes something in the runtime layer.
pub(super) async fn change(
    steering: &Steering,
    place: Place,
    definition: Option<Definition>,
    by: By<'_>,
) -> Result<Outcome, Refused> {
    let (set, after) = match definition {
        None => (None, Value::Null),
        Some(Definition(value)) => {
            if !value.is_object() {
                let help = "send an object with the keys of the configuration";
                return Err(Refused::new(Status::BadRequest, "the body is no definition", help));
            }
            (Some(toml_of(&value, 0)?), redacted("", &value))
        }
    };
    let before = at(&steering.in_force().document, &place).map_or(Value::Null, |node| plain("", node));
    let action = if set.is_some() { "set" } else { "remove" };
    let done = steering.ask(Wish::Change(place.clone(), set)).await?;
    by.did(action, &place.to_string(), before, after);
    Ok(outcome(&done, steering))
}

/// Loads, saves or forgets.
pub(super) async fn carry_out(steering: &Steering, action: Action, by: By<'_>) -> Result<Outcome, Refused> {
    let before = steering.in_force().layer.len();
    let (wish, name) = match action {
        Action::Save => (Wish::Save, "save"),
        Action::Discard => (Wish::Discard, "discard"),
        _ => (Wish::Reload, "reload"),
    };
    let done = steering.ask(wish).await?;
    let after = steering.in_force().layer.len();
    by.did(
        name,
        "configuration",
        json!({ "changes": before }),
        json!({ "changes": after, "epoch": done.epoch }),
    );
    Ok(outcome(&done, steering))
}

fn outcome(done: &Done, steering: &Steering) -> Outcome {
    let warnings = done.warnings.as_ref().map(findings).unwrap_or_default();
    Outcome { epoch: done.epoch, changes: steering.in_force().layer.len(), warnings }
}

fn findings(report: &Report) -> Vec<FindingLine> {
    let line = |finding: &sekisho_config::Finding| {
        let spot = report.spot(finding);
        FindingLine {
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: finding.problem.message.clone(),
            label: finding.problem.label.clone(),
            help: finding.problem.help.clone(),
            origin: spot.origin,
            line: spot.line,
            column: spot.column,
        }
    };
    report.findings().iter().take(FINDINGS).map(line).collect()
}

impl From<Refusal> for Refused {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::Wrong(report) => {
                let first = report.findings().iter().find(|finding| finding.severity == Severity::Error);
                let error = first.map_or_else(
                    || "the configuration is wrong".to_owned(),
                    |finding| format!("{}: {}", finding.problem.message, finding.problem.label),
                );
                let help = first.and_then(|finding| finding.problem.help.clone());
                let help = help.unwrap_or_else(|| "nothing was changed".to_owned());
                let lines = serde_json::to_value(findings(&report)).unwrap_or_default();
                Self::new(Status::Unprocessable, error, help).with(lines)
            }
            Refusal::NoSuchPlace(place) => Self::new(
                Status::NotFound,
                format!("there is no {place}"),
                "GET /v1/config shows what there is",
            ),
            Refusal::Failed(why) => Self::new(Status::Conflict, why, "nothing was changed"),
            Refusal::Written { file, epoch, why } => Self::from(*why).after_writing(&file, epoch),
        }
    }
}

/// JSON as TOML, which has no null.
fn toml_of(value: &Value, depth: usize) -> Result<toml::Value, Refused> {
    let wrong =
        |error: &str| Refused::new(Status::BadRequest, error, "send what the configuration file takes");
    if depth > DEPTH {
        return Err(wrong("the definition is too deep"));
    }
    Ok(match value {
        Value::Null => return Err(wrong("null means nothing here")),
        Value::Bool(flag) => toml::Value::Boolean(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => toml::Value::Integer(whole),
            (None, Some(number)) if number.is_finite() => toml::Value::Float(number),
            _ => return Err(wrong("the number is out of range")),
        },
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(items) => {
            toml::Value::Array(items.iter().map(|item| toml_of(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| Ok((key.clone(), toml_of(value, depth + 1)?));
            toml::Value::Table(entries.iter().map(entry).collect::<Result<_, Refused>>()?)
        }
    })
}

fn at<'d>(document: &'d Table, place: &Place) -> Option<&'d Node> {
    let keys = place.keys();
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(document.get(first)?, |node, key| match &node.value {
        Written::Table(table) => table.get(key),
        _ => None,
    })
}

fn object(table: &Table) -> Map<String, Value> {
    table.entries.iter().map(|(key, _, node)| (key.clone(), plain(key, node))).collect()
}

/// A value as JSON; one that is a secret by its key's name is not told.
fn plain(key: &str, node: &Node) -> Value {
    if is_secret(key) && !matches!(node.value, Written::Table(_)) {
        return json!(NOT_SHOWN);
    }
    match &node.value {
        Written::Text(text) => json!(text),
        Written::Integer(number) => json!(number),
        Written::Float(number) => json!(number),
        Written::Flag(flag) => json!(flag),
        Written::Date(date) => json!(date),
        Written::List(items) => items.iter().map(|item| plain("", item)).collect(),
        Written::Table(table) => Value::Object(object(table)),
    }
}

/// The same of JSON.
fn redacted(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), redacted(key, value))).collect()
        }
        _ if is_secret(key) => json!(NOT_SHOWN),
        Value::Array(items) => items.iter().map(|item| redacted("", item)).collect(),
        other => other.clone(),
    }
}

/// Keys whose values may let somebody in: a login of a probe, what it sends, headers that requests get, a store's URL.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRETS.contains(&key.as_str()) || SECRET_ENDS.iter().any(|end| key.ends_with(end))
}

const SECRETS: [&str; 2] = ["send", "redis"];
/// Also of fields that sites have made up: `x-auth-token`, `x-api-key`. A file is named by `…-file` and `tokens`.
const SECRET_ENDS: [&str; 8] =
    ["password", "secret", "token", "authorization", "cookie", "-key", "-auth", "credentials"];
/// Deeper than any table of the configuration.
const DEPTH: usize = 16;
/// As the report for people.
const FINDINGS: usize = 100;
/// As the configuration.
const NAME_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown_and_what_stands_beside_them_is() {
        let value = json!({ "probe": { "user": "probe", "password": "hunter2" }, "headers": { "Authorization": "x" } });
        let shown = redacted("", &value).to_string();
        assert!(shown.contains("\"user\":\"probe\"") && !shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("\"Authorization\":\"(not shown)\""), "{shown}");
    }

    #[test]
    fn secrets_of_the_runtime_layer_are_not_among_its_differences() {
        let fields =
            |secret: &str| json!({ "http": { "rules": [{ "set-headers": { "x-auth-token": secret } }] } });
        let mut layer = Layer::default();
        layer.set(Place::Vip("web".into()), toml_of(&fields("hunter2"), 0).unwrap_or_else(|_| panic!()));
        let text = "[[vip.web.http.rules]]\nset-headers = { x-auth-token = 'hunter1' }";
        let now = InForce { text: text.into(), layer, ..InForce::default() };
        let shown = serde_json::to_string(&differences(&now, Vec::new())).unwrap();
        assert!(shown.contains("x-auth-token") && !shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn json_becomes_toml_and_what_toml_has_not_is_refused() {
        let value = toml_of(&json!({ "a": [1, 2.5, "x", true], "b": {} }), 0).unwrap_or_else(|_| panic!());
        assert_eq!(value.get("a").and_then(|a| a.as_array()).map(Vec::len), Some(4));
        assert!(toml_of(&json!({ "a": null }), 0).is_err());
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        assert!(toml_of(&deep, 0).is_err());
    }

    #[test]
    fn place_is_named_as_the_configuration_names() {
        assert!(place(Action::SetServer, "web", "www-1.x").is_ok());
        assert!(place(Action::SetVip, "a%20b", "").is_err());
        assert!(place(Action::SetVip, &"a".repeat(65), "").is_err());
    }
}
