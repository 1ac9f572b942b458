//! What SASL mechanisms say of who somebody is (RFC 4422). What they prove is for the server to judge.

mod login;
mod name;
mod plain;
mod scram;
mod set;
mod token;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub use login::{LoginExchange, LoginStep};
pub use set::MechanismSet;

/// Bytes that never print and are wiped when they are dropped.
pub type Secret = Zeroizing<Vec<u8>>;

/// A mechanism whose first words name the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Two questions, never standardised, asked by many.
    Login,
    /// A bearer token, before it was standardised.
    XOAuth2,
    /// RFC 7628.
    OAuthBearer,
    /// RFC 7677. Never with `-PLUS`: that is bound to a TLS channel, which ends at the gateway.
    ScramSha256,
    /// RFC 5802.
    ScramSha1,
    /// The certificate that the client has shown is the proof (RFC 4422, appendix A).
    External,
}

impl Mechanism {
    /// All but EXTERNAL, which rests on what the gateway alone has seen: a protocol that has it must vouch for it.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Login, Self::XOAuth2, Self::OAuthBearer, Self::ScramSha256, Self::ScramSha1];

    /// Its name as it travels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::XOAuth2 => "XOAUTH2",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::External => "EXTERNAL",
        }
    }

    /// How a client that it names became known: the word for logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Login => "login",
            Self::XOAuth2 => "xoauth2",
            Self::OAuthBearer => "oauthbearer",
            Self::ScramSha256 => "scram-sha-256",
            Self::ScramSha1 => "scram-sha-1",
            Self::External => "external",
        }
    }

    /// The one of [`Mechanism::ALL`] with this name, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| name.eq_ignore_ascii_case(mechanism.name().as_bytes()))
    }

    /// As [`Mechanism::named`], EXTERNAL among them: for lists of servers and of configurations, since it is whoever
    /// offers it to a client that vouches for the certificate.
    pub fn named_by_server(name: &[u8]) -> Option<Self> {
        let external = name.eq_ignore_ascii_case(Self::External.name().as_bytes());
        Self::named(name).or(external.then_some(Self::External))
    }
}

/// Who somebody says to be, and what is to prove it.
pub struct Credentials {
    /// On behalf of whom, if that is said.
    pub authzid: Option<Secret>,
    /// The user.
    pub user: Secret,
    /// What is to prove it.
    pub proof: Proof,
}

/// What is to prove it to the server.
pub enum Proof {
    /// A password, which fits every way of logging in.
    Password(Secret),
    /// The response as it came, decoded, which fits its own mechanism alone.
    Response(Mechanism, Secret),
}

impl Credentials {
    /// Credentials of a name and a password.
    pub fn password(user: Vec<u8>, password: Vec<u8>) -> Self {
        Self { authzid: None, user: user.into(), proof: Proof::Password(password.into()) }
    }

    /// Reads the one response of a mechanism that has one; none if it is not what the mechanism has, or names nobody.
    pub fn read(mechanism: Mechanism, response: Secret) -> Option<Self> {
        match mechanism {
            Mechanism::Plain => plain::read(&response),
            Mechanism::Login | Mechanism::External => None,
            Mechanism::ScramSha256 | Mechanism::ScramSha1 => scram::read(mechanism, response),
            Mechanism::XOAuth2 => token::xoauth2(response),
            Mechanism::OAuthBearer => token::oauthbearer(response),
        }
    }

    /// Credentials of somebody whose certificate is the proof: on behalf of `authzid`, or of nobody else than `subject`,
    /// the certificate's own identity; none if neither is a name.
    pub fn external(authzid: Secret, subject: &[u8]) -> Option<Self> {
        let user: &[u8] = if authzid.is_empty() { subject } else { &authzid };
        let user = is_name(user).then(|| user.to_vec().into())?;
        Some(Self { authzid: None, user, proof: Proof::Response(Mechanism::External, authzid) })
    }

    /// Whose mail is meant: the identity acted for, else the one that logs in. Where operators log in as users by
    /// `user*operator`, the separator is given and the user stands before it.
    pub fn mailbox(&self, separator: Option<u8>) -> &[u8] {
        let name: &[u8] = self.authzid.as_deref().map_or(&self.user, Vec::as_slice);
        match separator.and_then(|separator| name.iter().position(|&byte| byte == separator)) {
            Some(end @ 1..) => name.get(..end).unwrap_or(name),
            _ => name,
        }
    }

    /// The response of PLAIN: identity acted for, user and password, with NUL between them (RFC 4616, section 2).
    pub fn as_plain(&self) -> Option<Secret> {
        let Proof::Password(password) = &self.proof else { return None };
        let authzid = self.authzid.as_deref().map_or(&[][..], Vec::as_slice);
        Some(Zeroizing::new([authzid, &[0], &self.user, &[0], password].concat()))
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Decodes a response: base64 with its padding and nothing else (RFC 4648, section 4); `=` is an empty one where it is
/// an initial response (RFC 4959, section 3).
pub fn decode(text: &[u8]) -> Option<Secret> {
    if text == b"=" {
        return Some(Secret::default());
    }
    STANDARD.decode(text).ok().map(Zeroizing::new)
}

/// Encodes a response.
pub fn encode(response: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(response))
}

/// Appends a response as [`encode`] writes it.
pub fn encode_to(response: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.resize(begin + response.len().div_ceil(3) * 4, 0);
    let written = out.get_mut(begin..).and_then(|room| STANDARD.encode_slice(response, room).ok());
    out.truncate(begin + written.unwrap_or(0));
}

/// Whether it can be a name: not empty, no control characters.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.iter().any(u8::is_ascii_control)
}

#[cfg(test)]
mod tests;
