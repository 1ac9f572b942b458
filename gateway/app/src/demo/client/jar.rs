//! The cookies that a client keeps.

use std::collections::BTreeMap;

/// The cookies of one client for one host (RFC 6265, section 5.3, without paths, domains and expiry by date).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Jar(BTreeMap<String, String>);

impl Jar {
    /// Takes the value of a `Set-Cookie` field. One with `Max-Age=0` is removed.
    pub(super) fn take(&mut self, field: &str) {
        let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
        let Some((name, value)) = pair.split_once('=') else { return };
        let name = name.trim().to_owned();
        if attributes.split(';').any(|a| a.trim().eq_ignore_ascii_case("max-age=0")) {
            self.0.remove(&name);
        } else {
            self.0.insert(name, value.trim().to_owned());
        }
    }

    /// The value of the `Cookie` field; `None` if there is nothing to send.
    pub(super) fn field(&self) -> Option<String> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_cookie_of_a_name_replaces_the_older_and_max_age_zero_removes_it() {
        let mut jar = Jar::default();
        assert_eq!(jar.field(), None);
        jar.take("S=one; Path=/; HttpOnly");
        jar.take("T=x");
        jar.take("S=two");
        assert_eq!(jar.field().as_deref(), Some("S=two; T=x"));
        jar.take("S=; Max-Age=0");
        assert_eq!(jar.field().as_deref(), Some("T=x"));
    }
}
