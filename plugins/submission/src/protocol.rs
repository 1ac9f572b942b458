//! The protocol `submission`.

use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{
    Descriptor, Handler, KeyKind, Patience, PoolContext, PoolSettings, ProbeKind, Protocol, Transport,
    VipContext,
};

/// Keeps a user on one server, and leaves it to that server to believe the password.
#[derive(Clone, Copy, Debug, Default)]
pub struct Submission;

impl Protocol for Submission {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "submission",
            summary: "mail submission, kept on a server by user, without a password store",
            transport: Transport::Tcp,
            keys: &[KeyKind::USER],
        }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        Some(sekisho_mail::handler(*self, options, vip))
    }

    fn configure_pool(&self, options: &mut Section<'_>, _: &PoolContext<'_>) -> Option<PoolSettings> {
        Some(sekisho_mail::pool(options))
    }

    fn starts_tls(&self) -> bool {
        true
    }

    fn patience(&self) -> Patience {
        sekisho_mail::PATIENCE
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![sekisho_mail::probe(*self)]
    }
}
