//! What `sekisho explain` is told of a client.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

/// `sekisho explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The VIP that the client connects to
    #[arg(long, value_name = "NAME")]
    pub(crate) vip: String,
    /// The client's address
    #[arg(long, value_name = "ADDRESS", default_value = "192.0.2.1")]
    pub(crate) client: IpAddr,
    /// Something the protocol reads from the client, e.g. `user=alice`; may be given several times
    #[arg(long = "key", value_name = "KIND=VALUE", value_parser = key_value)]
    pub(crate) keys: Vec<(String, String)>,
    /// A request, for protocols that have rules for them, e.g. 'GET https://shop.example/api?x=1'
    #[arg(long, value_name = "METHOD URL", value_parser = request_line)]
    pub(crate) request: Option<(String, String)>,
    /// A header field of the request, e.g. 'x-tenant: blue'; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header, requires = "request")]
    pub(crate) headers: Vec<(String, String)>,
    /// Show why the rules before did not match
    #[arg(long, requires = "request")]
    pub(crate) verbose: bool,
    /// The value of the gateway's own cookie
    // One in 64 begins with `-`.
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) cookie: Option<String>,
    /// A token that `sekisho rdp-file` made, or the whole line with it
    #[arg(long, value_name = "TOKEN", conflicts_with = "cookie", allow_hyphen_values = true)]
    pub(crate) token: Option<String>,
    /// One of the VIP's pools [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Option<String>,
    /// A server that is taken to be down; may be given several times
    #[arg(long, value_name = "SERVER")]
    pub(crate) down: Vec<String>,
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((kind, value)) if !kind.is_empty() && !value.is_empty() => {
            Ok((kind.to_owned(), value.to_owned()))
        }
        _ => Err("expected a kind and a value, such as user=alice".to_owned()),
    }
}

fn request_line(text: &str) -> Result<(String, String), String> {
    let (method, target) = text.trim().split_once(' ').unwrap_or(("GET", text));
    let target = target.trim();
    match !method.is_empty() && (target.starts_with('/') || target.contains("://")) && !target.contains(' ') {
        true => Ok((method.to_owned(), target.to_owned())),
        false => Err("expected a method and a URL, such as 'GET https://shop.example/api'".to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected a name and a value, such as 'x-tenant: blue'".to_owned()),
    }
}
