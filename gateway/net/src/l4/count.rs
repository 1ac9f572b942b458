//! What the kernel has counted.

use std::collections::HashMap;

use serde_json::Value;

use super::service::{Service, Target};

/// What is counted of a server of a VIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Flows that have begun.
    New,
    /// What clients have sent.
    Received,
    /// What was sent to them.
    Sent,
}

impl What {
    pub(super) const ALL: [Self; 3] = [Self::New, Self::Received, Self::Sent];

    /// The word for it in names of counters and maps.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// The name of a counter. The names in it have letters, digits and `-_.` alone.
pub(super) fn name(service: &Service, server: &Target, what: What) -> String {
    format!("{}/{}/{}", what.name(), service.vip, server.name)
}

/// Packets and bytes.
pub(super) type Count = (u64, u64);

/// The counters that `nft --json list counters` prints, by name.
pub(super) fn read(printed: &str) -> HashMap<String, Count> {
    let printed: Value = serde_json::from_str(printed).unwrap_or_default();
    let items = printed.get("nftables").and_then(Value::as_array).into_iter().flatten();
    let one = |item: &Value| {
        let counter = item.get("counter")?;
        let number = |key: &str| counter.get(key)?.as_u64();
        Some((counter.get("name")?.as_str()?.to_owned(), (number("packets")?, number("bytes")?)))
    };
    items.filter_map(one).collect()
}

/// What was added since. Who counts less than before has begun anew.
pub(super) fn grown(before: Count, now: Count) -> Count {
    match (now.0.checked_sub(before.0), now.1.checked_sub(before.1)) {
        (Some(packets), Some(bytes)) => (packets, bytes),
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_and_what_is_none_is_passed_over() {
        let printed = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
            {"counter": {"family": "inet", "name": "sent/web/a", "table": "t", "handle": 1, "packets": 3, "bytes": 180}},
            {"counter": {"family": "inet", "name": "new/web/a", "packets": -1, "bytes": 0}}]}"#;
        assert_eq!(read(printed), HashMap::from([("sent/web/a".to_owned(), (3, 180))]));
        for other in ["", "[]", "{\"nftables\": 1}", "nonsense"] {
            assert!(read(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn counter_that_began_anew_has_grown_by_all_that_it_counts() {
        assert_eq!(grown((1, 100), (3, 180)), (2, 80));
        assert_eq!(grown((9, 900), (3, 180)), (3, 180));
    }
}
