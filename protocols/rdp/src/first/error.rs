//! What can be wrong with a first packet.

use sekisho_api::Fault;

/// Why bytes are no first packet of Remote Desktop. Each is the client's fault and answered by silence: to whoever
/// does not speak the protocol its words say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Neither a TPKT packet nor a preconnection PDU. The client speaks something else.
    #[error("expected a TPKT packet or a preconnection PDU")]
    NotRdp,
    /// The packet's length is none that a Connection Request can have: 11 to 259 bytes, 5 more than the X.224 length.
    #[error("a first packet of {0} bytes is not allowed")]
    Length(u16),
    /// Another X.224 message than a Connection Request (X.224, section 13.3).
    #[error("expected a Connection Request, found X.224 code {0:#04x}")]
    NotConnectionRequest(u8),
    /// A line that does not end, or bytes behind it that are no negotiation request.
    #[error("what follows the X.224 header is neither a line nor a negotiation request")]
    Variable,
}

impl Malformed {
    /// The label in logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotRdp => "not-rdp",
            Self::Length(_) => "connection-request-length",
            Self::NotConnectionRequest(_) => "not-connection-request",
            Self::Variable => "connection-request-malformed",
        }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::client(malformed.label())
    }
}
