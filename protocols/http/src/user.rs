//! Who a request says that it comes from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use sekisho_api::settings::{Problem, Section};
use sekisho_api::{IdentityRules, Key};
use zeroize::Zeroizing;

/// Where the user of a request is read, and how a name becomes an identity.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    places: Box<[Place]>,
    identity: IdentityRules,
}

/// Where a user's name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Before the colon of Basic credentials (RFC 7617, section 2).
    Basic,
    /// In a field that somebody before the gateway wrote.
    Header(HeaderName),
}

impl Users {
    /// Reads `user-from`. What is wrong is recorded and left out.
    pub(crate) fn read(section: &mut Section<'_>, identity: &IdentityRules) -> Self {
        let places = match section.texts("user-from") {
            None => vec![Place::Basic],
            Some(texts) => {
                let place = |text: &str| match text.split_once(':') {
                    None if text == "basic" => Some(Place::Basic),
                    Some(("header", name)) => HeaderName::from_bytes(name.as_bytes()).ok().map(Place::Header),
                    _ => None,
                };
                let mut places = Vec::new();
                for text in texts {
                    match place(text.value) {
                        Some(place) => places.push(place),
                        None => {
                            let message = format!("no user is found in `{}`", text.value);
                            let problem = Problem::new(text.span, message, "not known here");
                            section.problem(problem.help("write \"basic\" or \"header:NAME\""));
                        }
                    }
                }
                places
            }
        };
        Self { places: places.into(), identity: identity.clone() }
    }

    /// The user of a request: the first place that names one. Nothing is checked: the server does that.
    pub(crate) fn find(&self, headers: &HeaderMap) -> Option<Key> {
        self.places.iter().find_map(|place| match place {
            Place::Basic => {
                let text = basic(headers.get(AUTHORIZATION)?.as_bytes())?;
                let name = text.split(|&byte| byte == b':').next()?;
                self.identity.user(name)
            }
            Place::Header(name) => self.identity.user(headers.get(name)?.as_bytes()),
        })
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

    fn found(places: &[&str], lines: &[(&'static str, &str)]) -> Option<Vec<u8>> {
        let headers: HeaderMap =
            lines.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect();
        users(places).0.find(&headers).map(|key| key.expose().to_vec())
    }

    #[test]
    fn user_of_basic_credentials_is_the_same_person_as_elsewhere() {
        for credentials in
            ["Basic YWxpY2U6cHc=", "basic Q09SUFxBbGljZTpwOnc=", "BASIC YWxpY2VAY29ycC5leGFtcGxlOg=="]
        {
            assert_eq!(
                found(&["basic"], &[("authorization", credentials)]).unwrap(),
                b"alice",
                "{credentials}"
            );
        }
        for none in ["Bearer abc", "Basic", "Basic !!!", "Basic YWxpY2U=", "Basic Og=="] {
            assert_eq!(found(&["basic"], &[("authorization", none)]), None, "{none}");
        }
    }

    #[test]
    fn first_place_that_names_somebody_counts() {
        let lines = [("x-remote-user", "Otto"), ("authorization", "Basic YWxpY2U6cHc=")];
        assert_eq!(found(&["header:x-remote-user", "basic"], &lines).unwrap(), b"otto");
        assert_eq!(found(&["header:x-other", "basic"], &lines).unwrap(), b"alice");
        assert_eq!(found(&[], &lines), None);
    }

    #[test]
    fn place_that_is_none_is_named() {
        assert_eq!(users(&["cookie", "header:a b"]).1, 2);
    }
}
