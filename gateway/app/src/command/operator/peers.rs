//! The nodes with which what clients are known is exchanged, for people.

use serde_json::Value;

use super::show::{clean, number, rows, span, word};
use crate::table::Table;

/// A row for each node, the tables below, and what would otherwise be overlooked.
pub(super) fn text(answer: &Value) -> String {
    let mut table = Table::new(["peer", "is", "up", "sent", "learned", "refused", "lag"]);
    let mut notes = String::new();
    for row in rows(answer, "peers") {
        let name = word(row, "name");
        let up = row.get("up").and_then(Value::as_bool) == Some(true);
        if let Some(error) = row.get("error").and_then(Value::as_str).filter(|_| !up) {
            notes.push_str(&format!("{name}: {}\n", clean(error)));
        }
        for differing in rows(row, "differing").filter_map(Value::as_str) {
            notes.push_str(&format!("{name}: {} differs there\n", clean(differing)));
        }
        if let Some(apart) = apart(row) {
            notes.push_str(&format!("{name}: {apart}\n"));
        }
        let lag = row.get("lag_seconds").and_then(Value::as_f64).unwrap_or(0.0);
        table.row([
            name,
            word(row, "kind"),
            if up { "yes".to_owned() } else { "no".to_owned() },
            number(row, "sent").to_string(),
            number(row, "learned").to_string(),
            number(row, "refused").to_string(),
            format!("{:.0} ms", lag * 1000.0),
        ]);
    }
    let mut tables = Table::new(["domain", "on", "entries", "digest", "changed", "the same"]);
    for row in rows(answer, "tables") {
        let domain = word(row, "domain");
        tables.row(held(row, &domain, "this node".to_owned(), String::new()));
        for peer in rows(answer, "peers") {
            for there in rows(peer, "tables").filter(|there| word(there, "domain") == domain) {
                tables.row(held(there, &domain, word(peer, "name"), alike(there)));
            }
        }
    }
    match notes.is_empty() {
        true => format!("{table}\n{tables}"),
        false => format!("{table}\n{tables}\n{notes}"),
    }
}

/// A row of what a node holds.
fn held(row: &Value, domain: &str, on: String, alike: String) -> [String; 6] {
    let changed = row.get("changed_seconds_ago").and_then(Value::as_f64);
    let changed = changed.map_or_else(|| "never".to_owned(), |ago| format!("{} ago", span(ago as u64)));
    [domain.to_owned(), on, number(row, "entries").to_string(), word(row, "digest"), changed, alike]
}

/// Whether it is the same there as here, or when it was last.
fn alike(there: &Value) -> String {
    match (
        there.get("alike").and_then(Value::as_bool),
        there.get("alike_seconds_ago").and_then(Value::as_f64),
    ) {
        (Some(true), _) => "yes".to_owned(),
        (_, Some(ago)) => format!("{} ago", span(ago as u64)),
        (_, None) => "not yet".to_owned(),
    }
}

/// What is to be said of a clock that is not that of this node.
pub(crate) fn apart(peer: &Value) -> Option<String> {
    let ahead = peer.get("clock_ahead_seconds").and_then(Value::as_f64)?;
    let side = if ahead > 0.0 { "ahead" } else { "behind" };
    (ahead.abs() >= APART).then(|| format!("its clock is {} {side}", span(ahead.abs() as u64)))
}

/// The seconds by which clocks may be apart before it is said.
const APART: f64 = 60.0;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_stands_below_the_nodes() {
        let peer = |name: &str, up: bool, error: Value, differing: Value| {
            json!({ "name": name, "up": up, "kind": if up { json!("sekisho") } else { Value::Null },
                    "lag_seconds": 0.002, "sent": 7, "learned": 5, "refused": 0, "error": error,
                    "differing": differing, "clock_ahead_seconds": if up { json!(-90_000.0) } else { Value::Null },
                    "tables": if up { json!([{ "domain": "default", "entries": 11, "digest": "00fe",
                        "changed_seconds_ago": 3.5, "alike": false, "alike_seconds_ago": 125.0 }]) } else { json!([]) } })
        };
        let answer = json!({
            "peers": [peer("gw2", true, Value::Null, json!(["secret"])),
                      peer("gw3", false, json!("it does not answer"), json!([]))],
            "tables": [{ "domain": "default", "entries": 12, "digest": "00ff", "changed_seconds_ago": 2.0 }],
        });
        let expected = [
            "  peer  is       up   sent  learned  refused  lag",
            "  ----  -------  ---  ----  -------  -------  ----",
            "  gw2   sekisho  yes  7     5        0        2 ms",
            "  gw3   -        no   7     5        0        2 ms",
            "",
            "  domain   on         entries  digest  changed  the same",
            "  -------  ---------  -------  ------  -------  --------",
            "  default  this node  12       00ff    2 s ago  -",
            "  default  gw2        11       00fe    3 s ago  2 m ago",
            "",
            "gw2: secret differs there",
            "gw2: its clock is 1 d behind",
            "gw3: it does not answer",
        ];
        assert_eq!(text(&answer).lines().collect::<Vec<_>>(), expected);
    }
}
