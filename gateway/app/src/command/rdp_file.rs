//! `sekisho rdp-file`: a connection file that leads to a server, or to a user's desktop.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use sekisho_api::settings::show_duration;
use sekisho_api::{Key, KeyKind};
use sekisho_config::{Config, Loaded, Registry, Vip};
use sekisho_rdp::{ConnectionFile, NotOneLine, token_line};
use sekisho_scheduler::{Sealed, Secret, TooLong};

use super::find::{kept_secret, list, secret, vip};
use crate::cli::{Place, RdpFileOptions};
use crate::failure::Failure;

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
    let token = token(options, &config, vip, now)?;
    let address = address(options.address.as_ref(), vip)?;
    let file = ConnectionFile { address: &address, user: options.user.as_deref(), line: &token_line(&token) };
    let value = || options.user.clone().unwrap_or_else(|| address.clone());
    let file = file.write().map_err(|error| Refused::Value { value: value(), error })?;
    match &options.out {
        None => out.write_all(&file)?,
        Some(path) => {
            std::fs::write(path, file)
                .map_err(|error| Failure::File { file: path.clone(), reason: error.to_string() })?;
            let (what, whom) = match &options.server {
                Some(server) => ("server", server),
                None => ("user", options.user.as_ref().unwrap_or(&options.vip)),
            };
            let span = show_duration(options.expires);
            writeln!(out, "{}: {address}, {what} {whom}, good for {span}", path.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The token for a server or a user of this VIP.
fn token(options: &RdpFileOptions, config: &Config, vip: &Vip, now: SystemTime) -> Result<String, Failure> {
    if vip.protocol != "rdp" {
        return Err(Refused::Protocol { vip: options.vip.clone(), protocol: vip.protocol }.into());
    }
    let needed = [Some(KeyKind::RDP_TOKEN), options.user.as_ref().map(|_| KeyKind::USER)];
    for entry in needed.into_iter().flatten() {
        if !vip.persist.iter().any(|listed| listed.kind() == entry) {
            return Err(Refused::NotListed { vip: options.vip.clone(), entry }.into());
        }
    }
    let secret = lasting_secret(config)?;
    let expires = now + options.expires;
    let sealed = match (&options.server, &options.user) {
        (Some(server), _) => {
            let pool = pool_with(config, vip, server)?;
            secret.seal(Sealed::Server { pool, server }, expires)
        }
        (None, name) => {
            let name = name.as_deref().unwrap_or_default();
            let user = user(config, vip, name).ok_or_else(|| Refused::NoUser(name.to_owned()))?;
            secret.seal(Sealed::User { domain: &vip.domain, user: &user }, expires)
        }
    };
    Ok(sealed.map_err(Refused::TooLong)?)
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
    let host = listens.filter(|address| !address.ip().is_unspecified());
    let address = match (said, listens, host) {
        (Some(Place { host, port: Some(port) }), _, _) => format!("{host}:{port}"),
        (Some(Place { host, port: None }), Some(listens), _) => format!("{host}:{}", listens.port()),
        (None, _, Some(address)) => address.to_string(),
        _ => return Err(Refused::NoAddress(vip.name.to_string())),
    };
    Ok(address)
}
