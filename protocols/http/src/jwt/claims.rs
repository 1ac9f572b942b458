//! What a token says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sekisho_api::{IdentityRules, Key};
use serde_json::{Map, Value};

use super::Invalid;

/// What a token must say to count.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// One of these issued it; empty: anybody.
    pub(super) issuers: Box<[Box<str>]>,
    /// It is for one of these; empty: for anybody.
    pub(super) audiences: Box<[Box<str>]>,
    /// By how much clocks may differ.
    pub(super) leeway: Duration,
}

/// Where in a token's claims a name stands: `upn`, or `profile.name` for one inside another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Box<str>);

/// Seconds since 1970, as tokens count them (RFC 7519, section 2, NumericDate).
pub(super) fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Terms {
    /// Until when a token with these claims counts, in seconds since 1970; without `exp` it does not end.
    ///
    /// # Errors
    /// That it does not count, now or here.
    pub(super) fn check(&self, claims: &Map<String, Value>, now: u64) -> Result<u64, Invalid> {
        let leeway = self.leeway.as_secs();
        let until = match claims.get("exp") {
            None => u64::MAX,
            Some(end) => date(end)?.saturating_add(leeway),
        };
        let from = match claims.get("nbf") {
            None => 0,
            Some(begin) => date(begin)?.saturating_sub(leeway),
        };
        if now >= until || now < from {
            return Err(Invalid);
        }
        if !self.issuers.is_empty() {
            let issuer = claims.get("iss").and_then(Value::as_str);
            let known = issuer.is_some_and(|issuer| self.issuers.iter().any(|known| **known == *issuer));
            known.then_some(()).ok_or(Invalid)?;
        }
        if !self.audiences.is_empty() {
            let meant = |audience: &Value| {
                audience.as_str().is_some_and(|audience| self.audiences.iter().any(|own| **own == *audience))
            };
            let here = match claims.get("aud") {
                Some(Value::Array(audiences)) => audiences.iter().any(meant),
                Some(audience) => meant(audience),
                None => false,
            };
            here.then_some(()).ok_or(Invalid)?;
        }
        Ok(until)
    }
}

/// A NumericDate in whole seconds. It may have a fraction, which does not matter.
fn date(value: &Value) -> Result<u64, Invalid> {
    let number = value.as_f64().filter(|number| number.is_finite() && *number >= 0.0).ok_or(Invalid)?;
    Ok(number as u64)
}

impl Path {
    /// A path as it is written; `None` for what names no claim.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= 128 && !text.bytes().any(|byte| byte.is_ascii_control());
        fits.then(|| Self(text.into()))
    }

    /// The user whom it names.
    pub(super) fn user(&self, claims: &Map<String, Value>, identity: &IdentityRules) -> Option<Key> {
        identity.user(find(claims, &self.0)?.as_bytes())
    }
}

/// A claim of the whole name (`https://example.org/name` is one), or one inside another.
fn find<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c str> {
    if let Some(value) = claims.get(path) {
        return value.as_str();
    }
    let (outer, inner) = path.split_once('.')?;
    find(claims.get(outer)?.as_object()?, inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    fn terms(issuers: &[&str], audiences: &[&str]) -> Terms {
        let all = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
        Terms { issuers: all(issuers), audiences: all(audiences), leeway: Duration::from_secs(60) }
    }

    #[test]
    fn token_counts_between_its_times_with_the_leeway() {
        let said = claims(r#"{"nbf": 1000, "exp": 2000.5}"#);
        let terms = terms(&[], &[]);
        for (now, expected) in [(939, Err(Invalid)), (940, Ok(2060)), (2059, Ok(2060)), (2060, Err(Invalid))]
        {
            assert_eq!(terms.check(&said, now), expected, "{now}");
        }
        assert_eq!(terms.check(&claims("{}"), 5), Ok(u64::MAX));
        for odd in [r#"{"exp": "2000"}"#, r#"{"exp": -1}"#, r#"{"exp": null}"#, r#"{"nbf": []}"#] {
            assert_eq!(terms.check(&claims(odd), 5), Err(Invalid), "{odd}");
        }
    }

    #[test]
    fn issuer_and_audience_are_one_of_those_expected() {
        let terms = terms(&["https://id.example"], &["web", "api"]);
        for (said, counts) in [
            (r#"{"iss": "https://id.example", "aud": "web"}"#, true),
            (r#"{"iss": "https://id.example", "aud": ["other", "api"]}"#, true),
            (r#"{"iss": "https://id.example", "aud": ["other"]}"#, false),
            (r#"{"iss": "https://id.example"}"#, false),
            (r#"{"iss": "https://id.example/", "aud": "web"}"#, false),
            (r#"{"aud": "web"}"#, false),
            (r#"{"iss": ["https://id.example"], "aud": "web"}"#, false),
        ] {
            assert_eq!(terms.check(&claims(said), 5).is_ok(), counts, "{said}");
        }
    }

    #[test]
    fn claim_is_found_by_its_whole_name_or_inside_another() {
        let said =
            claims(r#"{"upn": "anna", "profile": {"name": {"short": "an"}}, "a.b": "dotted", "n": 5}"#);
        let user = |path: &str| {
            let key = Path::read(path).unwrap().user(&said, &IdentityRules::default());
            key.map(|key| String::from_utf8(key.expose().to_vec()).unwrap())
        };
        assert_eq!(user("upn").as_deref(), Some("anna"));
        assert_eq!(user("profile.name.short").as_deref(), Some("an"));
        assert_eq!(user("a.b").as_deref(), Some("dotted"));
        for none in ["profile", "profile.name", "n", "upn.x", "x", ".", "profile..name"] {
            assert_eq!(user(none), None, "{none}");
        }
    }
}
