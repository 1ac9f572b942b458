//! What clients are held to.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use sekisho_api::settings::Value;
use sekisho_api::{Deadline, End, Facts, Stream, TlsFacts};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

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

/// A client that asks without end what is answered at once, and takes every answer.
#[derive(Debug)]
struct Endless {
    asked: Vec<u8>,
    reads: Rc<Cell<usize>>,
}

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads.set(self.reads.get() + 1);
        // Enough for any turn: a test that hangs would say less.
        assert!(self.reads.get() < 10_000, "nobody else has a turn");
        buffer.put_slice(&self.asked[..self.asked.len().min(buffer.remaining())]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Endless {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        None
    }
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn plain(&mut self) -> Option<&mut TcpStream> {
        None
    }
}

#[test]
fn client_that_never_pauses_leaves_others_their_turn() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        // Headers without a question, which cost no server anything.
        let (asked, reads) = (framed(&query(1, "")[..12]).repeat(100), Rc::<Cell<usize>>::default());
        let endless = Box::new(Endless { asked, reads: reads.clone() });
        let facts = Facts::plain("192.0.2.1:5000".parse().unwrap(), "192.0.2.53:53".parse().unwrap());
        let serving = tokio::task::spawn_local(Rc::clone(&rig.worker).serve(endless, facts));
        let before = reads.get();
        assert!(rig.ask(&query(2, "other")).await.is_some());
        assert!(reads.get() > before && !serving.is_finished());
        serving.abort();
    });
}
