//! Protocols that stand in for the real ones: their names, keys and probes, and nothing behind them.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::settings::Section;
use sekisho_api::{
    Answer, Asked, Conversation, Converse, Core, Descriptor, Exchange, Facts, Fault, Handler, Head,
    HeadConversation, Heads, KeyKind, PoolContext, PoolSettings, Probe, ProbeInput, ProbeKind, ProbeRun,
    ProbeStep, Protocol, Request, Route, Service, Transport, Unavailable, VipContext, Worker, bytes,
};

use super::folder::{Folder, now};
use crate::load::examine;
use crate::{Loaded, Registry, Report};

/// The keys that the stand-ins read of their own: not the core's to document.
pub(super) const OWN_KEYS: &[&str] =
    &["cache", "greeting", "dns", "http", "imap", "rdp", "sni", "tcp", "udp"];

pub(crate) fn registry() -> Registry {
    let tcp = |name, keys| Fake { name, transport: Transport::Tcp, keys };
    Registry::new()
        .with(tcp(
            "http",
            &[KeyKind::USER, KeyKind::COOKIE, KeyKind::APP_COOKIE, KeyKind::HEADER, KeyKind::QUERY],
        ))
        .with(tcp("tcp", &[]))
        .with(tcp("rdp", &[KeyKind::RDP_TOKEN, KeyKind::USER]))
        .with(tcp("imap", &[KeyKind::USER]))
        .with(tcp("sni", &[KeyKind::SNI]))
        .with(Fake {
            name: "dns",
            transport: Transport::Both,
            keys: &[KeyKind::CLIENT_SUBNET, KeyKind::QNAME],
        })
        .with(Fake { name: "udp", transport: Transport::Udp, keys: &[] })
}

/// Host names below `example.org` are one address, others none: no test asks the network.
pub(super) fn resolve(host: &str, port: u16) -> Option<SocketAddr> {
    host.ends_with(".example.org").then(|| SocketAddr::from(([192, 0, 2, 99], port)))
}

/// Checks a text as if it stood in `folder`, with the stand-ins and at the tests' moment.
pub(super) fn check(text: &str, origin: &str, folder: &Folder) -> Result<Loaded, Report> {
    examine(text, origin, folder.path(), &registry(), now(), resolve)
}

#[derive(Debug)]
struct Fake {
    name: &'static str,
    transport: Transport,
    keys: &'static [KeyKind],
}

impl Protocol for Fake {
    fn descriptor(&self) -> Descriptor {
        let Self { name, transport, keys } = *self;
        Descriptor { name, summary: "a stand-in", transport, keys }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        options.text("greeting");
        Some(match (self.name, vip.tls) {
            ("dns", false) => Handler::Pair(Arc::new(Nothing), Arc::new(Nothing)),
            ("dns", true) => Handler::Service(Arc::new(Nothing)),
            ("rdp", _) if vip.start_tls => Handler::Conversation(Arc::new(Insists)),
            _ => Handler::Conversation(Arc::new(Heads::new(Nothing))),
        })
    }

    fn starts_tls(&self) -> bool {
        self.name == "rdp"
    }

    /// Pools have something for `dns` alone.
    fn configure_pool(&self, options: &mut Section<'_>, _: &PoolContext<'_>) -> Option<PoolSettings> {
        let cache = (self.name == "dns").then(|| options.text("cache")).flatten()?;
        Some(Arc::new(cache.value.to_owned()))
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        let mut kinds: Vec<Arc<dyn ProbeKind>> = vec![Arc::new(FakeProbe(self.name))];
        if self.name == "tcp" {
            kinds.extend(["tls", "send-expect"].map(|name| Arc::new(FakeProbe(name)) as Arc<dyn ProbeKind>));
        }
        kinds
    }
}

#[derive(Debug)]
struct Nothing;

impl HeadConversation for Nothing {
    fn head(&self, _: &[u8], _: &Facts) -> Result<Head, Fault> {
        Ok(Head::Route(Route::new()))
    }

    fn refusal(&self, _: Unavailable) -> bytes::Bytes {
        bytes::Bytes::new()
    }
}

/// Speaks to servers inside TLS alone that it starts itself.
#[derive(Debug)]
struct Insists;

impl Converse for Insists {
    fn open(&self, _: &Facts) -> Box<dyn Conversation> {
        unreachable!("configurations are checked here, nobody is served")
    }

    fn wants_start_tls(&self) -> bool {
        true
    }
}

impl Exchange for Nothing {
    fn request(&self, _: &[u8], _: &Facts, _: Instant, _: &mut [u8]) -> Request {
        Request::Ignore("stand-in")
    }

    fn id(&self, _: &[u8]) -> Option<u32> {
        None
    }

    fn answer(&self, _: &[u8], _: &Asked<'_>, _: Instant, _: &mut [u8]) -> Answer {
        Answer::Stray
    }

    fn refuse(&self, _: &[u8], _: &Facts, _: Unavailable, _: Instant, _: &mut [u8]) -> Option<usize> {
        None
    }
}

impl Service for Nothing {
    fn worker(&self, _: Rc<dyn Core>) -> Rc<dyn Worker> {
        unreachable!("configurations are checked here, nobody is served")
    }
}

#[derive(Debug)]
struct FakeProbe(&'static str);

impl ProbeKind for FakeProbe {
    fn name(&self) -> &'static str {
        self.0
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        options.text("path");
        Some(Arc::new(AlwaysUp))
    }
}

#[derive(Debug)]
struct AlwaysUp;

impl Probe for AlwaysUp {
    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        Box::new(Self)
    }
}

impl ProbeRun for AlwaysUp {
    fn step(&mut self, _: ProbeInput<'_>) -> ProbeStep {
        ProbeStep::Up
    }
}
