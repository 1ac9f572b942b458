//! HTTP/2 towards servers: what they are told and what clients hear of it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::support::{Origin, Rig, Setup, TwoOrigin, test};

/// A gateway in front of these.
pub(super) async fn before(origins: &[&TwoOrigin], options: &'static str) -> Rig {
    let servers = origins.iter().map(|origin| origin.address).collect();
    Rig::with(Setup { servers, options, pool: "version = \"2\"", ..Setup::default() }).await
}

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn request_is_one_of_http_2_and_its_answer_one_of_http_1_1() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let (body, trailers) = asked.whole().await;
            assert_eq!((&body[..], trailers), (&b"hello"[..], Some(fields(&[("x-sum", "7")]))));
            let head = Response::builder().header("x-kind", "two").header("set-cookie", "a=1");
            let head = head.header("set-cookie", "b=2").header("trailer", "x-end").body(()).unwrap();
            let mut way = asked.say(head);
            way.send_data(Bytes::from_static(b"answer"), false).unwrap();
            way.send_trailers(fields(&[("x-end", "9")])).unwrap();
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        let answer = client
            .ask(
                "POST /p?q=1 HTTP/1.1\r\nHost: a.example:80\r\nConnection: x-hop, te\r\nX-Hop: 1\r\nTE: trailers\r\n\
                 Cookie: c=1; d=2\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n0\r\nx-sum: 7\r\nx-undeclared: 1\r\n\r\n",
            )
            .await;
        assert!(answer.complete && answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
        assert_eq!((answer.header("x-kind"), answer.header("set-cookie")), (vec!["two"], vec!["a=1", "b=2"]));
        assert_eq!(answer.header("transfer-encoding"), ["chunked"]);
        assert_eq!(answer.text(), "answerx-end: 9\r\n");
        let (_, seen) = origin.seen.borrow_mut().remove(0);
        assert_eq!(
            (seen.method().as_str(), seen.uri().to_string()),
            ("POST", "http://a.example:80/p?q=1".into())
        );
        for gone in ["host", "connection", "x-hop", "transfer-encoding", "content-length"] {
            assert!(!seen.headers().contains_key(gone), "{gone}");
        }
        assert_eq!(seen.headers()["te"], "trailers");
        assert_eq!(seen.headers()["cookie"], "c=1; d=2");
        assert!(seen.headers().contains_key("x-forwarded-for"));
    });
}

#[test]
fn length_is_told_where_it_is_known_and_answers_without_body_have_none() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let status = match asked.head.uri().path() {
                "/204" => 204,
                "/304" => 304,
                _ => 200,
            };
            let head = Response::builder().status(status);
            let head =
                if status == 204 { head } else { head.header("content-length", "5") }.body(()).unwrap();
            let bodiless = status != 200 || asked.head.method() == "HEAD";
            let mut way = asked.respond.send_response(head, bodiless).unwrap();
            if !bodiless {
                way.send_data(Bytes::from_static(b"12345"), true).unwrap();
            }
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        let answer = client.get("/", "").await;
        assert_eq!((answer.header("content-length"), answer.text()), (vec!["5"], "12345"));
        let head = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!((head.status, head.header("content-length")), (200, vec!["5"]));
        assert_eq!(client.get("/204", "").await.status, 204);
        let same = client.get("/304", "").await;
        assert_eq!((same.status, same.header("content-length")), (304, vec!["5"]));
        assert_eq!(client.get("/", "").await.text(), "12345");
        let post = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
        assert_eq!(post.status, 200);
        assert_eq!(origin.seen.borrow().last().unwrap().1.headers()["content-length"], "3");
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn early_words_of_a_server_reach_the_client_and_a_body_is_asked_for() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let hints = Response::builder().status(103).header("link", "</a.css>").body(()).unwrap();
            asked.respond.send_informational(hints).unwrap();
            let (body, _) = asked.whole().await;
            assert_eq!(body, b"late");
            assert!(!asked.head.headers().contains_key("expect"));
            asked.ok("done");
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
        let mut statuses = Vec::new();
        loop {
            let answer = client.any_answer("PUT").await;
            statuses.push(answer.status);
            match answer.status {
                100 => client.send("late").await,
                103 => assert_eq!(answer.header("link"), ["</a.css>"]),
                _ => break assert_eq!(answer.text(), "done"),
            }
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [100, 103, 200]);
    });
}

#[test]
fn many_requests_share_one_connection_and_more_than_it_may_have_open_another() {
    test(async {
        let gate = std::rc::Rc::new(tokio::sync::Semaphore::new(0));
        let held = gate.clone();
        let mut settings = h2::server::Builder::new();
        settings.max_concurrent_streams(8);
        let origin = TwoOrigin::with(settings, move |asked| {
            let held = held.clone();
            async move {
                let _open = held.acquire().await;
                asked.ok("a");
            }
        })
        .await;
        let rig = before(&[&origin], "").await;
        let ask = || async {
            let mut client = rig.client().await;
            client.get("/", "").await.text().to_owned()
        };
        let eight = futures(8, ask);
        let opened = async {
            while origin.seen.borrow().len() < 8 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let connections = origin.connections.get();
            gate.add_permits(100);
            connections
        };
        let (answers, connections) = tokio::join!(eight, opened);
        assert_eq!((answers, connections), (vec!["a".to_owned(); 8], 1));
        gate.forget_permits(100);
        let twelve = futures(12, ask);
        let opened = async {
            while origin.seen.borrow().len() < 20 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            gate.add_permits(100);
        };
        assert_eq!(tokio::join!(twelve, opened).0.len(), 12);
        assert_eq!(origin.connections.get(), 2);
        assert_eq!(rig.leases(), 0);
    });
}

/// This many of them at once.
async fn futures<T: 'static, F: Future<Output = T>>(count: usize, make: impl Fn() -> F) -> Vec<T> {
    let mut running: Vec<_> = (0..count).map(|_| Box::pin(make())).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|cx| {
        running.retain_mut(|future| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[test]
fn connection_without_requests_is_closed_after_a_while() {
    test(async {
        let origin = TwoOrigin::named("a").await;
        let rig = before(&[&origin], "server-idle = \"20ms\"").await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.text(), "a");
        while origin.open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(client.get("/", "").await.text(), "a");
        assert_eq!(origin.connections.get(), 2);
    });
}

#[test]
fn connection_that_names_a_client_serves_that_client_alone() {
    test(async {
        let origin = TwoOrigin::named("a").await;
        let rig = before(&[&origin], "").await;
        rig.core.telling.set(true);
        let mut clients = [rig.client().await, rig.client().await];
        for client in [0, 1, 0, 1] {
            assert_eq!(clients[client].get("/", "").await.text(), "a");
        }
        let connections: Vec<usize> =
            origin.seen.borrow().iter().map(|(connection, _)| *connection).collect();
        assert_eq!(connections, [1, 2, 1, 2]);
    });
}

#[test]
fn in_clear_only_a_pool_that_says_so_is_spoken_to_in_http_2() {
    test(async {
        let origin = Origin::named("old").await;
        let servers = vec![origin.address];
        let rig = Rig::with(Setup { servers, pool: "version = \"auto\"", ..Setup::default() }).await;
        let mut client = rig.client().await;
        for _ in 0..2 {
            assert_eq!(client.get("/", "").await.text(), "old");
        }
        let post = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(client.ask(post).await.text(), "old");
        assert_eq!(origin.connections.get(), 1);
        assert_eq!(origin.seen()[2].body, b"abc");
    });
}
