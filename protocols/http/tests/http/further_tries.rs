//! What `retry` allows is tried on another server, and nothing else is.

use std::cell::Cell;
use std::rc::Rc;

use sekisho_api::{CookieSettings, Failure, Persist};

use super::support::{Origin, Reply, Rig, Setup, test};

const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

/// An origin that fails in this way.
async fn bad(reply: Reply) -> Origin {
    Origin::new(move |_| reply.clone()).await
}

fn post(body: &str) -> String {
    format!("POST /once HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn each_cause_that_is_listed_is_worth_another_server() {
    test(async {
        let cases = [
            ("retry = { on = [\"empty-answer\"] }", Reply::Reset(Vec::new()), Failure::Reset),
            ("retry = { on = [\"empty-answer\"] }", Reply::Last(Vec::new()), Failure::Reset),
            (
                "retry = { on = [\"malformed-answer\"] }",
                Reply::say("no HTTP at all\r\n\r\n"),
                Failure::Malformed,
            ),
            (
                "retry = { on = [\"malformed-answer\"] }",
                Reply::Last(b"HTTP/1.1 200 OK\r\nCont".to_vec()),
                Failure::Reset,
            ),
            ("retry = { on = [\"503\"] }", Reply::say(UNAVAILABLE), Failure::SaidSo),
            ("retry = { on = [\"5xx\"] }", Reply::say(UNAVAILABLE), Failure::SaidSo),
            (
                "response-timeout = \"40ms\"\nretry = { on = [\"timeout\"] }",
                Reply::Silence,
                Failure::ResponseTimeout,
            ),
            (
                "retry = { on = [\"timeout\"], per-try-timeout = \"40ms\" }",
                Reply::Silence,
                Failure::ResponseTimeout,
            ),
        ];
        for (options, reply, failure) in cases {
            let (bad, good) = (bad(reply).await, Origin::named("good").await);
            let rig = Rig::new(options, &[&bad, &good]).await;
            let answer = rig.client().await.get("/x", "X-A: 1\r\n").await;
            assert_eq!((answer.status, answer.text()), (200, "good"), "{options}");
            assert_eq!(good.seen()[0].head, bad.seen()[0].head, "{options}: the same head");
            assert_eq!(rig.core.servers[0].failures(), [failure], "{options}");
            assert!(
                rig.booked(1).await[0].ends_with("s2 method in=0 out=4 tries=2 done"),
                "{:?}",
                rig.records()
            );
            assert_eq!(rig.leases(), 0);
        }
    });
}

#[test]
fn rule_has_its_own_further_tries_in_place_of_the_vips() {
    test(async {
        let options = "retry = { on = [\"503\"] }\n\
                       [[rules]]\npath-prefix = \"/once\"\nretry = { on = [] }\n\
                       [[rules]]\npath-prefix = \"/twice\"\nretry = { on = [\"timeout\"], per-try-timeout = \"40ms\" }";
        for (path, reply, status, tries) in [
            ("/", Reply::say(UNAVAILABLE), 200, 2),
            ("/once", Reply::say(UNAVAILABLE), 503, 1),
            ("/twice", Reply::say(UNAVAILABLE), 503, 1),
            ("/twice", Reply::Silence, 200, 2),
        ] {
            let (bad, good) = (bad(reply).await, Origin::named("good").await);
            let rig = Rig::new(options, &[&bad, &good]).await;
            assert_eq!(rig.client().await.get(path, "").await.status, status, "{path}");
            let record = rig.booked(1).await.remove(0);
            assert!(record.contains(&format!("tries={tries} ")), "{record}");
        }
    });
}

#[test]
fn what_is_not_listed_is_told() {
    test(async {
        let cases = [
            ("retry = { on = [\"503\"] }", Reply::Reset(Vec::new()), 502),
            ("retry = { on = [\"503\", \"timeout\"] }", Reply::say("no HTTP\r\n\r\n"), 502),
            ("retry = { on = [\"empty-answer\", \"502\"] }", Reply::say(UNAVAILABLE), 503),
            ("retry = { on = [] }\nresponse-timeout = \"40ms\"", Reply::Silence, 504),
        ];
        for (options, reply, status) in cases {
            let (bad, good) = (bad(reply).await, Origin::named("good").await);
            let rig = Rig::new(options, &[&bad, &good]).await;
            assert_eq!(rig.client().await.get("/", "").await.status, status, "{options}");
            assert!(good.seen().is_empty());
        }
    });
}

#[test]
fn last_bad_answer_is_the_clients_where_no_other_server_is_left() {
    test(async {
        let options = "retry = { on = [\"5xx\"], attempts = 2 }";
        let one = bad(Reply::say(UNAVAILABLE)).await;
        let rig = Rig::new(options, &[&one]).await;
        let answer = rig.client().await.get("/", "").await;
        assert_eq!((answer.status, answer.text(), one.seen().len()), (503, "busy", 1));
        let other = bad(Reply::say("HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nother")).await;
        let third = Origin::named("third").await;
        let rig = Rig::new(options, &[&one, &third, &other]).await;
        let answer = rig.client().await.get("/", "").await;
        assert_eq!((answer.status, answer.text()), (500, "other"), "two servers, no more");
        assert!(third.seen().is_empty());
    });
}

#[test]
fn post_is_never_sent_twice_unless_methods_say_so() {
    test(async {
        for reply in [Reply::Reset(Vec::new()), Reply::say(UNAVAILABLE), Reply::Silence] {
            let options = "response-timeout = \"40ms\"\n\
                           retry = { on = [\"5xx\", \"empty-answer\", \"timeout\"], replay-body = \"1 KiB\" }";
            let (one, good) = (bad(reply).await, Origin::named("good").await);
            let rig = Rig::new(options, &[&one, &good]).await;
            assert_ne!(rig.client().await.ask(post("x")).await.status, 200);
            assert_ne!(rig.client().await.ask(post("")).await.status, 0);
            let seen = one.seen().len() + good.seen().len();
            assert_eq!(seen, 2, "each once");
        }
        let (one, good) = (bad(Reply::say(UNAVAILABLE)).await, Origin::named("good").await);
        let options = "retry = { on = [\"503\"], replay-body = \"1 KiB\", methods = [\"POST\"] }";
        let rig = Rig::new(options, &[&one, &good]).await;
        assert_eq!(rig.client().await.ask(post("body")).await.text(), "good");
        assert_eq!(good.seen()[0].body, b"body");
    });
}

#[test]
fn bodies_are_said_again_whole_or_not_at_all() {
    test(async {
        let options = "retry = { on = [\"503\"], replay-body = \"8 B\" }";
        let put = |head: &str, body: &str| format!("PUT / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{body}");
        let chunked = put("Transfer-Encoding: chunked", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        let cases = [
            (options, put("Content-Length: 8", "12345678"), Some("12345678")),
            (options, put("Content-Length: 9", "123456789"), None),
            (options, chunked.clone(), Some("abcde")),
            (options, put("Transfer-Encoding: chunked", "9\r\n123456789\r\n0\r\n\r\n"), None),
            ("retry = { on = [\"503\"] }", put("Content-Length: 1", "1"), None),
            ("retry = { on = [\"503\"] }", put("Content-Length: 0", ""), Some("")),
        ];
        for (options, request, again) in cases {
            let (one, good) = (bad(Reply::say(UNAVAILABLE)).await, Origin::named("good").await);
            let rig = Rig::new(options, &[&one, &good]).await;
            let mut client = rig.client().await;
            let answer = client.ask(&request).await;
            assert_eq!(answer.status, if again.is_some() { 200 } else { 503 }, "{request}");
            assert_eq!(
                good.seen().first().map(|seen| seen.content()),
                again.map(|body| body.as_bytes().to_vec())
            );
            // What is booked is what the client sent, once; and the connection goes on.
            let bytes = one.seen()[0].content().len();
            assert!(rig.booked(1).await[0].contains(&format!(" in={bytes} ")), "{:?}", rig.records());
            assert_ne!(client.get("/next", "").await.status, 0);
        }
    });
}

#[test]
fn nothing_is_tried_again_once_the_client_has_a_byte_of_the_answer() {
    test(async {
        let broken = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
        let (one, good) = (bad(Reply::Reset(broken.into())).await, Origin::named("good").await);
        let options = "retry = { on = [\"5xx\", \"empty-answer\", \"malformed-answer\", \"timeout\"] }";
        let rig = Rig::new(options, &[&one, &good]).await;
        let answer = rig.client().await.get("/", "").await;
        assert_eq!((answer.status, answer.complete), (200, false));
        assert!(good.seen().is_empty());
    });
}

#[test]
fn kept_connection_that_died_costs_no_request_whose_body_is_kept() {
    test(async {
        let origin = Origin::new(|seen| match seen.turn {
            1 => Reply::ok("first"),
            _ => Reply::Reset(Vec::new()),
        })
        .await;
        let rig = Rig::new("retry = { replay-body = \"1 KiB\" }", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..4 {
            let answer = client.ask("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
            assert_eq!(answer.text(), "first");
        }
        assert_eq!(client.ask(post("x")).await.status, 502, "but a POST is");
        assert_eq!(origin.seen().iter().filter(|seen| seen.line().contains("/once")).count(), 1);
    });
}

#[test]
fn connection_of_a_discarded_answer_is_used_again() {
    test(async {
        let (one, good) = (bad(Reply::say(UNAVAILABLE)).await, Origin::named("good").await);
        let rig = Rig::new("retry = { on = [\"503\"] }", &[&one, &good]).await;
        let mut client = rig.client().await;
        for _ in 0..6 {
            assert_eq!(client.get("/", "").await.text(), "good");
        }
        assert!(one.seen().len() > 1);
        assert_eq!((one.connections.get(), good.connections.get()), (1, 1));
    });
}

#[test]
fn last_try_has_the_whole_patience() {
    test(async {
        let slow = || async {
            Origin::new(|_| {
                Reply::Pieces(
                    vec![Vec::new(); 60]
                        .into_iter()
                        .chain([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow".to_vec()])
                        .collect(),
                )
            })
            .await
        };
        let (one, other) = (slow().await, slow().await);
        let options = "retry = { on = [\"timeout\"], per-try-timeout = \"30ms\", attempts = 2 }";
        let rig = Rig::new(options, &[&one, &other]).await;
        let answer = rig.client().await.get("/", "").await;
        assert_eq!((answer.status, answer.text()), (200, "slow"));
        assert_eq!((one.seen().len(), other.seen().len()), (1, 1));
        // What is not tried again is given the time as well.
        assert_eq!(rig.client().await.ask(post("x")).await.text(), "slow");
    });
}

#[test]
fn budget_bounds_what_a_broken_pool_is_asked() {
    test(async {
        let count = Rc::new(Cell::new(0));
        let counted = || {
            let count = count.clone();
            Origin::new(move |seen| {
                // A script is asked at the head and at the end.
                if seen.complete || seen.body.is_empty() {
                    count.set(count.get() + 1);
                }
                Reply::say(UNAVAILABLE)
            })
        };
        let (one, other) = (counted().await, counted().await);
        let options = "retry = { on = [\"503\"], budget = \"20%\", budget-floor = 1 }";
        let rig = Rig::new(options, &[&one, &other]).await;
        let mut client = rig.client().await;
        for _ in 0..200 {
            assert_eq!(client.get("/", "").await.status, 503);
        }
        let tries = one.seen().len() + other.seen().len() - 200;
        assert!((40..=50).contains(&tries), "a fifth, and one a second: {tries}");
    });
}

#[test]
fn client_stays_at_home_when_its_request_was_served_elsewhere() {
    test(async {
        use sekisho_api::{Key, KeyKind};
        let busy = Rc::new(Cell::new(true));
        let is_busy = busy.clone();
        let home =
            Origin::new(move |_| if is_busy.get() { Reply::say(UNAVAILABLE) } else { Reply::ok("home") })
                .await;
        let other = Origin::named("other").await;
        let servers = vec![home.address, other.address];
        let header = Persist::Header { name: "x-user".into() };
        let setup = Setup {
            options: "retry = { on = [\"503\"] }",
            persist: vec![header],
            servers,
            ..Default::default()
        };
        let rig = Rig::with(setup).await;
        rig.core.table.borrow_mut().insert(Key::new(KeyKind::HEADER, b"alice".as_slice()).unwrap(), 1);
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "X-User: alice\r\n").await.text(), "other");
        busy.set(false);
        assert_eq!(client.get("/", "X-User: alice\r\n").await.text(), "home");
    });
}

#[test]
fn clients_of_http2_have_further_tries_and_times_as_others_do() {
    test(async {
        let (one, good) = (bad(Reply::say(UNAVAILABLE)).await, Origin::named("good").await);
        let options = "retry = { on = [\"503\"], replay-body = \"1 KiB\" }\ntotal-timeout = \"150ms\"";
        let rig = Rig::new(options, &[&one, &good]).await;
        let stream = tokio::net::TcpStream::connect(rig.address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::task::spawn_local(connection);
        let mut client = client.ready().await.unwrap();
        let mut put = async |ends: bool| {
            let asked = http::Request::put("http://www.example.org/")
                .version(http::Version::HTTP_2)
                .body(())
                .unwrap();
            let (response, mut body) = client.send_request(asked, false).unwrap();
            body.send_data(bytes::Bytes::from_static(b"first"), false).unwrap();
            if ends {
                body.send_data(bytes::Bytes::from_static(b"-last"), false).unwrap();
                let trailers = [("x-sum".parse().unwrap(), "7".parse().unwrap())];
                body.send_trailers(trailers.into_iter().collect()).unwrap();
            }
            (response.await.unwrap().status().as_u16(), body)
        };
        assert_eq!(put(true).await.0, 200);
        assert_eq!(
            (one.seen()[0].content(), good.seen()[0].content()),
            (b"first-last".to_vec(), b"first-last".to_vec())
        );
        // What is not all there is no other server's, and nobody waits for it for ever.
        assert_eq!(put(false).await.0, 504);
        assert_eq!(rig.leases(), 0);
        connection.abort();
    });
}

#[test]
fn answer_that_any_client_can_provoke_is_no_failure_of_its_server() {
    test(async {
        for (status, failures) in [(500, 1), (501, 0), (503, 1), (505, 0)] {
            let origin = Origin::new(move |_| {
                Reply::Say(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").into())
            })
            .await;
            let rig = Rig::new("", &[&origin]).await;
            let answer = rig.client().await.ask("FROB / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!((answer.status, rig.core.servers[0].failures().len()), (status, failures));
        }
    });
}

#[test]
fn cookie_of_a_client_that_was_served_elsewhere_stays_its_own_servers() {
    test(async {
        let own = Origin::new(|seen| match seen.line().contains("/bad") {
            true => Reply::say(UNAVAILABLE),
            false => Reply::ok("own"),
        })
        .await;
        let other = Origin::named("other").await;
        let rig = Rig::with(Setup {
            options: "retry = { on = [\"503\"] }",
            persist: vec![Persist::Cookie(CookieSettings::default())],
            servers: vec![own.address, other.address],
            ..Setup::default()
        })
        .await;
        let mut client = rig.client().await;
        let cookie = "Cookie: SEKISHO=token-of-server-000001\r\n";
        for (target, text) in [("/", "own"), ("/bad", "other"), ("/", "own")] {
            let answer = client.get(target, cookie).await;
            assert_eq!((answer.text(), answer.header("set-cookie")), (text, vec![]), "{target}");
        }
        assert_eq!(client.get("/bad", "").await.header("set-cookie").len(), 1, "a new client has none");
    });
}
