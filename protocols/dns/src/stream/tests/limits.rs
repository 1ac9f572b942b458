//! What clients are held to.

use std::time::Duration;

use sekisho_api::settings::Value;
use sekisho_api::{Deadline, End};
use tokio::io::AsyncWriteExt;

use super::messages::{framed, query, read, records, write};
use super::origin::Origin;
use super::rig::{Rig, test, text};

#[test]
fn idle_connection_is_closed_at_its_time() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::with(&[&origin], &[("tcp-idle", text("100ms"))], None).await;
        let mut client = rig.client().await;
        write(&mut client, &query(1, "x")).await;
        assert!(read(&mut client).await.is_some());
        assert_eq!(read(&mut client).await, None);
        drop(client);
        rig.quiet().await;
        assert_eq!(*rig.ends.borrow(), [End::Expired(Deadline::Idle)]);
    });
}

#[test]
fn half_a_message_is_waited_for_only_so_long() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::with(&[&origin], &[("message-timeout", text("100ms"))], None).await;
        let mut client = rig.client().await;
        client.write_all(&framed(&query(1, "half"))[..10]).await.unwrap();
        assert_eq!(read(&mut client).await, None);
        drop(client);
        rig.quiet().await;
        assert_eq!(*rig.ends.borrow(), [End::Expired(Deadline::Head)]);
    });
}

#[test]
fn query_on_its_way_keeps_its_connection_open() {
    test(async {
        let silent = Origin::silent().await;
        let options = [("tcp-idle", text("100ms"))];
        let rig = Rig::with(&[&silent], &options, Some(Duration::from_millis(400))).await;
        assert!(rig.ask(&query(1, "x")).await.is_some());
    });
}

#[test]
fn queries_above_the_limit_wait_until_others_are_answered() {
    test(async {
        let silent = Origin::silent().await;
        let options = [("tcp-in-flight", Value::Integer(3))];
        let rig = Rig::with(&[&silent], &options, Some(Duration::from_millis(200))).await;
        let mut client = rig.client().await;
        let queries: Vec<u8> = (0..50).flat_map(|n| framed(&query(n, "x"))).collect();
        client.write_all(&queries).await.unwrap();
        assert!(read(&mut client).await.is_some());
        assert!(silent.queries() <= 6, "{}", silent.queries());

        let origin = Origin::echo().await;
        let rig = Rig::with(&[&origin], &[("tcp-in-flight", Value::Integer(3))], None).await;
        let mut client = rig.client().await;
        client.write_all(&queries).await.unwrap();
        for _ in 0..50 {
            assert!(read(&mut client).await.is_some());
        }
    });
}

#[test]
fn connection_ends_after_as_many_queries_as_it_may_have() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::with(&[&origin], &[("tcp-queries", Value::Integer(5))], None).await;
        let mut client = rig.client().await;
        let queries: Vec<u8> = (0..50).flat_map(|n| framed(&query(n, "x"))).collect();
        client.write_all(&queries).await.unwrap();
        for _ in 0..5 {
            assert!(read(&mut client).await.is_some());
        }
        assert_eq!(read(&mut client).await, None);
        assert_eq!(origin.queries(), 5);
    });
}

#[test]
fn client_that_does_not_read_is_not_read_from() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            while let Some(query) = seen.next(&mut stream).await {
                write(&mut stream, &records(&query, &[None; 100], 255)).await;
            }
        })
        .await;
        let rig = Rig::with(&[&origin], &[("tcp-idle", text("300ms"))], None).await;
        let mut client = rig.client().await;
        // More than the sockets' buffers hold; the gateway stops long before the end.
        let all = tokio::task::spawn_local(async move {
            for n in 0..50_000 {
                if client.write_all(&framed(&query(n as u16, "large"))).await.is_err() {
                    break;
                }
            }
            client
        });
        rig.until(|| !rig.ends.borrow().is_empty()).await;
        assert_eq!(*rig.ends.borrow(), [End::Expired(Deadline::Idle)]);
        assert!(origin.queries() < 5_000, "{}", origin.queries());
        drop(all.await);
        rig.quiet().await;
    });
}
