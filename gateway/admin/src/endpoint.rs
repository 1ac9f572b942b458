//! A door's thread: few connections, small requests, short deadlines.

use std::io;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use sekisho_runtime::DoorTls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant as Deadline, sleep, timeout, timeout_at};

use crate::answer::Answer;
use crate::api::{self, Api, Reply};
use crate::caller::Peer;
use crate::metrics::{Source, serve};
use crate::page;
use crate::places::{Place, Places, Room};
use crate::request::{HEAD_MAX, Head, Unread};
use crate::secured::Secured;

/// A few scrapers, who show nothing.
const METRICS: Room = Room { strangers: 8, strangers_each: 6, known: 0, known_each: 0 };
/// A few persons with a page open, of which a browser fetches the parts on six connections at once before it shows who
/// asks, and a few scripts.
const API: Room = Room { strangers: 24, strangers_each: 12, known: 40, known_each: 24 };
/// At the socket, where nobody is a stranger. Others wait in the kernel's backlog.
const CONNECTIONS: usize = 64;
/// Requests on one connection.
const REQUESTS: usize = 1000;
/// Between two of them, for whoever has shown who they are.
const IDLE: Duration = Duration::from_secs(30);
/// For a stranger's TLS and the head of the request together, and between two requests of one.
const STRANGE: Duration = Duration::from_secs(3);
/// For the body of a request to come, and then for the answer to be taken.
const DEADLINE: Duration = Duration::from_secs(5);
/// What is read and forgotten behind a request: closing before it would cut the answer off.
const LEFTOVER_MAX: usize = 64 * 1024;
/// How often certificate files are looked at.
const TEND: Duration = Duration::from_secs(1);
/// After a failed `accept`, which seldom succeeds at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Where somebody comes in.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener, Option<Arc<Secured>>),
    Unix(UnixListener),
}

/// What somebody finds there.
#[derive(Debug)]
pub(crate) enum Content {
    Metrics(Arc<Source>),
    Api(Box<Api>),
}

/// Serves until `stop` is ready. Connections that are open then are cut if its other end was dropped, and else answered;
/// it is then told by what it was given that nobody is let in any more.
pub(crate) async fn run(listener: Listener, content: Content, stop: oneshot::Receiver<mpsc::Sender<()>>) {
    let tasks = LocalSet::new();
    // The listener goes with the branch that is not taken.
    let finish = tokio::select! {
        () = tasks.run_until(accept(listener, Rc::new(content))) => None,
        stopped = stop => stopped.ok(),
    };
    if let Some(closed) = finish {
        // Whoever wanted to know may not wait any more.
        let _ = closed.send(());
        // Who takes longer has had as long as anybody.
        let _ = timeout(2 * DEADLINE, tasks).await;
    }
}

async fn accept(listener: Listener, content: Rc<Content>) {
    if let Listener::Tcp(_, Some(tls)) = &listener {
        let tls = tls.clone();
        spawn_local(async move {
            loop {
                sleep(TEND).await;
                let _ = tls.get().map(|tls| tls.tend());
            }
        });
    }
    let (places, at_socket) = (Places::new(content.room()), Arc::new(Semaphore::new(CONNECTIONS)));
    // The semaphore is never closed.
    while let Ok(permit) = at_socket.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let content = content.clone();
                match peer.address() {
                    None => spawn_local(async move {
                        said(converse(stream, &content, peer, None).await);
                        drop(permit);
                    }),
                    Some(address) => {
                        let (place, leaves) = places.enter(address, Instant::now());
                        spawn_local(async move {
                            tokio::select! {
                                done = converse(stream, &content, peer, Some(&place)) => said(done),
                                _ = leaves => tracing::debug!(%address, "A stranger makes way for another"),
                            }
                        })
                    }
                };
            }
            Err(error) => {
                tracing::warn!(%error, "Nobody can be let in to operate the gateway now");
                sleep(PAUSE).await;
            }
        }
    }
}

fn said(done: io::Result<()>) {
    if let Err(error) = done {
        tracing::debug!(%error, "Whoever asked left before the answer");
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<(Comer, Peer)> {
        match self {
            Self::Tcp(listener, tls) => {
                let (stream, address) = listener.accept().await?;
                let tls = tls.as_ref().and_then(|tls| tls.get());
                let peer = Peer::Address { address: address.ip().to_canonical(), tls: None };
                Ok((Comer::Tcp(stream, tls), peer))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred().ok().map(|peer| peer.uid());
                Ok((Comer::Unix(stream), Peer::Socket(uid)))
            }
        }
    }
}

/// Whoever has come in, and says nothing yet.
enum Comer {
    Tcp(TcpStream, Option<Arc<DoorTls>>),
    Unix(UnixStream),
}

impl Comer {
    /// The connection, behind its TLS where there is any.
    async fn greet(self, peer: &mut Peer) -> io::Result<Box<dyn Stream>> {
        let (tcp, tls) = match self {
            Self::Unix(stream) => return Ok(Box::new(stream)),
            Self::Tcp(tcp, None) => return Ok(Box::new(tcp)),
            Self::Tcp(tcp, Some(tls)) => (tcp, tls),
        };
        let stream = tls.accept(tcp).await?;
        if let Peer::Address { tls, .. } = peer {
            *tls = stream.tls().cloned();
        }
        Ok(Box::new(stream))
    }
}

/// Everything that somebody asks on a connection; without a place, at the socket.
async fn converse(comer: Comer, content: &Content, mut peer: Peer, place: Option<&Place>) -> io::Result<()> {
    // Strangers have little time for everything that comes before they are known.
    let mut until = Deadline::now() + if place.is_some() { STRANGE } else { DEADLINE };
    let mut stream = timeout_at(until, comer.greet(&mut peer)).await??;
    // Where one request is all that anybody has, the connection ends with its answer.
    let mut left = match (content, &peer) {
        (Content::Api(_), Peer::Address { .. }) => REQUESTS,
        _ => 1,
    };
    let (mut bytes, mut patience, mut asked) = (Vec::with_capacity(1024), STRANGE, false);
    while left > 0 {
        left -= 1;
        let head = match timeout_at(until, head(&mut stream, &mut bytes)).await? {
            Ok(Ok(head)) => head,
            Ok(Err(why)) => return end(&mut stream, &content.refuse(why)).await,
            // It has asked before, and asks no more.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && asked => return Ok(()),
            Err(error) => return Err(error),
        };
        place.into_iter().for_each(Place::asks);
        let stays = left > 0 && head.stays;
        let answer = match content {
            Content::Metrics(source) => serve::answer(source, &head),
            Content::Api(api) => match page::part(&head) {
                // There is nothing in it that strangers may not see.
                Some(part) => part,
                None => match api.admit(&head, &peer) {
                    Err(refused) => return end(&mut stream, &refused).await,
                    Ok(admitted) => {
                        if let Some(place) = place.filter(|_| admitted.is_known()) {
                            if !place.proven(Instant::now()) {
                                return end(&mut stream, &api.busy(&admitted, &head)).await;
                            }
                            patience = IDLE;
                        }
                        let most = admitted.body_max();
                        let body = timeout(DEADLINE, body(&mut stream, &mut bytes, &head, most)).await;
                        let body = match body.unwrap_or(Err(io::ErrorKind::TimedOut.into())) {
                            Ok(Ok(body)) => body,
                            Ok(Err(why)) => {
                                return end(&mut stream, &api.unread(&admitted, &head, why)).await;
                            }
                            Err(error) => {
                                let answer = api.unread(&admitted, &head, Unread::BodyMissing);
                                return end(&mut stream, &answer).await.and(Err(error));
                            }
                        };
                        match api.answer(&admitted, &head, &body).await {
                            Reply::Answer(answer) => answer,
                            Reply::Follow(follow) => return follow.run(&mut stream).await,
                        }
                    }
                },
            },
        };
        if !stays {
            return end(&mut stream, &answer).await;
        }
        let text = answer.text(true);
        let sent = async {
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await
        };
        timeout(DEADLINE, sent).await??;
        place.into_iter().for_each(Place::waits);
        (until, asked) = (Deadline::now() + patience, true);
    }
    Ok(())
}

impl Content {
    fn room(&self) -> Room {
        match self {
            Self::Metrics(_) => METRICS,
            Self::Api(_) => API,
        }
    }

    fn refuse(&self, why: Unread) -> Answer {
        match self {
            Self::Metrics(_) => serve::refuse(why),
            Self::Api(_) => api::refuse(why),
        }
    }
}

/// Reads a head; what comes behind it stays in `bytes`.
async fn head(stream: &mut dyn Stream, bytes: &mut Vec<u8>) -> io::Result<Result<Head, Unread>> {
    loop {
        match Head::read(bytes) {
            None => {}
            Some(Ok(head)) => {
                bytes.drain(..head.size.min(bytes.len()));
                return Ok(Ok(head));
            }
            Some(Err(why)) => return Ok(Err(why)),
        }
        // Never zero: a head that fills the room is answered, complete or not.
        more(stream, bytes, HEAD_MAX).await?;
    }
}

/// Reads the body of a request; what comes behind it stays in `bytes`.
async fn body(
    stream: &mut dyn Stream,
    bytes: &mut Vec<u8>,
    head: &Head,
    most: usize,
) -> io::Result<Result<Vec<u8>, Unread>> {
    let length = match head.length {
        None => return Ok(Err(Unread::Length)),
        Some(length) if length > most => return Ok(Err(Unread::BodyTooLarge)),
        Some(length) => length,
    };
    while bytes.len() < length {
        more(stream, bytes, length).await?;
    }
    let behind = bytes.split_off(length);
    Ok(Ok(std::mem::replace(bytes, behind)))
}

/// Reads until there are `all` bytes at the most.
async fn more(stream: &mut dyn Stream, bytes: &mut Vec<u8>, all: usize) -> io::Result<()> {
    let room = all.saturating_sub(bytes.len()) as u64;
    match stream.take(room).read_buf(bytes).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Says the last thing.
async fn end(stream: &mut dyn Stream, answer: &Answer) -> io::Result<()> {
    let text = answer.text(false);
    let said = async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        let (mut left, mut scratch) = (LEFTOVER_MAX, [0; 1024]);
        while left > 0 {
            match stream.read(&mut scratch).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok(())
    };
    timeout(DEADLINE, said).await?
}

/// Any kind of connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}
