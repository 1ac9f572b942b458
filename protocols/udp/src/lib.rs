//! Any UDP protocol: each client address is one flow, balanced when its first datagram comes, and relayed.
//!
//! What carries a transaction id (DNS) is served better by an exchange of its own. The probe `udp` sends a datagram
//! and expects one.

mod probe;

use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{
    Descriptor, Facts, Fault, Handler, Head, HeadConversation, Heads, ProbeKind, Protocol, Route, Transport,
    VipContext,
};

/// The protocol `udp`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Udp;

impl Protocol for Udp {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "udp",
            summary: "any UDP protocol, one flow for each client address",
            transport: Transport::Udp,
            keys: &[],
        }
    }

    fn configure(&self, _: &mut Section<'_>, _: &VipContext<'_>) -> Option<Handler> {
        Some(Handler::Conversation(Arc::new(Heads::new(Flow))))
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![Arc::new(probe::UdpProbe)]
    }
}

/// A flow begins with the client's first datagram, whatever stands in it.
#[derive(Debug)]
struct Flow;

impl HeadConversation for Flow {
    fn head(&self, _: &[u8], _: &Facts) -> Result<Head, Fault> {
        Ok(Head::Route(Route::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_routed_by_its_first_datagram_and_keeps_every_law() {
        sekisho_testkit::head(Flow)
            .silent()
            .fixture(
                "there and back",
                r#"
                C: ping
                = route
                ! connected one
                = relay
                > server "ping"
                S: pong
                > client "pong"
                "#,
            )
            .laws();
    }
}
