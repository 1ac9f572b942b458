//! The operator's address: who may ask there, and what.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use super::ClientTls;
use crate::moment::Moment;

/// How operators reach the gateway beside its socket, and what is kept of what they do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// The address of the API; none: only the socket of `[gateway]`.
    pub listen: Option<SocketAddr>,
    /// TLS at the address.
    pub tls: Option<ClientTls>,
    /// Who has a token.
    pub tokens: Vec<Token>,
    /// Subjects of client certificates (RFC 4514), and what they may do.
    pub clients: Vec<(String, Scope)>,
    /// What whoever shows nothing may do; none: nothing.
    pub anonymous: Option<Scope>,
    /// Host names by which the address is reached; addresses and `localhost` always count.
    pub names: Vec<String>,
    /// Where every change is written; none: to the log alone.
    pub audit_log: Option<PathBuf>,
}

/// What somebody may do. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look.
    Read,
    /// Change states and weights; move, kick and forget users.
    Operate,
    /// Change, load and save the configuration.
    Configure,
}

impl Scope {
    /// All, by name.
    pub const ALL: [(&'static str, Self); 3] =
        [("read", Self::Read), ("operate", Self::Operate), ("configure", Self::Configure)];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Configure => "configure",
        }
    }
}

/// A token, as it is kept: never itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose it is, for the audit log.
    pub name: String,
    /// What it is good for.
    pub scope: Scope,
    /// SHA-256 of it. Tokens are 256 random bits: nobody finds one by trying, so that one round is enough.
    pub hash: [u8; 32],
    /// From when on it is good for nothing; none: as long as it stands in the file.
    pub expires: Option<Moment>,
}

impl Token {
    /// Whether it is good for nothing any more.
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|at| at.time() <= now)
    }

    /// A line of the file of tokens: `NAME SCOPE sha256:HEX`, and perhaps `expires=DATE-TIME`. `None` for an empty one or
    /// a comment.
    ///
    /// # Errors
    /// What is wrong with it; never the line itself.
    pub fn read(line: &str) -> Option<Result<Self, &'static str>> {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let name = words.next()?;
        Some(Self::of(name, [words.next(), words.next(), words.next(), words.next()]))
    }

    fn of(name: &str, words: [Option<&str>; 4]) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected a name, a scope and sha256:HEX";
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        if name.len() > 64 || !name.chars().all(allowed) {
            return Err("a name has letters, digits, `-`, `_`, `.`, `@`, at most 64 of them");
        }
        let [Some(scope), Some(hash), expires, None] = words else { return Err(EXPECTED) };
        let scope = Scope::ALL.iter().find(|(name, _)| *name == scope).map(|(_, scope)| *scope);
        let hash = hash.strip_prefix("sha256:").and_then(digest).ok_or(EXPECTED)?;
        let scope = scope.ok_or("the scope is `read`, `operate` or `configure`")?;
        let expires = match expires.map(|word| word.strip_prefix("expires=").ok_or(EXPECTED)) {
            None => None,
            // Never a token that lasts for ever because its end was misspelt.
            Some(text) => {
                Some(Moment::read(text?).ok_or("it expires at no moment such as 2027-01-31T12:00:00Z")?)
            }
        };
        Ok(Self { name: name.to_owned(), scope, hash, expires })
    }
}

impl fmt::Display for Token {
    /// A line of the file of tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} sha256:", self.name, self.scope.name())?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        self.expires.map_or(Ok(()), |at| write!(f, " expires={at}"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, {})", self.name, self.scope.name())
    }
}

/// 32 bytes in hexadecimal.
fn digest(hex: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = hex.as_bytes().chunks_exact(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    (hex.len() == 64).then(|| bytes.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_kept_as_a_line_and_read_back() {
        for expires in [None, Moment::read("2027-01-31T12:00:00Z")] {
            let token = Token { name: "grafana".into(), scope: Scope::Read, hash: [0xa7; 32], expires };
            assert_eq!(Token::read(&format!("  {token} # since May")), Some(Ok(token)));
        }
        assert_eq!(Token::read("# grafana read"), None);
        assert_eq!(Token::read("  "), None);
    }

    #[test]
    fn line_that_is_no_token_is_refused() {
        let hash = "ab".repeat(32);
        for line in [
            "name".to_owned(),
            "name read".to_owned(),
            format!("name all sha256:{hash}"),
            format!("name read md5:{hash}"),
            format!("name read sha256:{hash}0"),
            format!("name read sha256:{}", "é".repeat(32)),
            format!("name read sha256:{hash} more"),
            format!("name read sha256:{hash} expires=2027-01-31"),
            format!("name read sha256:{hash} expires="),
            format!("name read sha256:{hash} expires=2027-01-31T12:00:00Z more"),
            format!("na/me read sha256:{hash}"),
        ] {
            assert!(Token::read(&line).is_some_and(|read| read.is_err()), "{line}");
        }
    }
}
