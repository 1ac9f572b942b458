//! `probe = { kind = "http", ... }`

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use sekisho_api::bytes::Bytes;
use sekisho_api::settings::{Problem, Section, Value};
use sekisho_api::{PoolSettings, Probe, ProbeKind, ProbeRun};

use super::run::Run;
use super::run_two::{Either, RunTwo, Wanted};
use super::status::StatusRange;
use crate::pool_options::{PoolOptions, Spoken};
use crate::target::valid_host;

/// The kind `http`.
#[derive(Debug)]
pub(crate) struct HttpProbe;

/// A configured probe.
#[derive(Debug)]
struct Configured {
    method: Method,
    path: String,
    /// The Host to ask for; none: the server's address.
    host: Option<String>,
    /// Further fields.
    fields: Vec<(String, String)>,
    expect: Arc<Expect>,
    version: Spoken,
}

/// What a good answer looks like.
#[derive(Debug)]
pub(super) struct Expect {
    pub(super) statuses: Vec<StatusRange>,
    /// Bytes that stand somewhere in the body; none: the body is not read.
    pub(super) body: Option<Vec<u8>>,
}

impl ProbeKind for HttpProbe {
    fn name(&self) -> &'static str {
        "http"
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        self.configure_for(options, None)
    }

    fn configure_for(
        &self,
        options: &mut Section<'_>,
        pool: Option<&PoolSettings>,
    ) -> Option<Arc<dyn Probe>> {
        let pool = pool.and_then(|pool| pool.downcast_ref::<PoolOptions>()).cloned().unwrap_or_default();
        let version = options.word("version", &Spoken::WORDS).unwrap_or(pool.version);
        let method = options.parsed::<Method>("method", "an HTTP method");
        let path = options.text("path");
        if let Some(path) = &path
            && !(path.value.starts_with('/') && path.value.bytes().all(|b| b.is_ascii_graphic()))
        {
            let message = "`path` is not an absolute path";
            options.problem(
                Problem::new(path.span.clone(), message, "it must begin with / and hold no space")
                    .help("write something like \"/healthz\", other characters as %XX"),
            );
        }
        let host = options.text("host");
        if let Some(host) = &host
            && !valid_host(host.value.as_bytes())
        {
            let message = "`host` is not a host name";
            options.problem(
                Problem::new(host.span.clone(), message, "not usable in a Host field")
                    .help("write a name, with a port where it needs one"),
            );
        }
        let body = options.text("expect-body").map(|text| text.value.as_bytes().to_vec());
        if let Some(method) = &method
            && method.value == Method::HEAD
            && body.is_some()
        {
            options.problem(
                Problem::new(method.span.clone(), "`expect-body` cannot be met", "HEAD has no body")
                    .help("use GET, or leave `expect-body` out"),
            );
        }
        Some(Arc::new(Configured {
            method: method.map_or(Method::GET, |found| found.value),
            path: path.map_or("/", |found| found.value).to_owned(),
            host: host.map(|found| found.value.to_owned()),
            fields: fields(options),
            expect: Arc::new(Expect { statuses: statuses(options), body }),
            version,
        }))
    }
}

fn statuses(options: &mut Section<'_>) -> Vec<StatusRange> {
    let mut statuses = Vec::new();
    let texts = options.texts("expect-status");
    for text in texts
        .iter()
        .flatten()
        .flat_map(|text| text.value.split(',').map(move |part| (part.trim(), text.span.clone())))
    {
        match text.0.parse() {
            Ok(range) => statuses.push(range),
            Err(reason) => {
                let message = format!("`{}` is no status", text.0);
                options.problem(Problem::new(text.1, message, "not known here").help(reason));
            }
        }
    }
    if texts.is_none() {
        statuses.push(StatusRange::WELL);
    }
    statuses
}

fn fields(options: &mut Section<'_>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let Some(section) = options.table("headers") else { return fields };
    for (name, span, node) in section.entries() {
        let Value::Text(value) = &node.value else {
            let message = format!("`{name}` must be a string");
            section.problem(Problem::new(
                node.span.clone(),
                message,
                format!("this is {}", node.value.kind()),
            ));
            continue;
        };
        let framing = ["host", "connection", "content-length", "transfer-encoding"];
        if framing.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            let message = format!("`{name}` is the probe's own");
            section.problem(
                Problem::new(span, message, "not allowed here").help("the key `host` sets the Host field"),
            );
        } else if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err() {
            section.problem(Problem::new(
                span,
                format!("`{name}` is no header field"),
                "name or value is malformed",
            ));
        } else {
            fields.push((name.to_owned(), value.clone()));
        }
    }
    fields
}

impl Probe for Configured {
    fn open(&self, _: &str, address: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        let host = self.host.clone().unwrap_or_else(|| address.to_string());
        let lines: String = self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{} {} HTTP/1.1\r\nhost: {host}\r\nuser-agent: sekisho-probe\r\nconnection: close\r\n{lines}\r\n",
            self.method, self.path
        );
        let one = Run::new(Bytes::from(request), self.expect.clone());
        if self.version == Spoken::One {
            return Box::new(one);
        }
        let pseudo = [(":method", self.method.as_str()), (":path", &*self.path), (":authority", &*host)];
        let pseudo = pseudo.into_iter().chain([("user-agent", "sekisho-probe")]);
        let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = self.fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        let two = RunTwo::new(pseudo.chain(own).collect(), b"", Wanted::Answer(self.expect.clone()));
        Box::new(Either::new(self.version, one, two))
    }
}
