//! How many connections there may be: in all, per VIP, per client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use sekisho_api::Key;
use tokio::sync::Notify;

/// A count with a ceiling, shared by all workers.
#[derive(Debug)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    max: AtomicUsize,
    freed: Notify,
}

impl Gauge {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { now: AtomicUsize::new(0), max: AtomicUsize::new(max), freed: Notify::new() })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// Whether there is no place left.
    pub(crate) fn is_full(&self) -> bool {
        self.count() >= self.max.load(Ordering::Relaxed)
    }

    /// Changes the ceiling. What is above it stays until it ends by itself.
    pub(crate) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
        self.freed.notify_waiters();
    }

    /// Takes a place, if there is one.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let max = self.max.load(Ordering::Relaxed);
        // Never counted up first and down again: giving such a place back would wake those who wait, for nothing.
        let below = |now: usize| (now < max).then_some(now + 1);
        self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below).ok().map(|_| Place(self.clone()))
    }

    /// Waits for a place. While it waits nothing is accepted, and clients queue in the kernel's backlog.
    pub(crate) async fn entered(self: &Arc<Self>) -> Place {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if let Some(place) = self.enter() {
                return place;
            }
            freed.await;
        }
    }
}

/// One place below a [`Gauge`]'s ceiling.
#[derive(Debug)]
pub(crate) struct Place(Arc<Gauge>);

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.0.now.fetch_sub(1, Ordering::Relaxed);
        if before >= self.0.max.load(Ordering::Relaxed) {
            self.0.freed.notify_waiters();
        }
    }
}

const SHARDS: usize = 16;

/// Connections per client address: IPv4 by address, IPv6 by /64, which is what one site gets.
#[derive(Debug)]
pub(crate) struct PerClient {
    max: AtomicUsize,
    shards: [Mutex<HashMap<Key, usize>>; SHARDS],
}

impl PerClient {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max: AtomicUsize::new(max), shards: std::array::from_fn(|_| Mutex::default()) })
    }

    pub(crate) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Takes a place for `client`; none if it has its maximum already.
    pub(crate) fn enter(self: &Arc<Self>, client: IpAddr) -> Option<ClientPlace> {
        let key = Key::source_ip(client, 32, 64);
        let mut counts = self.shard(&key).lock();
        let count = counts.entry(key.clone()).or_insert(0);
        if *count >= self.max.load(Ordering::Relaxed) {
            if *count == 0 {
                counts.remove(&key);
            }
            return None;
        }
        *count += 1;
        drop(counts);
        Some(ClientPlace { all: self.clone(), key })
    }

    fn shard(&self, key: &Key) -> &Mutex<HashMap<Key, usize>> {
        let sum =
            key.expose().iter().fold(0_usize, |sum, &b| sum.wrapping_mul(31).wrapping_add(usize::from(b)));
        let [first, ..] = &self.shards;
        self.shards.get(sum % SHARDS).unwrap_or(first)
    }
}

/// One of a client's places.
#[derive(Debug)]
pub(crate) struct ClientPlace {
    all: Arc<PerClient>,
    key: Key,
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        let mut counts = self.all.shard(&self.key).lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// All the places that one connection takes; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) _gateway: Place,
    pub(crate) _vip: Place,
    /// None as long as it is not known who the client is.
    pub(crate) client: Option<ClientPlace>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_holds_and_places_come_back() {
        let gauge = Gauge::new(2);
        let a = gauge.enter().unwrap();
        let _b = gauge.enter().unwrap();
        assert!(gauge.enter().is_none());
        assert_eq!(gauge.count(), 2);
        drop(a);
        assert!(gauge.enter().is_some());
    }

    #[tokio::test]
    async fn whoever_waits_for_a_place_gets_the_next_one() {
        let gauge = Gauge::new(1);
        let place = gauge.enter().unwrap();
        let waiting = gauge.entered();
        tokio::pin!(waiting);
        assert!(futures_pending(&mut waiting).await);
        drop(place);
        waiting.await;
    }

    async fn futures_pending<F: Future>(future: &mut std::pin::Pin<&mut F>) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    #[test]
    fn clients_are_counted_apart_and_forgotten_when_gone() {
        let clients = PerClient::new(1);
        let alice = clients.enter("192.0.2.1".parse().unwrap()).unwrap();
        assert!(clients.enter("192.0.2.1".parse().unwrap()).is_none());
        let _bob = clients.enter("192.0.2.2".parse().unwrap()).unwrap();
        drop(alice);
        assert!(clients.enter("192.0.2.1".parse().unwrap()).is_some());
        assert_eq!(clients.shards.iter().map(|s| s.lock().len()).sum::<usize>(), 1);
    }
}
