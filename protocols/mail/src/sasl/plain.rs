//! PLAIN: identity acted for, user and password, with NUL between them (RFC 4616, section 2).

use super::{Credentials, Proof, is_name};

pub(super) fn read(response: &[u8]) -> Option<Credentials> {
    let mut parts = response.split(|&byte| byte == 0);
    let (authzid, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && is_name(user) && (authzid.is_empty() || is_name(authzid));
    whole.then(|| Credentials {
        authzid: (!authzid.is_empty()).then(|| authzid.to_vec().into()),
        user: user.to_vec().into(),
        proof: Proof::Password(password.to_vec().into()),
    })
}
