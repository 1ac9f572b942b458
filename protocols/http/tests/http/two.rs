//! Clients that speak HTTP/2.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::SendRequest;
use http::{Method, Request, Response, Version};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::support::{Origin, Reply, Rig, test};

/// A client that knows beforehand that it is understood.
async fn client(rig: &Rig) -> (SendRequest<Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    (client.ready().await.unwrap(), tokio::task::spawn_local(connection))
}

fn request(method: Method, path: &str) -> Request<()> {
    let uri = format!("http://www.example.org{path}");
    Request::builder().method(method).uri(uri).version(Version::HTTP_2).body(()).unwrap()
}

async fn whole(response: Response<h2::RecvStream>) -> Result<String, h2::Error> {
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len()).unwrap();
        text.extend_from_slice(&data);
    }
    Ok(String::from_utf8(text).unwrap())
}

async fn get(client: &mut SendRequest<Bytes>, request: Request<()>) -> Response<h2::RecvStream> {
    let (response, _) = client.send_request(request, true).unwrap();
    response.await.unwrap()
}

#[test]
fn requests_of_one_connection_are_balanced_one_by_one_and_look_like_any_other() {
    test(async {
        let (a, b) = (Origin::named("a").await, Origin::named("b").await);
        let rig = Rig::new("", &[&a, &b]).await;
        let (mut client, _connection) = client(&rig).await;
        let mut names = Vec::new();
        for n in 0..4 {
            let mut asked = request(Method::GET, &format!("/{n}?x=1"));
            for crumb in ["a=1", "b=2"] {
                asked.headers_mut().append("cookie", crumb.parse().unwrap());
            }
            let response = get(&mut client, asked).await;
            assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
            assert!(response.headers().contains_key("date"));
            names.push(whole(response).await.unwrap());
        }
        names.sort();
        assert_eq!(names, ["a", "a", "b", "b"]);
        let seen = a.seen().remove(0);
        assert!(seen.line().ends_with("?x=1 HTTP/1.1"), "{}", seen.line());
        assert_eq!((seen.header("host"), seen.header("cookie")), (vec!["www.example.org"], vec!["a=1; b=2"]));
        assert_eq!(seen.header("x-forwarded-proto"), ["http"]);
        assert!(rig.records().iter().all(|record| record.contains("HTTP/2")), "{:?}", rig.records());
    });
}

#[test]
fn body_of_unknown_length_and_its_trailers_reach_the_server_in_chunks() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let mut asked = request(Method::POST, "/");
        asked.headers_mut().insert("trailer", "x-sum".parse().unwrap());
        let (response, mut body) = client.send_request(asked, false).unwrap();
        body.send_data("first".into(), false).unwrap();
        body.send_data("-last".into(), false).unwrap();
        body.send_trailers([("x-sum".parse().unwrap(), "7".parse().unwrap())].into_iter().collect()).unwrap();
        assert_eq!(whole(response.await.unwrap()).await.unwrap(), "a");
        let seen = origin.seen().remove(0);
        assert_eq!(seen.header("transfer-encoding"), ["chunked"]);
        let body = String::from_utf8(seen.body).unwrap();
        assert!(body.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{body}");
    });
}

#[test]
fn answer_that_breaks_off_is_a_reset_and_no_end() {
    test(async {
        let cut = || Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly".to_vec());
        let origin = Origin::new(move |_| cut()).await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let error = whole(get(&mut client, request(Method::GET, "/")).await).await.unwrap_err();
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
    });
}

#[test]
fn trailers_of_an_answer_reach_the_client_and_head_has_no_body() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().starts_with("HEAD") {
            true => Reply::say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
            false => Reply::say(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 9\r\n\r\n",
            ),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let mut body = get(&mut client, request(Method::GET, "/")).await.into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "hi");
        assert!(body.data().await.is_none());
        assert_eq!(body.trailers().await.unwrap().unwrap()["x-sum"], "9");
        let head = get(&mut client, request(Method::HEAD, "/")).await;
        assert_eq!(head.headers()["content-length"], "5");
        assert!(head.into_body().is_end_stream());
    });
}

#[test]
fn client_that_names_two_hosts_or_asks_for_a_tunnel_is_refused_and_others_on_the_connection_are_served() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let mut two = request(Method::GET, "/");
        two.headers_mut().insert("host", "other.example".parse().unwrap());
        assert_eq!(get(&mut client, two).await.status(), 400);
        let tunnel = Request::builder().method(Method::CONNECT).uri("www.example.org:443").body(()).unwrap();
        assert_eq!(get(&mut client, tunnel).await.status(), 405);
        assert_eq!(get(&mut client, request(Method::GET, "/")).await.status(), 200);
        assert_eq!(origin.seen().len(), 1);
    });
}

#[test]
fn server_that_does_not_read_holds_its_client_back() {
    test(async {
        let origin = Origin::new(|_| Reply::Silence).await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let (_response, mut body) = client.send_request(request(Method::POST, "/"), false).unwrap();
        let mut sent = 0_usize;
        let stuck = async {
            loop {
                body.reserve_capacity(65_536);
                let Some(Ok(room)) = poll_fn(|cx| body.poll_capacity(cx)).await else { panic!("reset") };
                body.send_data(vec![b'x'; room].into(), false).unwrap();
                sent += room;
                assert!(sent < 64 << 20, "nobody holds it back");
            }
        };
        assert!(tokio::time::timeout(Duration::from_millis(1500), stuck).await.is_err());
    });
}

#[test]
fn client_that_withdraws_what_it_asks_for_again_and_again_is_cut() {
    test(async {
        let origin = Origin::new(|_| Reply::Silence).await;
        let rig = Rig::new("", &[&origin]).await;
        let (client, connection) = client(&rig).await;
        let flood = async {
            let mut client = client;
            loop {
                let Ok(mut ready) = client.ready().await else { return };
                let Ok((response, mut stream)) = ready.send_request(request(Method::GET, "/"), false) else {
                    return;
                };
                tokio::task::yield_now().await;
                stream.send_reset(Reason::CANCEL);
                drop(response);
                client = ready;
            }
        };
        flood.await;
        let error = connection.await.unwrap().unwrap_err();
        // Whoever goes on writing may meet the closed socket before the word that explains it.
        assert!(error.is_io() || error.reason() == Some(Reason::ENHANCE_YOUR_CALM), "{error}");
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn preface_in_pieces_is_understood_and_another_method_is_no_preface() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        for piece in ["P", "RI * HTTP/2.0\r\n", "\r\nSM\r\n\r\n"] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut settings = [0; 9];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut settings).await.unwrap();
        assert_eq!(settings[3], 4, "a SETTINGS frame");
        let mut plain = rig.client().await;
        plain.send("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(plain.answer("PROPFIND").await.status, 200);
    });
}

#[test]
fn preface_behind_a_request_of_another_version_is_no_beginning() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.answer("GET").await.status, 200);
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        assert_eq!(client.answer("GET").await.status, 400);
    });
}

#[test]
fn more_fields_than_allowed_are_too_many_in_every_version_and_crumbs_are_one() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("max-headers = 16", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let many = |name: &'static str| {
            let mut asked = request(Method::GET, "/");
            (0..20).for_each(|n| _ = asked.headers_mut().append(name, format!("a{n}=1").parse().unwrap()));
            asked
        };
        assert_eq!(get(&mut client, many("x-many")).await.status(), 431);
        assert_eq!(get(&mut client, many("cookie")).await.status(), 200);
        assert_eq!(origin.seen().len(), 1);
    });
}

#[test]
fn whatever_frames_nothing_passes_behind_an_answer_announced_or_not() {
    test(async {
        let origin = Origin::new(|_| {
            Reply::say(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum, connection, set-cookie\r\n\r\n\
                 2\r\nhi\r\n0\r\nx-sum: 9\r\nconnection: x\r\nset-cookie: a=1\r\nx-other: 1\r\n\r\n",
            )
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let mut body = get(&mut client, request(Method::GET, "/")).await.into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "hi");
        assert!(body.data().await.is_none());
        let trailers = body.trailers().await.unwrap().unwrap();
        assert_eq!(trailers.keys().collect::<Vec<_>>(), ["x-sum", "x-other"]);
    });
}

#[test]
fn answer_204_says_no_length() {
    test(async {
        let origin =
            Origin::new(|_| Reply::say("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")).await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let answer = get(&mut client, request(Method::GET, "/")).await;
        assert_eq!((answer.status().as_u16(), answer.headers().get("content-length")), (204, None));
    });
}

#[test]
fn client_that_waits_with_its_body_is_invited_once_a_server_takes_it() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let mut asked = request(Method::POST, "/");
        asked.headers_mut().insert("expect", "100-continue".parse().unwrap());
        let (mut response, mut body) = client.send_request(asked, false).unwrap();
        let invited = poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!(invited.status(), 100);
        body.send_data("body".into(), true).unwrap();
        assert_eq!(whole(response.await.unwrap()).await.unwrap(), "a");
        assert!(origin.seen().remove(0).header("expect").is_empty());
    });
}

#[test]
fn client_that_breaks_the_rules_of_the_connection_is_in_the_records() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        // DATA on the connection itself (RFC 9113, section 6.1).
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        stream.write_all(b"\0\0\x01\0\0\0\0\0\0x").await.unwrap();
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        rig.quiet().await;
        assert_eq!(rig.records().len(), 1, "{:?}", rig.records());
    });
}

#[test]
fn stream_that_is_withdrawn_gives_its_server_back_at_every_stage_and_so_does_a_connection_that_is_gone() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/begun") {
            true => Reply::say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"),
            false => Reply::Silence,
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        for reset in [true, false] {
            let (mut client, connection) = client(&rig).await;
            let (upload, mut uploading) = client.send_request(request(Method::POST, "/"), false).unwrap();
            uploading.send_data("some".into(), false).unwrap();
            let (waiting, mut asked) = client.send_request(request(Method::GET, "/"), true).unwrap();
            let (answer, mut begun) = client.send_request(request(Method::GET, "/begun"), true).unwrap();
            let mut body = answer.await.unwrap().into_body();
            assert_eq!(body.data().await.unwrap().unwrap(), "begun");
            while rig.leases() < 3 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            if reset {
                for stream in [&mut uploading, &mut asked, &mut begun] {
                    stream.send_reset(Reason::CANCEL);
                }
            } else {
                connection.abort();
            }
            while rig.leases() > 0 || origin.open.get() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            drop((upload, waiting, body));
        }
        rig.quiet().await;
        let records = rig.booked(6).await;
        assert_eq!(records.len(), 6, "{records:?}");
    });
}

#[test]
fn upload_or_download_that_stalls_ends_after_the_bodys_deadline_and_others_go_on() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/begun") {
            true => Reply::say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"),
            false => Reply::ok("a"),
        })
        .await;
        let rig = Rig::new("body-timeout = \"100ms\"", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let (stalled, _upload) = client.send_request(request(Method::POST, "/"), false).unwrap();
        let begun = get(&mut client, request(Method::GET, "/begun")).await;
        assert_eq!(stalled.await.unwrap().status(), 408);
        assert_eq!(whole(begun).await.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
        assert_eq!(whole(get(&mut client, request(Method::GET, "/")).await).await.unwrap(), "a");
        assert_eq!(rig.leases(), 0);
    });
}

#[test]
fn draining_lets_a_client_take_its_answer_and_begin_nothing_else() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, connection) = client(&rig).await;
        let (response, mut body) = client.send_request(request(Method::POST, "/"), false).unwrap();
        body.send_data("some".into(), false).unwrap();
        while origin.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        rig.core.draining.set(true);
        rig.core.drained.notify_waiters();
        let (mut idle, gone) = self::client(&rig).await;
        body.send_data("more".into(), true).unwrap();
        assert_eq!(whole(response.await.unwrap()).await.unwrap(), "a");
        connection.await.unwrap().unwrap();
        assert!(client.send_request(request(Method::GET, "/"), true).is_err());
        let _ = idle.send_request(request(Method::GET, "/"), true);
        let _ = gone.await;
        rig.quiet().await;
    });
}

#[test]
fn uploads_that_are_stuck_leave_room_for_others_and_small_pieces_are_no_flood() {
    test(async {
        let origin = Origin::new(|seen| match seen.line().contains("/stuck") {
            true => Reply::Early(Vec::new()),
            false => Reply::ok("a"),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let mut uploads = Vec::new();
        for _ in 0..8 {
            let (response, mut body) = client.send_request(request(Method::POST, "/stuck"), false).unwrap();
            body.send_data(vec![b'x'; 16 << 20].into(), false).unwrap();
            uploads.push((response, body));
        }
        let (response, mut body) = client.send_request(request(Method::POST, "/small"), false).unwrap();
        for _ in 0..3000 {
            body.send_data("x".into(), false).unwrap();
        }
        body.send_data(vec![b'x'; 200_000].into(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
    });
}

#[test]
fn interim_answers_reach_the_client_before_the_final_one_and_within_bounds() {
    test(async {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\
                     Content-Length: 3\r\n\r\n";
        let large = format!("HTTP/1.1 103 Early Hints\r\nLink: <{}>\r\n\r\n", "x".repeat(12_000));
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let origin = Origin::new(move |seen| match seen.line() {
            line if line.contains("/many") => Reply::say(&"HTTP/1.1 102 Processing\r\n\r\n".repeat(1_100)),
            line if line.contains("/large") => Reply::say(&format!("{}{last}", large.repeat(20))),
            line if line.contains("/at-once") => Reply::say(&format!("{hints}{last}")),
            _ => Reply::Interim(hints.into(), last.into()),
        })
        .await;
        let rig = Rig::new("", &[&origin]).await;
        let (mut client, _connection) = client(&rig).await;
        let (mut response, mut body) = client.send_request(request(Method::POST, "/"), false).unwrap();
        let early = poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!((early.status().as_u16(), early.headers().len()), (103, 1));
        assert_eq!(early.headers()["link"], "</a.css>; rel=preload");
        // The server ends its answer only when it has the body.
        body.send_data("abc".into(), true).unwrap();
        assert_eq!(whole(response.await.unwrap()).await.unwrap(), "ok");
        for (path, expected, status) in [("/at-once", 1, 200), ("/large", 6, 200), ("/many", 1001, 502)] {
            let (mut response, _) = client.send_request(request(Method::GET, path), true).unwrap();
            let mut told = 0;
            while let Some(early) = poll_fn(|cx| response.poll_informational(cx)).await {
                assert!(early.unwrap().status().is_informational());
                told += 1;
            }
            assert_eq!((response.await.unwrap().status().as_u16(), told), (status, expected), "{path}");
        }
    });
}
