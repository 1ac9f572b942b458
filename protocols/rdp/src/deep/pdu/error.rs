//! What can be wrong with a packet of the connection sequence.

use sekisho_api::{Blame, Fault};

/// Why a packet is not what the connection sequence has at its place. Whose fault it is, the reader's caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// Neither a TPKT packet nor a fast-path one, or a length that its own header does not fit into.
    #[error("neither a TPKT packet nor a fast-path one")]
    Framing,
    /// A field says it is longer than what it stands in, or leaves bytes behind that belong to nothing.
    #[error("a length that does not agree with what it stands in")]
    Length,
    /// Well framed, and another message than this one.
    #[error("another message than the one whose turn it is")]
    Unexpected,
    /// More than 31 static channels, a number of them that nobody asked for, or one identifier for two things.
    #[error("static channels that cannot be")]
    Channels,
    /// The server wants to encrypt inside TLS, as standard RDP security does.
    #[error("encryption inside TLS")]
    Encryption,
    /// The server says no: to the conference, to the user, or to a channel.
    #[error("the server refuses")]
    Refused,
    /// A name that is no UTF-16, has a NUL in it, or is longer than 512 bytes.
    #[error("a name that is none")]
    Name,
}

impl Malformed {
    /// The label in logs and metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Framing => "rdp-framing",
            Self::Length => "rdp-length",
            Self::Unexpected => "rdp-unexpected",
            Self::Channels => "rdp-channels",
            Self::Encryption => "rdp-encryption-inside-tls",
            Self::Refused => "rdp-refused",
            Self::Name => "rdp-name",
        }
    }

    /// As the fault of whoever sent the packet.
    pub(crate) const fn fault(self, blame: Blame) -> Fault {
        Fault { blame, label: self.label(), tell: bytes::Bytes::new() }
    }
}
