//! Names of fields that no option may give to a field of its own: they would stand in a message twice.

use http::HeaderName;
use sekisho_api::settings::{Found, Problem, Section};

use crate::rules;
use crate::tls_fields::same;

/// Reads the name of a field that an option has the gateway write. One that cannot be it is recorded with what the field
/// is for, and why.
pub(crate) fn read(section: &Section<'_>, text: Found<&str>, purpose: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.value.as_bytes()).ok();
    let reason = match &name {
        None => "letters, digits and hyphens are expected",
        Some(name) if is_framing(name) => "it frames the message, or belongs to one connection",
        Some(name) if is_written(name.as_str()) => "the gateway writes it itself: it would stand there twice",
        Some(_) => return name,
    };
    let problem = Problem::new(text.span, format!("`{}` can be no field for {purpose}", text.value), reason);
    section.problem(problem.help("a name of your own, such as \"x-correlation-id\""));
    None
}

/// Whether a field of this name frames a message, also for a server that reads `_` as `-`.
fn is_framing(name: &HeaderName) -> bool {
    let read = HeaderName::try_from(name.as_str().replace('_', "-"));
    rules::is_framing(name) || read.is_ok_and(|name| rules::is_framing(&name))
}

/// Whether the gateway has words of its own to say in a field of this name, in a request or in an answer, or a server
/// that reads `_` as `-` would think so.
fn is_written(name: &str) -> bool {
    WRITTEN.iter().any(|written| same(written.as_bytes(), name.as_bytes()))
}

/// Fields that are written, changed or understood somewhere in this crate.
const WRITTEN: [&str; 36] = [
    "accept-encoding",
    "accept-ranges",
    "allow",
    "authorization",
    "cache-control",
    "content-digest",
    "content-encoding",
    "content-md5",
    "content-type",
    "cookie",
    "date",
    "digest",
    "etag",
    "expect",
    "forwarded",
    "grpc-message",
    "grpc-status",
    "host",
    "if-none-match",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "repr-digest",
    "retry-after",
    "sec-websocket-accept",
    "sec-websocket-key",
    "set-cookie",
    "traceparent",
    "tracestate",
    "vary",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
];

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Problems, Table};

    use super::*;

    fn said(name: &str) -> Vec<String> {
        let (table, problems) = (Table::default(), Problems::new());
        let found = Found { value: name, span: 3..4 };
        let read = read(&Section::new(&table, 0..0, &problems), found, "a number");
        let problems = problems.into_vec();
        assert_eq!(read.is_some(), problems.is_empty(), "{name}");
        assert!(problems.iter().all(|problem| problem.span == (3..4) && problem.help.is_some()));
        problems.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn field_that_the_gateway_writes_itself_is_given_to_nothing_else() {
        for name in [
            "X-Forwarded-For",
            "x-forwarded-proto",
            "X_Forwarded-Port",
            "x_forwarded_for",
            "Forwarded",
            "traceparent",
            "Date",
            "host",
            "Cookie",
            "connection",
            "content-length",
            "Content_Length",
            "transfer_encoding",
            "Authorization",
            "content-digest",
            "sec-websocket-key",
            "no field",
            "",
        ] {
            assert_eq!(said(name), [format!("`{name}` can be no field for a number")]);
        }
        for name in [
            "x-request-id",
            "X-Correlation-Id",
            "x-forward",
            "request-id",
            "forwarded-by",
            "x-forwarded-client-cert",
        ] {
            assert!(said(name).is_empty(), "{name}");
        }
    }
}
