//! From the head of a request to what is wanted, and from that to an answer: HTTP/1.1 as far as it is needed here.

use crate::metrics::Form;

/// The longest head: a scraper's has a tenth of it.
pub(crate) const HEAD_MAX: usize = 8 * 1024;
/// The most fields in a head.
const FIELDS_MAX: usize = 64;

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The metrics; with HEAD, all but the metrics.
    Metrics {
        /// In this form.
        form: Form,
        /// Without the text.
        head_only: bool,
    },
    /// It is refused with this status.
    Refused(Refusal),
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no request.
    Malformed,
    /// There is nothing at this path.
    NotFound,
    /// The path can only be read.
    Method,
    /// The head is too long, or has too many fields.
    TooLarge,
}

impl Refusal {
    const fn status(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::Method => "405 Method Not Allowed\r\nAllow: GET, HEAD",
            Self::TooLarge => "431 Request Header Fields Too Large",
        }
    }

    const fn says(self) -> &'static str {
        match self {
            Self::Malformed => "This is no HTTP request.\n",
            Self::NotFound => "There is only /metrics here.\n",
            Self::Method => "Metrics can be read and nothing else.\n",
            Self::TooLarge => "The head of the request is too large.\n",
        }
    }
}

/// Reads a head; `None` while it is not complete.
pub(crate) fn wanted(bytes: &[u8]) -> Option<Wanted> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => return None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some(Wanted::Refused(Refusal::TooLarge));
        }
        Err(_) => return Some(Wanted::Refused(Refusal::Malformed)),
        Ok(httparse::Status::Complete(_)) => {}
    }
    let target = request.path.unwrap_or_default();
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    Some(match (path, request.method.unwrap_or_default()) {
        ("/metrics", method @ ("GET" | "HEAD")) => {
            Wanted::Metrics { form: form(request.headers), head_only: method == "HEAD" }
        }
        ("/metrics", _) => Wanted::Refused(Refusal::Method),
        _ => Wanted::Refused(Refusal::NotFound),
    })
}

/// OpenMetrics to whoever names it, as Prometheus does; Prometheus' own form to everybody else.
fn form(fields: &[httparse::Header<'_>]) -> Form {
    let accepts = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("accept"));
    let open =
        accepts.filter_map(|field| std::str::from_utf8(field.value).ok()).flat_map(|all| all.split(','));
    let mut types = open.map(|one| one.split_once(';').map_or(one, |(kind, _)| kind).trim());
    match types.any(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text")) {
        true => Form::OpenMetrics,
        false => Form::Prometheus,
    }
}

/// The answer to a request, whole. `metrics` writes the page, and is asked only where it is wanted.
pub(crate) fn answer(wanted: Wanted, metrics: impl FnOnce(Form) -> String) -> String {
    let (status, kind, body, head_only) = match wanted {
        Wanted::Metrics { form, head_only } => ("200 OK", form.content_type(), metrics(form), head_only),
        Wanted::Refused(why) => (why.status(), "text/plain; charset=utf-8", why.says().to_owned(), false),
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if !head_only {
        answer.push_str(&body);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Wanted = Wanted::Metrics { form: Form::Prometheus, head_only: false };

    #[test]
    fn every_prefix_of_a_head_is_incomplete_and_the_whole_is_understood() {
        let head = b"GET /metrics?x=y HTTP/1.1\r\nHost: a\r\nAccept: text/plain;q=0.5, */*\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(wanted(&head[..end]), None, "{end}");
        }
        assert_eq!(wanted(head), Some(PLAIN));
        assert_eq!(wanted(b"GET /metrics HTTP/1.0\r\n\r\nmore"), Some(PLAIN));
    }

    #[test]
    fn open_metrics_is_for_whoever_names_it() {
        let form =
            |accept: &str| wanted(format!("GET /metrics HTTP/1.1\r\naccept: {accept}\r\n\r\n").as_bytes());
        let open = Some(Wanted::Metrics { form: Form::OpenMetrics, head_only: false });
        assert_eq!(form("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"), open);
        assert_eq!(form("text/plain, Application/OpenMetrics-Text"), open);
        assert_eq!(form("text/plain"), Some(PLAIN));
        assert_eq!(form("application/openmetrics-text-no"), Some(PLAIN));
    }

    #[test]
    fn what_is_not_there_or_not_allowed_is_refused() {
        let refused = |head: &str, why| {
            assert_eq!(wanted(head.as_bytes()), Some(Wanted::Refused(why)), "{head}");
        };
        refused("GET / HTTP/1.1\r\n\r\n", Refusal::NotFound);
        refused("GET /metrics/ HTTP/1.1\r\n\r\n", Refusal::NotFound);
        refused("POST /metrics HTTP/1.1\r\n\r\n", Refusal::Method);
        refused("\x16\x03\x01\x02\x00", Refusal::Malformed);
        refused(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX + 1)), Refusal::TooLarge);
        refused(&format!("GET /metrics HTTP/1.1\r\na: {}", "b".repeat(HEAD_MAX)), Refusal::TooLarge);
    }

    #[test]
    fn answer_is_as_long_as_it_says_and_head_has_no_text() {
        let page = |_| "line\n".to_owned();
        let text = answer(PLAIN, page);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{text}");
        assert!(text.contains("\r\nContent-Length: 5\r\n") && text.ends_with("\r\n\r\nline\n"), "{text}");
        let text = answer(Wanted::Metrics { form: Form::OpenMetrics, head_only: true }, page);
        assert!(text.contains("\r\nContent-Length: 5\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        let text = answer(Wanted::Refused(Refusal::Method), |_| unreachable!());
        assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n"), "{text}");
    }
}
