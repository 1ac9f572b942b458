//! A panic costs the request that it is about, and no other.

use h2::Reason;
use http::{Method, Request, Version};

use super::support::{Origin, Rig, test, two};

fn request(method: Method, path: &str) -> Request<()> {
    let uri = format!("http://www.example.org{path}");
    Request::builder().method(method).uri(uri).version(Version::HTTP_2).body(()).unwrap()
}

#[test]
fn panic_over_a_request_of_http_2_resets_its_stream_and_its_siblings_go_on() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = two(&rig).await;
        let (sibling, mut body) = client.send_request(request(Method::POST, "/sibling"), false).unwrap();
        body.send_data("first".into(), false).unwrap();
        let (before, _) = client.send_request(request(Method::GET, "/before"), true).unwrap();
        assert_eq!(before.await.unwrap().status(), 200);
        for place in ["choose", "records"] {
            rig.core.panics.set(Some(place));
            let (broken, _) = client.send_request(request(Method::GET, "/broken"), true).unwrap();
            let error = broken.await.unwrap_err();
            assert_eq!((error.reason(), error.is_reset()), (Some(Reason::INTERNAL_ERROR), true), "{place}");
        }
        let (after, _) = client.send_request(request(Method::GET, "/after"), true).unwrap();
        assert_eq!(after.await.unwrap().status(), 200);
        body.send_data("-last".into(), true).unwrap();
        assert_eq!(sibling.await.unwrap().status(), 200);
        let seen = origin.seen();
        assert!(seen.iter().any(|seen| seen.body.ends_with(b"0\r\n\r\n")), "{seen:?}");
        let records = rig.booked(4).await;
        let panicked: Vec<_> = records.iter().filter(|record| record.ends_with(" panic")).collect();
        assert!(matches!(panicked[..], [one] if one.contains("/broken")), "{records:?}");
        assert_eq!((rig.open.get(), rig.leases()), (1, 0));
    });
}

#[test]
fn panic_over_a_request_of_http_1_is_in_its_account() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        rig.core.panics.set(Some("choose"));
        let mut client = rig.client().await;
        client.send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let record = rig.booked(1).await.remove(0);
        assert!(record.contains("/broken") && record.ends_with(" panic"), "{record}");
        assert_eq!(rig.client().await.get("/", "").await.status, 200);
    });
}
