//! Where the addresses are that move between nodes, for people.

use serde_json::Value;

use super::show::{clean, number, rows, span, word};
use crate::table::Table;

/// A row for each table, and below what would otherwise be overlooked.
pub(super) fn text(answer: &Value) -> String {
    let mut table = Table::new(["name", "group", "state", "for", "why", "priority", "partner heard"]);
    let mut notes = String::new();
    for row in rows(answer, "tables") {
        let seconds = row.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
        let name = word(row, "name");
        for lack in rows(row, "unfit").filter_map(Value::as_str) {
            notes.push_str(&format!("{name}: {}\n", clean(lack)));
        }
        if row.get("addresses_differ").and_then(Value::as_bool) == Some(true) {
            notes.push_str(&format!("{name}: the partner advertises other addresses than this node has\n"));
        }
        if number(row, "adverts_invalid") > 0 {
            notes
                .push_str(&format!("{name}: {} packets were not believed\n", number(row, "adverts_invalid")));
        }
        let priority = row.get("priority").and_then(Value::as_u64);
        table.row([
            name,
            word(row, "group"),
            word(row, "state"),
            span(seconds as u64),
            word(row, "why"),
            priority.map(|priority| priority.to_string()).unwrap_or_default(),
            rows(row, "peers").map(peer).collect::<Vec<_>>().join(", "),
        ]);
    }
    match notes.is_empty() {
        true => table.to_string(),
        false => format!("{table}\n{notes}"),
    }
}

fn peer(peer: &Value) -> String {
    let ago = peer.get("seconds_ago").and_then(Value::as_f64).unwrap_or(0.0);
    let address = word(peer, "address");
    match number(peer, "priority") {
        0 => format!("{address} (stopped, {} ago)", span(ago as u64)),
        priority => format!("{address} ({priority}, {} ago)", span(ago as u64)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn state_is_shown_with_its_reason_and_what_the_node_lacks() {
        let answer = json!({ "tables": [
            { "name": "inside", "group": null, "state": "backup", "why": "another program moves it", "seconds": 5.5,
              "priority": null, "unfit": [], "addresses_differ": false, "adverts_invalid": 0, "peers": [] },
            { "name": "web", "group": "site", "state": "active", "why": "no active router was heard", "seconds": 90.0,
              "priority": 150, "unfit": ["pool `web` has no usable server"], "addresses_differ": true,
              "adverts_invalid": 2,
              "peers": [{ "address": "192.0.2.2", "priority": 100, "seconds_ago": 61.0 }] },
        ] });
        let expected = [
            "  name    group  state   for  why                         priority  partner heard",
            "  ------  -----  ------  ---  --------------------------  --------  ------------------------",
            "  inside  -      backup  5 s  another program moves it    -         -",
            "  web     site   active  1 m  no active router was heard  150       192.0.2.2 (100, 1 m ago)",
            "",
            "web: pool `web` has no usable server",
            "web: the partner advertises other addresses than this node has",
            "web: 2 packets were not believed",
        ];
        assert_eq!(text(&answer).lines().collect::<Vec<_>>(), expected);
    }
}
