//! The protocol `imap`.

use std::sync::Arc;
use std::time::Duration;

use sekisho_api::settings::Section;
use sekisho_api::{
    Descriptor, Handler, KeyKind, Patience, PoolContext, PoolSettings, ProbeKind, Protocol, Transport,
    VipContext,
};

use crate::conversation::Desk;
use crate::options::{Options, pool};
use crate::probe::ImapProbe;

/// Keeps a user on one server, and leaves it to that server to believe the password.
#[derive(Clone, Copy, Debug, Default)]
pub struct Imap;

/// Servers greet at once; one that has not by then is replaced before anybody notices.
const GREETING: Duration = Duration::from_secs(10);
/// Servers delay the answer to a wrong password, Dovecot by up to 17 seconds.
const VERDICT: Duration = Duration::from_secs(60);
/// Longer than the servers' own half hour (RFC 9051, section 5.4), so that it is they who say good-bye.
const IDLE: Duration = Duration::from_secs(35 * 60);
/// For a person who types a password.
const LOGIN: Duration = Duration::from_secs(60);

impl Protocol for Imap {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "imap",
            summary: "IMAP, kept on a server by user, without a password store",
            transport: Transport::Tcp,
            keys: &[KeyKind::USER],
        }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        Some(Handler::Conversation(Arc::new(Desk(Arc::new(Options::read(options, vip))))))
    }

    fn configure_pool(&self, options: &mut Section<'_>, _: &PoolContext<'_>) -> Option<PoolSettings> {
        Some(pool(options))
    }

    fn starts_tls(&self) -> bool {
        true
    }

    fn patience(&self) -> Patience {
        Patience { head: Some(LOGIN), greeting: Some(GREETING), response: Some(VERDICT), idle: Some(IDLE) }
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![Arc::new(ImapProbe)]
    }
}
