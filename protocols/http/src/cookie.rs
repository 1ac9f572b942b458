//! The cookies that persistence reads, takes out and sets.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;

use http::header::{CACHE_CONTROL, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use sekisho_api::{CookieSettings, SameSite, Secure, Server};
use smallvec::SmallVec;

use crate::hop::has_token;
use crate::text::Text;

/// The value of the first cookie of exactly this name, in whichever Cookie line it stands.
pub(crate) fn find<'h>(headers: &'h HeaderMap, name: &[u8]) -> Option<&'h [u8]> {
    values(headers, name).next()
}

/// The values of all cookies of exactly this name.
pub(crate) fn values<'h>(headers: &'h HeaderMap, name: &[u8]) -> impl Iterator<Item = &'h [u8]> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| pairs(line.as_bytes()));
    pairs.filter_map(move |pair| value(pair, name))
}

/// Takes every cookie of this name out, so that the server never sees it; the others stay as they are.
pub(crate) fn remove(headers: &mut HeaderMap, name: &[u8]) {
    let mut kept: SmallVec<[HeaderValue; 2]> = SmallVec::new();
    for line in headers.get_all(COOKIE) {
        if !pairs(line.as_bytes()).any(|pair| value(pair, name).is_some()) {
            kept.push(line.clone());
            continue;
        }
        let mut text = Text::new();
        for pair in pairs(line.as_bytes()).filter(|pair| value(pair, name).is_none()) {
            if !text.is_empty() {
                text.push(b"; ");
            }
            text.push(pair);
        }
        if !text.is_empty() {
            kept.extend(text.value());
        }
    }
    headers.remove(COOKIE);
    for line in kept {
        headers.append(COOKIE, line);
    }
}

/// The values that a server's answer gives to cookies of this name.
pub(crate) fn set_values<'h>(headers: &'h HeaderMap, name: &'h [u8]) -> impl Iterator<Item = &'h [u8]> {
    headers.get_all(SET_COOKIE).iter().filter_map(move |line| {
        let pair = line.as_bytes().split(|&b| b == b';').next().unwrap_or_default();
        value(pair.trim_ascii(), name)
    })
}

/// `Set-Cookie` lines, one per server and cookie, made once by each worker.
#[derive(Debug, Default)]
pub(crate) struct Jar(RefCell<HashMap<Named, HeaderValue>>);

/// A server, whether the client came over TLS, and which cookie of the configuration it is.
// INVARIANT: a worker's configuration lives as long as its jar, so a cookie's address is its own.
type Named = (u64, bool, usize);

impl Jar {
    /// Sets the cookie that names `server` on an answer, and keeps shared caches from giving it to somebody else.
    pub(crate) fn set(
        &self,
        headers: &mut HeaderMap,
        cookie: &CookieSettings,
        server: &dyn Server,
        tls: bool,
    ) {
        let Some(line) = self.line(cookie, server, tls) else { return };
        headers.append(SET_COOKIE, line);
        if !has_token(headers, &CACHE_CONTROL, b"private") && !has_token(headers, &CACHE_CONTROL, b"no-store")
        {
            headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
    }

    fn line(&self, cookie: &CookieSettings, server: &dyn Server, tls: bool) -> Option<HeaderValue> {
        let mut lines = self.0.borrow_mut();
        let named = (server.id(), tls, std::ptr::from_ref(cookie).addr());
        if let Some(line) = lines.get(&named) {
            return Some(line.clone());
        }
        // Servers come and go with reloads; what is no longer used is not worth keeping book of.
        if lines.len() >= MOST_LINES {
            lines.clear();
        }
        let line = set_cookie(cookie, server.token(), tls)?;
        lines.insert(named, line.clone());
        Some(line)
    }
}

/// The line (RFC 6265, section 4.1); `None` if name, path or domain hold what no header may.
fn set_cookie(cookie: &CookieSettings, token: &str, tls: bool) -> Option<HeaderValue> {
    let mut line = Text::new();
    let _ = write!(line, "{}={token}; Path={}", cookie.name, cookie.path);
    if let Some(domain) = &cookie.domain {
        let _ = write!(line, "; Domain={domain}");
    }
    if let Some(age) = cookie.max_age {
        let _ = write!(line, "; Max-Age={}", age.as_secs());
    }
    if cookie.http_only {
        line.push(b"; HttpOnly");
    }
    if match cookie.secure {
        Secure::Auto => tls,
        Secure::Always => true,
        Secure::Never => false,
    } {
        line.push(b"; Secure");
    }
    match cookie.same_site {
        Some(SameSite::Strict) => line.push(b"; SameSite=Strict"),
        Some(SameSite::Lax) => line.push(b"; SameSite=Lax"),
        Some(SameSite::None) => line.push(b"; SameSite=None"),
        None => {}
    }
    line.value()
}

/// The pairs of a Cookie line (RFC 6265, section 4.2.1).
fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&b| b == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

/// The value of a pair whose name is exactly `name`.
fn value<'p>(pair: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    pair.strip_prefix(name)?.strip_prefix(b"=")
}

const MOST_LINES: usize = 4096;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cookies(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, line.parse().unwrap())).collect()
    }

    fn lines(headers: &HeaderMap) -> Vec<&str> {
        headers.get_all(COOKIE).iter().map(|v| v.to_str().unwrap()).collect()
    }

    #[test]
    fn cookie_is_found_by_its_exact_name_in_every_line() {
        for line in [&["S=v"][..], &["a=1; S=v"], &["a=1;S=v;b=2"], &["a=1", "b=2; S=v"], &[" S=v ; S=w"]] {
            assert_eq!(find(&cookies(line), b"S"), Some(&b"v"[..]), "{line:?}");
        }
        for line in [&["XS=v"][..], &["SX=v"], &["s=v"], &["a=S=v"], &["S"], &[""]] {
            assert_eq!(find(&cookies(line), b"S"), None, "{line:?}");
        }
    }

    #[test]
    fn cookie_is_taken_out_and_the_others_stay() {
        for (before, after) in [
            (&["S=v"][..], &[][..]),
            (&["a=1; S=v; b=2"], &["a=1; b=2"]),
            (&["S=v; a=1", "b=2", "S=w"], &["a=1", "b=2"]),
            (&["a=1;b=2"], &["a=1;b=2"]),
        ] {
            let mut headers = cookies(before);
            remove(&mut headers, b"S");
            assert_eq!(lines(&headers), after);
        }
    }

    #[test]
    fn set_cookie_carries_the_configured_attributes() {
        let mut settings = CookieSettings::default();
        let line = |settings: &CookieSettings, tls| {
            set_cookie(settings, "T", tls).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(line(&settings, false), "SEKISHO=T; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(line(&settings, true), "SEKISHO=T; Path=/; HttpOnly; Secure; SameSite=Lax");
        settings.domain = Some("a.example".into());
        settings.max_age = Some(Duration::from_secs(3600));
        settings.http_only = false;
        settings.same_site = Some(SameSite::None);
        settings.secure = Secure::Always;
        assert_eq!(
            line(&settings, false),
            "SEKISHO=T; Path=/; Domain=a.example; Max-Age=3600; Secure; SameSite=None"
        );
    }

    #[test]
    fn learned_values_come_from_the_pair_and_not_from_attributes() {
        let headers: HeaderMap = ["SID=abc; Path=/; X=SID=no", "other=1; SID=no", "SID=def"]
            .iter()
            .map(|line| (SET_COOKIE, line.parse().unwrap()))
            .collect();
        assert_eq!(set_values(&headers, b"SID").collect::<Vec<_>>(), [b"abc", b"def"]);
    }
}
