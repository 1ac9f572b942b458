//! Accepting TCP connections.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use sekisho_api::Facts;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

use crate::connection;
use crate::limits::{Admission, Gauge, Place};
use crate::slot::{Serving, Slot};
use crate::worker::Worker;

/// How long a worker rests when the kernel has no descriptor or memory for another connection.
const REST: Duration = Duration::from_millis(100);

/// How long the log is spared a complaint that it has already.
const SILENCE: Duration = Duration::from_secs(10);

/// How long a socket that nobody new comes to is kept: longer than the kernel repeats its part of a handshake
/// (tcp_synack_retries, 63 s), so that all who began one are accepted.
const SPARED: Duration = Duration::from_secs(75);

/// Connections accepted at the most once the address is closed: as many as can wait.
const LAST: usize = 8192;

/// Starts the accept loop of a listening address.
///
/// # Errors
/// If the listener cannot be registered with the worker.
pub(crate) fn start(worker: &Rc<Worker>, slot: &Rc<Slot>, listener: std::net::TcpListener) -> io::Result<()> {
    // SAFETY: the listener owns its descriptor, which lives until the `AsyncFd` that holds it is dropped, and nothing
    // here takes it out or replaces it.
    let listener = Rc::new(unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?);
    *slot.listener.borrow_mut() = Rc::downgrade(&listener);
    let (worker, slot) = (worker.clone(), slot.clone());
    tokio::task::spawn_local(async move {
        let complained = Cell::new(None);
        let mut spared = worker.ticker().until(Instant::now() + SPARED);
        while !slot.is_closed() {
            tokio::select! {
                () = slot.closed() => break,
                () = &mut spared, if slot.spare => break,
                _ = turn(&worker, &slot, &listener, &complained) => {}
            }
        }
        // What the kernel accepted before the address was closed is served, not reset. Room comes first: where another
        // process has the socket as well, it takes what there is no room for.
        let serving = slot.serving();
        for _ in 0..LAST {
            let Some(places) = places_now(&serving) else { break };
            let Ok((stream, client)) = accept(listener.get_ref()) else { break };
            admit(&worker, &slot, serving.clone(), stream, client, places);
        }
    });
    Ok(())
}

/// Waits for a client, then for room, and only then accepts: what there is no room for waits in the kernel.
async fn turn(
    worker: &Rc<Worker>,
    slot: &Rc<Slot>,
    listener: &AsyncFd<std::net::TcpListener>,
    complained: &Cell<Option<Instant>>,
) {
    let Ok(mut ready) = listener.readable().await else { return };
    loop {
        let serving = slot.serving();
        let places = match places_now(&serving) {
            Some(places) => places,
            None => {
                if complained.get().is_none_or(|then| then.elapsed() >= SILENCE) {
                    complained.set(Some(Instant::now()));
                    full(slot, &serving);
                }
                let places = places(&serving).await;
                if !Rc::ptr_eq(&serving, &slot.serving()) {
                    // A reload came while it waited: the client gets what is served now.
                    continue;
                }
                places
            }
        };
        match accept(ready.get_inner()) {
            Ok((stream, client)) => admit(worker, slot, serving, stream, client, places),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready.clear_ready();
                return;
            }
            Err(error) if gone_again(&error) => {}
            Err(error) => {
                drop(places);
                if complained.get().is_none_or(|then| then.elapsed() >= SILENCE) {
                    complained.set(Some(Instant::now()));
                    tracing::error!(vip = slot.vip(), %error, "No connection can be accepted");
                }
                tokio::time::sleep(REST).await;
            }
        }
        tokio::task::coop::consume_budget().await;
    }
}

/// One place of the VIP's and one of the gateway's.
type Places = (Place, Place);

fn gauges(serving: &Serving) -> (&Arc<Gauge>, &Arc<Gauge>) {
    (&serving.live.counts.connections, serving.core.connections())
}

/// Says whose limit it is that has clients wait.
fn full(slot: &Slot, serving: &Serving) {
    let (vip, gateway) = gauges(serving);
    let (of, connections) = match gateway.is_full() {
        true => ("the gateway", gateway.count()),
        false => ("the VIP", vip.count()),
    };
    tracing::warn!(vip = slot.vip(), of, connections, "max-connections is reached: clients wait");
}

fn places_now(serving: &Serving) -> Option<Places> {
    let (vip, gateway) = gauges(serving);
    Some((vip.enter()?, gateway.enter()?))
}

async fn places(serving: &Serving) -> Places {
    let (vip, gateway) = gauges(serving);
    (vip.entered().await, gateway.entered().await)
}

fn admit(
    worker: &Rc<Worker>,
    slot: &Slot,
    serving: Rc<Serving>,
    stream: std::net::TcpStream,
    client: SocketAddr,
    (vip, gateway): Places,
) {
    let began = Instant::now();
    let client = SocketAddr::new(client.ip().to_canonical(), client.port());
    // Where proxies speak for their clients, these are counted when they are known.
    let place = match serving.live.vip.proxies {
        Some(_) => None,
        None => match serving.live.counts.clients.enter(client.ip()) {
            Some(place) => Some(place),
            None => {
                let facts = Facts::plain(client, slot.bound);
                return connection::refused(worker, &serving, &facts, began);
            }
        },
    };
    // The listener's own address, unless it is a wildcard: one system call less for each connection.
    let local = if slot.bound.ip().is_unspecified() { stream.local_addr().ok() } else { Some(slot.bound) };
    let local = local.map_or(slot.bound, |local| SocketAddr::new(local.ip().to_canonical(), local.port()));
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let admission = Admission { _gateway: gateway, _vip: vip, client: place };
    let facts = Facts { id: worker.number(), ..Facts::plain(client, local) };
    worker.serve(connection::serve(worker.clone(), serving, stream, facts, admission, began));
}

/// accept4(2), which saves setting the socket non-blocking afterwards.
fn accept(listener: &std::net::TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    let (socket, client) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let client = client.and_then(|client: SocketAddrAny| SocketAddr::try_from(client).ok());
    Ok((socket.into(), client.ok_or(io::ErrorKind::ConnectionAborted)?))
}

/// Errors of the connection, not of the listener (accept(2), "Error handling").
fn gone_again(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NetworkUnreachable, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | NetworkUnreachable | TimedOut)
        || matches!(error.raw_os_error(), Some(libc::EPROTO | libc::ENETDOWN | libc::EHOSTUNREACH))
}
