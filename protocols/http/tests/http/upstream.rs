//! The connections to servers: large bodies, stray bytes, servers that stop listening.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::support::{Origin, Reply, Rig, Setup, test};

#[test]
fn large_answers_arrive_whole_in_every_framing() {
    test(async {
        let body: Vec<u8> = (0..1_000_000).map(|i| b'a' + (i % 23) as u8).collect();
        let text = body.clone();
        let origin = Origin::new(move |seen| {
            let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
            let size = match seen.line().split(' ').nth(1).unwrap() {
                "/length" => {
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
                    return Reply::Say([head.as_bytes(), &text].concat());
                }
                "/close" => return Reply::Last([b"HTTP/1.1 200 OK\r\n\r\n", &text[..]].concat()),
                "/one" => text.len(),
                "/small" => 99,
                _ => 70_001,
            };
            let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            answer.extend(text.chunks(size).flat_map(chunk));
            answer.extend_from_slice(b"0\r\n\r\n");
            Reply::Say(answer)
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        for target in ["/length", "/one", "/small", "/middle", "/length", "/close"] {
            let answer = client.get(target, "").await;
            assert!(answer.complete && answer.body == body, "{target}: {} bytes", answer.body.len());
        }
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn chunked_upload_of_small_and_large_chunks_arrives_whole() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let sizes = [1, 5_000, 3, 70_000, 4_090, 4_096, 4_097, 200_000, 16];
        for size in sizes {
            client.send(format!("{size:x}\r\n{}\r\n", "y".repeat(size))).await;
        }
        client.send("0\r\n\r\n").await;
        assert_eq!(client.answer("POST").await.text(), "a");
        let seen = &origin.seen()[0].body;
        let letters = seen.iter().filter(|byte| **byte == b'y').count();
        assert_eq!(letters, sizes.iter().sum::<usize>());
        assert!(seen.ends_with(b"y\r\n0\r\n\r\n"));
    });
}

#[test]
fn kept_connection_with_stray_bytes_is_not_used() {
    test(async {
        let origin = Origin::new(|seen| match seen.connection {
            1 => Reply::Pieces(vec![
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".to_vec(),
                b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged".to_vec(),
            ]),
            _ => Reply::ok("own"),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/", "").await.text(), "x");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let post = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
        assert_eq!(post.text(), "own");
        assert_eq!(origin.seen()[1].connection, 2);
    });
}

#[test]
fn answer_of_a_server_that_hangs_up_on_an_upload_reaches_the_client() {
    test(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 256]).await;
            let answer = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig";
            let _ = stream.write_all(answer).await;
        });
        let rig = Rig::with(Setup { servers: vec![address], ..Setup::default() }).await;
        let mut client = rig.client().await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n").await;
        client.send(vec![b'x'; 2_000]).await;
        let answer = client.answer("POST").await;
        assert_eq!((answer.status, answer.text()), (413, "big"));
    });
}

#[test]
fn server_that_stalls_stops_the_client_with_bounded_memory() {
    test(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 256]).await;
            std::future::pending::<()>().await;
        });
        let servers = vec![address];
        let rig = Rig::with(Setup { options: "body-timeout = \"300ms\"", servers, ..Setup::default() }).await;
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
fn connection_that_names_a_client_serves_that_client_alone() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        rig.core.telling.set(true);
        let mut clients = [rig.client().await, rig.client().await];
        for client in [0, 1, 0, 1] {
            assert_eq!(clients[client].get("/", "").await.text(), "a");
        }
        let connections: Vec<usize> = origin.seen().iter().map(|seen| seen.connection).collect();
        assert_eq!(connections, [1, 2, 1, 2]);
        drop(clients);
        while origin.open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn idle_client_keeps_no_connection_of_its_own_to_a_server() {
    test(async {
        let origin = Origin::named("a").await;
        // Deadlines are looked at as often as the shortest of them needs.
        let rig = Rig::new("body-timeout = \"20ms\"", &[&origin]).await;
        rig.core.telling.set(true);
        let mut client = rig.client().await;
        client.get("/", "").await;
        while origin.open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(client.get("/", "").await.text(), "a");
        assert_eq!(origin.connections.get(), 2);
    });
}

#[test]
fn connection_that_names_a_client_goes_to_no_other_server() {
    test(async {
        let (a, b) = (Origin::named("a").await, Origin::named("b").await);
        let rig = Rig::new("", &[&a, &b]).await;
        rig.core.telling.set(true);
        let mut client = rig.client().await;
        for expected in ["a", "b", "a"] {
            assert_eq!(client.get("/", "").await.text(), expected);
        }
    });
}
