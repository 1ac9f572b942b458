//! Who asks too often is told so, and when to come again.

use h2::client::handshake;
use http::Request;
use tokio::net::TcpStream;

use super::support::{Origin, Rig, test};

#[test]
fn request_beyond_the_rate_is_answered_429_and_the_connection_goes_on() {
    test(async {
        let origin = Origin::named("a").await;
        let limits = "rate-limits = { each = { rate = \"1/m\", burst = 3, path-prefix = \"/api\" } }";
        let rig = Rig::new(limits, &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..3 {
            assert_eq!(client.get("/api", "").await.status, 200);
        }
        for _ in 0..2 {
            let answer = client.get("/api/x", "").await;
            assert_eq!(answer.status, 429);
            let after: u64 = answer.header("retry-after")[0].parse().unwrap();
            assert!((1..=60).contains(&after), "{after}");
            assert!(answer.header("connection").is_empty() && answer.text().starts_with("429 "));
        }
        assert_eq!(client.get("/other", "").await.status, 200, "on the same connection");
        assert_eq!(rig.client().await.get("/api", "").await.status, 429, "a new one changes nothing");
        assert_eq!(origin.seen().len(), 4);
        let records = rig.booked(7).await;
        let limited: Vec<_> = records.iter().filter(|record| record.contains(" 429 ")).collect();
        assert_eq!(limited.len(), 3, "{records:?}");
        assert!(
            limited.iter().all(|r| r.contains(" - - ") && r.ends_with("rate-limit limit=each")),
            "{limited:?}"
        );
    });
}

#[test]
fn body_of_a_refused_request_is_not_read_as_the_next_one() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("rate-limits = { all = { key = \"all\", rate = \"1/h\" } }", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.status, 200);
        client
            .send(
                "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40\r\n\r\nGET /smuggled HTTP/1.1\r\n",
            )
            .await;
        let answer = client.answer("POST").await;
        assert_eq!((answer.status, answer.header("connection")), (429, vec!["close"]));
        assert!(client.ended().await);
        assert_eq!(origin.seen().len(), 1);
    });
}

#[test]
fn http_1_and_http_2_share_one_limit() {
    test(async {
        let origin = Origin::named("a").await;
        let rig =
            Rig::new("rate-limits = { each = { rate = \"1/h\", burst = 4, status = 503 } }", &[&origin])
                .await;
        let stream = TcpStream::connect(rig.address).await.unwrap();
        let (mut client, connection) = handshake(stream).await.unwrap();
        tokio::task::spawn_local(connection);
        let mut statuses = Vec::new();
        for _ in 0..6 {
            let request = Request::get("http://www.example.org/").body(()).unwrap();
            let (response, _) = client.send_request(request, true).unwrap();
            let response = response.await.unwrap();
            let after = response.headers().get("retry-after").map(|after| after.to_str().unwrap().to_owned());
            statuses.push((response.status().as_u16(), after.is_some_and(|after| after != "5")));
            if statuses.len() < 3 {
                statuses.push((rig.client().await.get("/", "").await.status, false));
            }
        }
        let (passed, refused) = statuses.split_at(4);
        assert!(passed.iter().all(|(status, _)| *status == 200), "{statuses:?}");
        assert!(refused.iter().all(|(status, waits)| *status == 503 && *waits), "{statuses:?}");
        assert_eq!(origin.seen().len(), 4);
    });
}

#[test]
fn limit_that_only_logs_lets_pass_and_says_so() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("rate-limits = { try = { rate = \"1/h\", log-only = true } }", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            assert_eq!(client.get("/", "").await.status, 200);
        }
        let records = rig.booked(2).await;
        assert!(records[0].ends_with(" done") && records[1].ends_with(" done limit=try"), "{records:?}");
    });
}
