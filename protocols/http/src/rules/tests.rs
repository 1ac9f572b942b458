use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use http::{HeaderMap, Request, Uri};
use sekisho_api::settings::{Node, Problems, Section, Table, Value};
use sekisho_api::{Facts, IdentityRules, KeyKind, Networks, TlsFacts, VipContext};

use super::*;

fn convert(table: &toml::Table) -> Table {
    Table { entries: table.iter().map(|(key, value)| (key.clone(), 0..0, node(value))).collect() }
}

fn node(value: &toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(number) => Value::Integer(*number),
        toml::Value::Boolean(flag) => Value::Flag(*flag),
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

static PLAIN: LazyLock<Facts> =
    LazyLock::new(|| Facts::plain("192.0.2.1:5000".parse().unwrap(), "192.0.2.80:80".parse().unwrap()));

fn caller() -> Caller<'static> {
    client().into()
}

fn scene() -> Scene<'static> {
    Scene::new(&PLAIN, "http")
}

/// The pool of a request, 0 where no rule matches.
fn pool(rules: &Rules, head: &request::Parts) -> usize {
    rules.find(head, &caller()).and_then(|(_, rule)| rule.action().pool(client())).unwrap_or(0)
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
    let stranger =
        rules.find(&head("POST", "/v2/a?mode=fast&page=1", &[blue]), &IpAddr::from([198, 51, 100, 1]).into());
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
        let answer = rules.find(&head, &caller()).and_then(|(_, rule)| rule.answer(&head, &scene()));
        assert_eq!(answer.map(|answer| answer.status().as_u16()), Some(403), "{target}");
    }
    for target in ["/administration", "/x%2fadmin", "/x;admin", "/admin%3bx"] {
        assert!(rules.find(&head("GET", target, &[]), &caller()).is_none(), "{target}");
    }
}

#[test]
fn rule_sees_every_value_of_what_is_repeated_and_names_without_one() {
    let rules = rules(
        "rules = [{ query = { debug = '!' }, headers = { x-a = '!' }, pool = 'api' }, \
         { query = { mode = 'raw' }, answer = 403 }, { headers = { x-a = '~^bad' }, pool = 'beta' }]",
    );
    assert_eq!(pool(&rules, &head("GET", "/?a=1", &[])), 1);
    let refused = |target| rules.find(&head("GET", target, &[]), &caller()).map(|(place, _)| place);
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
        let (_, rule) = rules.find(&head, &caller()).unwrap();
        rule.edit_request(&mut head, &scene());
        assert_eq!(head.uri.to_string(), expected);
    }
}

#[test]
fn split_keeps_a_client_in_one_pool_and_shares_clients_by_weight() {
    let rules = rules("rules = [{ split = { web = 90, beta = 10 } }]");
    let head = head("GET", "/", &[]);
    let pool = |n: u32| {
        let client = IpAddr::V4((0x0a00_0000 + n).into());
        rules.find(&head, &client.into()).and_then(|(_, rule)| rule.action().pool(client)).unwrap()
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
        let answer = rules.find(&head, &caller()).and_then(|(_, rule)| rule.answer(&head, &scene())).unwrap();
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
    let (_, rule) = rules.find(&head, &caller()).unwrap();
    rule.edit_request(&mut head, &scene());
    assert_eq!(head.uri, Uri::from_static("/new/p%2Fq?x=1"));
    let values: Vec<&str> = head.headers.get_all("x-a").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!((values, &head.headers["host"]), (vec!["1", "2"], &"inner".parse().unwrap()));
    assert!(!head.headers.contains_key("cookie"));
    let mut answer = HeaderMap::new();
    answer.insert("server", "x".parse().unwrap());
    rule.edit_response(&mut answer, &scene());
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

#[test]
fn cookies_are_compared_as_header_fields_are() {
    let rules = rules(
        "rules = [{ cookies = { beta = 'on', old = '!' }, pool = 'beta' }, { cookies = { SID = '~^a' }, pool = 'api' }]",
    );
    for (line, expected) in [
        ("beta=on", 2),
        ("x=1; beta=on", 2),
        ("beta=on; old=", 0),
        ("beta=off; SID=abc", 1),
        ("beta=off; beta=on", 2),
        ("Beta=on; SID=b", 0),
        ("", 0),
    ] {
        assert_eq!(pool(&rules, &head("GET", "/", &[("cookie", line)])), expected, "{line}");
    }
}

#[test]
fn scheme_is_that_of_the_connection_or_what_a_trusted_proxy_says() {
    let rules = rules("rules = [{ scheme = 'https', pool = 'api' }]");
    let trusted: Networks = ["192.0.2.0/24".parse().unwrap()].into_iter().collect();
    let nobody = Networks::default();
    let mut tls = PLAIN.clone();
    tls.tls = Some(Arc::new(TlsFacts::default()));
    for (facts, networks, said, expected) in [
        (&*PLAIN, &nobody, "https", false),
        (&*PLAIN, &trusted, "https", true),
        (&*PLAIN, &trusted, "HTTPS", true),
        (&*PLAIN, &trusted, "nonsense", false),
        (&tls, &nobody, "http", true),
        (&tls, &trusted, "http", false),
        (&tls, &trusted, "nonsense", true),
    ] {
        let head = head("GET", "/", &[("x-forwarded-proto", said)]);
        assert_eq!(rules.find(&head, &Caller::of(facts, networks)).is_some(), expected, "{said}");
    }
}

fn location(rule: &str, target: &str) -> (u16, String) {
    let rules = rules(&format!("rules = [{{ {rule} }}]"));
    let head = head("GET", target, &[]);
    let answer = rules.find(&head, &caller()).and_then(|(_, rule)| rule.answer(&head, &scene())).unwrap();
    (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap().to_owned())
}

#[test]
fn redirect_to_https_is_one_word_and_no_loop() {
    assert_eq!(location("redirect = 'https'", "/a?b"), (308, "https://www.example.org/a?b".to_owned()));
    assert_eq!(location("redirect = 'https:8443'", "/a"), (308, "https://www.example.org:8443/a".to_owned()));
    assert_eq!(location("redirect = 'https', status = 301", "/").0, 301);
    let rules = rules("rules = [{ redirect = 'https' }]");
    let mut tls = PLAIN.clone();
    tls.tls = Some(Arc::new(TlsFacts::default()));
    assert!(rules.find(&head("GET", "/", &[]), &Caller::of(&tls, &Networks::default())).is_none());
}

#[test]
fn redirect_takes_groups_of_the_expression_and_lets_nobody_choose_the_host() {
    let rule = "path-regex = '^/u/([^/]+)/(.*)$', redirect = 'https://www.example.org/{2}?user={1}'";
    assert_eq!(location(rule, "/u/anna/a/b").1, "https://www.example.org/a/b?user=anna");
    let bare = "path-regex = '^/go/(.*)$', redirect = '/{1}'";
    for target in ["/go/x", "/go//x", "/go/%2fx", "/go/\\x"] {
        let (_, to) = location(bare, target);
        assert!(to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\"), "{target}: {to}");
    }
    for (target, expected) in [
        ("https://{1}/x", "clients would choose the host they are sent to"),
        ("https://www.example.org{1}", "clients would choose the host they are sent to"),
        ("https://www.example.org/{3}", "`{3}` stands for nothing"),
        ("https://www.example.org/{0}", "`{0}` stands for nothing"),
        ("https:0", "`0` is no port"),
        ("httpsx", "`httpsx` is no target"),
    ] {
        let (_, problems) = read(&format!("rules = [{{ path-regex = '^/(a)(.*)', redirect = '{target}' }}]"));
        assert_eq!(problems, [expected], "{target}");
    }
}

#[test]
fn values_of_fields_are_made_of_what_was_asked_for() {
    let rules = rules(
        "rules = [{ path-prefix = '/a', rewrite = '/b', remove-headers = ['x-sni'], set-headers = { \
         x-client = '{client}:{client-port}', x-asked = '{method} {scheme}://{host}{uri}', x-path = '{path}{query}', \
         x-tls = '{tls-version}', x-sni = '{sni}', x-id = '<{request-id}>', x-json = '{\"a\":{}}', host = 'inner' }, \
         add-headers = { x-more = '{host}', x-none = '{sni}' }, \
         set-response-headers = { x-served-by = '{server}', x-to = '{client}', x-tls = '{tls-version}' } }]",
    );
    let lines = [("x-tls", "forged"), ("x-sni", "forged"), ("x-request-id", "7")];
    let mut head = head("GET", "/a/%78?q=1", &lines);
    let (_, rule) = rules.find(&head, &caller()).unwrap();
    rule.edit_request(&mut head, &scene());
    for (name, expected) in [
        ("x-client", "192.0.2.1:5000"),
        ("x-asked", "GET http://www.example.org/a/%78?q=1"),
        ("x-path", "/a/%78?q=1"),
        ("x-id", "<7>"),
        ("x-json", "{\"a\":{}}"),
        ("x-more", "www.example.org"),
        ("host", "inner"),
    ] {
        assert_eq!(head.headers[name], expected, "{name}");
    }
    assert!(["x-tls", "x-sni", "x-none"].iter().all(|name| !head.headers.contains_key(*name)));

    let mut answer = HeaderMap::new();
    answer.insert("x-tls", "forged".parse().unwrap());
    rule.edit_response(&mut answer, &Scene { server: Some("www1"), ..scene() });
    assert_eq!(
        (&answer["x-served-by"], &answer["x-to"]),
        (&"www1".parse().unwrap(), &"192.0.2.1".parse().unwrap())
    );
    assert!(!answer.contains_key("x-tls"));
}

#[test]
fn answers_of_the_gateway_have_their_fields_changed_too() {
    let rules =
        rules("rules = [{ answer = 200, set-response-headers = { x-client = '{client}', server = 'x' } }]");
    let head = head("GET", "/", &[]);
    let answer = rules.find(&head, &caller()).and_then(|(_, rule)| rule.answer(&head, &scene())).unwrap();
    assert_eq!(
        (&answer.headers()["x-client"], &answer.headers()["server"]),
        (&"192.0.2.1".parse().unwrap(), &"x".parse().unwrap())
    );
}

#[test]
fn rule_has_a_name_or_a_number_and_a_list_of_its_own() {
    let rules = rules(
        "rules = [{ name = 'static', path-prefix = '/s', persist = [] }, \
         { path-prefix = '/u', persist = ['user', { kind = 'cookie', name = 'U' }], hash-on = 'path', max-body = '1 KiB' }]",
    );
    let all: Vec<&Rule> = rules.iter().collect();
    assert_eq!((all[0].label(), all[1].label()), ("static", "2"));
    assert_eq!(all[0].own().persist.as_ref().map(|(list, _)| list.len()), Some(0));
    let (list, sources) = all[1].own().persist.as_ref().unwrap();
    assert_eq!(list.iter().map(|entry| entry.kind()).collect::<Vec<_>>(), [KeyKind::USER, KeyKind::COOKIE]);
    assert_eq!(
        sources.cookies().iter().map(|cookie| &*cookie.name).collect::<Vec<_>>(),
        ["U", "U-api", "U-beta"]
    );
    assert_eq!(all[1].own().max_body, Some(1024));
    for (rule, expected) in [
        ("name = 'a b'", "`a b` cannot be the name of a rule"),
        ("persist = ['rdp-token']", "clients cannot be kept by `rdp-token`"),
        (
            "persist = [{ kind = 'cookie', secure = 'never', same-site = 'none' }]",
            "browsers refuse a cookie with `same-site = \"none\"` and without `Secure`",
        ),
        ("persist = ['user'], answer = 403", "`persist` has no effect here"),
        ("retry = { on = ['503'] }, answer = 403", "`retry` has no effect here"),
        ("hash-on = 'colour'", "unknown value `colour` for `hash-on`"),
        ("set-headers = { x = '{cleint}' }", "`{cleint}` stands for nothing here"),
        ("set-response-headers = { x = '{host}' }", "`{host}` stands for nothing here"),
        ("scheme = 'ftp'", "unknown value `ftp` for `scheme`"),
    ] {
        assert_eq!(read(&format!("rules = [{{ {rule} }}]")).1, [expected], "{rule}");
    }
}

/// A thousand hosts, each with a rule of its own: what the last one costs is printed, and nothing is said of its time.
#[test]
fn a_thousand_hosts_find_their_own_rules() {
    let text: Vec<String> = (0..1000)
        .map(|n| match n % 10 {
            0 => format!("{{ host = '*.wild{n}.example', pool = 'beta' }}"),
            _ => format!("{{ host = ['site{n}.example', 'www.site{n}.example'], pool = 'api' }}"),
        })
        .chain([
            "{ path-prefix = '/any', pool = 'beta' }".to_owned(),
            "{ host = 'site1.example', pool = 'web' }".to_owned(),
        ])
        .collect();
    let rules = rules(&format!("rules = [{}]", text.join(", ")));
    let at = |host: &str, target: &str| {
        let mut head = head("GET", target, &[]);
        head.headers.insert("host", host.parse().unwrap());
        let began = Instant::now();
        let found = rules.find(&head, &caller()).map(|(place, _)| place);
        println!("{host}{target}: {:?}", began.elapsed());
        found
    };
    for (host, target, expected) in [
        ("site1.example", "/", Some(1)),
        ("WWW.Site999.example:8080", "/", Some(999)),
        ("a.b.wild990.example.", "/", Some(990)),
        ("wild990.example", "/", None),
        ("wild990.example", "/any/x", Some(1000)),
        ("site5.example", "/any/x", Some(5)),
        ("other.example", "/", None),
        ("other.example", "/any", Some(1000)),
        ("", "/any", Some(1000)),
    ] {
        assert_eq!(at(host, target), expected, "{host}{target}");
    }
}

#[test]
fn index_by_host_finds_what_looking_at_each_rule_finds() {
    let hosts = ["a.example", "*.example", "*.a.example", "b.a.example", "c.org", "*.org", "example"];
    let text: Vec<String> = (0..200_usize)
        .map(|n| match n % 9 {
            0 => format!("{{ path-prefix = '/{n}', pool = 'api' }}"),
            k => format!(
                "{{ host = ['{}', '{}'], path-prefix = '/{n}', pool = 'api' }}",
                hosts[k % hosts.len()],
                hosts[(k * n) % hosts.len()]
            ),
        })
        .collect();
    let indexed = rules(&format!("rules = [{}]", text.join(", ")));
    assert!(indexed.index.is_some());
    let readings = |path: &'static str| path::readings(path);
    for host in [
        "a.example",
        "B.A.example:80",
        "x.b.a.example.",
        "c.org",
        "x.c.org",
        "example",
        ".example",
        "",
        "net",
    ] {
        for (number, path) in ["/0", "/9", "/10", "/50", "/99", "/101", "/199", "/x"].into_iter().enumerate()
        {
            let mut head = head("GET", path, &[]);
            head.headers.insert("host", host.parse().unwrap());
            let each = indexed
                .iter()
                .position(|rule| rule.criteria.missed(&head, &readings(path), &caller()).is_none());
            assert_eq!(indexed.find(&head, &caller()).map(|(place, _)| place), each, "{host} {number}");
        }
    }
}
