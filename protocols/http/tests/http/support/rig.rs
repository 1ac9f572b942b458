//! The gateway.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sekisho_api::settings::{Problems, Section};
use sekisho_api::{
    Facts, Handler, IdentityRules, Networks, Persist, PoolContext, Protocol as _, TlsFacts, VipContext,
    Worker,
};
use sekisho_http::Http;
use tokio::net::TcpListener;

use super::client::Client;
use super::core::{FakeCore, FakeServer, Plain};
use super::origin::Origin;
use super::settings::table;

/// Runs a test on one thread, as a worker runs, and lets none hang.
pub(crate) fn test(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async {
        tokio::time::timeout(Duration::from_secs(30), body).await.expect("the test hangs");
    }));
}

/// What a gateway is made of.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) options: &'static str,
    /// The table `[pool.pool.http]`, where there is one.
    pub(crate) pool: &'static str,
    pub(crate) persist: Vec<Persist>,
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) tls: bool,
    /// The protocol that was agreed on in TLS.
    pub(crate) alpn: &'static str,
    /// The VIP's `timeouts.response`.
    pub(crate) response: Option<Duration>,
}

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) core: Rc<FakeCore>,
    pub(crate) worker: Rc<dyn Worker>,
    /// Client connections whose service has not ended.
    pub(crate) open: Rc<Cell<usize>>,
    /// How often their tasks were woken.
    pub(crate) polls: Rc<Cell<usize>>,
}

impl Rig {
    /// One with these options in front of these origins.
    pub(crate) async fn new(options: &'static str, origins: &[&Origin]) -> Self {
        let servers = origins.iter().map(|origin| origin.address).collect();
        Self::with(Setup { options, servers, ..Setup::default() }).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let problems = Problems::new();
        let options = table(setup.options);
        let mut section = Section::new(&options, 0..0, &problems);
        let identity = IdentityRules::default();
        let pool = (!setup.pool.is_empty()).then(|| {
            let table = table(setup.pool);
            let mut section = Section::new(&table, 0..0, &problems);
            let read = Http::new().configure_pool(&mut section, &PoolContext { name: "pool" });
            section.finish();
            read
        });
        let vip = VipContext {
            name: "web",
            persist: &setup.persist,
            identity: &identity,
            tls: setup.tls,
            start_tls: false,
            pools: &["pool".into()],
            pool_settings: &[pool.flatten()],
            trusted: &Networks::default(),
        };
        let handler = Http::new().configure(&mut section, &vip);
        section.finish();
        assert!(problems.is_empty(), "{:?}", problems.into_vec());
        let Some(Handler::Service(service)) = handler else { panic!("HTTP is a service") };
        let servers =
            setup.servers.iter().enumerate().map(|(i, a)| FakeServer::new(i as u64 + 1, *a)).collect();
        let core = Rc::new(FakeCore { servers, response: setup.response, ..FakeCore::default() });
        let worker = service.worker(core.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, polls) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let polled = polls.clone();
        let (serving, count, tls) = (worker.clone(), open.clone(), setup.tls);
        let alpn = Some(setup.alpn.as_bytes().into()).filter(|_| !setup.alpn.is_empty());
        tokio::task::spawn_local(async move {
            while let Ok((stream, client)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let mut facts = Facts::plain(client, address);
                facts.tls = tls.then(|| Arc::new(TlsFacts { alpn: alpn.clone(), ..TlsFacts::default() }));
                let (serving, count) = (serving.clone(), count.clone());
                count.set(count.get() + 1);
                let polled = polled.clone();
                tokio::task::spawn_local(async move {
                    let mut served = serving.serve(Box::new(Plain(stream, None)), facts);
                    std::future::poll_fn(|cx| {
                        polled.set(polled.get() + 1);
                        served.as_mut().poll(cx)
                    })
                    .await;
                    count.set(count.get() - 1);
                });
            }
        });
        Self { address, core, worker, open, polls }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Reads and writes of the gateway so far, on both sides, and wake-ups of its connections.
    pub(crate) fn cost(&self) -> (usize, usize, usize) {
        let (reads, writes) = super::core::CALLS.get();
        (reads, writes, self.polls.get())
    }

    /// Bytes that were read from one side and not written to another: what the gateway holds, roughly.
    pub(crate) fn held(&self) -> i64 {
        super::core::HELD.get()
    }

    /// The access log so far.
    pub(crate) fn records(&self) -> Vec<String> {
        self.core.records.borrow().clone()
    }

    /// Waits until this many requests are booked.
    pub(crate) async fn booked(&self, count: usize) -> Vec<String> {
        while self.core.records.borrow().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.records()
    }

    /// Waits until so many clients were shown to the operator, and gives what ends the last of them.
    pub(crate) async fn listed(&self, count: usize) -> (String, Rc<tokio::sync::Notify>) {
        while self.core.listed.borrow().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.core.listed.borrow()[count - 1].clone()
    }

    /// Waits until no client connection is being served.
    pub(crate) async fn quiet(&self) {
        while self.open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Leases that were given out and not given back.
    pub(crate) fn leases(&self) -> i64 {
        self.core.servers.iter().map(|server| server.active.load(Ordering::Relaxed)).sum()
    }
}
