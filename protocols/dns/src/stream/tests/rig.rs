//! The gateway between them.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sekisho_api::settings::{Node, Problems, Section, Table, Value};
use sekisho_api::{
    End, Facts, Handler, IdentityRules, Networks, PoolContext, Protocol as _, VipContext, Worker,
};
use tokio::net::{TcpListener, TcpStream};

use super::core::{FakeCore, FakeServer, Plain};
use super::messages::{read, write};
use super::origin::Origin;
use crate::Dns;

/// Runs a test on one thread, as a worker runs, and lets none hang.
pub(super) fn test(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async {
        tokio::time::timeout(Duration::from_secs(30), body).await.expect("the test hangs");
    }));
}

/// A running gateway.
#[derive(Debug)]
pub(super) struct Rig {
    address: SocketAddr,
    pub(super) core: Rc<FakeCore>,
    pub(super) worker: Rc<dyn Worker>,
    pub(super) ends: Rc<RefCell<Vec<End>>>,
    open: Rc<Cell<usize>>,
}

impl Rig {
    pub(super) async fn new(origins: &[&Origin]) -> Self {
        Self::with(origins, &[], None).await
    }

    /// One with these options of the VIP.
    pub(super) async fn with(
        origins: &[&Origin],
        options: &[(&str, Value)],
        response: Option<Duration>,
    ) -> Self {
        Self::full(origins, options, &[], response).await
    }

    /// One with these options of the VIP and of its pool.
    pub(super) async fn full(
        origins: &[&Origin],
        options: &[(&str, Value)],
        pool: &[(&str, Value)],
        response: Option<Duration>,
    ) -> Self {
        let (dns, problems) = (Dns::new(), Problems::new());
        let (table, pool) = (table(options), table(pool));
        let mut section = Section::new(&pool, 0..0, &problems);
        let pool = dns.configure_pool(&mut section, &PoolContext { name: "pool" });
        section.finish();
        let mut section = Section::new(&table, 0..0, &problems);
        let vip = VipContext {
            name: "dns",
            persist: &[],
            identity: &IdentityRules::default(),
            tls: false,
            start_tls: false,
            pools: &["pool".into()],
            pool_settings: &[pool],
            trusted: &Networks::default(),
        };
        let handler = dns.configure(&mut section, &vip);
        section.finish();
        assert!(problems.is_empty(), "{:?}", problems.into_vec());
        let Some(Handler::Pair(_, service)) = handler else { panic!("DNS without TLS is a pair") };
        let servers = origins.iter().zip(1..).map(|(origin, id)| FakeServer::new(id, origin.address));
        let core = Rc::new(FakeCore { servers: servers.collect(), response, ..FakeCore::default() });
        let worker = service.worker(core.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ends, open): (Rc<RefCell<Vec<End>>>, Rc<Cell<usize>>) = Default::default();
        let (serving, ended, opened) = (worker.clone(), ends.clone(), open.clone());
        tokio::task::spawn_local(async move {
            while let Ok((stream, client)) = listener.accept().await {
                let (serving, ended, opened) = (serving.clone(), ended.clone(), opened.clone());
                opened.set(opened.get() + 1);
                tokio::task::spawn_local(async move {
                    let end = serving.serve(Box::new(Plain(stream)), Facts::plain(client, address)).await;
                    ended.borrow_mut().push(end);
                    opened.set(opened.get() - 1);
                });
            }
        });
        Self { address, core, worker, ends, open }
    }

    pub(super) async fn client(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// One client's one query and its answer.
    pub(super) async fn ask(&self, query: &[u8]) -> Option<Vec<u8>> {
        let mut client = self.client().await;
        write(&mut client, query).await;
        read(&mut client).await
    }

    /// Waits until something is so.
    pub(super) async fn until(&self, so: impl Fn() -> bool) {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until no client is served and every lease is given back.
    pub(super) async fn quiet(&self) {
        let leases = || self.core.servers.iter().map(|s| s.active.load(Ordering::Relaxed)).sum::<i64>();
        self.until(|| self.open.get() == 0 && leases() == 0).await;
    }
}

fn table(entries: &[(&str, Value)]) -> Table {
    let node = |value: &Value| Node { span: 0..0, value: value.clone() };
    Table { entries: entries.iter().map(|(key, value)| ((*key).to_owned(), 0..0, node(value))).collect() }
}

pub(super) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}
