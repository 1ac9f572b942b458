//! The same bytes, read by hyper.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use http::Request;
use http_body::Body as _;
use hyper::rt::ReadBufCursor;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
};

/// What hyper makes of the same bytes: status, body, and whether it is whole.
pub(super) async fn read(bytes: &[u8]) -> Option<(u16, Vec<u8>, bool)> {
    let (near, mut far) = duplex(64 * 1024);
    let (mut sender, wire) = hyper::client::conn::http1::handshake(Io(near)).await.ok()?;
    let ask = async {
        let answer = sender.send_request(Request::new(String::new())).await.ok()?;
        let (status, mut body, mut bytes) = (answer.status().as_u16(), answer.into_body(), Vec::new());
        loop {
            match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                Some(Ok(frame)) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(_)) => return Some((status, bytes, false)),
                None => return Some((status, bytes, true)),
            }
        }
    };
    let say = async move {
        // The request first: what comes before it is nobody's answer.
        let _ = far.read(&mut [0; 512]).await;
        let _ = far.write_all(bytes).await;
    };
    let mut ask = pin!(async { tokio::join!(ask, say).0 });
    let mut wire = pin!(wire);
    let mut over = false;
    poll_fn(|cx| {
        let answer = ask.as_mut().poll(cx);
        if answer.is_pending() && !over {
            over = wire.as_mut().poll(cx).is_ready();
            return ask.as_mut().poll(cx);
        }
        answer
    })
    .await
}

/// A stream in memory, as hyper wants it.
struct Io(DuplexStream);

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 256];
        let most = bytes.len().min(buffer.remaining());
        let mut own = ReadBuf::new(&mut bytes[..most]);
        ready!(AsyncRead::poll_read(Pin::new(&mut self.0), cx, &mut own))?;
        buffer.put_slice(own.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.0), cx, bytes)
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
