//! Numbers that a request is found by, and what its server is told of the client's TLS.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::support::{Origin, Reply, Rig, Setup, TwoOrigin, test, two};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

#[test]
fn number_is_made_told_to_both_sides_and_logged() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new(
            "request-id = \"make\"\nrequest-id-echo = true\nrules = [{ path = \"/gone\", answer = 410 }]",
            &[&origin],
        )
        .await;
        let mut client = rig.client().await;
        let spoof = "X-Request-Id: spoofed\r\nConnection: x-request-id\r\n";
        let answers = [
            client.get("/", spoof).await,
            client.get("/", "").await,
            client.get("/gone", "").await,
            rig.client().await.ask("GET / HTTP/1.1\r\nHost: a b\r\n\r\n").await,
        ];
        let told: Vec<&str> = answers.iter().map(|answer| answer.header("x-request-id")[0]).collect();
        assert!(told.iter().all(|id| is_uuid(id)), "{told:?}");
        assert_ne!(told[0], told[1]);
        assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 410, 400]);
        let seen = origin.seen();
        assert_eq!(
            (seen[0].header("x-request-id"), seen[1].header("x-request-id")),
            (vec![told[0]], vec![told[1]])
        );
        let records = rig.booked(4).await;
        for (record, id) in records.iter().zip(told) {
            assert!(record.ends_with(&format!(" id={id}")), "{record}");
        }
    });
}

#[test]
fn number_of_a_trusted_proxy_is_kept_in_the_field_that_was_named() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new(
            "request-id = \"make\"\nrequest-id-header = \"X-Correlation\"\ntrusted-networks = [\"127.0.0.0/8\"]\n\
             rules = [{ set-headers = { x-copy = \"{request-id}\" } }]",
            &[&origin],
        )
        .await;
        let answer = rig.client().await.get("/", "X-Correlation: abc/1\r\nX-Request-Id: own\r\n").await;
        assert!(answer.header("x-correlation").is_empty(), "the client is told only where it is to know");
        let seen = &origin.seen()[0];
        assert_eq!((seen.header("x-correlation"), seen.header("x-request-id")), (vec!["abc/1"], vec!["own"]));
        assert_eq!(seen.header("x-copy"), ["abc/1"], "rules know it as well");
    });
}

#[test]
fn trace_goes_on_or_begins_and_is_logged() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("trace-context = \"start\"\ntrace-sample = \"0%\"", &[&origin]).await;
        let mut client = rig.client().await;
        let nominated = format!("traceparent: {PARENT}\r\ntracestate: a=1\r\nConnection: traceparent\r\n");
        client.get("/", &nominated).await;
        client.get("/", "traceparent: 00-nonsense\r\ntracestate: a=1\r\n").await;
        let seen = origin.seen();
        assert_eq!(
            (seen[0].header("traceparent"), seen[0].header("tracestate")),
            (vec![PARENT], vec!["a=1"])
        );
        let made = seen[1].header("traceparent")[0];
        assert!(made.len() == 55 && made.starts_with("00-") && made.ends_with("-00"), "{made}");
        assert!(seen[1].header("tracestate").is_empty());
        let records = rig.booked(2).await;
        assert!(records[0].ends_with(&format!(" trace={}", &PARENT[3..35])), "{records:?}");
        assert!(records[1].ends_with(&format!(" trace={}", &made[3..35])), "{records:?}");
    });
}

#[test]
fn without_any_of_it_fields_pass_as_they_came() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let answer = rig.client().await.get("/", "X-Request-Id: own\r\ntraceparent: nonsense\r\n").await;
        assert!(answer.header("x-request-id").is_empty());
        let seen = &origin.seen()[0];
        assert_eq!(
            (seen.header("x-request-id"), seen.header("traceparent")),
            (vec!["own"], vec!["nonsense"])
        );
        assert!(rig.booked(1).await[0].ends_with(" done"));
    });
}

#[test]
fn facts_about_tls_are_the_gateways_alone_to_tell() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::with(Setup {
            options: "tls-headers = { x-verify = \"verify\", x-subject = \"subject\" }",
            servers: vec![origin.address],
            tls: true,
            ..Setup::default()
        })
        .await;
        let mut client = rig.client().await;
        let spoof =
            "X-Subject: CN=admin\r\nx_subject: CN=admin\r\nX-Verify: SUCCESS\r\nConnection: x-verify\r\n";
        client.get("/", spoof).await;
        client
            .ask(
                "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum, x-subject\r\n\r\n\
                 1\r\na\r\n0\r\nx-sum: 1\r\nx-subject: CN=admin\r\n\r\n",
            )
            .await;
        let seen = origin.seen();
        assert_eq!(seen.len(), 2);
        for seen in &seen {
            assert_eq!((seen.header("x-verify"), seen.header("x-subject")), (vec!["NONE"], vec![]));
            assert!(
                !seen.head.contains("admin") && !String::from_utf8_lossy(&seen.body).contains("admin"),
                "{seen:?}"
            );
        }
    });
}

#[test]
fn facts_about_tls_are_no_clients_to_tell_behind_a_body_of_http_2() {
    test(async {
        let origin = TwoOrigin::new(|mut asked| async move {
            let (_, trailers) = asked.whole().await;
            let head = Response::builder().header("x-seen", format!("{:?}", trailers.unwrap_or_default()));
            asked.respond.send_response(head.body(()).unwrap(), true).unwrap();
        })
        .await;
        let rig = Rig::with(Setup {
            options: "tls-headers = { x-verify = \"verify\" }",
            pool: "version = \"2\"",
            servers: vec![origin.address],
            tls: true,
            alpn: "h2",
            ..Setup::default()
        })
        .await;
        let mut client = two(&rig).await;
        let request = Request::post("https://a.example/").body(()).unwrap();
        let (answer, mut way) = client.send_request(request, false).unwrap();
        way.send_data(Bytes::from_static(b"x"), false).unwrap();
        let trailers = [("x-verify", "SUCCESS"), ("x_verify", "SUCCESS"), ("x-sum", "1")];
        let trailers = trailers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        way.send_trailers(HeaderMap::from_iter(trailers)).unwrap();
        assert_eq!(answer.await.unwrap().headers()["x-seen"], "{\"x-sum\": \"1\"}");
    });
}

#[test]
fn each_server_that_is_tried_is_a_span_that_it_was_told_of_as_its_parent() {
    test(async {
        let nobody = Origin::named("nobody").await;
        nobody.stop().await;
        let busy = Origin::new(|_| Reply::say("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")).await;
        let good = Origin::named("good").await;
        let options = "trace-context = \"pass\"\ntrace-spans = true\nretry = { on = [\"503\"] }";
        for (flags, reported) in [("01", true), ("00", false)] {
            let rig = Rig::new(options, &[&nobody, &good, &busy]).await;
            let (mut client, trace) = (rig.client().await, PARENT.replace("-01", &format!("-{flags}")));
            assert_eq!(client.get("/", &format!("traceparent: {trace}\r\n")).await.text(), "good");
            let record = rig.booked(1).await.remove(0);
            let mut tries = record.split(" try=").skip(1);
            if !reported {
                assert_eq!(tries.next(), None, "{record}");
                continue;
            }
            assert!(tries.next().is_some_and(|one| one.starts_with("s1:0:refused:")), "{record}");
            for (origin, begin) in [(&busy, "s3:503:-:"), (&good, "s2:200:-:")] {
                let id = tries.next().and_then(|one| one.strip_prefix(begin)).unwrap();
                let seen = origin.take_seen().remove(0);
                let told = seen.header("traceparent")[0];
                assert_eq!(told, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{id}-01"));
            }
        }
    });
}
