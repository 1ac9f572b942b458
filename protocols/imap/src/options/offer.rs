//! What is said of logging in, made once: every connection hears one of three versions of it.

use std::fmt::Write;

use bytes::Bytes;
use sekisho_mail::Mechanism;

/// What is known of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Anybody may overhear it.
    Clear,
    /// TLS is up.
    Secured,
    /// TLS is up, and the client has shown a certificate that names a user.
    Certified,
}

impl Channel {
    pub(crate) const ALL: [Self; 3] = [Self::Clear, Self::Secured, Self::Certified];
}

/// What is said on one kind of connection.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// The first line.
    pub(crate) greeting: Bytes,
    /// The untagged answer to CAPABILITY: the same list (RFC 9051, section 6.1.1).
    pub(crate) capabilities: Box<str>,
}

/// What the options list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lists<'a> {
    pub(crate) mechanisms: &'a [Mechanism],
    /// Names with one space between them.
    pub(crate) capabilities: &'a str,
    pub(crate) banner: &'a str,
}

impl Lists<'_> {
    /// What is said on each kind of connection.
    pub(crate) fn offers(&self, start_tls: bool, require_tls: bool) -> [Offer; 3] {
        Channel::ALL.map(|channel| Offer::new(channel, self, start_tls, require_tls))
    }
}

impl Offer {
    fn new(channel: Channel, lists: &Lists<'_>, start_tls: bool, require_tls: bool) -> Self {
        // LITERAL-, since what is taken before login is bounded; literals that do not wait are taken all the same.
        let mut list = "IMAP4rev1 LITERAL- SASL-IR ID".to_owned();
        if !lists.capabilities.is_empty() {
            list = list + " " + lists.capabilities;
        }
        let clear = channel == Channel::Clear;
        if start_tls && clear {
            list += " STARTTLS";
        }
        if require_tls && clear {
            list += " LOGINDISABLED";
        } else {
            let external = |mechanism| mechanism == Mechanism::External;
            let offered = |&mechanism: &Mechanism| !external(mechanism) || channel == Channel::Certified;
            for mechanism in lists.mechanisms.iter().copied().filter(offered) {
                // Writing to a string cannot fail.
                _ = write!(list, " AUTH={}", mechanism.name());
            }
        }
        Self {
            greeting: format!("* OK [CAPABILITY {list}] {}\r\n", lists.banner).into(),
            capabilities: format!("* CAPABILITY {list}\r\n").into(),
        }
    }
}
