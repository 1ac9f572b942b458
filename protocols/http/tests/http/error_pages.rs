//! Pages of the operator's own.

use super::support::{Origin, Reply, Rig, Setup, get2, test, two};

const PAGES: &str =
    "error-pages = { 5xx = 'tests/http/pages/sorry.html', 4xx = 'tests/http/pages/sorry.html' }";

const SORRY: &str = "<!doctype html>\n<title>503 Service Unavailable</title>\n<p>We will be back soon.</p>\n";

#[test]
fn operators_page_is_what_clients_see_when_no_server_is_there() {
    test(async {
        let rig = Rig::with(Setup { options: PAGES, ..Setup::default() }).await;
        let mut client = rig.client().await;
        let answer = client.get("/", "").await;
        assert_eq!((answer.status, answer.text()), (503, SORRY));
        assert_eq!(answer.header("content-type"), ["text/html; charset=utf-8"]);
        assert_eq!(answer.header("retry-after"), ["5"]);
        assert_eq!(answer.header("content-length"), [SORRY.len().to_string()]);
        // The same connection: its length is right, with HEAD as well.
        let head = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(head.header("content-length"), [SORRY.len().to_string()]);
        assert_eq!(client.get("/", "").await.text(), SORRY);
        let (head, body) = get2(&mut two(&rig).await, "/", ("accept", "*/*")).await;
        assert_eq!((head.status.as_u16(), body.unwrap()), (503, SORRY.as_bytes().to_vec()));
        assert_eq!(head.headers["content-type"], "text/html; charset=utf-8");
    });
}

#[test]
fn what_is_no_request_is_told_so_on_the_operators_page() {
    test(async {
        let rig = Rig::with(Setup { options: PAGES, ..Setup::default() }).await;
        let answer = rig.client().await.ask("nonsense\r\n\r\n").await;
        assert_eq!((answer.status, answer.complete), (400, true));
        assert!(answer.text().contains("<title>400 Bad Request</title>"), "{}", answer.text());
        assert_eq!(answer.header("content-type"), ["text/html; charset=utf-8"]);
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100_000));
        let answer = rig.client().await.ask(long).await;
        assert!(answer.text().contains("<title>431 "), "{}", answer.text());
    });
}

#[test]
fn errors_of_servers_are_theirs_unless_they_are_intercepted() {
    const INTERCEPTED: &str =
        "error-pages = { 5xx = 'tests/http/pages/sorry.html', intercept = true }\ncompression = {}";
    test(async {
        let origin = Origin::new(|seen| {
            let status = if seen.line().contains("/missing") { "404 Not Found" } else { "500 Oh" };
            let size = if seen.line().contains("/large") { 1_000_000 } else { 2000 };
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/x-trace\r\nX-Kept: 1\r\n");
            Reply::Say(
                format!("{head}Content-Length: {size}\r\n\r\n{}", "secret".repeat(size)[..size].to_owned())
                    .into(),
            )
        })
        .await;
        let plain = Rig::new(PAGES, &[&origin]).await;
        let answer = plain.client().await.get("/", "").await;
        assert_eq!((answer.status, answer.body.len()), (500, 2000));
        let rig = Rig::new(INTERCEPTED, &[&origin]).await;
        let mut client = rig.client().await;
        let before = origin.connections.get();
        for target in ["/", "/", "/large", "/"] {
            let answer = client.get(target, "Accept-Encoding: gzip\r\n").await;
            assert_eq!((answer.status, answer.complete), (500, true), "{target}");
            assert!(answer.text().contains("<title>500 Internal Server Error</title>"), "{}", answer.text());
            assert_eq!(answer.header("x-kept"), ["1"]);
            assert_eq!(answer.header("content-type"), ["text/html; charset=utf-8"]);
        }
        assert!(client.get("/missing", "").await.text().starts_with("secret"));
        assert!(origin.connections.get() <= before + 2, "a small error costs no connection");
        rig.booked(5).await;
        assert_eq!(rig.leases(), 0);
    });
}
