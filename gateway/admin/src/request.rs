//! From the bytes of a request to what it says: HTTP/1.1 as far as it is needed here.

use crate::metrics::Form;

/// The longest head: a scraper's has a tenth of it.
pub(crate) const HEAD_MAX: usize = 8 * 1024;
/// The most fields in a head.
const FIELDS_MAX: usize = 64;

/// The head of a request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// Of the target, what stands before the question mark.
    pub(crate) path: String,
    /// And what stands behind it.
    pub(crate) query: String,
    /// The form in which metrics are wanted.
    pub(crate) form: Form,
    /// How long its body is; none if that is not said as it is understood here.
    pub(crate) length: Option<usize>,
    /// How long it is itself.
    pub(crate) size: usize,
    /// Whether the connection is to stay after the answer.
    pub(crate) stays: bool,
    /// The versions that whoever sends it has already, as `If-None-Match` lists them.
    pub(crate) has: Option<String>,
    /// What it says about whoever sends it.
    pub(crate) sender: Sender,
    /// A field that stands there more than once, where one of them would have to be believed.
    pub(crate) twice: Option<&'static str>,
}

/// What a request says about whoever sends it, and from where.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The token, behind `Bearer`.
    pub(crate) token: Option<String>,
    /// The name by which the gateway is reached, without the port, in lower case.
    pub(crate) host: Option<String>,
    /// The page that a browser sends it for.
    pub(crate) origin: Option<String>,
    /// Whether a browser says that another site's page sends it.
    pub(crate) foreign: bool,
    /// Whether the body is said to be JSON.
    pub(crate) json: bool,
    /// The event that was seen last.
    pub(crate) last_event: Option<u64>,
}

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Other,
}

/// Why a request was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is no request.
    Malformed,
    /// The head is too long, or has too many fields.
    HeadTooLarge,
    /// How long its body is cannot be told.
    Length,
    /// The body is too long.
    BodyTooLarge,
    /// The body has not come, or not all of it.
    BodyMissing,
}

impl Method {
    /// Its name; of one that is not known here, none.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Other => "?",
        }
    }
}

impl Head {
    /// Reads a head; `None` while it is not complete.
    pub(crate) fn read(bytes: &[u8]) -> Option<Result<Self, Unread>> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let size = match request.parse(bytes) {
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => return None,
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Some(Err(Unread::HeadTooLarge));
            }
            Err(_) => return Some(Err(Unread::Malformed)),
            Ok(httparse::Status::Complete(size)) => size,
        };
        let target = request.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let method = match request.method.unwrap_or_default() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            _ => Method::Other,
        };
        Some(Ok(Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            form: form(request.headers),
            length: length(request.headers),
            size,
            stays: request.version == Some(1) && !has_word(request.headers, "connection", "close"),
            has: only(request.headers, "if-none-match").map(str::to_owned),
            sender: sender(request.headers),
            twice: twice(request.headers),
        }))
    }
}

fn values<'h>(fields: &'h [httparse::Header<'h>], name: &'h str) -> impl Iterator<Item = &'h str> {
    let named = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    named.map(|field| std::str::from_utf8(field.value).unwrap_or_default().trim())
}

fn has_word(fields: &[httparse::Header<'_>], name: &str, word: &str) -> bool {
    values(fields, name).flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

/// The field of this name, if it stands there once.
fn only<'h>(fields: &'h [httparse::Header<'h>], name: &'h str) -> Option<&'h str> {
    let mut all = values(fields, name);
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

fn sender(fields: &[httparse::Header<'_>]) -> Sender {
    let bearer = |value: &str| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    };
    let kind = only(fields, "content-type").map(|kind| kind.split(';').next().unwrap_or_default().trim());
    // A browser that says nothing of the site is an old one, which says where the page is from.
    let site = only(fields, "sec-fetch-site");
    Sender {
        token: only(fields, "authorization").and_then(bearer),
        host: only(fields, "host").map(|host| name_of(host).to_ascii_lowercase()),
        origin: only(fields, "origin").map(str::to_owned),
        foreign: site.is_some_and(|site| !["same-origin", "none"].contains(&site)),
        json: kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")),
        last_event: only(fields, "last-event-id").and_then(|id| id.parse().ok()),
    }
}

/// Whoever stands between might read another one of them than the gateway.
fn twice(fields: &[httparse::Header<'_>]) -> Option<&'static str> {
    let names = ["Authorization", "Host", "Origin", "Content-Type"];
    names.into_iter().find(|name| values(fields, name).nth(1).is_some())
}

/// A host without its port.
pub(crate) fn name_of(host: &str) -> &str {
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// The length of the body: said once, as a number, or not at all. Nobody who operates a gateway has chunks to send.
fn length(fields: &[httparse::Header<'_>]) -> Option<usize> {
    if fields.iter().any(|field| field.name.eq_ignore_ascii_case("transfer-encoding")) {
        return None;
    }
    let mut said = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("content-length"));
    let Some(first) = said.next() else { return Some(0) };
    let digits = std::str::from_utf8(first.value).ok().map(str::trim);
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.filter(|_| said.next().is_none())?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Result<Head, Unread>> {
        Head::read(text.as_bytes())
    }

    fn head(text: &str) -> Head {
        read(text).unwrap().unwrap_or_else(|why| panic!("{why:?}: {text}"))
    }

    #[test]
    fn every_prefix_of_a_head_is_incomplete_and_the_whole_is_understood() {
        let text = "GET /metrics?x=y HTTP/1.1\r\nHost: a\r\nAccept: text/plain;q=0.5, */*\r\n\r\n";
        for end in 0..text.len() {
            assert!(read(&text[..end]).is_none(), "{end}");
        }
        let whole = head(text);
        assert_eq!((whole.method, &*whole.path, &*whole.query), (Method::Get, "/metrics", "x=y"));
        assert_eq!((whole.form, whole.length, whole.size), (Form::Prometheus, Some(0), text.len()));
        assert_eq!(head("GET /metrics HTTP/1.0\r\n\r\nmore").size, 25);
    }

    #[test]
    fn open_metrics_is_for_whoever_names_it() {
        let form = |accept: &str| head(&format!("GET /metrics HTTP/1.1\r\naccept: {accept}\r\n\r\n")).form;
        assert_eq!(form("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"), Form::OpenMetrics);
        assert_eq!(form("text/plain, Application/OpenMetrics-Text"), Form::OpenMetrics);
        assert_eq!(form("text/plain"), Form::Prometheus);
        assert_eq!(form("application/openmetrics-text-no"), Form::Prometheus);
    }

    #[test]
    fn length_is_said_once_and_as_a_number_or_not_at_all() {
        let length = |fields: &str| head(&format!("POST / HTTP/1.1\r\n{fields}\r\n")).length;
        assert_eq!(length(""), Some(0));
        assert_eq!(length("content-length: 17\r\n"), Some(17));
        for unclear in [
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999999\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        ] {
            assert_eq!(length(unclear), None, "{unclear}");
        }
    }

    #[test]
    fn what_is_no_head_or_too_large_is_refused() {
        let refused =
            |text: &str, why| assert!(read(text).unwrap().is_err_and(|found| found == why), "{text}");
        refused("\x16\x03\x01\x02\x00", Unread::Malformed);
        refused(
            &format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX + 1)),
            Unread::HeadTooLarge,
        );
        refused(&format!("GET /metrics HTTP/1.1\r\na: {}", "b".repeat(HEAD_MAX)), Unread::HeadTooLarge);
    }
}
