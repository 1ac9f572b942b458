//! What stands behind the question mark.

use super::refused::Refused;
use crate::answer::Status;

/// The most rows of an answer, where a request does not say; and the most that it may ask for.
const ROWS: usize = 100;
const ROWS_MAX: usize = 10_000;

/// What stands behind the question mark: names and values, each name once.
#[derive(Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads it; `known` are the names that mean something.
    pub(super) fn read(text: &str, known: &[&str]) -> Result<Self, Refused> {
        let refused = |error: String, help: String| Refused::new(Status::BadRequest, error, help);
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(refused(
                    "the query is not UTF-8, or escaped by halves".to_owned(),
                    "escape as %41, byte by byte".to_owned(),
                ));
            };
            if !known.contains(&name.as_str()) {
                return Err(refused(
                    format!("nothing is asked for by `{name}` here"),
                    format!("known: {}", known.join(", ")),
                ));
            }
            if query.get(&name).is_some() {
                return Err(refused(format!("`{name}` is said twice"), "say it once".to_owned()));
            }
            query.0.push((name, value));
        }
        Ok(query)
    }

    /// The value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a name that has to be there.
    pub(super) fn needed(&self, name: &str) -> Result<&str, Refused> {
        self.get(name).ok_or_else(|| {
            Refused::new(Status::BadRequest, format!("`{name}` is missing"), format!("add ?{name}="))
        })
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refused> {
        let number = self.get(name).map(|text| {
            text.parse().map_err(|_| {
                Refused::new(Status::BadRequest, format!("`{name}` is no number"), "send digits")
            })
        });
        number.transpose()
    }

    /// The most rows that are wanted.
    pub(super) fn limit(&self) -> Result<usize, Refused> {
        let Some(text) = self.get("limit") else { return Ok(ROWS) };
        let limit = text.parse().ok().filter(|limit| (1..=ROWS_MAX).contains(limit));
        limit.ok_or_else(|| {
            Refused::new(
                Status::BadRequest,
                "`limit` is no number of rows",
                format!("ask for 1 to {ROWS_MAX}"),
            )
        })
    }
}

/// The text with its escapes resolved, as forms are (WHATWG URL, section 5.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["user", "limit"];

    #[test]
    fn escapes_are_resolved() {
        let query = Query::read("user=CORP%5cj%C3%B6rg+x&&limit=5", &KNOWN).unwrap_or_else(|_| panic!());
        assert_eq!(query.get("user"), Some("CORP\\jörg x"));
        assert!(query.limit().is_ok_and(|limit| limit == 5));
        assert!(Query::read("", &KNOWN).is_ok_and(|query| query.limit().is_ok_and(|limit| limit == ROWS)));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for text in ["user=%", "user=%4", "user=%zz", "user=%ff", "usr=a", "user=a&user=b"] {
            assert!(Query::read(text, &KNOWN).is_err(), "{text}");
        }
        for text in ["limit=0", "limit=10001", "limit=-1", "limit=a", "limit="] {
            assert!(Query::read(text, &KNOWN).is_ok_and(|query| query.limit().is_err()), "{text}");
        }
    }
}
