//! A door's thread: few connections, small requests, short deadlines, one request each.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::answer::Answer;
use crate::api::{self, Api};
use crate::metrics::{Source, serve};
use crate::request::{HEAD_MAX, Head, Request, Unread};

/// A few scrapers and a person. Others wait in the kernel's backlog.
const CONNECTIONS: usize = 8;
/// For the request to come, and then for the answer to be taken.
const DEADLINE: Duration = Duration::from_secs(5);
/// What is read and forgotten behind a request: closing before it would cut the answer off.
const LEFTOVER_MAX: usize = 64 * 1024;
/// After a failed `accept`, which seldom succeeds at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Where somebody comes in.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What somebody finds there.
#[derive(Debug)]
pub(crate) enum Content {
    Metrics(Arc<Source>),
    Api(Api),
}

/// Whoever asks, as the kernel knows them: the user's number; none over a network.
pub(crate) type Peer = Option<u32>;

/// Serves until `stop` is ready. Connections that are open then are cut if its other end was dropped, and else answered.
pub(crate) async fn run(listener: Listener, content: Content, stop: oneshot::Receiver<()>) {
    let tasks = LocalSet::new();
    let finish = tokio::select! {
        () = tasks.run_until(accept(listener, Rc::new(content))) => false,
        stopped = stop => stopped.is_ok(),
    };
    if finish {
        // Who takes longer has had as long as anybody.
        let _ = timeout(2 * DEADLINE, tasks).await;
    }
}

async fn accept(listener: Listener, content: Rc<Content>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let content = content.clone();
                spawn_local(async move {
                    if let Err(error) = exchange(stream, &content, peer).await {
                        tracing::debug!(%error, "Whoever asked left before the answer");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "Nobody can be let in to operate the gateway now");
                sleep(PAUSE).await;
            }
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), None))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred().ok().map(|peer| peer.uid());
                Ok((Box::new(stream), peer))
            }
        }
    }
}

/// One request and its answer.
async fn exchange(mut stream: Box<dyn Stream>, content: &Content, peer: Peer) -> io::Result<()> {
    let read = timeout(DEADLINE, read(&mut stream, content.body_max())).await??;
    let answer = match read {
        Ok(request) => content.answer(&request, peer).await,
        Err(why) => content.refuse(why),
    };
    timeout(DEADLINE, write(&mut stream, &answer.text())).await?
}

impl Content {
    /// The longest body that is read; none where nobody looks at one.
    fn body_max(&self) -> Option<usize> {
        match self {
            Self::Metrics(_) => None,
            Self::Api(_) => Some(api::BODY_MAX),
        }
    }

    async fn answer(&self, request: &Request, peer: Peer) -> Answer {
        match self {
            Self::Metrics(source) => serve::answer(source, &request.head),
            Self::Api(api) => api.answer(request, peer).await,
        }
    }

    fn refuse(&self, why: Unread) -> Answer {
        match self {
            Self::Metrics(_) => serve::refuse(why),
            Self::Api(_) => api::refuse(why),
        }
    }
}

/// Reads a request; its body only where somebody looks at it.
async fn read(stream: &mut dyn Stream, body_max: Option<usize>) -> io::Result<Result<Request, Unread>> {
    let mut bytes = Vec::with_capacity(1024);
    let head = loop {
        // Never zero: a head that fills the room is answered, complete or not.
        more(stream, &mut bytes, HEAD_MAX).await?;
        match Head::read(&bytes) {
            None => {}
            Some(Ok(head)) => break head,
            Some(Err(why)) => return Ok(Err(why)),
        }
    };
    let Some(body_max) = body_max else { return Ok(Ok(Request { head, body: Vec::new() })) };
    let mut body = bytes.split_off(head.size.min(bytes.len()));
    match head.length {
        None => return Ok(Err(Unread::Length)),
        Some(length) if length > body_max => return Ok(Err(Unread::BodyTooLarge)),
        Some(length) => {
            while body.len() < length {
                more(stream, &mut body, length).await?;
            }
            body.truncate(length);
        }
    }
    Ok(Ok(Request { head, body }))
}

/// Reads until there are `all` bytes at the most.
async fn more(stream: &mut dyn Stream, bytes: &mut Vec<u8>, all: usize) -> io::Result<()> {
    let room = all.saturating_sub(bytes.len()) as u64;
    match stream.take(room).read_buf(bytes).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

async fn write(stream: &mut dyn Stream, answer: &str) -> io::Result<()> {
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let (mut left, mut scratch) = (LEFTOVER_MAX, [0; 1024]);
    while left > 0 {
        match stream.read(&mut scratch).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}
