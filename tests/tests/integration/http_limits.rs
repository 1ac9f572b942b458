//! How often may be asked, and what a server is told, through a whole gateway.

use std::time::Instant;

use sekisho_tests::{Authority, HttpServer, Rig, folder, tls_client};

use super::{connect_from, field, https, request};

fn configuration(server: &HttpServer, vip: &str) -> String {
    format!(
        "[gateway]\nworkers = 4\n[vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n{vip}\n\
         [pool.web]\nservers = {{ {} }}\n",
        https(std::slice::from_ref(server))
    )
}

const GET: &str = "GET / HTTP/1.1\r\nHost: www.example.org\r\nX-Request-Id: spoofed\r\n\r\n";

/// How many of so many requests pass, each on a connection of its own: they meet all workers.
fn passed(rig: &Rig, requests: usize) -> usize {
    let address = rig.address("web");
    let statuses = (0..requests).map(|_| request(&mut connect_from("127.0.0.1", address), GET).0.remove(0));
    statuses.filter(|status| status.starts_with("HTTP/1.1 200 ")).count()
}

#[test]
fn limit_is_one_over_all_workers_and_a_reload_gives_nobody_a_new_burst() {
    let server = HttpServer::start("one");
    let limit = |rest: &str| {
        let limits = format!("http.rate-limits = {{ each = {{ rate = '6/m', burst = 40 }} }}\n{rest}");
        configuration(&server, &limits)
    };
    let rig = Rig::start(&limit(""));
    let begin = Instant::now();
    // One more every ten seconds, however long this takes.
    let refilled = || 1 + begin.elapsed().as_secs() as usize / 10;
    let first = passed(&rig, 100);
    assert!((40..=40 + refilled()).contains(&first), "{first}");
    rig.reload(&limit("http.max-headers = 50")).unwrap();
    let before = server.seen().len();
    let then = passed(&rig, 20);
    assert!(then <= refilled(), "{then}");
    assert_eq!(server.seen().len(), before + then);
    let other = configuration(&server, "http.rate-limits = { each = { rate = '7/m', burst = 40 } }");
    rig.reload(&other).unwrap();
    assert!(passed(&rig, 60) >= 40, "another rate is another limit");
}

#[test]
fn refused_request_is_logged_with_its_limit_and_its_number() {
    let server = HttpServer::start("one");
    let vip =
        "http = { request-id = 'make', request-id-echo = true, rate-limits = { each = { rate = '1/h' } } }";
    let rig = Rig::start(&configuration(&server, vip));
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    let answers = [request(&mut client, GET).0, request(&mut client, GET).0];
    let ids = answers.map(|head| field(&head, "x-request-id").unwrap());
    assert_eq!(server.seen()[0].field("x-request-id"), [ids[0].as_str()]);
    let line = rig.line(|line| line["status"] == 429);
    assert_eq!((line["end"].as_str(), line["rate_limit"].as_str()), (Some("rate-limit"), Some("each")));
    assert_eq!((line["request_id"].as_str(), line.get("server")), (Some(ids[1].as_str()), None));
}

#[test]
fn server_is_told_of_the_clients_certificate_and_never_what_a_client_says_of_one() {
    let (authority, server) = (Authority::new(), HttpServer::start("one"));
    let folder = folder("facts");
    authority.issue(&["www.example.org"], &folder);
    authority.write(&folder);
    let vip = "tls = { certificates = ['www.example.org.pem'], client-ca = 'authority.pem', \
               client-certificates = 'request' }\n\
               http.tls-headers = { x-version = 'version', x-cipher = 'cipher', x-name = 'server-name', \
               x-verify = 'verify', x-subject = 'subject', x-issuer = 'issuer', x-serial = 'serial', \
               x-until = 'not-after', x-fingerprint = 'fingerprint', client-cert = 'certificate' }";
    let rig = Rig::start_in(&configuration(&server, vip), folder);
    let spoof = "GET / HTTP/1.1\r\nHost: www.example.org\r\nX-Subject: CN=admin\r\nX_Subject: CN=admin\r\n\
                 X-Verify: SUCCESS\r\nClient-Cert: :AAAA:\r\nConnection: x-verify, client-cert\r\n\r\n";
    for config in [authority.client_called("alice"), authority.client()] {
        let mut client = tls_client(&config, "www.example.org", rig.address("web")).unwrap();
        for _ in 0..2 {
            assert_eq!(request(&mut client, spoof).1, "one");
        }
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for seen in &seen {
        assert!(!seen.head.iter().any(|line| line.contains("admin") || line.contains(":AAAA:")), "{seen:?}");
        assert_eq!(
            (seen.field("x-version"), seen.field("x-name")),
            (vec!["TLSv1.3"], vec!["www.example.org"])
        );
        assert!(seen.field("x-cipher")[0].starts_with("TLS_"), "{seen:?}");
    }
    for seen in &seen[..2] {
        assert_eq!((seen.field("x-verify"), seen.field("x-subject")), (vec!["SUCCESS"], vec!["CN=alice"]));
        assert!(seen.field("x-issuer")[0].contains("CN=Authority of one test"), "{seen:?}");
        let lengths = ["x-fingerprint", "x-until"].map(|name| seen.field(name)[0].len());
        assert_eq!(lengths, [64, "Sun, 06 Nov 1994 08:49:37 GMT".len()]);
        assert!(seen.field("x-serial")[0].bytes().all(|byte| byte.is_ascii_hexdigit()));
        let certificate = seen.field("client-cert")[0];
        assert!(certificate.starts_with(":MII") && certificate.ends_with(':'), "{certificate}");
    }
    for seen in &seen[2..] {
        assert_eq!(seen.field("x-verify"), ["NONE"]);
        for name in ["x-subject", "x-issuer", "x-serial", "x-until", "x-fingerprint", "client-cert"] {
            assert!(seen.field(name).is_empty(), "{name}");
        }
    }
}
