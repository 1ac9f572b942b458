use http::{HeaderMap, Request, Uri};
use sekisho_api::settings::{Node, Problems, Section, Table, Value};
use sekisho_api::{IdentityRules, Networks, VipContext};

use super::*;

fn convert(table: &toml::Table) -> Table {
    Table { entries: table.iter().map(|(key, value)| (key.clone(), 0..0, node(value))).collect() }
}

fn node(value: &toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(number) => Value::Integer(*number),
        toml::Value::Array(items) => Value::List(items.iter().map(node).collect()),
        toml::Value::Table(table) => Value::Table(convert(table)),
        other => panic!("{other}"),
    };
    Node { span: 0..0, value }
}

/// The rules in a text, and what is wrong with them.
fn read(text: &str) -> (Rules, Vec<String>) {
    let problems = Problems::new();
    let table = convert(&text.parse().unwrap());
    let mut section = Section::new(&table, 0..0, &problems);
    let vip = VipContext {
        name: "web",
        persist: &[],
        identity: &IdentityRules::default(),
        tls: false,
        start_tls: false,
        pools: &["web".into(), "api".into(), "beta".into()],
        pool_settings: &[],
        trusted: &Networks::default(),
    };
    let rules = Rules::read(&mut section, &vip);
    section.finish();
    (rules, problems.into_vec().into_iter().map(|problem| problem.message).collect())
}

fn rules(text: &str) -> Rules {
    let (rules, problems) = read(text);
    assert_eq!(problems, [""; 0]);
    rules
}

fn head(method: &str, target: &str, lines: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::builder().method(method).uri(target).header("host", "www.example.org");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn client() -> IpAddr {
    [192, 0, 2, 1].into()
}

/// The pool of a request, 0 where no rule matches.
fn pool(rules: &Rules, head: &request::Parts) -> usize {
    rules.find(head, client()).and_then(|(_, rule)| rule.action().pool(client())).unwrap_or(0)
}

#[test]
fn first_rule_that_matches_counts_and_without_one_the_vips_own_pool() {
    let rules = rules(
        "rules = [{ path-prefix = '/api/beta', pool = 'beta' }, { path-prefix = '/api', pool = 'api' }]",
    );
    for (target, expected) in [("/api/beta/x", 2), ("/api/x", 1), ("/apix", 0), ("/", 0)] {
        assert_eq!(pool(&rules, &head("GET", target, &[])), expected, "{target}");
    }
}

#[test]
fn everything_that_a_rule_wants_must_be_there() {
    let rules = rules(
        "rules = [{ host = ['www.example.org', '*.x.example'], method = 'POST', path-regex = '^/v[0-9]+/', \
         headers = { x-tenant = 'blue', x-debug = '!' }, query = { mode = '~^f', page = '*' }, \
         client = ['192.0.2.0/24'], pool = 'api' }]",
    );
    let blue = ("x-tenant", "blue");
    assert_eq!(pool(&rules, &head("POST", "/v2/a?mode=fast&page=1", &[blue])), 1);
    for (method, target, lines) in [
        ("GET", "/v2/a?mode=fast&page=1", &[blue][..]),
        ("POST", "/a?mode=fast&page=1", &[blue]),
        ("POST", "/v2/a?mode=slow&page=1", &[blue]),
        ("POST", "/v2/a?mode=fast", &[blue]),
        ("POST", "/v2/a?mode=fast&page=1", &[("x-tenant", "green")]),
        ("POST", "/v2/a?mode=fast&page=1", &[blue, ("x-debug", "1")]),
        ("POST", "/v2/a?mode=fast&page=1", &[]),
    ] {
        assert_eq!(pool(&rules, &head(method, target, lines)), 0, "{method} {target} {lines:?}");
    }
    let stranger = rules.find(&head("POST", "/v2/a?mode=fast&page=1", &[blue]), [198, 51, 100, 1].into());
    assert!(stranger.is_none());
}

#[test]
fn no_spelling_of_a_path_gets_around_its_rule() {
    let rules = rules("rules = [{ path-prefix = '/admin', answer = 403 }]");
    for target in [
        "/admin",
        "/admin/",
        "//admin/x",
        "/%61dmin",
        "/x/../admin",
        "/./admin/x",
        "/x/%2e%2e/admin",
        "/admin%2fx",
        "/%2Fadmin",
        "/\\admin",
        "/admin;a=1/x",
    ] {
        let head = head("GET", target, &[]);
        let answer = rules.find(&head, client()).and_then(|(_, rule)| rule.answer(&head));
        assert_eq!(answer.map(|answer| answer.status().as_u16()), Some(403), "{target}");
    }
    for target in ["/administration", "/x%2fadmin", "/x;admin", "/admin%3bx"] {
        assert!(rules.find(&head("GET", target, &[]), client()).is_none(), "{target}");
    }
}

#[test]
fn rule_sees_every_value_of_what_is_repeated_and_names_without_one() {
    let rules = rules(
        "rules = [{ query = { debug = '!' }, headers = { x-a = '!' }, pool = 'api' }, \
         { query = { mode = 'raw' }, answer = 403 }, { headers = { x-a = '~^bad' }, pool = 'beta' }]",
    );
    assert_eq!(pool(&rules, &head("GET", "/?a=1", &[])), 1);
    let refused = |target| rules.find(&head("GET", target, &[]), client()).map(|(place, _)| place);
    assert_eq!(refused("/?debug&mode=fine&mode=raw"), Some(1));
    assert_eq!(refused("/?debug=&mode=fine"), None);
    let mut odd = head("GET", "/", &[("x-a", "good")]);
    odd.headers.append("x-a", http::HeaderValue::from_bytes(b"bad\xff").unwrap());
    assert_eq!(pool(&rules, &odd), 2);
}

#[test]
fn path_that_goes_up_for_some_servers_alone_meets_no_rule_by_path() {
    let by_path = rules("rules = [{ path-prefix = '/open', pool = 'api' }, { answer = 403 }]");
    for target in
        ["/open/..%2fadmin", "/open%5c..%5Cadmin", "/open/..;/admin", "/open/%2e%2e;x/admin", "/\\..\\a"]
    {
        assert!(by_path.doubt(&head("GET", target, &[])), "{target}");
    }
    for target in ["/open/a%2fb;v=1", "/open/..a%2fb", "/open/../a", "/open/%2e%2e/a"] {
        assert!(!by_path.doubt(&head("GET", target, &[])), "{target}");
    }
    assert!(!rules("rules = [{ method = 'PUT', answer = 405 }]").doubt(&head("GET", "/..%2fa", &[])));
}

#[test]
fn path_is_rewritten_as_the_rule_read_it() {
    let rules = rules("rules = [{ path-prefix = '/old', rewrite = '/new' }]");
    for (target, expected) in [("/old/a%2fb;v=1?q", "/new/a%2Fb;v=1?q"), ("/%2fold/a?q", "/new/a?q")] {
        let mut head = head("GET", target, &[]);
        let (_, rule) = rules.find(&head, client()).unwrap();
        rule.edit_request(&mut head);
        assert_eq!(head.uri.to_string(), expected);
    }
}

#[test]
fn split_keeps_a_client_in_one_pool_and_shares_clients_by_weight() {
    let rules = rules("rules = [{ split = { web = 90, beta = 10 } }]");
    let head = head("GET", "/", &[]);
    let pool = |n: u32| {
        let client = IpAddr::V4((0x0a00_0000 + n).into());
        rules.find(&head, client).and_then(|(_, rule)| rule.action().pool(client)).unwrap()
    };
    let beta = (0..10_000).filter(|&n| pool(n) == 2).count();
    assert!((850..1150).contains(&beta), "{beta}");
    assert!((0..100).all(|n| pool(n) == pool(n)));
}

#[test]
fn redirect_names_what_was_asked_for_and_never_a_host_of_the_clients_choice() {
    let location = |to: &str, target: &str| {
        let rules = rules(&format!("rules = [{{ redirect = '{to}', status = 308 }}]"));
        let head = head("GET", target, &[("host", "ignored")]);
        let answer = rules.find(&head, client()).and_then(|(_, rule)| rule.answer(&head)).unwrap();
        assert_eq!(answer.status(), 308);
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    assert_eq!(location("https://{host}{uri}", "/a?b=1"), "https://www.example.org/a?b=1");
    assert_eq!(location("https://new.example{path}", "/a?b=1"), "https://new.example/a");
    assert_eq!(location("/moved{query}", "/a?b=1"), "/moved?b=1");
    assert_eq!(location("{uri}", "//evil.example/x"), "/evil.example/x");
    assert_eq!(location("{uri}", "/\\/evil.example/x"), "/evil.example/x");
    assert_eq!(location("/{path}", "//evil.example/x"), "/evil.example/x");
}

#[test]
fn requests_and_answers_are_edited_in_the_order_remove_set_add() {
    let rules = rules(
        "rules = [{ path-prefix = '/old', rewrite = '/new', remove-headers = ['cookie', 'x-a'], \
         set-headers = { x-a = '1', host = 'inner' }, add-headers = { x-a = '2' }, \
         remove-response-headers = ['server'], set-response-headers = { strict-transport-security = 'max-age=1' } }]",
    );
    let mut head = head("GET", "/old/p%2fq?x=1", &[("cookie", "a"), ("x-a", "0"), ("x-a", "00")]);
    let (_, rule) = rules.find(&head, client()).unwrap();
    rule.edit_request(&mut head);
    assert_eq!(head.uri, Uri::from_static("/new/p%2Fq?x=1"));
    let values: Vec<&str> = head.headers.get_all("x-a").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!((values, &head.headers["host"]), (vec!["1", "2"], &"inner".parse().unwrap()));
    assert!(!head.headers.contains_key("cookie"));
    let mut answer = HeaderMap::new();
    answer.insert("server", "x".parse().unwrap());
    rule.edit_response(&mut answer);
    assert_eq!(answer.len(), 1);
}

#[test]
fn what_cannot_work_is_named() {
    for (rule, expected) in [
        ("host = 'a b'", "`a b` is no host"),
        ("path = 'x'", "`x` is no path"),
        ("path = '/x', path-prefix = '/y'", "a rule has one of `path`, `path-prefix` and `path-regex`"),
        ("path-regex = '('", "`(` is no regular expression"),
        ("method = 'get'", "`get` is no method"),
        ("headers = { 'a b' = 'x' }", "`a b` is no header's name"),
        ("set-headers = { content-length = '5' }", "`content-length` is the gateway's own to say"),
        ("pool = 'apy'", "pool `apy` is not one of this VIP's"),
        ("pool = 'api', answer = 404", "a rule cannot have `pool` and `answer` at once"),
        ("split = { api = 0 }", "nobody gets anything"),
        ("redirect = 'elsewhere'", "`elsewhere` is no target"),
        ("redirect = '/{place}'", "`{place}` stands for nothing"),
        ("redirect = '/x', status = 200", "200 is no redirect"),
        ("answer = 204, body = 'x'", "an answer 204 has no body"),
        ("pool = 'api', body = 'x'", "`body` has no effect here"),
        ("rewrite = '/a?b'", "`/a?b` cannot stand in a path"),
        ("colour = 'red'", "unknown key `colour`"),
    ] {
        let (_, problems) = read(&format!("rules = [{{ {rule} }}]"));
        assert_eq!(problems, [expected], "{rule}");
    }
}
