//! Messages pass whole, whatever their framing.

use super::support::{Origin, Reply, Rig, Setup, test};
use sekisho_api::{CookieSettings, Persist};

#[test]
fn keep_alive_requests_are_balanced_one_by_one_over_kept_server_connections() {
    test(async {
        let (a, b) = (Origin::named("a").await, Origin::named("b").await);
        let rig = Rig::new("", &[&a, &b]).await;
        let mut client = rig.client().await;
        let mut texts = Vec::new();
        for _ in 0..6 {
            texts.push(client.get("/", "").await.text().to_owned());
        }
        assert_eq!(texts, ["a", "b", "a", "b", "a", "b"]);
        assert_eq!((a.connections.get(), b.connections.get()), (1, 1));
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn client_with_a_cookie_stays_on_its_server() {
    test(async {
        let (a, b) = (Origin::named("a").await, Origin::named("b").await);
        let rig = Rig::with(Setup {
            persist: vec![Persist::Cookie(CookieSettings::default())],
            servers: vec![a.address, b.address],
            ..Setup::default()
        })
        .await;
        let mut client = rig.client().await;
        let first = client.get("/", "").await;
        assert_eq!(
            first.header("set-cookie"),
            ["SEKISHO=token-of-server-000001; Path=/; HttpOnly; SameSite=Lax"]
        );
        assert_eq!(first.header("cache-control"), ["private"]);
        for _ in 0..3 {
            let again = client.get("/", "Cookie: x=1; SEKISHO=token-of-server-000001; y=2\r\n").await;
            assert_eq!(again.text(), "a");
            assert!(again.header("set-cookie").is_empty());
        }
        assert_eq!(a.seen().last().unwrap().header("cookie"), ["x=1; y=2"]);
    });
}

#[test]
fn post_with_a_length_arrives_whole() {
    test(async {
        let origin = Origin::new(|seen| Reply::ok(&format!("{}", seen.body.len()))).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        let body = "x".repeat(300_000);
        let answer = client
            .ask(format!("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
            .await;
        assert_eq!((answer.status, answer.text()), (200, "300000"));
        assert_eq!(client.get("/", "").await.status, 200);
        assert_eq!(origin.connections.get(), 1);
    });
}
