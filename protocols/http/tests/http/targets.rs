//! Which resource of which host.

use super::support::{Origin, Rig, test};

async fn refused(request: &str, status: u16) {
    let origin = Origin::named("a").await;
    let rig = Rig::new("", &[&origin]).await;
    let mut client = rig.client().await;
    let answer = client.ask(request).await;
    assert_eq!(answer.status, status, "{request:?}");
    assert_eq!(answer.header("connection"), ["close"], "{request:?}");
    assert_eq!(client.rest().await, "", "{request:?}");
    assert!(origin.seen().is_empty(), "{request:?}");
}

#[test]
fn missing_double_and_malformed_hosts_are_answered_400() {
    test(async {
        for request in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: u@b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n",
            "GET http://b@/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            refused(request, 400).await;
        }
    });
}

#[test]
fn tunnels_and_echoes_are_refused() {
    test(async {
        refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405).await;
        refused("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405).await;
    });
}

#[test]
fn authority_of_an_absolute_target_wins_and_goes_up_in_origin_form() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.ask("GET http://u:p@b.example:81/x?y=%2f HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
        client.ask("OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
        let seen = origin.seen();
        assert_eq!((seen[0].line(), seen[0].header("host")), ("GET /x?y=%2f HTTP/1.1", vec!["b.example:81"]));
        assert_eq!(seen[1].line(), "OPTIONS * HTTP/1.1");
    });
}
