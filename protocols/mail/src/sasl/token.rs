//! Bearer tokens: who the token is for is said beside it.

use super::name::unescape;
use super::{Credentials, Mechanism, Proof, Secret, is_name};

/// Ends each field.
const END: u8 = 1;

/// `user=NAME` and `auth=Bearer TOKEN`, each ended by 0x01, and 0x01. Two names are refused: servers take the last one, or
/// the first, and in any case.
pub(super) fn xoauth2(response: Secret) -> Option<Credentials> {
    let fields = response.strip_suffix(&[END, END])?;
    let mut users = fields.split(|&byte| byte == END).filter_map(|field| {
        let (name, value) = field.split_at_checked(b"user=".len())?;
        name.eq_ignore_ascii_case(b"user=").then_some(value)
    });
    let user = users.next().filter(|user| is_name(user))?.to_vec().into();
    if users.next().is_some() {
        return None;
    }
    Some(Credentials { authzid: None, user, proof: Proof::Response(Mechanism::XOAuth2, response) })
}

/// `n,a=NAME,` ended by 0x01, then fields (RFC 7628, section 3.1; RFC 5801, section 4).
pub(super) fn oauthbearer(response: Secret) -> Option<Credentials> {
    let header = response.split(|&byte| byte == END).next()?;
    let rest = header.strip_prefix(b"n,")?;
    let name = rest.strip_suffix(b",")?.strip_prefix(b"a=")?;
    let user = unescape(name).filter(|user| is_name(user))?.into();
    Some(Credentials { authzid: None, user, proof: Proof::Response(Mechanism::OAuthBearer, response) })
}
