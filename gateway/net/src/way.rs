//! The way back of packets that go to clients' addresses, in the words of `nft` and `ip`.

use std::net::IpAddr;

use sekisho_config::ReturnPath;

/// The beginning of the names of tables of nftables that are a gateway's own.
pub(crate) const TABLES: &str = "sekisho_return";

/// What rules and routes of gateways are known by (`rtm_protocol` of rtnetlink(7)): a number that no other program has.
const PROTOCOL: u8 = 83;

/// The name of the gateway's own table of nftables. Gateways of one machine are told apart by the priority of their
/// rules; what an operator puts in by hand has another name, and stays.
pub(crate) fn nft_table(path: &ReturnPath) -> String {
    if path.manage { format!("{TABLES}_{}", path.priority) } else { TABLES.to_owned() }
}

/// The priority in the name of a table that a gateway has put in.
pub(crate) fn priority_of(table: &str) -> Option<u32> {
    table.strip_prefix(TABLES)?.strip_prefix('_')?.parse().ok()
}

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
    let (mark, name) = (path.mark, nft_table(path));
    format!(
        "{}table inet {name} {{
    chain prerouting {{
        type filter hook prerouting priority mangle; policy accept;
        meta l4proto {{ tcp, udp }} socket transparent 1 socket wildcard 0 meta mark set meta mark or 0x{mark:x} accept
    }}
}}
",
        no_ruleset(&name)
    )
}

/// The transaction that takes the table out, whether it is there or not.
pub(crate) fn no_ruleset(name: &str) -> String {
    format!("table inet {name} {{}}\ndelete table inet {name}\n")
}

/// What is marked goes by the gateway's own routes.
pub(crate) fn rule(path: &ReturnPath, family: Family, verb: &str) -> Vec<String> {
    let ReturnPath { mark, table, priority, .. } = path;
    let text = format!(
        "{} rule {verb} pref {priority} fwmark 0x{mark:x}/0x{mark:x} lookup {table}",
        family.option()
    );
    let mut words = words(&text);
    if path.manage {
        words.extend(["protocol".to_owned(), PROTOCOL.to_string()]);
    }
    words
}

/// The rules of a priority.
pub(crate) fn rules(path: &ReturnPath, family: Family) -> Vec<String> {
    words(&format!("{} rule show pref {}", family.option(), path.priority))
}

/// All of it is local.
pub(crate) fn route(path: &ReturnPath, family: Family, verb: &str) -> Vec<String> {
    let mut words =
        words(&format!("{} route {verb} local default dev lo table {}", family.option(), path.table));
    if path.manage {
        words.extend(["proto".to_owned(), PROTOCOL.to_string()]);
    }
    words
}

/// The ways back that gateways have put in, as `ip rule show` prints their rules.
pub(crate) fn put_in(shown: &str) -> Vec<ReturnPath> {
    shown.lines().filter_map(of_a_gateway).collect()
}

fn of_a_gateway(line: &str) -> Option<ReturnPath> {
    let (priority, rule) = line.split_once(':')?;
    let words: Vec<&str> = rule.split_whitespace().collect();
    let behind = |name: &str| words.get(words.iter().position(|word| *word == name)? + 1).copied();
    if behind("proto")?.parse() != Ok(PROTOCOL) {
        return None;
    }
    let mark = behind("fwmark")?.split('/').next()?.strip_prefix("0x")?;
    Some(ReturnPath {
        manage: true,
        mark: u32::from_str_radix(mark, 16).ok()?,
        table: behind("lookup")?.parse().ok()?,
        priority: priority.trim().parse().ok()?,
    })
}

/// What is in the gateway's own table of routes.
pub(crate) fn routes(path: &ReturnPath, family: Family) -> Vec<String> {
    words(&format!("{} route show table {}", family.option(), path.table))
}

/// Whether what `ip rule show` prints has the rule.
pub(crate) fn has_rule(path: &ReturnPath, shown: &str) -> bool {
    let ReturnPath { mark, table, .. } = path;
    let (mark, table) = (format!("fwmark 0x{mark:x}/0x{mark:x}"), format!("lookup {table}"));
    let has_table = |line: &str| {
        line.split_once(&table).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(' '))
    };
    shown.lines().any(|line| line.contains(&mark) && has_table(line))
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
        let own = ["table inet sekisho_return_5300 {}", "delete table inet sekisho_return_5300"];
        assert_eq!(&lines[..2], own);
        assert!(text.contains("meta mark set meta mark or 0x5e0000 accept"));
        assert_eq!(no_ruleset(&nft_table(&path())).lines().collect::<Vec<_>>(), own);
    }

    #[test]
    fn what_gateways_have_put_in_is_known_and_nothing_else() {
        let shown = "0:\tfrom all lookup local\n\
                     100:\tfrom all fwmark 0x1/0x1 lookup 100\n\
                     5300:\tfrom all fwmark 0x5e0000/0x5e0000 lookup 5300 proto 83\n\
                     5400:\tfrom all fwmark 0x1/0x1 lookup 5400 proto bird\n";
        assert_eq!(put_in(shown), [path()]);
        assert!(has_rule(&path(), shown));
        assert_eq!(priority_of("sekisho_return_5300"), Some(5300));
        for other in ["sekisho_return", "sekisho_return_", "sekisho_l4", "other_5300"] {
            assert_eq!(priority_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_an_operator_puts_in_is_not_taken_for_a_gateways() {
        let by_hand = ReturnPath { manage: false, ..path() };
        assert_eq!(nft_table(&by_hand), "sekisho_return");
        let rule = rule(&by_hand, Family::V4, "add").join(" ");
        assert_eq!(put_in(&format!("5300:\t{rule}")), []);
    }

    #[test]
    fn rule_and_route_are_those_of_the_configuration() {
        let path = path();
        let expected = "-4 rule add pref 5300 fwmark 0x5e0000/0x5e0000 lookup 5300 protocol 83";
        assert_eq!(rule(&path, Family::V4, "add").join(" "), expected);
        let expected = "-6 route replace local default dev lo table 5300 proto 83";
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
