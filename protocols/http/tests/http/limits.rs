//! Sizes are bounded, and who exceeds one is told.

use super::support::{Origin, Rig, test};

#[test]
fn targets_and_fields_of_8000_bytes_and_90_fields_pass() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = rig.client().await;
        let target = format!("/{}", "t".repeat(8000));
        assert_eq!(client.get(&target, "").await.status, 200);
        assert_eq!(client.get("/", &format!("X: {}\r\n", "f".repeat(8000))).await.status, 200);
        assert_eq!(client.get("/", &"X-Y: z\r\n".repeat(90)).await.status, 200);
        assert_eq!(origin.seen()[0].line(), format!("GET {target} HTTP/1.1"));
    });
}

#[test]
fn heads_above_the_limit_are_answered_and_the_answer_arrives() {
    test(async {
        for (options, head) in [
            (
                "max-header-size = \"16 KiB\"",
                format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(400_000)),
            ),
            ("max-header-size = \"16 KiB\"", format!("GET /{} HTTP/1.1\r\n", "x".repeat(400_000))),
            ("", format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(101))),
            ("max-headers = 200", format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(201))),
        ] {
            let rig = Rig::new(options, &[]).await;
            let mut client = rig.client().await;
            // The gateway may stop reading before all is written: the answer has to arrive all the same.
            let (mut reader, mut writer) = client.stream.split();
            let write = async { tokio::io::AsyncWriteExt::write_all(&mut writer, head.as_bytes()).await };
            let read = async {
                let mut bytes = vec![0; 12];
                tokio::io::AsyncReadExt::read_exact(&mut reader, &mut bytes).await.map(|_| bytes)
            };
            let (_, answer) = tokio::join!(write, read);
            let answer = String::from_utf8(answer.expect("the answer is lost")).unwrap();
            assert!(["HTTP/1.1 431", "HTTP/1.1 414"].contains(&answer.as_str()), "{answer}");
            drop(client);
            rig.quiet().await;
            assert!(rig.booked(1).await[0].ends_with("max-header-size"));
        }
    });
}

#[test]
fn body_above_the_limit_is_answered_413_and_the_answer_arrives() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("max-body = \"1 KiB\"", &[&origin]).await;
        let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
        for request in [
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n{}", "x".repeat(900_000)),
            format!(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk.repeat(500)
            ),
        ] {
            let mut client = rig.client().await;
            let (mut reader, mut writer) = client.stream.split();
            let write = async { tokio::io::AsyncWriteExt::write_all(&mut writer, request.as_bytes()).await };
            let read = async {
                let mut bytes = vec![0; 12];
                tokio::io::AsyncReadExt::read_exact(&mut reader, &mut bytes).await.map(|_| bytes)
            };
            let (_, answer) = tokio::join!(write, read);
            assert_eq!(String::from_utf8(answer.expect("the answer is lost")).unwrap(), "HTTP/1.1 413");
        }
        let mut client = rig.client().await;
        let body = "x".repeat(1024);
        let small =
            client.ask(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1024\r\n\r\n{body}")).await;
        assert_eq!(small.status, 200);
        assert!(rig.core.servers[0].failures().is_empty());
    });
}

#[test]
fn extension_and_trailer_floods_are_cut() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("body-timeout = \"2s\"", &[&origin]).await;
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        for flood in [format!("1;{}", "e".repeat(2_000_000)), format!("0\r\n{}", "x: y\r\n".repeat(300_000))]
        {
            let mut client = rig.client().await;
            let (mut reader, mut writer) = client.stream.split();
            let request = format!("{head}{flood}");
            let write = async { tokio::io::AsyncWriteExt::write_all(&mut writer, request.as_bytes()).await };
            let read = async {
                let mut bytes = Vec::new();
                let _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut bytes).await;
                String::from_utf8_lossy(&bytes).into_owned()
            };
            let (_, answer) = tokio::join!(write, read);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
        rig.quiet().await;
        assert_eq!(rig.leases(), 0);
    });
}
