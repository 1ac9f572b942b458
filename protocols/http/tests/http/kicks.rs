//! What an operator ends: requests that go on, and connections that are their user's.

use h2::Reason;
use http::{Request, Version};
use sekisho_api::{KeyKind, Persist};

use super::support::{Origin, Reply, Rig, Setup, test, two};

/// Deadlines are looked at often, so that what goes on is known for it soon.
const OFTEN: &str = "request-timeout = \"30ms\"";

/// An origin whose answers never end, where they begin at all.
async fn endless() -> Origin {
    Origin::new(|seen| match seen.line().contains("/silence") {
        true => Reply::Silence,
        false => Reply::say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n"),
    })
    .await
}

#[test]
fn request_that_goes_on_is_the_operators_to_end_before_its_answer_and_in_it() {
    test(async {
        let origin = endless().await;
        for (path, status) in [("/silence", "0"), ("/events", "200")] {
            let rig = Rig::new(OFTEN, &[&origin]).await;
            let mut client = rig.client().await;
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let (who, kicked) = rig.listed(1).await;
            assert_eq!(who, "s1 -");
            kicked.notify_one();
            let rest = client.rest().await;
            assert_eq!(rest.contains("event"), status == "200", "{rest}");
            let record = rig.booked(1).await.remove(0);
            assert!(record.contains(&format!(" {status} s1 ")) && record.ends_with(" kicked"), "{record}");
            rig.quiet().await;
            assert_eq!((rig.leases(), rig.core.listed.borrow().len()), (0, 1), "it is listed once");
        }
    });
}

#[test]
fn stream_of_http_2_ends_alone() {
    test(async {
        let origin = endless().await;
        let rig = Rig::new(OFTEN, &[&origin]).await;
        let mut client = two(&rig).await;
        let mut bodies = Vec::new();
        for listed in 1..=2 {
            let request = Request::builder().uri("http://www.example.org/events").version(Version::HTTP_2);
            let (response, _) = client.send_request(request.body(()).unwrap(), true).unwrap();
            let mut body = response.await.unwrap().into_body();
            assert_eq!(body.data().await.unwrap().unwrap(), "event");
            bodies.push(body);
            rig.listed(listed).await;
        }
        rig.listed(1).await.1.notify_one();
        let error = bodies[0].data().await.unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
        assert!(rig.booked(1).await[0].ends_with(" kicked"), "{:?}", rig.records());
        assert_eq!((rig.leases(), rig.open.get()), (1, 1));
    });
}

#[test]
fn idle_connection_is_its_users_and_ends_with_him() {
    test(async {
        let origin = Origin::named("a").await;
        let servers = vec![origin.address];
        let persist = vec![Persist::Key(KeyKind::USER)];
        let options =
            "user-from = [\"header:x-user\"]\nkeep-alive-timeout = \"20s\"\nrequest-timeout = \"30ms\"";
        let rig = Rig::with(Setup { options, persist, servers, ..Setup::default() }).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "X-User: anna\r\n").await.text(), "a");
        let (who, kicked) = rig.listed(1).await;
        assert_eq!(who, "s1 anna");
        kicked.notify_one();
        assert!(client.ended().await);
    });
}

#[test]
fn request_that_is_over_in_a_moment_is_not_listed_and_nor_is_a_connection_of_nobody() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for _ in 0..20 {
            assert_eq!(client.get("/", "").await.text(), "a");
        }
        // It rests after a second, which is when it would be listed.
        let before = rig.core.idled.get();
        while rig.core.idled.get() == before {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(rig.core.listed.borrow().is_empty());
    });
}

#[test]
fn what_the_operator_ended_while_a_request_was_in_the_queue_was_not_that_request() {
    test(async {
        let origin = endless().await;
        let rig = Rig::new(OFTEN, &[&origin]).await;
        rig.core.full.set(true);
        let mut client = rig.client().await;
        client.send("GET /silence HTTP/1.1\r\nHost: a\r\n\r\n").await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let kicked = std::time::Instant::now();
        rig.core.full.set(false);
        rig.core.room.notify_one();
        rig.listed(1).await;
        assert!(rig.core.had.get().unwrap() >= kicked);
    });
}
