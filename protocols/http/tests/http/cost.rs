//! What a request costs in system calls and wake-ups: more of either is a slower gateway.

use super::support::{Origin, Rig, test};

const REQUESTS: usize = 50;

/// Reads, writes and wake-ups of as many requests.
async fn cost(request: &str, method: &str) -> (usize, usize, usize) {
    let origin = Origin::named("hello").await;
    let rig = Rig::new("", &[&origin]).await;
    let mut client = rig.client().await;
    client.get("/", "").await;
    let before = rig.cost();
    for _ in 0..REQUESTS {
        client.send(request).await;
        assert_eq!(client.answer(method).await.status, 200);
    }
    let after = rig.cost();
    (after.0 - before.0, after.1 - before.1, after.2 - before.2)
}

#[test]
fn small_request_costs_two_reads_two_writes_and_two_wake_ups() {
    test(async {
        let (reads, writes, polls) = cost("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET").await;
        assert_eq!((reads, writes), (2 * REQUESTS, 2 * REQUESTS), "{polls}");
        assert!(polls <= 3 * REQUESTS, "{polls}");
    });
}

#[test]
fn small_upload_costs_no_more_calls_than_a_small_request() {
    test(async {
        let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        let (reads, writes, polls) = cost(request, "POST").await;
        assert_eq!((reads, writes), (2 * REQUESTS, 2 * REQUESTS), "{polls}");
        assert!(polls <= 5 * REQUESTS, "{polls}");
    });
}
