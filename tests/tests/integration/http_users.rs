use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sekisho_tests::{HttpServer, Rig, folder, root, until};

use super::{connect_from, field, https, request};

fn servers() -> [HttpServer; 4] {
    ["one", "two", "three", "four"].map(HttpServer::start)
}

fn pool(servers: &[HttpServer; 4]) -> String {
    format!("[pool.web]\nmethod = 'round-robin'\nservers = {{ {} }}\n", https(servers))
}

fn vip(name: &str, more: &str) -> String {
    format!("[vip.{name}]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n{more}\n")
}

/// A folder with the keys of the fixtures, which the rig removes.
fn keys(name: &str) -> PathBuf {
    let folder = folder(&format!("users-{name}"));
    std::fs::copy(fixtures().join("keys.json"), folder.join("keys.json")).unwrap();
    folder
}

fn fixtures() -> PathBuf {
    root().join(Path::new("fixtures/jwt"))
}

/// The token of the fixtures that this algorithm signed: Anna's.
fn token(algorithm: &str) -> String {
    let lines = std::fs::read_to_string(fixtures().join("tokens.txt")).unwrap();
    lines.lines().find_map(|line| line.strip_prefix(algorithm)?.strip_prefix(' ')).unwrap().to_owned()
}

/// The answer to a request on a connection of its own: its head and its body, which is the server's name.
fn ask(rig: &Rig, vip: &str, target: &str, lines: &str) -> (Vec<String>, String) {
    let mut client = connect_from("127.0.0.1", rig.address(vip));
    request(&mut client, &format!("GET {target} HTTP/1.1\r\nHost: www.example.org\r\n{lines}\r\n"))
}

#[test]
fn person_is_one_by_token_by_password_and_by_the_word_of_a_proxy() {
    let servers = servers();
    let configuration = [
        pool(&servers),
        vip(
            "token",
            "persist = ['user']\nhttp = { user-from = ['jwt:upn'], jwt = { keys = ['keys.json'], audience = 'web' } }",
        ),
        vip(
            "nested",
            "persist = ['user']\nhttp = { user-from = ['jwt:profile.name@cookie:t'], jwt = { keys = ['keys.json'] } }",
        ),
        vip("basic", "persist = ['user']"),
        vip("header", "persist = ['user']\nhttp = { user-from = ['header:x-user'] }"),
    ];
    let rig = Rig::start_in(&configuration.concat(), keys("person"));
    let basic = |user: &str| format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:pw")));
    let (_, home) = ask(&rig, "token", "/", &format!("Authorization: Bearer {}\r\n", token("RS256")));
    for _ in 0..2 {
        for (vip, lines) in [
            ("token", format!("Authorization: Bearer {}\r\n", token("ES256"))),
            ("nested", format!("Cookie: a=b; t={}\r\n", token("EdDSA"))),
            ("basic", basic("CORP\\anna")),
            ("basic", basic("anna@corp.example")),
            ("header", "X-User: Anna\r\n".to_owned()),
        ] {
            assert_eq!(ask(&rig, vip, "/", &lines).1, home, "{vip}: {lines}");
        }
    }
    // Round robin gives strangers each another one.
    let forged = format!(
        "Authorization: Bearer {}.{}.\r\n",
        URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"),
        URL_SAFE_NO_PAD.encode("{\"upn\":\"anna\",\"aud\":\"web\"}")
    );
    let met: std::collections::BTreeSet<String> =
        (0..4).map(|_| ask(&rig, "token", "/", &forged).1).collect();
    assert_eq!(met.len(), 4, "a forged token names nobody");
}

#[test]
fn required_token_is_asked_for_and_checked_before_a_server_sees_anything() {
    let servers = servers();
    let options = "http = { user-from = ['jwt:upn@cookie:t'], jwt = { keys = ['keys.json'], issuer = 'https://id.example', require = true }, rules = [\
        { path = '/open', require-token = false }, { path = '/moved', redirect = '/' } ] }";
    let rig = Rig::start_in(&[pool(&servers), vip("web", options)].concat(), keys("required"));
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    let mut get = |target: &str, lines: &str| {
        request(&mut client, &format!("GET {target} HTTP/1.1\r\nHost: www.example.org\r\n{lines}\r\n"))
    };
    let invalid = Some("Bearer error=\"invalid_token\"");
    // One connection for all: a refusal does not end it.
    let good = token("PS384");
    let (bad, _) = good.split_at(good.len() - 6);
    for (target, lines, status, challenge) in [
        ("/", String::new(), "401", Some("Bearer")),
        ("/", "Authorization: Basic YTpi\r\n".to_owned(), "401", Some("Bearer")),
        ("/", format!("Authorization: Bearer {bad}AAAAAA\r\n"), "401", invalid),
        ("/", format!("Authorization: Bearer {good}\r\n"), "200", None),
        (
            "/",
            format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {bad}AAAAAA\r\n"),
            "401",
            invalid,
        ),
        ("/", format!("Authorization: Bearer {good}\r\nAuthorization: Basic YTpi\r\n"), "401", invalid),
        ("/", format!("Authorization: Bearer {good}\r\nCookie: t={bad}AAAAAA\r\n"), "401", invalid),
        ("/", format!("Cookie: t={good}; x=y; t={bad}AAAAAA\r\n"), "401", invalid),
        ("/", format!("Cookie: t={good}; x=y\r\n"), "200", None),
        ("/open", String::new(), "200", None),
        ("/moved", String::new(), "302", None),
    ] {
        let (head, _) = get(target, &lines);
        assert!(head[0].starts_with(&format!("HTTP/1.1 {status} ")), "{target} {lines}: {head:?}");
        assert_eq!(field(&head, "www-authenticate").as_deref(), challenge, "{lines}");
    }
    let seen: usize = servers.iter().map(|server| server.seen().len()).sum();
    assert_eq!(seen, 3);
    rig.line(|line| line["end"] == "token-invalid" && line["status"] == 401);
}

#[test]
fn keys_are_read_again_with_the_configuration() {
    let servers = servers();
    let folder = keys("reload");
    let configuration =
        [pool(&servers), vip("web", "http = { jwt = { keys = ['keys.json'], require = true } }")].concat();
    std::fs::copy(fixtures().join("ed25519.pem"), folder.join("keys.json")).unwrap();
    let rig = Rig::start_in(&configuration, folder.clone());
    let status = |algorithm: &str| {
        let (head, _) = ask(&rig, "web", "/", &format!("Authorization: Bearer {}\r\n", token(algorithm)));
        head[0].split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!((status("EdDSA").as_str(), status("RS256").as_str()), ("200", "401"));
    std::fs::copy(fixtures().join("rsa.pem"), folder.join("keys.json")).unwrap();
    rig.reload(&configuration).unwrap();
    // Workers take the configuration up one after the other.
    until("what was good is forgotten", || {
        (0..8).all(|_| (status("EdDSA").as_str(), status("RS256").as_str()) == ("401", "200")).then_some(())
    });
    std::fs::write(folder.join("keys.json"), "nothing").unwrap();
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rig.reload(&configuration))).is_err());
    assert_eq!(status("RS256"), "200", "what does not load changes nothing");
}

#[test]
fn rule_with_a_list_of_its_own_is_kept_by_it_alone() {
    let servers = servers();
    let options = "persist = ['source-ip']\nhttp.rules = [\
        { name = 'free', path-prefix = '/free', persist = [] },\
        { path-prefix = '/tenant', persist = [{ kind = 'header', name = 'x-tenant' }, { kind = 'cookie', name = 'T' }] }]";
    let rig = Rig::start(&[pool(&servers), vip("web", options)].concat());
    let names = |target: &str, lines: &str| -> std::collections::BTreeSet<String> {
        (0..8).map(|_| ask(&rig, "web", target, lines).1).collect()
    };
    assert_eq!(names("/", "").len(), 1, "the VIP's list");
    assert_eq!(names("/free", "").len(), 4, "none");
    assert_eq!(names("/tenant", "X-Tenant: blue\r\n").len(), 1, "the header's");
    assert_eq!(names("/tenant", "").len(), 4);
    let (head, own) = ask(&rig, "web", "/tenant", "");
    let cookie = field(&head, "set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap();
    assert!(cookie.starts_with("T="), "{cookie}");
    assert_eq!(names("/tenant", &format!("Cookie: {cookie}; own=1\r\n")), [own].into());
    assert_eq!(field(&ask(&rig, "web", "/", "").0, "set-cookie"), None, "the VIP has no cookie");
    // Wherever it is sent, no server sees the gateway's cookie.
    ask(&rig, "web", "/free", &format!("Cookie: {cookie}; own=1\r\n"));
    let seen = servers.iter().flat_map(|server| server.seen());
    let cookies: Vec<String> = seen
        .flat_map(|seen| seen.field("cookie").into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(cookies.iter().all(|line| line == "own=1") && cookies.len() == 9, "{cookies:?}");
    assert_eq!(rig.line(|line| line["target"] == "/free")["rule"], "free");
    assert_eq!(rig.line(|line| line["target"] == "/tenant")["rule"], "2");
}

#[test]
fn rule_has_a_limit_for_bodies_of_its_own_in_place_of_the_vips() {
    let servers = servers();
    let options = "http = { max-body = '1 KiB', rules = [{ path-prefix = '/upload', max-body = '4 KiB' }, \
        { path-prefix = '/little', max-body = '16 B' }] }";
    let rig = Rig::start(&[pool(&servers), vip("web", options)].concat());
    let post = |target: &str, length: usize, chunked: bool| {
        let mut client = connect_from("127.0.0.1", rig.address("web"));
        let body = "x".repeat(length);
        let framed = match chunked {
            true => format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
            false => format!("Content-Length: {length}\r\n\r\n{body}"),
        };
        let (head, _) = request(&mut client, &format!("POST {target} HTTP/1.1\r\nHost: a\r\n{framed}"));
        head[0].split(' ').nth(1).unwrap().to_owned()
    };
    for chunked in [false, true] {
        for (target, length, status) in [
            ("/", 1024, "200"),
            ("/", 1025, "413"),
            ("/upload", 4096, "200"),
            ("/upload", 4097, "413"),
            ("/little", 16, "200"),
            ("/little", 17, "413"),
        ] {
            assert_eq!(post(target, length, chunked), status, "{target} {length} {chunked}");
        }
    }
}
