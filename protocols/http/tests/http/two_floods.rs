//! Clients of HTTP/2 that keep a gateway busy: their connection ends, what they cost is bounded, and others are served.

use std::time::Duration;

use super::support::frames::*;
use super::support::{Origin, Reply, Rig, test};

const ENHANCE_YOUR_CALM: u32 = 11;

/// Says the same over and over, and reads what comes. Gives how many bytes were said before the connection ended, and
/// the code that it ended with, if the client heard one.
async fn flood(rig: &Rig, first: Vec<u8>, again: impl Fn(u32) -> Vec<u8>) -> (usize, Option<u32>) {
    let mut client = Frames::open(rig).await;
    let mut said = first.len();
    client.send(first).await;
    let (mut reader, mut writer) = client.stream.split();
    let goodbye = async {
        let (mut ahead, mut bytes) = (Vec::new(), vec![0; 64 * 1024]);
        while let Ok(n @ 1..) = tokio::io::AsyncReadExt::read(&mut reader, &mut bytes).await {
            ahead.extend_from_slice(&bytes[..n]);
        }
        goodbye(&ahead)
    };
    let talk = async {
        for n in 0.. {
            let bytes: Vec<u8> = (0..100).flat_map(|i| again(n * 100 + i)).collect();
            if tokio::io::AsyncWriteExt::write_all(&mut writer, &bytes).await.is_err() {
                break;
            }
            said += bytes.len();
            assert!(said < MUCH, "nobody ends it");
        }
        said
    };
    let bystander = async {
        let mut client = rig.client().await;
        for _ in 0..20 {
            assert_eq!(client.get("/", "").await.status, 200);
        }
    };
    let (code, said, ()) = tokio::join!(goodbye, talk, bystander);
    rig.quiet().await;
    assert_eq!(rig.leases(), 0);
    (said, code)
}

/// The code of a goodbye among frames.
fn goodbye(mut bytes: &[u8]) -> Option<u32> {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        let (payload, more) = rest.split_at_checked(u32::from_be_bytes([0, *a, *b, *c]) as usize)?;
        if *kind == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        bytes = more;
    }
    None
}

async fn setup() -> (Origin, Rig) {
    let origin = Origin::named("a").await;
    let rig = Rig::new("", &[&origin]).await;
    (origin, rig)
}

/// Whoever goes on writing may meet the closed socket before the word that explains it.
fn calm(code: Option<u32>) -> bool {
    code.is_none_or(|code| code == ENHANCE_YOUR_CALM)
}

/// What nobody is let say.
const MUCH: usize = 64 << 20;
/// What the sockets' buffers may take before their owner meets the end.
const BUFFERED: usize = 12 << 20;

#[test]
fn block_that_does_not_end_is_cut() {
    test(async {
        let (origin, rig) = setup().await;
        let fields = block(&[(b"x-a", &[b'x'; 1000])]);
        for piece in [&fields[..], &[]] {
            let (said, _) =
                flood(&rig, frame(HEADERS, END, 1, &block(GET)), |_| frame(CONTINUATION, 0, 1, piece)).await;
            assert!(said < BUFFERED, "{said} bytes");
        }
        assert!(origin.seen().iter().all(|seen| seen.header("x-forwarded-proto") == ["http"]));
        assert_eq!(origin.seen().len(), 40, "the bystanders' alone");
    });
}

#[test]
fn table_that_is_asked_for_again_and_again_is_too_large() {
    test(async {
        let (origin, rig) = setup().await;
        let mut client = Frames::open(&rig).await;
        // A field of 4000 bytes that is remembered, and thousands that repeat it.
        let mut bomb = [&block(GET)[..], b"\x40\x01a\x7f\xa1\x1e"].concat();
        bomb.extend_from_slice(&[b'x'; 4000]);
        bomb.extend_from_slice(&[0xbe; 10_000]);
        client.send(frame(HEADERS, END | WHOLE, 1, &bomb)).await;
        let (frames, _) = client.until(|f| f.kind == GOAWAY || f.stream == 1).await;
        let last = frames.last().unwrap();
        assert!(last.kind == GOAWAY || last.kind == RST_STREAM || last.status() == 431, "{last:?}");
        assert_eq!(rig.client().await.get("/", "").await.status, 200);
        assert_eq!(origin.seen().len(), 1);
    });
}

#[test]
fn frames_about_frames_are_cut_where_there_is_nothing_else() {
    test(async {
        let (origin, rig) = setup().await;
        for again in [
            frame(PING, 0, 0, b"12345678"),
            frame(SETTINGS, 0, 0, &setting(3, 100)),
            frame(PRIORITY, 0, 1, b"\0\0\0\0\xff"),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 0]),
            frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
            frame(0x16, 0, 0, &[0; 1000]),
        ] {
            let (said, code) = flood(&rig, headers(1, 0, POST), |_| again.clone()).await;
            assert!(said < BUFFERED, "{said} bytes of {again:?}");
            assert!(calm(code) || again[3] == WINDOW_UPDATE, "{code:?} for {again:?}");
        }
        let records = rig.records();
        let flooded = records.iter().filter(|record| record.contains("http2-flood")).count();
        assert!(flooded >= 4, "{records:?}");
        drop(origin);
    });
}

#[test]
fn empty_data_is_cut() {
    test(async {
        let (_origin, rig) = setup().await;
        let (said, code) = flood(&rig, headers(1, 0, POST), |_| frame(DATA, 0, 1, &[])).await;
        assert!(said < BUFFERED && calm(code), "{said} bytes, {code:?}");
        let (said, code) = flood(&rig, headers(1, 0, POST), |_| frame(DATA, PADDED, 1, &[255; 256])).await;
        assert!(said < BUFFERED && calm(code), "{said} bytes, {code:?}");
    });
}

#[test]
fn requests_that_are_withdrawn_at_once_reach_hardly_a_server() {
    test(async {
        let (origin, rig) = setup().await;
        let (said, code) = flood(&rig, Vec::new(), |n| {
            [headers(2 * n + 1, END, GET), frame(RST_STREAM, 0, 2 * n + 1, &[0, 0, 0, 8])].concat()
        })
        .await;
        assert!(said < BUFFERED && calm(code), "{said} bytes, {code:?}");
        assert!(origin.seen().len() < 300, "{} requests", origin.seen().len());
    });
}

#[test]
fn requests_that_are_broken_again_and_again_are_cut() {
    test(async {
        let (origin, rig) = setup().await;
        let (said, code) = flood(&rig, Vec::new(), |n| {
            headers(2 * n + 1, END, &[GET, &[(b"connection", b"close")]].concat())
        })
        .await;
        assert!(said < BUFFERED && calm(code), "{said} bytes, {code:?}");
        assert_eq!(origin.seen().len(), 20, "the bystander's alone");
    });
}

#[test]
fn connection_that_has_hardly_begun_or_does_nothing_ends() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("keep-alive-timeout = \"100ms\"\nrequest-timeout = \"100ms\"", &[&origin]).await;
        let settings = frame(SETTINGS, 0, 0, &[]);
        for said in [
            PREFACE.to_vec(),
            PREFACE[..10].to_vec(),
            [PREFACE, &settings].concat(),
            [PREFACE, &settings, &frame(HEADERS, END, 1, &block(GET))].concat(),
            [PREFACE, &settings, &headers(1, END, GET)[..20]].concat(),
        ] {
            let mut client = Frames::silent(&rig).await;
            client.send(said).await;
            client.until(|_| false).await;
        }
        rig.quiet().await;
    });
}

#[test]
fn answers_that_nobody_takes_are_not_read_from_their_servers() {
    test(async {
        let length = 20_000_000;
        let origin = Origin::new(move |seen| match seen.line().contains("/large") {
            true => Reply::Say(
                [
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
                    &vec![b'x'; length],
                ]
                .concat(),
            ),
            false => Reply::ok("a"),
        })
        .await;
        let rig = Rig::new("body-timeout = \"1500ms\"", &[&origin]).await;
        let mut client = Frames::open(&rig).await;
        // Windows as large as they can be: what bounds the answers is that nobody reads.
        let mut said = frame(SETTINGS, 0, 0, &setting(4, 0x7fff_ffff));
        said.extend(frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000u32.to_be_bytes()));
        let large: Vec<(&[u8], &[u8])> = vec![GET[0], GET[1], GET[2], (b":path", b"/large")];
        said.extend((0..50).flat_map(|n| headers(2 * n + 1, END, &large)));
        client.send(said).await;
        while origin.seen().len() < 50 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let held = rig.held();
        assert!(held < 16 << 20, "{held} bytes were read and not passed on");
        assert_eq!(rig.client().await.get("/", "").await.status, 200);
        // Who takes nothing for so long gets nothing more.
        while rig.leases() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}
