//! HTTP/2 towards servers that refuse, leave, break off or do not understand.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::Response;
use sekisho_api::Failure;

use super::support::{Origin, Rig, Setup, TwoOrigin, test};
use super::upstream_two::before;

#[test]
fn request_that_a_server_has_not_looked_at_is_sent_again_whatever_its_method() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            match asked.turn {
                2 => asked.reset(Reason::REFUSED_STREAM),
                _ => asked.ok("a"),
            }
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.text(), "a");
        let post = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!((post.status, post.text()), (200, "a"));
        assert_eq!((origin.connections.get(), origin.seen.borrow().len()), (1, 3));
    });
}

#[test]
fn server_that_refuses_again_and_again_is_given_up_and_another_is_asked() {
    test(async {
        let never = TwoOrigin::new(|asked| async move { asked.reset(Reason::REFUSED_STREAM) }).await;
        let other = TwoOrigin::named("b").await;
        let rig = before(&[&never, &other], "").await;
        let mut client = rig.client().await;
        for _ in 0..4 {
            assert_eq!(client.get("/", "").await.text(), "b");
        }
    });
}

#[test]
fn body_that_was_begun_is_not_sent_again() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let _ = asked.body.data().await;
            asked.reset(Reason::REFUSED_STREAM);
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        let post = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
        assert_eq!(post.status, 502);
        assert_eq!(origin.seen.borrow().len(), 1);
        assert_eq!(rig.core.servers[0].failures(), [Failure::Reset], "one request is one failure");
    });
}

#[test]
fn server_that_asks_to_finish_finishes_and_the_next_request_goes_elsewhere() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            if asked.turn == 2 {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            asked.ok("a");
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut clients = [rig.client().await, rig.client().await];
        assert_eq!(clients[0].get("/", "").await.text(), "a");
        origin.parting.set(true);
        assert_eq!(clients[0].get("/", "").await.text(), "a");
        assert_eq!(clients[1].get("/", "").await.text(), "a");
        let connections: Vec<usize> =
            origin.seen.borrow().iter().map(|(connection, _)| *connection).collect();
        assert_eq!(connections, [1, 1, 2]);
    });
}

#[test]
fn answer_shorter_or_longer_than_it_said_is_visibly_broken() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            let text: &[u8] = if asked.head.uri().path() == "/short" { b"1234" } else { b"12345678901" };
            let mut way = asked.say(Response::builder().header("content-length", "10").body(()).unwrap());
            let _ = way.send_data(Bytes::copy_from_slice(text), true);
        })
        .await;
        let rig = before(&[&origin], "").await;
        for target in ["/short", "/long"] {
            let answer = rig.client().await.get(target, "").await;
            assert!(!answer.complete || answer.status == 502, "{target}: {answer:?}");
        }
    });
}

#[test]
fn answer_that_breaks_off_never_looks_complete_and_others_go_on() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            if asked.head.uri().path() == "/cut" {
                let mut way = asked.say(Response::new(()));
                way.send_data(Bytes::from_static(b"only"), false).unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
                way.send_reset(Reason::INTERNAL_ERROR);
            } else {
                asked.ok("a");
            }
        })
        .await;
        let rig = before(&[&origin], "").await;
        let cut = rig.client().await.get("/cut", "").await;
        assert!(!cut.complete && cut.body == b"only");
        assert_eq!(rig.core.servers[0].failures(), [Failure::Reset]);
        assert_eq!(rig.client().await.get("/", "").await.text(), "a");
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn client_that_leaves_withdraws_its_request_and_the_connection_lives_on() {
    test(async {
        let left = std::rc::Rc::new(std::cell::Cell::new(None));
        let told = left.clone();
        let origin = TwoOrigin::new(move |mut asked| {
            let told = told.clone();
            async move {
                if asked.turn > 1 {
                    return asked.ok("a");
                }
                let reset = std::future::poll_fn(|cx| asked.respond.poll_reset(cx)).await;
                told.set(reset.ok());
            }
        })
        .await;
        let rig = before(&[&origin], "body-timeout = \"20ms\"").await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        while origin.seen.borrow().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        client.stream.set_zero_linger().unwrap();
        drop(client);
        rig.quiet().await;
        while left.get().is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(left.get(), Some(Reason::CANCEL));
        assert_eq!(rig.client().await.get("/", "").await.text(), "a");
        assert_eq!((origin.connections.get(), rig.leases()), (1, 0));
    });
}

#[test]
fn server_that_does_not_speak_it_is_a_failed_connection() {
    test(async {
        let old = Origin::named("old").await;
        let servers = vec![old.address];
        let rig = Rig::with(Setup { servers, pool: "version = \"2\"", ..Setup::default() }).await;
        let answer = rig.client().await.get("/", "").await;
        assert_eq!(answer.status, 503);
        assert!(matches!(rig.core.servers[0].failures()[..], [Failure::Malformed | Failure::Reset, ..]));
    });
}

#[test]
fn server_that_is_slow_is_told_so_and_gets_no_more_over_that_connection() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            match asked.turn {
                1 => std::future::pending().await,
                _ => asked.ok("a"),
            }
        })
        .await;
        let rig = before(&[&origin], "response-timeout = \"50ms\"").await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.status, 504);
        assert_eq!(rig.core.servers[0].failures(), [Failure::ResponseTimeout]);
        assert_eq!(client.get("/", "").await.text(), "a");
        assert_eq!(origin.connections.get(), 2);
    });
}

#[test]
fn connection_that_died_while_nobody_used_it_costs_no_request() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move { asked.ok("a") }).await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        for _ in 0..3 {
            origin.parting.set(true);
            let post = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
            assert_eq!(post.text(), "a");
            while origin.open.get() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        assert_eq!(origin.connections.get(), 3);
        assert!(rig.core.servers[0].failures().is_empty());
    });
}

#[test]
fn request_that_a_server_resets_is_no_matter_of_age_and_is_not_said_twice() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            match asked.head.uri().path() {
                "/bad" => asked.reset(Reason::INTERNAL_ERROR),
                _ => asked.ok("a"),
            }
        })
        .await;
        let rig = before(&[&origin], "").await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.text(), "a");
        assert_eq!(client.get("/bad", "").await.status, 502);
        assert_eq!(origin.seen.borrow().len(), 2);
        assert_eq!(rig.core.servers[0].failures(), [Failure::Reset]);
        assert_eq!((client.get("/", "").await.text(), origin.connections.get()), ("a", 1));
    });
}

#[test]
fn field_of_a_connection_behind_a_body_stays_behind() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let (_, trailers) = asked.whole().await;
            assert_eq!(trailers.map(|fields| fields.len()), Some(1));
            asked.ok("a");
        })
        .await;
        let rig = before(&[&origin], "").await;
        let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
                    Trailer: keep-alive, proxy-connection, x-sum\r\n\r\n\
                    1\r\na\r\n0\r\nkeep-alive: 1\r\nproxy-connection: close\r\nx-sum: 1\r\n\r\n";
        assert_eq!(rig.client().await.ask(post).await.text(), "a");
        assert!(rig.core.servers[0].failures().is_empty());
    });
}

#[test]
fn tunnel_that_meets_a_rule_with_another_path_is_no_failure_of_the_servers() {
    test(async {
        let origin = TwoOrigin::named("a").await;
        let options = "allow-methods = [\"CONNECT\"]\n[[rules]]\npath-prefix = \"/\"\nrewrite = \"/inner\"";
        let rig = before(&[&origin], options).await;
        let mut client = rig.client().await;
        client.send("CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n").await;
        assert_eq!(client.any_answer("HEAD").await.status, 200);
        assert_eq!(origin.seen.borrow()[0].1.uri(), "b.example:443");
        assert!(rig.core.servers[0].failures().is_empty());
    });
}

#[test]
fn empty_body_that_was_refused_unseen_is_whole_at_the_next_server_whatever_it_speaks() {
    test(async {
        let never = TwoOrigin::new(|mut asked| async move {
            asked.whole().await;
            asked.reset(Reason::REFUSED_STREAM);
        })
        .await;
        let old = Origin::named("old").await;
        let servers = vec![never.address, old.address];
        let rig = Rig::with(Setup { servers, pool: "version = \"auto\"", ..Setup::default() }).await;
        rig.core.two.borrow_mut().push(1);
        let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert_eq!(rig.client().await.ask(post).await.text(), "old");
        assert_eq!((never.seen.borrow().len(), old.seen().len()), (1, 1));
    });
}
