//! Which clients the deep mode is for.

use bytes::Bytes;

use super::pdu;
use super::request::TLS;
use crate::first::First;
use crate::key::Line;
use crate::options::{Fallback, Mode, Options};
use crate::passing::DISCONNECT_REQUEST;

/// What becomes of a client, by its first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes through as it is.
    Pass,
    /// Its TLS ends at the gateway; these are the protocols that it offers.
    Deep(u32),
    /// It is told this, and that is all.
    Refuse(Bytes),
}

/// Restricted admin and remote guard (MS-RDPBCGR, section 2.2.1.1.1): both prove who logs in by CredSSP alone.
const DELEGATED: u8 = 0x03;
/// TLS is required (section 2.2.1.2.2).
const SSL_REQUIRED: u32 = 1;

impl Verdict {
    /// Looks at a first packet.
    pub(crate) fn on(first: &First<'_>, options: &Options) -> Self {
        let line = first.line.map(Line::read);
        let leads = match line {
            Some(Line::Hint(hint)) => !hint.is_empty() && options.mode == Mode::Redirect,
            Some(Line::Cookie(_)) | None => false,
            // Whoever comes with a token has been sent, perhaps by this gateway: never twice.
            Some(Line::Token(_) | Line::Sealed(_) | Line::Nothing) => true,
        };
        if options.mode == Mode::Off || leads {
            return Self::Pass;
        }
        let offer = first.negotiation.filter(|offer| offer.protocols & TLS != 0);
        let refusal = match offer {
            Some(offer) if offer.flags & DELEGATED == 0 => return Self::Deep(offer.protocols),
            Some(_) => Bytes::from_static(DISCONNECT_REQUEST),
            None => Bytes::from(pdu::negotiation_failure(SSL_REQUIRED)),
        };
        match options.fallback {
            Fallback::Pass => Self::Pass,
            Fallback::Refuse => Self::Refuse(refusal),
        }
    }
}
