//! What the protocol of a dialect is made of.

use std::sync::Arc;
use std::time::Duration;

use sekisho_api::settings::Section;
use sekisho_api::{Handler, Patience, VipContext};

use crate::Dialect;
use crate::conversation::Desk;
use crate::options::Options;

/// Deadlines of the siblings of IMAP, equal to its own.
pub const PATIENCE: Patience = Patience {
    // For a person who types a password.
    head: Some(Duration::from_secs(60)),
    greeting: Some(Duration::from_secs(10)),
    // Servers delay the answer to a wrong password, Dovecot by up to 17 seconds.
    response: Some(Duration::from_secs(60)),
    // Longer than any server's own, so that it is they who say good-bye.
    idle: Some(Duration::from_secs(35 * 60)),
};

/// Makes a [`Dialect`] the protocol of its name.
#[macro_export]
macro_rules! protocol {
    ($dialect:ident) => {
        impl ::sekisho_api::Protocol for $dialect {
            fn descriptor(&self) -> ::sekisho_api::Descriptor {
                ::sekisho_api::Descriptor {
                    name: <Self as $crate::Dialect>::NAME,
                    summary: <Self as $crate::Dialect>::SUMMARY,
                    transport: ::sekisho_api::Transport::Tcp,
                    keys: &[::sekisho_api::KeyKind::USER],
                }
            }

            fn configure(
                &self,
                options: &mut ::sekisho_api::settings::Section<'_>,
                vip: &::sekisho_api::VipContext<'_>,
            ) -> Option<::sekisho_api::Handler> {
                Some($crate::handler(*self, options, vip))
            }

            fn configure_pool(
                &self,
                options: &mut ::sekisho_api::settings::Section<'_>,
                _: &::sekisho_api::PoolContext<'_>,
            ) -> Option<::sekisho_api::PoolSettings> {
                Some($crate::pool(options))
            }

            fn starts_tls(&self) -> bool {
                true
            }

            fn patience(&self) -> ::sekisho_api::Patience {
                $crate::PATIENCE
            }

            fn probes(&self) -> Vec<::std::sync::Arc<dyn ::sekisho_api::ProbeKind>> {
                vec![$crate::probe(*self)]
            }
        }
    };
}

/// Reads a VIP's keys and makes its handler.
pub fn handler<D: Dialect>(dialect: D, section: &mut Section<'_>, vip: &VipContext<'_>) -> Handler {
    let options = Arc::new(Options::read::<D>(section, vip));
    Handler::Conversation(Arc::new(Desk { dialect, options }))
}
