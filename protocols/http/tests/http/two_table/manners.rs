//! Beginnings, windows, settings and goodbyes.

use super::super::support::Setup;
use super::*;

#[test]
fn client_that_does_not_begin_with_the_preface_is_told_so() {
    test(async {
        let origin = Origin::named("a").await;
        let servers = vec![origin.address];
        let rig = Rig::with(Setup { tls: true, alpn: "h2", servers, ..Setup::default() }).await;
        for said in
            ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", "\0\0\0\x04\0\0\0\0\0"]
        {
            let mut client = Frames::silent(&rig).await;
            client.send(said).await;
            let (frames, _) = client.until(|frame| frame.kind == GOAWAY).await;
            assert_eq!(frames.last().map(Frame::code), Some(PROTOCOL_ERROR), "{said}");
            assert!(client.next().await.is_none());
        }
        let records = rig.booked(3).await;
        assert!(records.iter().all(|record| record.contains("http2-preface")), "{records:?}");
        assert!(origin.seen().is_empty());
    });
}

#[test]
fn answer_comes_as_the_clients_windows_have_it() {
    test(async {
        let origin = Origin::named("answer").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = Frames::open(&rig).await;
        client.send([frame(SETTINGS, 0, 0, &setting(4, 0)), get(1)].concat()).await;
        client.until(|frame| frame.kind == HEADERS).await;
        let mut said = Vec::new();
        for more in [1, 2, 3] {
            client.send(frame(WINDOW_UPDATE, 0, 1, &u32::to_be_bytes(more))).await;
            let (frames, _) = client.until(|frame| frame.kind == DATA).await;
            let data = &frames.last().unwrap().payload;
            assert_eq!(data.len(), more as usize);
            said.extend_from_slice(data);
        }
        assert_eq!(said, b"answer");
    });
}

#[test]
fn settings_and_pings_are_answered() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = Frames::open(&rig).await;
        let (frames, _) = client.until(|frame| frame.kind == SETTINGS && frame.flags == END).await;
        let offered = &frames[0];
        assert_eq!((offered.kind, offered.flags), (SETTINGS, 0));
        let settings: Vec<&[u8]> = offered.payload.chunks(6).collect();
        assert!(settings.contains(&&setting(8, 1)[..]), "extended CONNECT is offered: {settings:?}");
        assert!(settings.contains(&&setting(3, 100)[..]), "{settings:?}");
        let (_, alive) = client.alive().await;
        assert!(alive);
    });
}

#[test]
fn draining_says_goodbye_twice_so_that_no_request_on_its_way_is_lost() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = Frames::open(&rig).await;
        client.send(post(1)).await;
        while origin.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        rig.core.draining.set(true);
        rig.core.drained.notify_waiters();
        let (frames, _) = client.until(|frame| frame.kind == PING).await;
        let goodbye = frames.iter().find(|frame| frame.kind == GOAWAY).unwrap();
        assert_eq!(goodbye.payload, [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], "all streams are still welcome");
        // A request that crossed the first goodbye.
        let sign = frames.last().unwrap().payload.clone();
        client.send([get(3), frame(PING, END, 0, &sign)].concat()).await;
        let (frames, _) = client.until(|frame| frame.kind == GOAWAY).await;
        assert_eq!(frames.last().unwrap().payload, [0, 0, 0, 3, 0, 0, 0, 0], "those that came are the last");
        client.send(frame(DATA, END, 1, b"body")).await;
        let (rest, _) = client.until(|_| false).await;
        let ended = |stream: u32| {
            let all = frames.iter().chain(&rest);
            all.filter(|frame| frame.stream == stream).any(|frame| frame.kind == DATA && frame.flags == END)
        };
        assert!(ended(1) && ended(3), "{frames:?} {rest:?}");
        rig.quiet().await;
        assert_eq!(rig.records().len(), 2, "{:?}", rig.records());
    });
}
