//! How the network cuts bytes changes nothing.

use super::support::{Origin, Reply, Rig, test};

const REQUESTS: &str = "\r\nPOST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n\
     GET /b HTTP/1.1\nHost: a\nX:\t1 \n\n";

#[test]
fn every_split_of_two_requests_gives_the_same_two_answers() {
    test(async {
        let origin =
            Origin::new(|seen| Reply::ok(&format!("{} {}", seen.line(), seen.header("x").join(",")))).await;
        let rig = Rig::new("", &[&origin]).await;
        for at in 0..=REQUESTS.len() {
            let mut client = rig.client().await;
            client.send(&REQUESTS[..at]).await;
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            client.send(&REQUESTS[at..]).await;
            assert_eq!(client.answer("POST").await.text(), "POST /a HTTP/1.1 ", "split at {at}");
            assert_eq!(client.answer("GET").await.text(), "GET /b HTTP/1.1 1", "split at {at}");
        }
        for pair in origin.seen().chunks(2) {
            // The chunks may be cut anew; the letters in them are the body.
            let body: Vec<u8> = pair[0].body.iter().copied().filter(u8::is_ascii_alphabetic).collect();
            assert_eq!(body, b"abcde");
        }
    });
}

#[test]
fn every_split_of_an_answer_gives_the_same_answer() {
    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    test(async {
        let origin = Origin::new(|seen| {
            let at: usize = seen.line().split(['/', ' ']).nth(2).unwrap().parse().unwrap();
            Reply::Pieces(vec![ANSWER.as_bytes()[..at].to_vec(), ANSWER.as_bytes()[at..].to_vec()])
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for at in 0..=ANSWER.len() {
            let answer = client.get(&format!("/{at}"), "").await;
            assert_eq!((answer.text(), answer.complete), ("abcde", true), "split at {at}");
        }
    });
}
