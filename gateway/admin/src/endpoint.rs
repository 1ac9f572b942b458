//! A door's thread: few connections, small requests, short deadlines.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use sekisho_runtime::DoorTls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::answer::Answer;
use crate::api::{self, Api, Reply};
use crate::caller::Peer;
use crate::metrics::{Source, serve};
use crate::page;
use crate::request::{HEAD_MAX, Head, Unread};
use crate::secured::Secured;

/// A few scrapers, and a few persons with a page open. Others wait in the kernel's backlog.
const CONNECTIONS: usize = 8;
const API_CONNECTIONS: usize = 64;
/// Of them, those of one address: nobody takes all places by saying nothing.
const CONNECTIONS_EACH: usize = 24;
/// Requests on one connection.
const REQUESTS: usize = 1000;
/// Between two of them.
const IDLE: Duration = Duration::from_secs(30);
/// For the request to come, and then for the answer to be taken.
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
    /// An address that another process leaves in a moment.
    Later(SocketAddr, Arc<Secured>),
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
    let listener = match listener {
        Listener::Later(address, tls) => Listener::Tcp(left(address).await, Some(tls)),
        other => other,
    };
    if let Listener::Tcp(_, Some(tls)) = &listener {
        let tls = tls.clone();
        spawn_local(async move {
            loop {
                sleep(TEND).await;
                let _ = tls.get().map(|tls| tls.tend());
            }
        });
    }
    let places = Arc::new(Semaphore::new(content.places()));
    let shares = Shares::default();
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Some(share) = shares.take(&peer) else { continue };
                let content = content.clone();
                spawn_local(async move {
                    let _share = share;
                    if let Err(error) = converse(stream, &content, peer).await {
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

/// How many connections each address has.
#[derive(Clone, Debug, Default)]
struct Shares(Rc<RefCell<HashMap<IpAddr, usize>>>);

/// One of them, given back when dropped.
#[derive(Debug)]
struct Share(Option<(Shares, IpAddr)>);

impl Shares {
    /// One more; none if there are enough. Whoever comes in by the socket is not counted.
    fn take(&self, peer: &Peer) -> Option<Share> {
        let Peer::Address { address, .. } = peer else { return Some(Share(None)) };
        let mut all = self.0.borrow_mut();
        let has = all.entry(*address).or_default();
        if *has >= CONNECTIONS_EACH {
            return None;
        }
        *has += 1;
        Some(Share(Some((self.clone(), *address))))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((shares, address)) = &self.0 else { return };
        if let Entry::Occupied(mut has) = shares.0.borrow_mut().entry(*address) {
            *has.get_mut() -= 1;
            if *has.get() == 0 {
                has.remove();
            }
        }
    }
}

/// Listens at an address as soon as nobody else does.
async fn left(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => tracing::debug!(%address, %error, "The operator's address is not left yet"),
        }
        sleep(PAUSE).await;
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
            // It has become an address before anybody is let in.
            Self::Later(..) => Err(io::ErrorKind::NotConnected.into()),
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
        let stream = timeout(DEADLINE, tls.accept(tcp)).await??;
        if let Peer::Address { tls, .. } = peer {
            *tls = stream.tls().cloned();
        }
        Ok(Box::new(stream))
    }
}

/// Everything that somebody asks on a connection.
async fn converse(comer: Comer, content: &Content, mut peer: Peer) -> io::Result<()> {
    let mut stream = comer.greet(&mut peer).await?;
    // Where one request is all that anybody has, the connection ends with its answer.
    let mut left = match (content, &peer) {
        (Content::Api(_), Peer::Address { .. }) => REQUESTS,
        _ => 1,
    };
    let (mut bytes, mut patience, mut asked) = (Vec::with_capacity(1024), DEADLINE, false);
    while left > 0 {
        left -= 1;
        let head = match timeout(patience, head(&mut stream, &mut bytes)).await? {
            Ok(Ok(head)) => head,
            Ok(Err(why)) => return end(&mut stream, &content.refuse(why)).await,
            // It has asked before, and asks no more.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && asked => return Ok(()),
            Err(error) => return Err(error),
        };
        let stays = left > 0 && head.stays;
        let answer = match content {
            Content::Metrics(source) => serve::answer(source, &head),
            Content::Api(api) => match page::part(&head) {
                // There is nothing in it that strangers may not see.
                Some(part) => part,
                None => match api.admit(&head, &peer) {
                    Err(refused) => return end(&mut stream, &refused).await,
                    Ok(admitted) => {
                        let most = admitted.body_max();
                        let body =
                            match timeout(DEADLINE, body(&mut stream, &mut bytes, &head, most)).await?? {
                                Ok(body) => body,
                                Err(why) => return end(&mut stream, &content.refuse(why)).await,
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
        (patience, asked) = (IDLE, true);
    }
    Ok(())
}

impl Content {
    fn places(&self) -> usize {
        match self {
            Self::Metrics(_) => CONNECTIONS,
            Self::Api(_) => API_CONNECTIONS,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_never_has_all_places_and_gives_back_those_that_it_had() {
        let shares = Shares::default();
        let peer = |last| Peer::Address { address: [192, 0, 2, last].into(), tls: None };
        let mut held: Vec<_> = std::iter::from_fn(|| shares.take(&peer(1))).collect();
        assert_eq!(held.len(), CONNECTIONS_EACH);
        const { assert!(CONNECTIONS_EACH < API_CONNECTIONS) };
        assert!(shares.take(&peer(2)).is_some());
        assert!(shares.take(&Peer::Socket(None)).is_some());
        held.pop();
        assert!(shares.take(&peer(1)).is_some());
        drop(held);
        assert!(shares.0.borrow().is_empty());
    }
}
