//! *Turnstile*, a made-up protocol: a client's first line is `TICKET <holder>`, everything behind it is the server's
//! business. The holder of a ticket always meets the same server.

use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{
    Descriptor, Facts, Fault, Handler, Head, HeadConversation, Heads, IdentityRules, KeyKind, Protocol,
    Route, Transport, Unavailable, VipContext, bytes::Bytes,
};

/// The value that stands in the registration list.
#[derive(Clone, Copy, Debug)]
pub struct Turnstile;

impl Protocol for Turnstile {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "turnstile",
            summary: "TICKET lines, kept on a server by their holder",
            transport: Transport::Tcp,
            keys: &[KeyKind::USER],
        }
    }

    fn configure(&self, _: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        let identity = vip.identity.clone();
        Some(Handler::Conversation(Arc::new(Heads::new(Ticket { identity }))))
    }
}

/// The longest first line, its end included.
const LINE: usize = 128;

/// Reads the first line.
#[derive(Debug)]
pub struct Ticket {
    /// How holders become identities.
    pub identity: IdentityRules,
}

impl HeadConversation for Ticket {
    fn head(&self, bytes: &[u8], _: &Facts) -> Result<Head, Fault> {
        let start = bytes.get(..LINE).unwrap_or(bytes);
        let Some(end) = start.iter().position(|&byte| byte == b'\n') else {
            let incomplete = start.len() < LINE;
            return if incomplete { Ok(Head::Incomplete) } else { Err(Fault::client("ticket-too-long")) };
        };
        let holder = start.get(..end).and_then(|line| line.trim_ascii_end().strip_prefix(b"TICKET "));
        Ok(Head::Route(Route::new().with_key(holder.and_then(|holder| self.identity.user(holder)))))
    }

    fn refusal(&self, why: Unavailable) -> Bytes {
        format!("CLOSED {why}\n").into()
    }
}
