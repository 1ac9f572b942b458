//! What a server says before its answer reaches the clients that understand it.

use super::support::{Origin, Reply, Rig, test};

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\
                     Content-Length: 3\r\n\r\n";
const FINAL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn interim_answer_reaches_the_client_before_the_final_one_is_there() {
    test(async {
        let origin = Origin::new(|_| Reply::Interim(HINTS.into(), FINAL.into())).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        // The server ends its answer only when it has the body.
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n").await;
        let hints = client.any_answer("POST").await;
        assert_eq!(hints.head, "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n");
        client.send("abc").await;
        let answer = client.any_answer("POST").await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
        assert_eq!(client.get("/", "").await.text(), "ok", "the connection goes on");
    });
}

#[test]
fn every_split_of_interim_and_final_answers_reads_the_same() {
    test(async {
        let said = format!("HTTP/1.1 102 Processing\r\n\r\n{HINTS}HTTP/1.1 100 Continue\r\n\r\n{FINAL}");
        let length = said.len();
        let origin = Origin::new(move |seen| {
            let at: usize = seen.line().split(['/', ' ']).nth(2).unwrap().parse().unwrap();
            let (first, second) = said.as_bytes().split_at(at);
            Reply::Pieces(vec![first.to_vec(), second.to_vec()])
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for at in 1..length {
            client.send(format!("GET /{at} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            assert_eq!(
                client.any_answer("GET").await.head,
                "HTTP/1.1 102 Processing\r\n\r\n",
                "split at {at}"
            );
            let hints = client.any_answer("GET").await;
            assert_eq!((hints.status, hints.header("link")), (103, vec!["</a.css>; rel=preload"]), "{at}");
            // Nobody waits for leave to send a body.
            assert_eq!(client.any_answer("GET").await.text(), "ok", "split at {at}");
        }
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn client_of_http_1_0_is_told_the_final_answer_alone() {
    test(async {
        let origin = Origin::new(|_| Reply::Say(format!("{HINTS}{FINAL}").into())).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
        assert!(client.rest().await.starts_with("HTTP/1.0 200 OK\r\n"));
    });
}

#[test]
fn interim_answers_stand_beside_the_invitation_to_send_a_body() {
    test(async {
        let said = format!("{HINTS}HTTP/1.1 100 Continue\r\n\r\n{HINTS}");
        let origin = Origin::new(move |_| Reply::Interim(said.clone().into(), FINAL.into())).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").await;
        let mut told = Vec::new();
        for _ in 0..3 {
            told.push(client.any_answer("POST").await.status);
        }
        told.sort_unstable();
        assert_eq!(told, [100, 103, 103]);
        client.send("abc").await;
        assert_eq!(client.any_answer("POST").await.text(), "ok");
        assert_eq!(origin.seen()[0].body, b"abc");
    });
}

#[test]
fn interim_answers_are_bounded_in_size_and_number() {
    test(async {
        let large = format!("HTTP/1.1 103 Early Hints\r\nLink: <{}>\r\n\r\n", "x".repeat(30_000));
        let origin = Origin::new(move |seen| match seen.line().contains("/many") {
            true => Reply::Say("HTTP/1.1 102 Processing\r\n\r\n".repeat(1_100).into_bytes()),
            false => Reply::Say(format!("{}{FINAL}", large.repeat(20)).into()),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut told = 0;
        let answer = loop {
            let answer = client.any_answer("GET").await;
            if answer.status != 103 {
                break answer;
            }
            told += 1;
        };
        assert_eq!((answer.status, answer.text(), told), (200, "ok", 3));
        assert_eq!(rig.client().await.get("/many", "").await.status, 502);
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn server_that_leaves_after_an_interim_answer_is_not_asked_twice() {
    test(async {
        let origin = Origin::new(|_| Reply::Last(HINTS.into())).await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.any_answer("GET").await.status, 103);
        assert_eq!(client.any_answer("GET").await.status, 502);
        assert_eq!(origin.seen().len(), 1);
    });
}
