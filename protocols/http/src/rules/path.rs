//! Paths as rules see them, and what they are compared with.

use std::borrow::Cow;

use regex::Regex;

/// What a rule wants of a path.
#[derive(Clone, Debug, Default)]
pub(super) enum PathPattern {
    /// Any path.
    #[default]
    Any,
    /// This one.
    Exactly(Box<str>),
    /// This one and all below it: `/api` means `/api` and `/api/v1`, and not `/apis`.
    Below(Box<str>),
    /// One in which the expression is found.
    Matching(Box<Regex>),
}

impl PathPattern {
    /// Whether a normal path is meant.
    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => path == &**wanted,
            Self::Below(prefix) => rest(prefix, path).is_some(),
            Self::Matching(expression) => expression.is_match(path),
        }
    }

    /// Says what a group of the expression found in a path as it came.
    pub(super) fn group(&self, path: &str, group: usize, say: impl FnOnce(&str)) {
        let Self::Matching(expression) = self else { return };
        let meant = self.meant(path);
        if let Some(found) = expression.captures(&meant).and_then(|groups| groups.get(group)) {
            say(found.as_str());
        }
    }

    /// How many groups there are in the expression.
    pub(super) fn groups(&self) -> usize {
        match self {
            Self::Matching(expression) => expression.captures_len().saturating_sub(1),
            _ => 0,
        }
    }

    /// The reading of a path that is meant: as RFC 3986 has it, if that is.
    pub(super) fn meant<'p>(&self, path: &'p str) -> Cow<'p, str> {
        let (strict, loose) = readings(path);
        match loose {
            Some(loose) if !self.matches(&strict) => loose.into_string().into(),
            _ => strict,
        }
    }

    /// A normal path with what the pattern names replaced: the whole path, the prefix, or each place where the expression is
    /// found, in which `$1` stands for its first group.
    pub(super) fn rewrite(&self, path: &str, with: &str) -> String {
        let rewritten = match self {
            Self::Any | Self::Exactly(_) => with.to_owned(),
            Self::Below(prefix) => {
                let rest = rest(prefix, path).unwrap_or_default();
                format!("{}{rest}", with.strip_suffix('/').unwrap_or(with))
            }
            Self::Matching(expression) => expression.replace_all(path, with).into_owned(),
        };
        if rewritten.starts_with('/') { rewritten } else { format!("/{rewritten}") }
    }
}

/// How a path may be read: strictly, and loosely where that differs.
pub(super) type Readings<'p> = (Cow<'p, str>, Option<Box<str>>);

/// What follows the prefix, where it ends with a segment.
fn rest<'p>(prefix: &str, path: &'p str) -> Option<&'p str> {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The ways in which a server may read a path, each in its normal form: as RFC 3986 has it, and, where that differs, as
/// servers do that take an escaped slash (nginx) or the other slash (IIS) for a slash, and leave out what stands behind
/// a semicolon in a segment (Tomcat).
pub(super) fn readings(path: &str) -> Readings<'_> {
    let strict = normal(path);
    let loose: Option<Box<str>> = loosened(path).map(|loose| normal(&loose).into());
    let loose = loose.filter(|loose| **loose != *strict);
    (strict, loose)
}

/// Whether some servers would go up in this path where others see a name: no rule can mean both, and no browser sends it.
pub(crate) fn is_doubtful(path: &str) -> bool {
    let ups = |text: &str| text.split('/').filter(|segment| *segment == "..").count();
    loosened(path).is_some_and(|loose| ups(&loose) != ups(&unescape(path)))
}

fn loosened(path: &str) -> Option<String> {
    if !path.contains([';', '\\', '%']) {
        return None;
    }
    let mut text = unescape(path);
    for slash in ["%2F", "%5C", "\\"] {
        text = text.replace(slash, "/");
    }
    // An escaped semicolon is part of a name to all servers known.
    Some(
        text.split('/')
            .map(|segment| segment.split(';').next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("/"),
    )
}

/// A path in its normal form (RFC 3986, section 6.2.2): escapes of characters that need none are undone, the others have
/// upper-case digits, `.` and `..` are resolved, and of several slashes in a row one stays. However it is spelt, a path
/// that a server may take for another one meets that one's rules.
pub(crate) fn normal(path: &str) -> Cow<'_, str> {
    if path.is_empty() {
        // CONNECT, which asks for no path and must not lead around a rule for all of them.
        return Cow::Borrowed("/");
    }
    let plain = !path.contains('%') && !path.contains("//") && !path.contains("/.");
    if plain {
        return Cow::Borrowed(path);
    }
    let unescaped = unescape(path);
    let mut segments: Vec<&str> = Vec::new();
    for segment in unescaped.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    let mut normal = String::with_capacity(unescaped.len());
    for segment in &segments {
        normal.push('/');
        normal.push_str(segment);
    }
    let folder = ["/", "/.", "/.."].iter().any(|end| unescaped.ends_with(end));
    if folder || segments.is_empty() {
        normal.push('/');
    }
    Cow::Owned(normal)
}

fn unescape(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if unreserved(byte) => text.push(char::from(byte)),
            Some(byte) => text.push_str(&format!("%{byte:02X}")),
            None => {
                text.push('%');
                rest = after;
                continue;
            }
        }
        rest = after.get(2..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// RFC 3986, section 2.3.
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_one() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a///b", "/a/b"),
            ("/./a/../b", "/b"),
            ("/../../a", "/a"),
            ("/a/..", "/"),
            ("/a/b/.", "/a/b/"),
            ("/%61dmin/%2e%2E/x", "/x"),
            ("/a%2fb", "/a%2Fb"),
            ("/%zz%4", "/%zz%4"),
            ("/%+1", "/%+1"),
            ("/a%", "/a%"),
            ("/...", "/..."),
            ("*", "*"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
        }
    }

    #[test]
    fn normal_form_is_normal() {
        sekisho_testkit::seeded(2000, &[b"/", b".", b"..", b"%2e", b"%2F", b"a"], |data| {
            let path = format!("/{}", String::from_utf8_lossy(data));
            let once = normal(&path).into_owned();
            assert_eq!(normal(&once), once, "{path}");
        });
    }

    #[test]
    fn prefix_ends_with_a_segment() {
        let api = PathPattern::Below("/api".into());
        assert!(api.matches("/api") && api.matches("/api/") && api.matches("/api/v1"));
        assert!(!api.matches("/apis") && !api.matches("/") && !api.matches("/x/api"));
        assert!(PathPattern::Below("/".into()).matches("/anything"));
    }

    #[test]
    fn rewriting_replaces_what_the_pattern_names() {
        let api = PathPattern::Below("/api".into());
        assert_eq!(api.rewrite("/api/v1/x", "/"), "/v1/x");
        assert_eq!(api.rewrite("/api", "/"), "/");
        assert_eq!(api.rewrite("/api/x", "/inner/"), "/inner/x");
        assert_eq!(PathPattern::Exactly("/a".into()).rewrite("/a", "/b"), "/b");
        let old = PathPattern::Matching(Box::new(Regex::new("^/v([0-9]+)/").unwrap()));
        assert_eq!(old.rewrite("/v2/x", "/api/$1/"), "/api/2/x");
    }
}
