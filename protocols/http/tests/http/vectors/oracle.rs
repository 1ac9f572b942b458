//! The same requests, read by hyper: what both accept they read alike.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::header::HOST;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::rt::ReadBufCursor;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
};

use super::requests::rig;
use super::*;

/// A whole request.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    method: String,
    target: String,
    host: String,
    body: Vec<u8>,
}

/// The whole requests that hyper finds in these bytes.
async fn found(bytes: &[u8]) -> Vec<Read> {
    let (near, far) = duplex(256 * 1024);
    let all = Rc::new(RefCell::new(Vec::new()));
    let log = all.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let log = log.clone();
        async move {
            let (head, mut body) = request.into_parts();
            let mut bytes = Vec::new();
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                let Ok(frame) = frame else { return Ok::<_, Infallible>(Response::new(String::new())) };
                bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
            let field = head.headers.get(HOST).map(|host| host.as_bytes().escape_ascii().to_string());
            let authority =
                head.uri.authority().map(|name| name.as_str().rsplit('@').next().unwrap().to_owned());
            let mut target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
            if target.starts_with('?') {
                target.insert(0, '/');
            }
            // Each byte a character, as with what servers saw.
            let target = target.bytes().map(char::from).collect();
            log.borrow_mut().push(Read {
                method: head.method.to_string(),
                target,
                host: authority.or(field).unwrap_or_default(),
                body: bytes,
            });
            Ok(Response::new(String::new()))
        }
    });
    // At its end the stream has to go, or nobody would see it.
    let serve = async move {
        let _ = http1::Builder::new().half_close(true).serve_connection(Io(near), service).await;
    };
    let (mut reader, mut writer) = tokio::io::split(far);
    let say = async {
        let _ = writer.write_all(bytes).await;
        let _ = writer.shutdown().await;
        let _ = reader.read_to_end(&mut Vec::new()).await;
    };
    let _ = tokio::join!(serve, say);
    all.take()
}

#[test]
fn what_hyper_and_the_gateway_both_take_they_read_alike() {
    test(async {
        let (rig, origin) = rig().await;
        let (mut problems, mut both) = (Vec::new(), 0);
        for vector in requests() {
            let (_, seen) = outcome(&rig, &origin, &[&vector.bytes]).await;
            let found = found(&vector.bytes).await;
            let reason = vector.note("hyper");
            let mut differs = false;
            for (at, seen) in seen.iter().enumerate() {
                let mut words = seen.line().split(' ');
                let ours = Read {
                    method: words.next().unwrap().to_owned(),
                    target: words.next().unwrap().to_owned(),
                    host: seen.header("host")[0].to_owned(),
                    body: seen.content(),
                };
                let theirs = found.get(at);
                let alike = theirs.is_some_and(|theirs| match theirs.host.is_empty() {
                    // HTTP/1.0 may leave it to the receiver.
                    true => {
                        (&theirs.method, &theirs.target, &theirs.body)
                            == (&ours.method, &ours.target, &ours.body)
                    }
                    false => *theirs == ours,
                });
                both += usize::from(alike);
                differs |= !alike;
                if !alike && reason.is_empty() {
                    problems.push(format!("{}: {ours:?}, hyper {theirs:?}", vector.name));
                }
            }
            if !differs && !reason.is_empty() {
                problems.push(format!("{}: read alike, so that no reason is needed", vector.name));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(both > 80, "hyper takes hardly anything: {both}");
    });
}

/// A stream in memory, as hyper wants it.
struct Io(DuplexStream);

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
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
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx)
    }
}
