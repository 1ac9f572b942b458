//! Who a request says that it comes from.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, request};
use sekisho_api::settings::{Problem, Section};
use sekisho_api::{IdentityRules, Key};
use smallvec::SmallVec;
use zeroize::Zeroizing;

use crate::jwt::{self, Tokens};
use crate::rules::{Rule, Rules};

/// Where the user of a request is read, and how a name becomes an identity.
#[derive(Debug)]
pub(crate) struct Users {
    places: Box<[Place]>,
    tokens: Tokens,
    identity: IdentityRules,
}

/// Where a user's name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Before the colon of Basic credentials (RFC 7617, section 2).
    Basic,
    /// In a field that somebody before the gateway wrote.
    Header(HeaderName),
    /// In a claim of a token that stands there.
    Token(jwt::Place, usize),
}

/// Why a token that is required does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadToken {
    /// There is none.
    Missing,
    /// It is not signed by a key of the configuration, not for here, or not of now.
    Invalid,
}

impl Users {
    /// Reads `user-from` and `jwt`. What is wrong is recorded and left out.
    pub(crate) fn read(section: &mut Section<'_>, identity: &IdentityRules) -> Self {
        let mut tokens = Tokens::read(section);
        let places = match section.texts("user-from") {
            None => vec![Place::Basic],
            Some(texts) => {
                let mut places = Vec::new();
                for text in texts {
                    match Place::read(text.value, &mut tokens) {
                        Some(place) => places.push(place),
                        None => {
                            let message = format!("no user is found in `{}`", text.value);
                            let problem = Problem::new(text.span, message, "not known here");
                            section.problem(problem.help(
                                "write \"basic\", \"header:NAME\", \"jwt:CLAIM\" or \"jwt:CLAIM@cookie:NAME\"",
                            ));
                        }
                    }
                }
                places
            }
        };
        Self { places: places.into(), tokens, identity: identity.clone() }
    }

    /// Records rules that require a token where none is checked.
    pub(crate) fn check_rules(&self, section: &Section<'_>, rules: &Rules) {
        let require = |rule: &&Rule| rule.own().require_token == Some(true);
        for rule in rules.iter().filter(require).filter(|_| !self.tokens.are_checked()) {
            let message = "`require-token` has no effect without keys";
            let problem = Problem::new(rule.place(), message, "no token is checked");
            section.problem(problem.help("name the issuer's public keys: jwt = { keys = [\"jwks.json\"] }"));
        }
    }

    /// Whether requests need a token that counts, where their rule does not say.
    pub(crate) fn requires_token(&self) -> bool {
        self.tokens.required
    }

    /// The user of this name.
    pub(crate) fn named(&self, name: &[u8]) -> Option<Key> {
        self.identity.user(name)
    }

    /// Checks that a request has a token that counts, and none that does not, behind `Bearer` or in one of the places where
    /// users are read.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check(&self, head: &request::Parts) -> Result<(), BadToken> {
        let now = SystemTime::now();
        let own = self.places.iter().filter_map(|place| match place {
            Place::Token(place, _) => Some(place),
            _ => None,
        });
        let mut tokens: SmallVec<[&[u8]; 4]> =
            own.chain([&jwt::Place::Bearer]).flat_map(|place| place.all(head)).collect();
        tokens.dedup();
        // Each has to count, because the server may take any; whoever needs so many wants the gateway to compute.
        let credentials = head.headers.get_all(AUTHORIZATION).iter().count();
        if tokens.len() > MOST_TOKENS || credentials > 1 {
            return Err(BadToken::Invalid);
        }
        // A token that counts need not name anybody.
        let counts = |token: &&[u8]| self.tokens.user(token, 0, &self.identity, now).is_ok();
        match tokens.iter().all(counts) {
            true if tokens.is_empty() => Err(BadToken::Missing),
            true => Ok(()),
            false => Err(BadToken::Invalid),
        }
    }

    /// The user of a request: the first place that names one. Passwords are not checked, and tokens only where there are
    /// keys: the server does that.
    pub(crate) fn find(&self, head: &request::Parts) -> Option<Key> {
        self.places.iter().find_map(|place| match place {
            Place::Basic => {
                let text = basic(head.headers.get(AUTHORIZATION)?.as_bytes())?;
                let name = text.split(|&byte| byte == b':').next()?;
                self.identity.user(name)
            }
            Place::Header(name) => self.identity.user(head.headers.get(name)?.as_bytes()),
            Place::Token(place, claim) => {
                let token = place.find(head)?;
                self.tokens.user(token, *claim, &self.identity, SystemTime::now()).ok().flatten()
            }
        })
    }
}

impl Place {
    fn read(text: &str, tokens: &mut Tokens) -> Option<Self> {
        match text.split_once(':') {
            None => (text == "basic").then_some(Self::Basic),
            Some(("header", name)) => HeaderName::from_bytes(name.as_bytes()).ok().map(Self::Header),
            Some(("jwt", rest)) => {
                let (claim, place) = match rest.rsplit_once('@') {
                    None => (rest, jwt::Place::Bearer),
                    Some((claim, place)) => (claim, jwt::Place::read(place)?),
                };
                Some(Self::Token(place, tokens.claim(jwt::Path::read(claim)?)))
            }
            Some(_) => None,
        }
    }
}

/// The credentials in `Basic BASE64`, name and password with a colon between them.
fn basic(field: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (scheme, rest) = field.split_at_checked(6)?;
    // A name and a password of 255 bytes each are as long as any server takes.
    let rest = rest.trim_ascii();
    if !scheme.eq_ignore_ascii_case(b"basic ") || rest.len() > 1024 {
        return None;
    }
    let text = Zeroizing::new(STANDARD.decode(rest).ok()?);
    text.contains(&b':').then_some(text)
}

/// Tokens of one request: one or two are usual.
const MOST_TOKENS: usize = 4;

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Node, Problems, Table, Value};

    use super::*;

    fn users(places: &[&str]) -> (Users, usize) {
        let text = |text: &&str| Node { span: 0..0, value: Value::Text((*text).to_owned()) };
        let list = Node { span: 0..0, value: Value::List(places.iter().map(text).collect()) };
        let table = Table { entries: vec![("user-from".to_owned(), 0..0, list)] };
        let problems = Problems::new();
        let users = Users::read(&mut Section::new(&table, 0..0, &problems), &IdentityRules::default());
        (users, problems.into_vec().len())
    }

    fn found(places: &[&str], target: &str, lines: &[(&'static str, &str)]) -> Option<Vec<u8>> {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        users(places).0.find(&head).map(|key| key.expose().to_vec())
    }

    #[test]
    fn user_of_basic_credentials_is_the_same_person_as_elsewhere() {
        for credentials in
            ["Basic YWxpY2U6cHc=", "basic Q09SUFxBbGljZTpwOnc=", "BASIC YWxpY2VAY29ycC5leGFtcGxlOg=="]
        {
            assert_eq!(
                found(&["basic"], "/", &[("authorization", credentials)]).unwrap(),
                b"alice",
                "{credentials}"
            );
        }
        for none in ["Bearer abc", "Basic", "Basic !!!", "Basic YWxpY2U=", "Basic Og=="] {
            assert_eq!(found(&["basic"], "/", &[("authorization", none)]), None, "{none}");
        }
    }

    #[test]
    fn first_place_that_names_somebody_counts() {
        let lines = [("x-remote-user", "Otto"), ("authorization", "Basic YWxpY2U6cHc=")];
        assert_eq!(found(&["header:x-remote-user", "basic"], "/", &lines).unwrap(), b"otto");
        assert_eq!(found(&["header:x-other", "basic"], "/", &lines).unwrap(), b"alice");
        assert_eq!(found(&["jwt:sub", "basic"], "/", &lines).unwrap(), b"alice");
        assert_eq!(found(&[], "/", &lines), None);
    }

    #[test]
    fn token_is_read_where_the_configuration_says_that_it_stands() {
        // {"alg":"none"}.{"sub":"Anna","x":{"upn":"otto@corp.example"}}.
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJBbm5hIiwieCI6eyJ1cG4iOiJvdHRvQGNvcnAuZXhhbXBsZSJ9fQ.";
        let bearer = format!("Bearer {token}");
        let cookie = format!("a=b; session={token}");
        let query = format!("/?a=b&access_token={token}");
        assert_eq!(found(&["jwt:sub"], "/", &[("authorization", &bearer)]).unwrap(), b"anna");
        assert_eq!(found(&["jwt:x.upn@cookie:session"], "/", &[("cookie", &cookie)]).unwrap(), b"otto");
        assert_eq!(found(&["jwt:sub@query:access_token"], &query, &[]).unwrap(), b"anna");
        for value in [token, &bearer] {
            assert_eq!(found(&["jwt:sub@header:x-token"], "/", &[("x-token", value)]).unwrap(), b"anna");
        }
        for (place, value) in [("jwt:sub", "Basic YWxpY2U6cHc="), ("jwt:other", &bearer), ("jwt:x", &bearer)]
        {
            assert_eq!(found(&[place], "/", &[("authorization", value)]), None, "{place}");
        }
    }

    #[test]
    fn place_that_is_none_is_named() {
        let wrong = ["cookie", "header:a b", "jwt:", "jwt:sub@", "jwt:sub@header:", "jwt:sub@place:x"];
        assert_eq!(users(&wrong).1, wrong.len());
    }
}
