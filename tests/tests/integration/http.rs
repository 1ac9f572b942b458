use std::collections::{HashMap, HashSet};

use sekisho_tests::{HttpServer, Rig};

use super::{connect_from, field, https, request};

fn three() -> Vec<HttpServer> {
    ["one", "two", "three"].map(HttpServer::start).into()
}

fn rig(servers: &[HttpServer], vip: &str, pool: &str) -> Rig {
    Rig::start(&format!(
        "[vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n{vip}\n\
         [pool.web]\nservers = {{ {} }}\n{pool}\n",
        https(servers)
    ))
}

fn get(path: &str, cookie: Option<&str>) -> String {
    let cookie = cookie.map_or(String::new(), |cookie| format!("Cookie: {cookie}\r\n"));
    format!("GET {path} HTTP/1.1\r\nHost: www.example.org\r\n{cookie}\r\n")
}

/// The cookie that an answer sets, without its attributes.
fn cookie(head: &[String]) -> Option<String> {
    field(head, "set-cookie").map(|value| value.split(';').next().unwrap().to_owned())
}

#[test]
fn requests_of_one_connection_are_balanced_one_by_one() {
    let servers = three();
    let rig = rig(&servers, "", "method = 'round-robin'");
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    let names: Vec<String> = (0..6).map(|_| request(&mut client, &get("/", None)).1).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), 3, "{names:?}");
}

#[test]
fn cookie_keeps_a_browser_on_its_server_over_new_connections() {
    let servers = three();
    let rig = rig(&servers, "persist = ['cookie']", "method = 'round-robin'");
    for _ in 0..5 {
        let mut first = connect_from("127.0.0.1", rig.address("web"));
        let (head, home) = request(&mut first, &get("/", None));
        let jar = cookie(&head).unwrap();
        assert!(!jar.contains("127.0.0.1") && !jar.contains(&home), "the cookie shows the server: {jar}");
        for _ in 0..10 {
            let mut again = connect_from("127.0.0.1", rig.address("web"));
            let (head, server) = request(&mut again, &get("/", Some(&jar)));
            assert_eq!(server, home);
            assert_eq!(cookie(&head), None, "a cookie that holds is not set again");
        }
    }
    let seen: Vec<_> = servers.iter().flat_map(HttpServer::seen).collect();
    assert!(seen.iter().all(|seen| seen.field("cookie").is_empty()), "the gateway's cookie reached a server");
}

#[test]
fn killed_servers_browsers_move_once_and_nobody_elses() {
    let mut servers = three();
    let rig = rig(&servers, "persist = ['cookie']", "method = 'round-robin'");
    let address = rig.address("web");
    let mut jars: Vec<(String, String)> = (0..9)
        .map(|_| {
            let (head, home) = request(&mut connect_from("127.0.0.1", address), &get("/", None));
            (cookie(&head).unwrap(), home)
        })
        .collect();
    servers[1].kill();
    for (jar, home) in &mut jars {
        let (head, now) = request(&mut connect_from("127.0.0.1", address), &get("/", Some(jar)));
        assert!(head[0].starts_with("HTTP/1.1 200 "), "{head:?}");
        if home == "two" {
            assert_ne!(now, "two");
            (*jar, *home) = (cookie(&head).expect("a new cookie with the new server"), now);
        } else {
            assert_eq!((&now, cookie(&head)), (&*home, None));
        }
    }
    for (jar, home) in &jars {
        let (head, now) = request(&mut connect_from("127.0.0.1", address), &get("/", Some(jar)));
        assert_eq!((&now, cookie(&head)), (home, None), "moved twice");
    }
}

#[test]
fn header_keeps_a_user_on_one_server_from_any_address() {
    let servers = three();
    let rig = rig(&servers, "persist = [{ kind = 'header', name = 'X-User' }]", "method = 'round-robin'");
    let mut homes: HashMap<&str, HashSet<String>> = HashMap::new();
    for round in 2..6 {
        for user in ["alice", "bob", "carol", "dave"] {
            let mut client = connect_from(&format!("127.0.0.{round}"), rig.address("web"));
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\nX-User: {user}\r\n\r\n");
            homes.entry(user).or_default().insert(request(&mut client, &text).1);
        }
    }
    assert!(homes.values().all(|servers| servers.len() == 1), "{homes:?}");
}

#[test]
fn servers_see_the_client_and_not_what_it_claims() {
    let servers = vec![HttpServer::start("one")];
    let rig = rig(&servers, "", "");
    let mut client = connect_from("127.0.0.5", rig.address("web"));
    request(
        &mut client,
        "GET /a?b=c HTTP/1.1\r\nHost: www.example.org\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n",
    );
    let seen = servers[0].seen();
    assert_eq!(seen[0].head[0], "GET /a?b=c HTTP/1.1");
    assert_eq!(seen[0].field("x-forwarded-for"), ["127.0.0.5"]);
    assert_eq!(seen[0].field("x-forwarded-proto"), ["http"]);
}

/// What the server reads in X-Forwarded-For when a client at 127.0.0.7 and one at 127.0.0.8 bring one along.
fn forwarded_for(tables: &str) -> [String; 2] {
    let servers = vec![HttpServer::start("one")];
    let rig = rig(&servers, tables, "");
    for client in ["127.0.0.7", "127.0.0.8"] {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";
        request(&mut connect_from(client, rig.address("web")), text);
    }
    let seen = servers[0].seen();
    [0, 1].map(|i| seen[i].field("x-forwarded-for").join(" and "))
}

#[test]
fn word_of_a_trusted_network_is_added_to_and_of_any_other_is_dropped() {
    let tables = "[gateway]\ntrusted-networks = ['127.0.0.7']";
    assert_eq!(forwarded_for(tables), ["198.51.100.1, 127.0.0.7", "127.0.0.8"]);
}

#[test]
fn trusted_networks_of_a_vip_take_the_place_of_the_gateways() {
    let of = |own: &str| {
        forwarded_for(&format!(
            "[gateway]\ntrusted-networks = ['127.0.0.7']\n[vip.web.http]\ntrusted-networks = {own}"
        ))
    };
    assert_eq!(of("['127.0.0.8/31']"), ["127.0.0.7", "198.51.100.1, 127.0.0.8"]);
    assert_eq!(of("[]"), ["127.0.0.7", "127.0.0.8"]);
}

#[test]
fn nobody_up_is_a_503_and_a_server_that_comes_back_serves_again() {
    let mut servers = vec![HttpServer::start("one")];
    let probe = "probe = { kind = 'http', path = '/healthz', interval = '100ms', fast-interval = '100ms' }";
    let rig = rig(&servers, "", probe);
    rig.until_state("web", "one", "up");
    servers[0].kill();
    rig.until_state("web", "one", "down");
    let (head, _) = request(&mut connect_from("127.0.0.1", rig.address("web")), &get("/", None));
    assert!(head[0].starts_with("HTTP/1.1 503 "), "{head:?}");
    servers[0].restart();
    rig.until_state("web", "one", "up");
    let (head, body) = request(&mut connect_from("127.0.0.1", rig.address("web")), &get("/", None));
    assert!(head[0].starts_with("HTTP/1.1 200 ") && body == "one", "{head:?}");
}

#[test]
fn access_log_tells_who_where_why_and_how_it_ended() {
    let servers = vec![HttpServer::start("one")];
    let rig = rig(&servers, "persist = ['cookie']", "");
    request(&mut connect_from("127.0.0.6", rig.address("web")), &get("/page", None));
    let line = rig.line(|_| true);
    for (name, value) in [
        ("vip", "web"),
        ("pool", "web"),
        ("server", "one"),
        ("why", "method"),
        ("end", "done"),
        ("balance", "round-robin"),
        ("method", "GET"),
        ("target", "/page"),
        ("host", "www.example.org"),
    ] {
        assert_eq!(line[name], value, "{name} in {line}");
    }
    assert_eq!(line["status"], 200);
    assert!(line["client"].as_str().unwrap().starts_with("127.0.0.6"), "{line}");
}
