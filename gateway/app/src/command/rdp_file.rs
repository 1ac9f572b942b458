//! `sekisho rdp-file`: a connection file that leads to a server, or to a user's desktop.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use sekisho_api::settings::{parse_duration, show_duration};
use sekisho_api::{Key, KeyKind};
use sekisho_config::{Config, Loaded, Registry, Vip};
use sekisho_rdp::{ConnectionFile, NotOneLine, token_line};
use sekisho_scheduler::{Sealed, Secret, TooLong};

use super::find::{kept_secret, list, secret, vip};
use crate::cli::RdpFileOptions;
use crate::failure::Failure;
use crate::place::Place;

/// Why no connection file was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Refused {
    /// The VIP speaks another protocol.
    #[error("VIP `{vip}` speaks {protocol}; connection files are for `rdp`")]
    Protocol {
        /// The VIP.
        vip: String,
        /// What it speaks.
        protocol: &'static str,
    },
    /// The VIP would not look at the token.
    #[error("VIP `{vip}` would not look at it: its `persist` needs \"{entry}\"")]
    NotListed {
        /// The VIP.
        vip: String,
        /// What its list lacks.
        entry: KeyKind,
    },
    /// The gateway has a secret of each run only.
    #[error(
        "the gateway has another secret after each start: set `secret-file` (the same on all nodes) or \
         `state-directory` in [gateway]"
    )]
    NoSecret,
    /// The gateway has never run.
    #[error("{} is not there yet: start the gateway once, which makes it, or set `secret-file`", .0.display())]
    NoSecretYet(PathBuf),
    /// Nobody has this name.
    #[error("`{0}` names no user")]
    NoUser(String),
    /// A user of that name cannot be put into a token.
    #[error("the user's name is too long: {0}")]
    TooLong(#[from] TooLong),
    /// The VIP listens on all addresses, or on whatever port is free.
    #[error("VIP `{0}` does not say where clients reach it: use --address HOST:PORT")]
    NoAddress(String),
    /// A value would break the file.
    #[error("`{value}` cannot stand in a connection file: {error}")]
    Value {
        /// The address or the user.
        value: String,
        /// What is wrong with it.
        error: NotOneLine,
    },
}

/// Writes the file.
pub(crate) fn run(
    options: &RdpFileOptions,
    registry: &Registry,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let now = SystemTime::now();
    let Loaded { config, .. } =
        sekisho_config::check_file(&options.file, registry, now).map_err(Failure::Configuration)?;
    let vip = vip(&config, &options.vip)?;
    let whom = Whom::of(options);
    let token = token(whom, &config, vip, now + options.expires)?;
    let address = address(options.address.as_ref(), vip)?;
    let file = ConnectionFile { address: &address, user: options.user.as_deref(), line: &token_line(&token) };
    let value = || options.user.clone().unwrap_or_else(|| address.clone());
    let file = file.write().map_err(|error| Refused::Value { value: value(), error })?;
    match &options.out {
        None => out.write_all(&file)?,
        Some(path) => {
            std::fs::write(path, file)
                .map_err(|error| Failure::File { file: path.clone(), reason: error.to_string() })?;
            let span = show_duration(options.expires);
            writeln!(out, "{}: {address}, {whom}, good for {span}", path.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the file leads.
#[derive(Clone, Copy)]
enum Whom<'a> {
    Server(&'a str),
    User(&'a str),
}

impl<'a> Whom<'a> {
    /// The command line has one of the two.
    fn of(options: &'a RdpFileOptions) -> Self {
        match &options.server {
            Some(server) => Self::Server(server),
            None => Self::User(options.user.as_deref().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Whom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(name) => write!(f, "server {name}"),
            Self::User(name) => write!(f, "user {name}"),
        }
    }
}

/// The token for a server or a user of this VIP.
fn token(whom: Whom<'_>, config: &Config, vip: &Vip, expires: SystemTime) -> Result<String, Failure> {
    if vip.protocol != "rdp" {
        return Err(Refused::Protocol { vip: vip.name.to_string(), protocol: vip.protocol }.into());
    }
    listed(vip, KeyKind::RDP_TOKEN)?;
    let sealed = match whom {
        Whom::Server(server) => {
            let pool = pool_with(config, vip, server)?;
            lasting_secret(config)?.seal(Sealed::Server { pool, server }, expires)
        }
        Whom::User(name) => {
            listed(vip, KeyKind::USER)?;
            let user = user(config, vip, name).ok_or_else(|| Refused::NoUser(name.to_owned()))?;
            lasting_secret(config)?.seal(Sealed::User { domain: &vip.domain, user: &user }, expires)
        }
    };
    Ok(sealed.map_err(Refused::TooLong)?)
}

/// Whether the VIP's list has this entry: without it the token would mean nothing there.
fn listed(vip: &Vip, entry: KeyKind) -> Result<(), Refused> {
    match vip.persist.iter().any(|listed| listed.kind() == entry) {
        true => Ok(()),
        false => Err(Refused::NotListed { vip: vip.name.to_string(), entry }),
    }
}

/// A secret that the gateway will have tomorrow, too.
fn lasting_secret(config: &Config) -> Result<Secret, Failure> {
    match (secret(config)?, kept_secret(config)) {
        (Some(secret), _) => Ok(secret),
        (None, Some(file)) => Err(Refused::NoSecretYet(file).into()),
        (None, None) => Err(Refused::NoSecret.into()),
    }
}

/// The VIP's pool, which has this server. It is the one that clients with a token are balanced in.
fn pool_with<'c>(config: &'c Config, vip: &Vip, server: &str) -> Result<&'c str, Failure> {
    let pool = config.pools.iter().find(|pool| vip.pools.first() == Some(&pool.spec.name));
    let servers = pool.map(|pool| &*pool.spec.servers).unwrap_or_default();
    match pool {
        Some(pool) if servers.iter().any(|known| &*known.name == server) => Ok(&pool.spec.name),
        _ => {
            let known = list(servers.iter().map(|server| &*server.name));
            Err(Failure::NoSuchServer { name: server.to_owned(), known })
        }
    }
}

/// The identity that the persistence domain makes of a name.
fn user(config: &Config, vip: &Vip, name: &str) -> Option<Key> {
    let domain = config.domains.iter().find(|domain| domain.table.name == vip.domain)?;
    domain.identity.user(name.as_bytes())
}

/// Where clients connect: as it was said, or where the VIP listens.
fn address(said: Option<&Place>, vip: &Vip) -> Result<String, Refused> {
    let listens = vip.listen.first().filter(|address| address.port() != 0);
    let address = match said {
        Some(place) => place.with_port(listens.map(SocketAddr::port)).map(|place| place.to_string()),
        None => listens.filter(|address| !address.ip().is_unspecified()).map(SocketAddr::to_string),
    };
    address.ok_or_else(|| Refused::NoAddress(vip.name.to_string()))
}

/// How long a token may count: a second at least, ten years at most.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    let span = parse_duration(text)?;
    match (Duration::from_secs(1)..=LONGEST).contains(&span) {
        true => Ok(span),
        false => Err("a token counts for a second at least and ten years at most".to_owned()),
    }
}

const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);
