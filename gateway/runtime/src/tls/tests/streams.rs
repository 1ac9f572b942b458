//! The stream that a handshake gives.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Poll;

use super::*;
use sekisho_api::Stream as _;

async fn pair() -> (TlsStream, TlsStream) {
    let authority = Authority::new();
    let acceptor = acceptor(&settings(vec![authority.issue("a.pem", &["a.example"])]));
    let (gateway, client) = meet(&acceptor, &Arc::new(anyone(rustls::DEFAULT_VERSIONS)), "a.example").await;
    (gateway.unwrap(), client.unwrap())
}

/// Whether the stream is readable now.
async fn readable(stream: &mut TlsStream) -> bool {
    poll_fn(|cx| Poll::Ready(stream.poll_readable(cx).is_ready())).await
}

#[test]
fn stream_is_readable_when_bytes_are_there_or_still_buffered_and_not_for_tickets() {
    run(async {
        let (mut gateway, mut client) = pair().await;
        // The gateway has sent its tickets: the client's socket is readable, its stream is not.
        client.tcp().readable().await.unwrap();
        assert!(!readable(&mut client).await);
        assert!(!readable(&mut gateway).await);
        client.write_all(b"two").await.unwrap();
        client.flush().await.unwrap();
        poll_fn(|cx| gateway.poll_readable(cx)).await.unwrap();
        assert_eq!(gateway.read_u8().await.unwrap(), b't');
        assert!(readable(&mut gateway).await, "what is decrypted and not read counts");
        assert_eq!(gateway.read_u8().await.unwrap(), b'w');
        assert_eq!(gateway.read_u8().await.unwrap(), b'o');
        assert!(!readable(&mut gateway).await);
        client.shutdown().await.unwrap();
        poll_fn(|cx| gateway.poll_readable(cx)).await.unwrap();
        assert_eq!(gateway.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn bulk_crosses_both_ways_unchanged() {
    run(async {
        let (gateway, client) = pair().await;
        let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let (mut gateway_read, mut gateway_write) = tokio::io::split(gateway);
        let (mut client_read, mut client_write) = tokio::io::split(client);
        let there = async {
            client_write.write_all(&sent).await.unwrap();
            client_write.shutdown().await.unwrap();
        };
        let back = async { tokio::io::copy(&mut gateway_read, &mut gateway_write).await.unwrap() };
        let read = async {
            let mut back = vec![0; sent.len()];
            client_read.read_exact(&mut back).await.unwrap();
            back
        };
        let (_, copied, back) = tokio::join!(there, back, read);
        assert_eq!(copied, sent.len() as u64);
        assert!(back == sent);
    });
}

#[test]
fn several_slices_are_written_as_one() {
    run(async {
        let (mut gateway, mut client) = pair().await;
        assert!(tokio::io::AsyncWrite::is_write_vectored(&gateway));
        let slices = [IoSlice::new(b"head"), IoSlice::new(b""), IoSlice::new(b"body")];
        let written =
            poll_fn(|cx| tokio::io::AsyncWrite::poll_write_vectored(Pin::new(&mut gateway), cx, &slices))
                .await;
        assert_eq!(written.unwrap(), 8);
        let mut read = [0; 8];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"headbody");
    });
}

#[test]
fn end_without_close_notify_is_an_error_after_the_bytes_before_it() {
    run(async {
        let (mut gateway, mut client) = pair().await;
        // Tickets that nobody has read would make the close a reset.
        client.tcp().readable().await.unwrap();
        assert!(!readable(&mut client).await);
        client.write_all(b"half").await.unwrap();
        client.flush().await.unwrap();
        drop(client);
        let mut read = Vec::new();
        let error = gateway.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(read, b"half");
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn peer_that_does_not_read_makes_the_writer_wait() {
    run(async {
        let (mut gateway, client) = pair().await;
        let block = vec![0; 256 << 10];
        let mut taken = 0;
        loop {
            let write = poll_fn(|cx| {
                Poll::Ready(tokio::io::AsyncWrite::poll_write(Pin::new(&mut gateway), cx, &block))
            });
            match write.await {
                Poll::Ready(n) => taken += n.unwrap(),
                Poll::Pending => break,
            }
            assert!(taken < 64 << 20, "a socket takes no 64 MiB");
            tokio::task::yield_now().await;
        }
        drop(client);
    });
}

#[test]
fn garbage_after_the_handshake_is_an_error() {
    run(async {
        let (mut gateway, client) = pair().await;
        client.tcp().try_write(b"not a record at all").unwrap();
        let error = gateway.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    });
}

#[test]
fn what_an_idle_connection_is_made_of_stays_small() {
    assert!(size_of::<TlsStream>() <= 64, "{}", size_of::<TlsStream>());
    assert!(size_of::<crate::plain::PlainStream>() <= 32);
    assert!(size_of::<Connection>() <= 2048, "{}", size_of::<Connection>());
    let authority = Authority::new();
    let acceptor = acceptor(&settings(vec![authority.issue("a.pem", &["a.example"])]));
    run(async {
        let (gateway, _peer) = sockets().await;
        let accept = acceptor.accept(gateway);
        assert!(size_of_val(&accept) <= 256, "{}", size_of_val(&accept));
    });
}
