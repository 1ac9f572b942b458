//! DNS over streams as a [`Service`].

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sekisho_api::{BoxStream, Core, Deadline, End, Facts, KeyKind, Local, Reply, Route, Service, Worker};

use super::client;
use super::front::Front;
use super::sniff::{Spoken, sniff};
use crate::desk::Desk;
use crate::https::{self, Resolver};
use crate::over::Over;

/// DNS over streams: what clients ask over TCP, TLS and HTTPS, and what datagrams ask of servers that are reached over
/// streams alone.
#[derive(Debug)]
pub(crate) struct DnsService(Arc<Desk>);

impl DnsService {
    /// The service of one VIP.
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self(desk)
    }
}

impl Service for DnsService {
    fn worker(&self, core: Rc<dyn Core>) -> Rc<dyn Worker> {
        Rc::new(DnsWorker(Front::new(core, self.0.clone())))
    }

    fn alpn(&self) -> &'static [&'static str] {
        let over = &self.0.options.over;
        match (over.contains(&Over::Tls), over.contains(&Over::Https)) {
            (true, true) => &["dot", "h2", "http/1.1"],
            (false, true) => &["h2", "http/1.1"],
            _ => &["dot"],
        }
    }

    fn described(&self, client: IpAddr, said: &[(KeyKind, &str)]) -> Result<Option<Route>, String> {
        self.0.described(client, said)
    }
}

/// One worker's part.
#[derive(Debug)]
struct DnsWorker(Rc<Front>);

impl DnsWorker {
    /// What is spoken on a connection of a VIP that has HTTPS: what its TLS agreed on, what alone is configured, or
    /// what the first bytes say. `None`: nothing was said.
    async fn spoken(&self, client: BoxStream, facts: &Facts) -> Option<(Spoken, BoxStream)> {
        let (core, options) = (&*self.0.core, &self.0.desk.options);
        match facts.tls.as_ref().and_then(|tls| tls.alpn.as_deref()) {
            Some(b"dot") => Some((Spoken::Dns, client)),
            Some(b"h2" | b"http/1.1") => Some((Spoken::Http, client)),
            _ if !options.over.iter().any(|over| matches!(over, Over::Tls | Over::Tcp)) => {
                Some((Spoken::Http, client))
            }
            _ => sniff(client, core, core.now() + options.tcp_idle).await,
        }
    }
}

#[async_trait(?Send)]
impl Worker for DnsWorker {
    async fn serve(self: Rc<Self>, client: BoxStream, facts: Facts) -> End {
        let front = self.0.clone();
        let over = if facts.tls.is_some() { Over::Tls } else { Over::Tcp };
        if !front.desk.options.over.contains(&Over::Https) {
            return client::serve(front, client, facts, over).await;
        }
        let Some((spoken, client)) = self.spoken(client, &facts).await else {
            return End::Expired(Deadline::Idle);
        };
        // Boxed: a connection's task is as large as its largest stage.
        match spoken {
            Spoken::Dns => Box::pin(client::serve(front, client, facts, over)).await,
            Spoken::Http => {
                let h2 = facts.tls.as_ref().is_some_and(|tls| tls.alpn.as_deref() == Some(b"h2"));
                Box::pin(https::serve(front, client, facts, h2)).await
            }
        }
    }

    fn datagram(self: Rc<Self>, datagram: &[u8], facts: &Facts, reply: Reply) {
        self.0.hand(datagram, facts, reply);
    }
}

impl Resolver for Front {
    fn ask(self: &Rc<Self>, message: Bytes, facts: &Rc<Facts>) -> Local<'static, Option<Bytes>> {
        Front::ask(self, &message, facts, Over::Https)
    }

    fn core(&self) -> &Rc<dyn Core> {
        &self.core
    }

    fn path(&self) -> &str {
        &self.desk.options.path
    }

    fn idle(&self) -> Duration {
        self.desk.options.tcp_idle
    }

    fn in_flight(&self) -> usize {
        self.desk.options.tcp_in_flight
    }
}
