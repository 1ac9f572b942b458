//! Servers of HTTP/2 that say nothing: those that are gone, and those that take their time.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use http::Response;
use sekisho_api::Failure;
use tokio::net::TcpListener;

use super::support::{Rig, Setup, TwoOrigin, test};

const OPTIONS: &str =
    "version = \"2\"\nping-interval = \"40ms\"\nping-timeout = \"400ms\"\nping-repeat = \"40ms\"";

/// A server that answers one request, and then is as one whose host is gone: its packets vanish, and those sent to it are
/// neither answered nor refused. Nobody else can connect.
async fn vanishing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        respond.send_response(Response::new(()), true).unwrap();
        let _second = connection.accept().await;
        pending::<()>().await;
        drop(connection);
    });
    address
}

#[test]
fn server_whose_packets_vanish_is_found_out_by_a_ping_and_another_one_answers() {
    test(async {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
        for (request, status, failures) in [
            (get, 200, &[Failure::ResponseTimeout][..]),
            (post, 502, &[Failure::ResponseTimeout, Failure::Reset]),
        ] {
            let (gone, other) = (vanishing().await, TwoOrigin::named("b").await);
            let servers = vec![gone, other.address];
            let rig = Rig::with(Setup { servers, pool: OPTIONS, ..Setup::default() }).await;
            let mut client = rig.client().await;
            assert_eq!(client.get("/", "").await.text(), "");
            assert_eq!(client.get("/", "").await.text(), "b");
            assert_eq!(client.ask(request).await.status, status);
            assert_eq!(rig.core.servers[0].failures(), failures);
            assert_eq!(rig.leases(), 0);
        }
    });
}

#[test]
fn server_that_is_silent_and_answers_pings_has_its_time() {
    test(async {
        let origin = TwoOrigin::new(|asked| async move {
            tokio::time::sleep(Duration::from_millis(600)).await;
            asked.ok("late");
        })
        .await;
        let servers = vec![origin.address];
        let rig = Rig::with(Setup { servers, pool: OPTIONS, ..Setup::default() }).await;
        assert_eq!(rig.client().await.get("/", "").await.text(), "late");
        assert_eq!((origin.connections.get(), rig.core.servers[0].failures()), (1, vec![]));
    });
}
