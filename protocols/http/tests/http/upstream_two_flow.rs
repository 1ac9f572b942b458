//! HTTP/2 towards servers: nobody's slowness is kept in the gateway's memory, and nobody waits for another.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tokio::io::AsyncReadExt as _;

use super::support::{TwoOrigin, test};
use super::upstream_two::before;

#[test]
fn client_that_does_not_read_stops_its_server_and_no_other_client() {
    test(async {
        let sent = Rc::new(Cell::new(0));
        let count = sent.clone();
        let origin = TwoOrigin::new(move |asked| {
            let count = count.clone();
            async move {
                if asked.head.uri().path() != "/large" {
                    return asked.ok("small");
                }
                let mut way = asked.say(Response::new(()));
                let piece = Bytes::from(vec![b'x'; 64 * 1024]);
                while count.get() < 1 << 30 {
                    way.reserve_capacity(piece.len());
                    let Some(Ok(room)) = std::future::poll_fn(|cx| way.poll_capacity(cx)).await else {
                        return;
                    };
                    count.set(count.get() + room);
                    if way.send_data(piece.slice(..room), false).is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut stuck = Vec::new();
        for _ in 0..20 {
            let mut client = rig.client().await;
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let mut head = [0; 16];
            client.stream.read_exact(&mut head).await.unwrap();
            stuck.push(client);
        }
        let mut last = 0;
        while sent.get() != last {
            last = sent.get();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // What the kernels hold between gateway and client is most of it.
        assert!(last < 20 * (8 << 20), "{last} bytes");
        let mut client = rig.client().await;
        for _ in 0..3 {
            assert_eq!(client.get("/", "").await.text(), "small");
        }
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn server_that_does_not_read_stops_the_client() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            let _held = asked;
            std::future::pending::<()>().await;
        })
        .await;
        let rig = before(&[&origin], "body-timeout = \"300ms\"").await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n").await;
        let (taken, _) = client.repeat(&[b'x'; 64 * 1024], Duration::ZERO).await;
        assert!(taken < 32 << 20, "{taken} bytes");
        drop(client);
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn large_bodies_arrive_whole_both_ways() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let (body, _) = asked.whole().await;
            let mut way = asked.say(Response::new(()));
            let mut body = Bytes::from(body);
            while !body.is_empty() {
                way.reserve_capacity(body.len());
                let Some(Ok(room)) = std::future::poll_fn(|cx| way.poll_capacity(cx)).await else { return };
                let part = body.split_to(room.min(body.len()));
                way.send_data(part, body.is_empty()).unwrap();
            }
        })
        .await;
        let rig = before(&[&origin], "").await;
        let body: Vec<u8> = (0..3_000_000).map(|i| b'a' + (i % 23) as u8).collect();
        let mut client = rig.client().await;
        for _ in 0..2 {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            client.send(head).await;
            client.send(&body).await;
            let answer = client.answer("POST").await;
            assert!(answer.complete && answer.body == body, "{} bytes", answer.body.len());
        }
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn upload_of_one_who_pauses_leaves_room_for_others() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let (body, _) = asked.whole().await;
            assert!(!body.is_empty());
            asked.ok("a");
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut paused = Vec::new();
        for _ in 0..10 {
            let mut client = rig.client().await;
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegun").await;
            paused.push(client);
        }
        let mut client = rig.client().await;
        let body = vec![b'y'; 500_000];
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len())).await;
        client.send(&body).await;
        assert_eq!(client.answer("POST").await.text(), "a");
        for mut client in paused {
            client.send(vec![b'z'; 99_995]).await;
            assert_eq!(client.answer("POST").await.text(), "a");
        }
    });
}
