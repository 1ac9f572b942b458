use sekisho_tests::{HttpServer, Rig};

use super::{connect_from, field, request};

fn rig(web: &HttpServer, api: &HttpServer, vip: &str) -> Rig {
    Rig::start(&format!(
        "[vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\npools = ['api']\n{vip}\n\
         [pool.web]\nservers = {{ one = '{}' }}\n[pool.api]\nservers = {{ two = '{}' }}\n",
        web.address(),
        api.address()
    ))
}

fn get(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: www.example.org\r\n{lines}\r\n")
}

#[test]
fn requests_of_one_connection_meet_rules_one_by_one() {
    let (web, api) = (HttpServer::start("one"), HttpServer::start("two"));
    let rules = "http.rules = [\
        { path-prefix = '/api', pool = 'api', rewrite = '/', set-headers = { x-by = 'rule' }, \
          set-response-headers = { x-seen = 'api' } },\
        { path = '/gone', answer = 410, body = 'no more' },\
        { host = 'www.example.org', path = '/old', redirect = 'https://{host}/new{query}', status = 301 }]";
    let rig = rig(&web, &api, rules);
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    assert_eq!(request(&mut client, &get("/", "")).1, "one");
    let (head, server) = request(&mut client, &get("/api/v1?x=1", ""));
    assert_eq!((server.as_str(), field(&head, "x-seen")), ("two", Some("api".into())));
    let (head, body) = request(&mut client, &get("/gone", ""));
    assert!(head[0].starts_with("HTTP/1.1 410 ") && body == "no more", "{head:?} {body}");
    let (head, _) = request(&mut client, &get("/old?a=b", ""));
    assert_eq!(field(&head, "location"), Some("https://www.example.org/new?a=b".into()));
    assert_eq!(request(&mut client, &get("/", "")).1, "one", "the connection has gone on");
    let seen = api.seen().pop().unwrap();
    assert_eq!((&*seen.head[0], seen.field("x-by")), ("GET /v1?x=1 HTTP/1.1", vec!["rule"]));
}

#[test]
fn client_has_a_cookie_for_each_pool_and_servers_see_none_of_them() {
    let (web, api) = (HttpServer::start("one"), HttpServer::start("two"));
    let rules = "persist = ['cookie']\nhttp.rules = [{ path-prefix = '/api', pool = 'api' }]";
    let rig = rig(&web, &api, rules);
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    let mut jar = String::new();
    for target in ["/", "/api"] {
        let (head, _) = request(&mut client, &get(target, ""));
        let cookie = field(&head, "set-cookie").unwrap();
        jar = format!("{jar}{}; ", cookie.split(';').next().unwrap());
    }
    assert!(jar.contains("SEKISHO=") && jar.contains("SEKISHO-api="), "{jar}");
    for target in ["/", "/api", "/"] {
        let (head, _) = request(&mut client, &get(target, &format!("Cookie: {jar}own=1\r\n")));
        assert_eq!(field(&head, "set-cookie"), None, "{target}");
    }
    let seen = [web.seen(), api.seen()].concat();
    assert!(seen.iter().all(|seen| seen.field("cookie").iter().all(|cookie| *cookie == "own=1")));
}
