//! The probes that say nothing: a connection is enough, or a TLS handshake.

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{Probe, ProbeInput, ProbeKind, ProbeRun, ProbeStep, ProbeTls};

/// `tcp`: a server that accepts a connection is well.
#[derive(Debug)]
pub(crate) struct TcpProbe;

impl ProbeKind for TcpProbe {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn configure(&self, _: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        Some(Arc::new(Reached(ProbeTls::Never)))
    }
}

/// `tls`: a server that completes a handshake, as the pool's `tls` has it, is well.
#[derive(Debug)]
pub(crate) struct TlsProbe;

impl ProbeKind for TlsProbe {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn configure(&self, _: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        Some(Arc::new(Reached(ProbeTls::Always)))
    }
}

/// Content once the connection is up.
#[derive(Clone, Copy, Debug)]
struct Reached(ProbeTls);

impl Probe for Reached {
    fn tls(&self) -> ProbeTls {
        self.0
    }

    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        Box::new(*self)
    }
}

impl ProbeRun for Reached {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match input {
            ProbeInput::Connected(None) if self.0 == ProbeTls::Always => {
                ProbeStep::Down("no TLS handshake took place".to_owned())
            }
            _ => ProbeStep::Up,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_enough_for_tcp_and_not_for_tls() {
        let step = |tls| Reached(tls).step(ProbeInput::Connected(None));
        assert!(matches!(step(ProbeTls::Never), ProbeStep::Up));
        assert!(matches!(step(ProbeTls::Always), ProbeStep::Down(_)));
        sekisho_testkit::probe(|| Box::new(Reached(ProbeTls::Always))).up("").up("anything").laws();
    }
}
