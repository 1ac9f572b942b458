//! Protocols that stand in for the real ones: their names, keys and probes, and nothing behind them.

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{
    Descriptor, Facts, Fault, Handler, Head, HeadConversation, Heads, KeyKind, Probe, ProbeInput, ProbeKind,
    ProbeRun, ProbeStep, Protocol, Route, Transport, Unavailable, VipContext, bytes,
};

use crate::Registry;

pub(super) fn registry() -> Registry {
    let tcp = |name, keys| Fake { name, transport: Transport::Tcp, keys };
    Registry::new()
        .with(tcp(
            "http",
            &[KeyKind::USER, KeyKind::COOKIE, KeyKind::APP_COOKIE, KeyKind::HEADER, KeyKind::QUERY],
        ))
        .with(tcp("tcp", &[]))
        .with(tcp("rdp", &[KeyKind::RDP_TOKEN, KeyKind::USER]))
        .with(Fake { name: "udp", transport: Transport::Udp, keys: &[] })
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

    fn configure(&self, options: &mut Section<'_>, _: &VipContext<'_>) -> Option<Handler> {
        options.text("greeting");
        Some(Handler::Conversation(Arc::new(Heads::new(Nothing))))
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![Arc::new(FakeProbe(self.name))]
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
