//! SCRAM (RFC 5802): the first message names the user, and everything else is between client and server.

use super::name::unescape;
use super::{Credentials, Mechanism, Proof, Secret, is_name};

/// `n,,` or `y,a=NAME,`, then `n=NAME,r=NONCE` and whatever follows (section 7).
///
/// A client that binds itself to its TLS channel (`p=`) is refused: the channel ends at the gateway, so that no server
/// could ever confirm it.
pub(super) fn read(mechanism: Mechanism, response: Secret) -> Option<Credentials> {
    let rest = response.strip_prefix(b"n,").or_else(|| response.strip_prefix(b"y,"))?;
    let mut fields = rest.split(|&byte| byte == b',');
    let authzid = match fields.next()? {
        b"" => None,
        header => Some(name(header.strip_prefix(b"a=")?)?),
    };
    let user = name(fields.next()?.strip_prefix(b"n=")?)?;
    fields.next()?.strip_prefix(b"r=").filter(|nonce| !nonce.is_empty())?;
    Some(Credentials { authzid, user, proof: Proof::Response(mechanism, response) })
}

fn name(escaped: &[u8]) -> Option<Secret> {
    unescape(escaped).filter(|name| is_name(name)).map(Secret::new)
}
