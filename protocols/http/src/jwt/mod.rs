//! JSON Web Tokens (RFC 7519) as the place where a user's name stands.
//!
//! | module | idea |
//! |---|---|
//! | `read`, `keys` | what stands in the configuration and in the files that it names |
//! | `token`, `algorithm` | a signed token in its compact form (RFC 7515, section 7.1), and who signed it |
//! | `claims` | until when and for whom it holds, and what it says |
//! | `place` | where in a request it stands |
//! | `seen` | tokens that were found good a moment ago |

mod algorithm;
mod claims;
mod keys;
mod place;
mod read;
mod seen;
#[cfg(test)]
mod tests;
mod token;

use std::time::SystemTime;

use sekisho_api::{IdentityRules, Key};

pub(crate) use claims::Path;
use claims::Terms;
use keys::Keys;
pub(crate) use place::Place;
use seen::Seen;

/// How the tokens of one VIP are read.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// `None`: nobody's signature is checked, and a token says what it likes.
    checks: Option<Checks>,
    /// Whether requests need one, where their rule does not say.
    pub(crate) required: bool,
    /// The claims that name users.
    claims: Vec<Path>,
}

/// What makes a token count.
#[derive(Debug)]
struct Checks {
    keys: Keys,
    terms: Terms,
    seen: Seen,
}

/// A token does not count. Which of its faults that is, is nobody's business who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

impl Tokens {
    /// The place of a claim among those that name users.
    pub(crate) fn claim(&mut self, path: Path) -> usize {
        match self.claims.iter().position(|known| *known == path) {
            Some(place) => place,
            None => {
                self.claims.push(path);
                self.claims.len() - 1
            }
        }
    }

    /// Whether tokens are checked.
    pub(crate) fn are_checked(&self) -> bool {
        self.checks.is_some()
    }

    /// The user whom a claim of a token names, if any.
    ///
    /// # Errors
    /// That the token does not count.
    pub(crate) fn user(
        &self,
        token: &[u8],
        claim: usize,
        identity: &IdentityRules,
        now: SystemTime,
    ) -> Result<Option<Key>, Invalid> {
        if token.len() > LONGEST {
            return Err(Invalid);
        }
        let Some(checks) = &self.checks else {
            let said = token::Token::parse(token).ok_or(Invalid)?.claims().ok_or(Invalid)?;
            return Ok(self.claims.get(claim).and_then(|path| path.user(&said, identity)));
        };
        let now = claims::seconds(now);
        let digest = seen::digest(token);
        if let Some(found) = checks.seen.user(&digest, claim, now) {
            return Ok(found);
        }
        let token = token::Token::parse(token).ok_or(Invalid)?;
        checks.keys.verify(&token)?;
        let said = token.claims().ok_or(Invalid)?;
        let until = checks.terms.check(&said, now)?;
        let users: Box<[Option<Key>]> = self.claims.iter().map(|path| path.user(&said, identity)).collect();
        let found = users.get(claim).cloned().flatten();
        checks.seen.keep(digest, users, until, now);
        Ok(found)
    }
}

/// Longer ones do not fit into the heads that servers take.
const LONGEST: usize = 8 * 1024;
