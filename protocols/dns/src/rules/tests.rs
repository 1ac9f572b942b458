use std::net::IpAddr;
use std::sync::Arc;

use sekisho_api::{IdentityRules, Networks, VipContext};

use super::{Action, Reason, Rules};
use crate::testing;
use crate::wire;

fn read(rules: &str) -> (Rules, Vec<String>) {
    let pools: [Arc<str>; 2] = ["resolvers".into(), "internal".into()];
    let (identity, trusted) = (IdentityRules::default(), Networks::default());
    let vip = VipContext {
        name: "v",
        persist: &[],
        identity: &identity,
        tls: false,
        start_tls: false,
        pools: &pools,
        pool_settings: &[],
        trusted: &trusted,
    };
    testing::read(&format!("rules = [{rules}]"), |section| Rules::read(section, &vip, (1, 2)))
}

fn find(rules: &Rules, name: &str, kind: u16, client: &str) -> Option<Action> {
    let client: IpAddr = client.parse().unwrap();
    let query = testing::query(&name.to_ascii_uppercase(), kind);
    rules.find(wire::query(&query).unwrap().question.as_ref(), client)
}

#[test]
fn first_rule_whose_name_type_and_client_match_wins() {
    let (rules, problems) = read(
        r#"
        { qname = ["secret.corp.example"], answer = "drop" },
        { qname = ["corp.example", "10.in-addr.arpa."], client = ["10.0.0.0/8"], pool = "internal" },
        { qname = "corp.example", answer = "nxdomain", reason = "filtered" },
        { type = ["any", 65], answer = "refused" },
        { qname = ["deep.secret.corp.example", "."], client = "192.0.2.9", pool = "internal" },
        "#,
    );
    assert!(problems.is_empty(), "{problems:?}");
    let (inside, outside) = ("10.1.2.3", "192.0.2.1");
    for (name, kind, client, action) in [
        ("corp.example", 1, inside, Some(Action::Pool(1))),
        ("www.corp.example", 1, inside, Some(Action::Pool(1))),
        ("1.2.3.10.in-addr.arpa", 12, inside, Some(Action::Pool(1))),
        ("xcorp.example", 1, inside, None),
        ("example", 1, inside, None),
        ("corp.example.org", 1, inside, None),
        ("www.corp.example", 255, outside, Some(Action::NxDomain(Reason::Filtered))),
        ("a.deep.secret.corp.example", 1, inside, Some(Action::Drop)),
        ("www.example", 255, inside, Some(Action::Refuse(Reason::Blocked))),
        ("www.example", 65, outside, Some(Action::Refuse(Reason::Blocked))),
        ("www.example", 1, outside, None),
        ("www.example", 1, "192.0.2.9", Some(Action::Pool(1))),
        (".", 2, "192.0.2.9", Some(Action::Pool(1))),
    ] {
        assert_eq!(find(&rules, name, kind, client), action, "{name} {kind} {client}");
    }
}

#[test]
fn longest_names_are_matched_by_their_ends() {
    let (rules, problems) = read(r#"{ qname = "b.a", answer = "refused" }"#);
    assert!(problems.is_empty(), "{problems:?}");
    let name = format!("{}b.a", "x.".repeat(125));
    assert_eq!(find(&rules, &name, 1, "192.0.2.1"), Some(Action::Refuse(Reason::Blocked)));
    let name = format!("{}a.b", "x.".repeat(125));
    assert_eq!(find(&rules, &name, 1, "192.0.2.1"), None);
}

#[test]
fn rules_give_what_a_look_at_every_rule_and_name_gives() {
    let names = ["a", "b.a", "c.b.a", "b", "a.b", "aa", "b.aa", "."];
    let written: Vec<String> = (0..64_usize)
        .map(|number| {
            let (one, two) = (names[number * 7 % 8], names[number * 3 % 8]);
            let kind = if number.is_multiple_of(3) { "" } else { "type = [\"A\"]," };
            format!(
                "{{ qname = [\"{one}\", \"{two}\"], {kind} client = \"192.0.2.{}\", pool = \"internal\" }}",
                number % 5
            )
        })
        .collect();
    for skipped in 0..written.len() {
        let (rules, problems) = read(&written[skipped..].join(","));
        assert!(problems.is_empty(), "{problems:?}");
        for (name, kind, client) in names.iter().flat_map(|name| {
            [1, 16].into_iter().flat_map(move |kind| (0..6_usize).map(move |client| (*name, kind, client)))
        }) {
            let below = format!("x.{name}");
            let matches = |number: usize| {
                let ends =
                    |suffix: &str| suffix == "." || suffix == name || name.ends_with(&format!(".{suffix}"));
                let named = ends(names[number * 7 % 8]) || ends(names[number * 3 % 8]);
                named && (number.is_multiple_of(3) || kind == 1) && number % 5 == client
            };
            let expected = (skipped..written.len()).any(matches).then_some(Action::Pool(1));
            let client = format!("192.0.2.{client}");
            assert_eq!(
                find(&rules, &below, kind, &client),
                expected,
                "{below} {kind} {client} from {skipped}"
            );
        }
    }
}

#[test]
fn message_without_a_question_meets_only_rules_without_name_and_type() {
    let client = "192.0.2.1".parse().unwrap();
    let (rules, _) = read(r#"{ qname = ".", answer = "refused" }, { type = "A", answer = "refused" }"#);
    assert_eq!(rules.find(None, client), None);
    let (rules, _) = read(r#"{ client = "192.0.2.0/24", pool = "internal" }"#);
    assert_eq!(rules.find(None, client), Some(Action::Pool(1)));
}

#[test]
fn rule_that_cannot_be_understood_is_refused_with_the_reason() {
    let (rules, problems) = read(
        r#"
        { qname = ["a..b"], answer = "refused" },
        { type = ["AAAAA"], pool = "internl" },
        { qname = "a" },
        { pool = "internal", answer = "drop" },
        { pool = "internal", qnames = "a" },
        "drop",
        "#,
    );
    assert_eq!(rules.rules.len(), 2);
    for message in [
        "`a..b` is no name",
        "this is no type",
        "pool `internl` is not one of this VIP's",
        "a rule either names a pool or answers",
        "unknown key `qnames`",
        "a rule must be a table",
    ] {
        assert!(problems.iter().any(|problem| problem == message), "{message}: {problems:?}");
    }
}
