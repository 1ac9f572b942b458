//! The way back of packets that go to clients' addresses, in the words of `nft` and `ip`.

use std::net::IpAddr;

use sekisho_config::ReturnPath;

/// The table of nftables that is the gateway's own.
pub(crate) const TABLE: &str = "sekisho_return";

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// That of an address.
    pub(crate) const fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// What `ip` is told.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::V4 => "-4",
            Self::V6 => "-6",
        }
    }
}

/// One transaction that makes the table what it has to be, whatever was there: packets for a transparent socket are
/// marked, and no bit of another's mark is touched.
pub(crate) fn ruleset(path: &ReturnPath) -> String {
    let mark = path.mark;
    format!(
        "table inet {TABLE} {{}}
delete table inet {TABLE}
table inet {TABLE} {{
    chain prerouting {{
        type filter hook prerouting priority mangle; policy accept;
        meta l4proto {{ tcp, udp }} socket transparent 1 socket wildcard 0 meta mark set meta mark or 0x{mark:x} accept
    }}
}}
"
    )
}

/// The transaction that takes the table out, whether it is there or not.
pub(crate) fn no_ruleset() -> String {
    format!("table inet {TABLE} {{}}\ndelete table inet {TABLE}\n")
}

/// What is marked goes by the gateway's own routes.
pub(crate) fn rule(path: &ReturnPath, family: Family, verb: &str) -> Vec<String> {
    let ReturnPath { mark, table, priority, .. } = path;
    words(&format!(
        "{} rule {verb} pref {priority} fwmark 0x{mark:x}/0x{mark:x} lookup {table}",
        family.option()
    ))
}

/// The rules of a priority.
pub(crate) fn rules(path: &ReturnPath, family: Family) -> Vec<String> {
    words(&format!("{} rule show pref {}", family.option(), path.priority))
}

/// All of it is local.
pub(crate) fn route(path: &ReturnPath, family: Family, verb: &str) -> Vec<String> {
    words(&format!("{} route {verb} local default dev lo table {}", family.option(), path.table))
}

/// What is in the gateway's own table of routes.
pub(crate) fn routes(path: &ReturnPath, family: Family) -> Vec<String> {
    words(&format!("{} route show table {}", family.option(), path.table))
}

/// Whether what `ip rule show` prints has the rule.
pub(crate) fn has_rule(path: &ReturnPath, shown: &str) -> bool {
    let ReturnPath { mark, table, .. } = path;
    let (mark, table) = (format!("fwmark 0x{mark:x}/0x{mark:x}"), format!("lookup {table}"));
    shown.lines().any(|line| line.contains(&mark) && line.trim_end().ends_with(&table))
}

/// Whether what `ip route show` prints has the route.
pub(crate) fn has_route(shown: &str) -> bool {
    shown.lines().any(|line| line.starts_with("local default dev lo"))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> ReturnPath {
        ReturnPath { manage: true, mark: 0x5e0000, table: 5300, priority: 5300 }
    }

    #[test]
    fn table_is_replaced_in_one_transaction_and_other_marks_stay() {
        let text = ruleset(&path());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(&lines[..2], ["table inet sekisho_return {}", "delete table inet sekisho_return"]);
        assert!(text.contains("meta mark set meta mark or 0x5e0000 accept"));
        assert!(no_ruleset().ends_with("delete table inet sekisho_return\n"));
    }

    #[test]
    fn rule_and_route_are_those_of_the_configuration() {
        let path = path();
        let expected = "-4 rule add pref 5300 fwmark 0x5e0000/0x5e0000 lookup 5300";
        assert_eq!(rule(&path, Family::V4, "add").join(" "), expected);
        let expected = "-6 route replace local default dev lo table 5300";
        assert_eq!(route(&path, Family::V6, "replace").join(" "), expected);
    }

    #[test]
    fn what_is_shown_counts_only_if_it_is_the_same() {
        let path = path();
        assert!(has_rule(&path, "5300:\tfrom all fwmark 0x5e0000/0x5e0000 lookup 5300 \n"));
        assert!(!has_rule(&path, "5300:\tfrom all fwmark 0x1 lookup 5300\n"));
        assert!(!has_rule(&path, "5300:\tfrom all fwmark 0x5e0000/0x5e0000 lookup 53001\n"));
        assert!(has_route("local default dev lo scope host \n") && !has_route("default via 10.0.0.1\n"));
    }
}
