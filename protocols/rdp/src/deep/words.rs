//! What a client is told inside TLS, in a server's words.

use bytes::Bytes;
use sekisho_api::Unavailable;

use super::pdu;
use crate::options::Refusal;

/// The server denied the connection (MS-RDPBCGR, section 2.2.5.1.1).
const DENIED: u32 = 0x0007;
/// There are no available endpoints in the pool.
const NO_ENDPOINT: u32 = 0x0408;

/// Why there is no server.
pub(super) fn refused(why: Unavailable, refusal: Refusal) -> Bytes {
    match why {
        Unavailable::UserLimit => told(DENIED, refusal),
        _ => told(NO_ENDPOINT, refusal),
    }
}

/// That the gateway is not allowed to serve this client.
pub(super) fn denied() -> Bytes {
    told(DENIED, Refusal::Disconnect)
}

/// Sends the client back with this line.
pub(super) fn redirected(line: &str) -> Bytes {
    [pdu::license_valid_client(), pdu::redirection(line.as_bytes())].concat().into()
}

/// Clients read an error only where a licence stood before it.
fn told(code: u32, refusal: Refusal) -> Bytes {
    match refusal {
        Refusal::Close => Bytes::new(),
        Refusal::Disconnect => {
            [pdu::license_valid_client(), pdu::set_error_info(code), pdu::disconnect_ultimatum()]
                .concat()
                .into()
        }
    }
}
