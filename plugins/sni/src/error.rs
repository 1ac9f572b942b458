//! What can be wrong with a ClientHello.

use bytes::Bytes;
use sekisho_api::Fault;

/// Why bytes are no ClientHello. Each is the client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SniError {
    /// The bytes do not begin with a TLS handshake record (RFC 8446, 5.1). The client speaks something else.
    #[error("expected a TLS handshake record")]
    NotTls,
    /// A record is empty or longer than 2^14 bytes (RFC 8446, 5.1).
    #[error("a record of {length} bytes is not allowed")]
    RecordLength {
        /// What the record's header says.
        length: u16,
    },
    /// The first handshake message is another one. The client misbehaves.
    #[error("expected a ClientHello, found handshake message {found}")]
    NotClientHello {
        /// Its type (RFC 8446, 4).
        found: u8,
    },
    /// The message says that it is longer than any honest one.
    #[error("a ClientHello of {length} bytes is too large")]
    TooLarge {
        /// What the message's header says.
        length: u32,
    },
    /// A length inside the message points outside what it belongs to (RFC 8446, 4.1.2).
    #[error("a length in the ClientHello is wrong")]
    Malformed,
    /// Two `server_name` extensions (RFC 8446, 4.2): a smuggler's trick, for two readers may choose differently.
    #[error("the server name is given twice")]
    TwoNames,
}

impl SniError {
    /// The label in logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotTls => "not-tls",
            Self::RecordLength { .. } => "tls-record-length",
            Self::NotClientHello { .. } => "not-client-hello",
            Self::TooLarge { .. } => "client-hello-too-large",
            Self::Malformed => "client-hello-malformed",
            Self::TwoNames => "server-name-twice",
        }
    }
}

impl From<SniError> for Fault {
    fn from(error: SniError) -> Self {
        let fault = Self::client(error.label());
        match error {
            // To whoever does not speak TLS an alert says nothing.
            SniError::NotTls => fault,
            SniError::RecordLength { .. } | SniError::TooLarge { .. } => {
                fault.telling(alert(RECORD_OVERFLOW))
            }
            SniError::NotClientHello { .. } => fault.telling(alert(UNEXPECTED_MESSAGE)),
            SniError::Malformed => fault.telling(alert(DECODE_ERROR)),
            SniError::TwoNames => fault.telling(alert(ILLEGAL_PARAMETER)),
        }
    }
}

/// A fatal alert in a record of its own, in clear, as is right before any key is agreed on (RFC 8446, 5.1 and 6):
/// record type 21, legacy version 3.3, length 2, level fatal, description.
pub(crate) fn alert(description: u8) -> Bytes {
    Bytes::copy_from_slice(&[21, 3, 3, 0, 2, 2, description])
}

// RFC 8446, 6.2; RFC 6066, 3.
const UNEXPECTED_MESSAGE: u8 = 10;
const RECORD_OVERFLOW: u8 = 22;
const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
pub(crate) const INTERNAL_ERROR: u8 = 80;
pub(crate) const UNRECOGNIZED_NAME: u8 = 112;
