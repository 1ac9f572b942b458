//! The nodes with which what clients are known is exchanged, for people.

use serde_json::Value;

use super::show::{clean, number, rows, word};
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
    let mut tables = Table::new(["domain", "entries", "digest"]);
    for row in rows(answer, "tables") {
        tables.row([word(row, "domain"), number(row, "entries").to_string(), word(row, "digest")]);
    }
    match notes.is_empty() {
        true => format!("{table}\n{tables}"),
        false => format!("{table}\n{tables}\n{notes}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_stands_below_the_nodes() {
        let peer = |name: &str, up: bool, error: Value, differing: Value| {
            json!({ "name": name, "up": up, "kind": if up { json!("sekisho") } else { Value::Null },
                    "lag_seconds": 0.002, "sent": 7, "learned": 5, "refused": 0, "error": error,
                    "differing": differing })
        };
        let answer = json!({
            "peers": [peer("gw2", true, Value::Null, json!(["secret"])),
                      peer("gw3", false, json!("it does not answer"), json!([]))],
            "tables": [{ "domain": "default", "entries": 12, "digest": "00ff" }],
        });
        let expected = [
            "  peer  is       up   sent  learned  refused  lag",
            "  ----  -------  ---  ----  -------  -------  ----",
            "  gw2   sekisho  yes  7     5        0        2 ms",
            "  gw3   -        no   7     5        0        2 ms",
            "",
            "  domain   entries  digest",
            "  -------  -------  ------",
            "  default  12       00ff",
            "",
            "gw2: secret differs there",
            "gw3: it does not answer",
        ];
        assert_eq!(text(&answer).lines().collect::<Vec<_>>(), expected);
    }
}
