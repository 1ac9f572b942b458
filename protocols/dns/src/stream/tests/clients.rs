//! What clients may rely on.

use std::rc::Rc;
use std::time::{Duration, Instant};

use sekisho_api::{End, Facts};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::core::Plain;
use super::messages::{answer, framed, id, message, name, query, rcode, read, records, write};
use super::origin::Origin;
use super::rig::{Rig, test};
use crate::stream::sniff::sniff;

#[test]
fn stream_cut_anywhere_is_answered_the_same() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        let stream = [framed(&query(1, "one")), framed(&query(2, "second")), framed(&query(3, "3"))].concat();
        for cut in 0..stream.len() {
            let mut client = rig.client().await;
            client.set_nodelay(true).unwrap();
            for piece in [&stream[..cut], &stream[cut..]] {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            let mut names = Vec::new();
            for _ in 0..3 {
                let got = read(&mut client).await.unwrap();
                names.push((id(&got), name(&got)));
            }
            names.sort();
            assert_eq!(names, [(1, "one".into()), (2, "second".into()), (3, "3".into())], "cut at {cut}");
        }
        let mut client = rig.client().await;
        for byte in &stream {
            client.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            assert!(read(&mut client).await.is_some());
        }
        drop(client);
        rig.quiet().await;
        assert_eq!(origin.seen.connections.get(), 1);
    });
}

#[test]
fn equal_ids_on_one_connection_are_both_answered() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        let mut client = rig.client().await;
        client.write_all(&[framed(&query(7, "a")), framed(&query(7, "b"))].concat()).await.unwrap();
        let mut names = Vec::new();
        for _ in 0..2 {
            let got = read(&mut client).await.unwrap();
            assert_eq!(id(&got), 7);
            names.push(name(&got));
        }
        names.sort();
        assert_eq!(names, ["a", "b"]);
    });
}

#[test]
fn fast_answer_overtakes_a_slow_one() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            let mut held = Vec::new();
            while let Some(query) = seen.next(&mut stream).await {
                if name(&query) == "slow" {
                    held.push(query);
                    continue;
                }
                write(&mut stream, &answer(&query)).await;
                for query in held.drain(..) {
                    write(&mut stream, &answer(&query)).await;
                }
            }
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        let mut client = rig.client().await;
        write(&mut client, &query(1, "slow")).await;
        write(&mut client, &query(2, "fast")).await;
        assert_eq!(id(&read(&mut client).await.unwrap()), 2);
        assert_eq!(id(&read(&mut client).await.unwrap()), 1);
    });
}

#[test]
fn client_that_ends_its_side_is_still_answered() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        let mut client = rig.client().await;
        write(&mut client, &query(1, "last")).await;
        client.shutdown().await.unwrap();
        assert_eq!(name(&read(&mut client).await.unwrap()), "last");
        assert_eq!(read(&mut client).await, None);
        rig.quiet().await;
        assert_eq!(*rig.ends.borrow(), [End::Done]);
    });
}

#[test]
fn impossible_length_ends_its_own_connection_after_the_answers_before_it() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        let mut other = rig.client().await;
        for bad in [&[0, 0][..], &[0, 11, 1, 2, 3]] {
            let mut client = rig.client().await;
            client.write_all(&[&framed(&query(1, "good")), bad].concat()).await.unwrap();
            assert_eq!(name(&read(&mut client).await.unwrap()), "good");
            assert_eq!(read(&mut client).await, None);
        }
        write(&mut other, &query(2, "other")).await;
        assert_eq!(name(&read(&mut other).await.unwrap()), "other");
    });
}

#[test]
fn answers_among_the_queries_are_met_with_silence() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        let mut client = rig.client().await;
        write(&mut client, &answer(&query(1, "no"))).await;
        write(&mut client, &query(2, "yes")).await;
        assert_eq!(id(&read(&mut client).await.unwrap()), 2);
        assert_eq!(origin.queries(), 1);
    });
}

#[test]
fn message_of_full_length_passes_both_ways() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        let mut long = query(1, "long");
        long.resize(65_535, 0xaa);
        let got = rig.ask(&long).await.unwrap();
        assert_eq!((got.len(), &got[3..]), (65_535, &answer(&long)[3..]));
    });
}

#[test]
fn draining_ends_idle_connections_and_finishes_what_runs() {
    test(async {
        let (go, gone) = tokio::sync::watch::channel(false);
        let origin = Origin::new(move |_, mut stream, seen| {
            let mut gone = gone.clone();
            async move {
                while let Some(query) = seen.next(&mut stream).await {
                    let _ = gone.wait_for(|go| *go).await;
                    write(&mut stream, &answer(&query)).await;
                }
            }
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        let (mut idle, mut busy) = (rig.client().await, rig.client().await);
        write(&mut busy, &query(1, "runs")).await;
        rig.until(|| origin.queries() == 1).await;
        rig.core.drain();
        assert_eq!(read(&mut idle).await, None);
        go.send(true).unwrap();
        assert_eq!(name(&read(&mut busy).await.unwrap()), "runs");
        assert_eq!(read(&mut busy).await, None);
        drop((idle, busy));
        rig.quiet().await;
        assert_eq!(*rig.ends.borrow(), [End::Drained, End::Drained]);
    });
}

#[test]
fn every_query_is_booked_with_its_bytes_and_its_server() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        rig.ask(&query(1, "booked")).await.unwrap();
        let records = rig.core.records.borrow();
        assert_eq!(records.len(), 1, "{records:?}");
        assert!(records[0].contains("booked") && records[0].contains(" s1 in=26 out=26 done"), "{records:?}");
    });
}

#[test]
fn datagram_that_was_handed_over_is_answered_at_the_size_that_its_client_takes() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            while let Some(query) = seen.next(&mut stream).await {
                let text = if name(&query) == "large" { 200 } else { 20 };
                write(&mut stream, &records(&query, &[None, None, None], text)).await;
            }
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        for (kind, asked, whole, cut) in
            [(16, "small", true, false), (16, "large", false, true), (251, "zone", false, true)]
        {
            let (sender, answer) = tokio::sync::oneshot::channel();
            let reply = Box::new(move |answer: &[u8]| sender.send(answer.to_vec()).unwrap());
            let facts = Facts::plain("192.0.2.1:5000".parse().unwrap(), "192.0.2.53:53".parse().unwrap());
            Rc::clone(&rig.worker).datagram(&message(9, 0, asked, kind), &facts, reply);
            let answer = answer.await.unwrap();
            assert_eq!((id(&answer), rcode(&answer), name(&answer)), (9, 0, asked.to_owned()));
            assert_eq!((answer.len() > 100, answer[2] & 2 != 0), (whole, cut), "{asked}");
        }
        rig.quiet().await;
    });
}

#[test]
fn connection_on_which_nothing_was_said_ends_when_the_gateway_drains() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stream = Box::new(Plain(listener.accept().await.unwrap().0));
        let far = Instant::now() + Duration::from_secs(3600);
        let core = rig.core.clone();
        let sniffing = tokio::task::spawn_local(async move { sniff(stream, &*core, far).await.is_none() });
        tokio::task::yield_now().await;
        rig.core.drain();
        assert!(sniffing.await.unwrap());
    });
}
