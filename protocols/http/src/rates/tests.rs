//! Limits as they stand in the configuration.

use std::time::{Duration, Instant};

use http::{Request, request};
use sekisho_api::settings::{Node, Problems, Section, Table, Value};
use sekisho_api::{Facts, IdentityRules, Network, Networks, VipContext};

use super::*;

/// A table of the configuration.
fn table(text: &str) -> Table {
    fn node(value: toml::Value) -> Node {
        let value = match value {
            toml::Value::String(text) => Value::Text(text),
            toml::Value::Integer(number) => Value::Integer(number),
            toml::Value::Boolean(flag) => Value::Flag(flag),
            toml::Value::Array(items) => Value::List(items.into_iter().map(node).collect()),
            toml::Value::Table(table) => Value::Table(convert(table)),
            other => panic!("{other}"),
        };
        Node { span: 0..0, value }
    }
    fn convert(table: toml::Table) -> Table {
        Table { entries: table.into_iter().map(|(key, value)| (key, 0..0, node(value))).collect() }
    }
    convert(text.parse().unwrap())
}

/// The limits of `rate-limits = { NAME = …, … }`, and what is wrong with them.
fn read(limits: &str) -> (Rates, Vec<String>) {
    let (table, problems) = (table(&format!("rate-limits = {{ {limits} }}")), Problems::new());
    let mut section = Section::new(&table, 0..0, &problems);
    let vip = VipContext {
        name: "web",
        persist: &[],
        identity: &IdentityRules::default(),
        tls: false,
        start_tls: false,
        pools: &["web".into()],
        pool_settings: &[],
        trusted: &Networks::default(),
    };
    let rates = Rates::read(&mut section, &vip, &Kept::default());
    section.finish();
    (rates, problems.into_vec().into_iter().map(|problem| problem.message).collect())
}

struct Bench {
    rates: Rates,
    users: Users,
    begin: Instant,
}

impl Bench {
    fn new(limits: &str) -> Self {
        let (rates, problems) = read(limits);
        assert!(problems.is_empty(), "{problems:?}");
        let (table, problems) = (Table::default(), Problems::new());
        let users = Users::read(&mut Section::new(&table, 0..0, &problems), &IdentityRules::default());
        Self { rates, users, begin: Instant::now() }
    }

    fn ask(&self, client: &str, target: &str, lines: &[(&str, &str)]) -> Option<Excess> {
        self.ask_at(0, client, target, lines)
    }

    fn ask_at(&self, ms: u64, client: &str, target: &str, lines: &[(&str, &str)]) -> Option<Excess> {
        let facts = Facts::plain(format!("{client}:1000").parse().unwrap(), "192.0.2.80:80".parse().unwrap());
        let trusted = Networks::from_iter(["10.0.0.0/8".parse::<Network>().unwrap()]);
        let caller = Caller::of(&facts, &trusted);
        let now = self.begin + Duration::from_millis(1000 + ms);
        self.rates.judge(&head(target, lines), &caller, &trusted, &self.users, now)
    }

    /// How many of 20 such requests pass.
    fn passed(&self, client: &str, target: &str, lines: &[(&str, &str)]) -> usize {
        (0..20).filter(|_| self.ask(client, target, lines).is_none()).count()
    }
}

fn head(target: &str, lines: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::builder().uri(target);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn each_key_has_a_rate_of_its_own() {
    const ALICE: (&str, &str) = ("authorization", "Basic YWxpY2U6cHc=");
    const SPELLED: (&str, &str) = ("authorization", "Basic Q09SUFxBTElDRTpvdGhlcg==");
    const BOB: (&str, &str) = ("authorization", "Basic Ym9iOnB3");
    type Asked = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
    const ONE: Asked =
        ("192.0.2.1", "/a?k=1", &[("host", "a.example"), ALICE, ("x-key", "1"), ("cookie", "s=1")]);
    // By each key: a request that counts as the first one does, and one that does not.
    let cases: [(&str, Asked, Asked); 11] = [
        ("'client'", ("192.0.2.1", "/b", &[]), ("192.0.2.2", "/a?k=1", ONE.2)),
        ("'user'", ("192.0.2.2", "/b", &[SPELLED]), ("192.0.2.1", "/a", &[BOB])),
        (
            "'host'",
            ("192.0.2.2", "/", &[("host", "A.EXAMPLE:8080")]),
            ("192.0.2.1", "/a", &[("host", "b.example")]),
        ),
        ("'path'", ("192.0.2.2", "//x/../%61?other", &[]), ("192.0.2.1", "/b", &[])),
        ("'header:X-Key'", ("192.0.2.2", "/", &[("x-key", "1")]), ("192.0.2.1", "/a", &[("x-key", "2")])),
        (
            "'cookie:s'",
            ("192.0.2.2", "/", &[("cookie", "a=b; s=1")]),
            ("192.0.2.1", "/a", &[("cookie", "s=2")]),
        ),
        ("'query:k'", ("192.0.2.2", "/b?k=1", &[]), ("192.0.2.1", "/a?k=2", &[])),
        ("['client', 'path']", ("192.0.2.1", "/a", &[]), ("192.0.2.1", "/b", &[])),
        ("['path', 'client']", ("192.0.2.1", "/a", &[]), ("192.0.2.2", "/a", &[])),
        ("['header:x-key', 'query:k']", ONE, ("192.0.2.1", "/?k=1", &[("x-key", "11")])),
        ("['host', 'query:k']", ONE, ("192.0.2.1", "/?k=1", &[("host", "a.example1")])),
    ];
    for (key, same, other) in cases {
        let bench = Bench::new(&format!("it = {{ key = {key}, rate = '1/h', burst = 5 }}"));
        assert_eq!(bench.passed(ONE.0, ONE.1, ONE.2), 5, "{key}");
        assert_eq!(bench.passed(same.0, same.1, same.2), 0, "{key}");
        assert_eq!(bench.passed(other.0, other.1, other.2), 5, "{key}");
    }
    let all = Bench::new("it = { key = 'all', rate = '1/h', burst = 5 }");
    assert_eq!((all.passed("192.0.2.1", "/", &[]), all.passed("192.0.2.2", "/b", &[])), (5, 0));
}

#[test]
fn client_is_its_network_and_stands_behind_trusted_proxies() {
    let bench = Bench::new("it = { rate = '5/h' }");
    assert_eq!(bench.passed("[2001:db8::1]", "/", &[]), 5);
    assert_eq!(bench.passed("[2001:db8::ffff:1]", "/", &[]), 0, "one /64 is one client");
    assert_eq!(bench.passed("[2001:db8:0:1::1]", "/", &[]), 5);
    let behind = |address| [("x-forwarded-for", address)];
    assert_eq!(bench.passed("10.0.0.1", "/", &behind("203.0.113.1")), 5);
    assert_eq!(bench.passed("10.0.0.1", "/", &behind("203.0.113.2")), 5);
    assert_eq!(bench.passed("10.0.0.2", "/", &behind("198.51.100.1, 203.0.113.2")), 0);
    assert_eq!(bench.passed("192.0.2.9", "/", &behind("203.0.113.3")), 5);
    assert_eq!(
        bench.passed("192.0.2.9", "/", &behind("203.0.113.4")),
        0,
        "nobody is whom he says that he is"
    );
    let wide = Bench::new("it = { rate = '5/h', ipv4-prefix = 24 }");
    assert_eq!((wide.passed("192.0.2.1", "/", &[]), wide.passed("192.0.2.200", "/", &[])), (5, 0));
}

#[test]
fn only_requests_that_are_meant_are_counted() {
    let bench = Bench::new(
        "login = { rate = '1/h', burst = 2, path-prefix = '/login', method = 'GET', exempt = ['192.0.2.128/25'] }",
    );
    assert_eq!(bench.passed("192.0.2.1", "/", &[]), 20);
    assert_eq!(bench.passed("192.0.2.200", "/login", &[]), 20, "exempt");
    assert_eq!(bench.passed("192.0.2.1", "/x/..//%6cogin/form", &[]), 2, "no spelling leads around");
    assert!(bench.rates.doubt(&head("/a/..;/login", &[])) && !bench.rates.doubt(&head("/a/login", &[])));
    let without = Bench::new("it = { key = 'header:x-key', rate = '1/h' }");
    assert_eq!(without.passed("192.0.2.1", "/", &[]), 20, "who has no key is not limited by it");
}

#[test]
fn limits_that_count_a_request_are_named_without_counting_it() {
    let bench = Bench::new(
        "a = { rate = '1/h' }, b = { rate = '1/h', path = '/b' }, c = { key = 'header:x', rate = '1/h' }, \
         d = { rate = '1/h', exempt = ['192.0.2.0/24'] }",
    );
    let facts = Facts::plain("192.0.2.1:1".parse().unwrap(), "192.0.2.80:80".parse().unwrap());
    let trusted = Networks::default();
    let caller = Caller::of(&facts, &trusted);
    for (target, lines, expected) in
        [("/", &[][..], &["a"][..]), ("/b", &[], &["a", "b"]), ("/", &[("x", "1")], &["a", "c"])]
    {
        let head = head(target, lines);
        let counting: Vec<_> = bench.rates.counting(&head, &caller, &trusted, &bench.users).collect();
        assert_eq!(counting, expected, "{target}");
    }
    assert!(bench.ask("192.0.2.1", "/", &[]).is_none(), "nothing was spent");
}

#[test]
fn refused_request_is_told_when_to_come_again_and_costs_the_limits_behind_nothing() {
    let bench = Bench::new(
        "a = { rate = '30/m', burst = 2, status = 503 }, b = { key = 'all', rate = '1/h', burst = 7 }",
    );
    let refusal = |ms, client| bench.ask_at(ms, client, "/", &[]).and_then(|excess| excess.refusal);
    assert_eq!((refusal(0, "192.0.2.1"), refusal(0, "192.0.2.1")), (None, None));
    let busy = |after| Some(TooMany { status: StatusCode::SERVICE_UNAVAILABLE, after });
    assert_eq!(refusal(0, "192.0.2.1"), busy(2));
    assert_eq!(refusal(900, "192.0.2.1"), busy(2));
    assert_eq!(refusal(1100, "192.0.2.1"), busy(1));
    assert_eq!(refusal(2100, "192.0.2.1"), None);
    for client in ["192.0.2.2", "192.0.2.3"] {
        assert_eq!((refusal(2100, client), refusal(2100, client)), (None, None));
    }
    let over = bench.ask_at(2100, "192.0.2.4", "/", &[]).unwrap();
    assert_eq!((&*over.limit, over.refusal.unwrap().status.as_u16()), ("b", 429));
    assert!(over.refusal.unwrap().after > 3000);
    let counts: Vec<_> = bench.rates.counts().collect();
    assert_eq!(counts, [("a", 3, 0), ("b", 1, 0)]);
}

#[test]
fn limit_that_only_logs_counts_and_refuses_nothing() {
    let bench =
        Bench::new("a = { rate = '1/h', burst = 5, log-only = true }, b = { rate = '1/h', burst = 10 }");
    let asked: Vec<_> = (0..20).map(|_| bench.ask("192.0.2.1", "/", &[])).collect();
    let named = |name: &str| asked.iter().flatten().filter(|excess| *excess.limit == *name).count();
    assert_eq!((named("a"), named("b")), (5, 10));
    assert_eq!(asked.iter().flatten().filter(|excess| excess.refusal.is_some()).count(), 10);
    assert_eq!(bench.rates.counts().next(), Some(("a", 15, 0)));
}

#[test]
fn limit_that_is_none_is_explained() {
    for (limit, message) in [
        ("it = 5", "rate limit `it` must be a table"),
        ("it = {}", "`rate` is missing"),
        ("it = { rate = '5' }", "`rate` is not a rate, such as \"100/s\", \"30/m\" or \"1000/h\""),
        ("it = { rate = '5/s', key = 'ip' }", "nothing can be counted by `ip`"),
        ("it = { rate = '5/s', key = 'header:a b' }", "nothing can be counted by `header:a b`"),
        ("it = { rate = '5/s', key = [] }", "nothing is counted by"),
        ("it = { rate = '5/s', burst = 0 }", "`burst` is out of range"),
        ("it = { rate = '5/s', status = 200 }", "`status` is out of range"),
        ("it = { rate = '5/s', ipv6-prefix = 129 }", "`ipv6-prefix` is out of range"),
        ("it = { rate = '5/s', exempt = ['here'] }", "`here` is not a network"),
        ("it = { rate = '5/s', brust = 10 }", "unknown key `brust`"),
    ] {
        assert_eq!(read(limit).1, [message], "{limit}");
    }
}
