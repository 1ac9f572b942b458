//! Any TCP protocol: each connection is balanced as it arrives, and relayed.
//!
//! The server may speak first. The only thing known of a client is its address, which persistence can use
//! (`persist = ["source-ip"]`).
//!
//! Three probes come along: `tcp`, which is content with a connection, `tls`, which wants a handshake, and
//! `dialogue`, which sends and expects.

mod dialogue;
mod probe;
mod relay;

use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{Descriptor, Handler, ProbeKind, Protocol, Transport, VipContext};

/// The protocol `tcp`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Protocol for Tcp {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "tcp",
            summary: "any TCP protocol, relayed byte for byte",
            transport: Transport::Tcp,
            keys: &[],
        }
    }

    fn configure(&self, _: &mut Section<'_>, _: &VipContext<'_>) -> Option<Handler> {
        Some(Handler::Conversation(Arc::new(relay::AtOnce)))
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![Arc::new(probe::TcpProbe), Arc::new(probe::TlsProbe), Arc::new(dialogue::DialogueProbe)]
    }
}
