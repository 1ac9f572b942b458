//! Loading: from a file or a text to a checked configuration.

use std::fs::File;
use std::io::{self, Read};
use std::net::ToSocketAddrs;
use std::path::Path;
use std::time::SystemTime;

use sekisho_api::settings::{Problem, Problems};

use crate::defaults;
use crate::model::Config;
use crate::read::{self, Context, Resolve};
use crate::registry::Registry;
use crate::report::Report;
use crate::source;

/// A configuration that can be used, and what an operator should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings only; often empty.
    pub warnings: Report,
}

/// The configuration in the file at `path`. Relative paths in it are relative to its folder.
///
/// Certificate, authority and secret files that it names are read and checked; host names of servers are resolved.
///
/// # Errors
/// Everything that is wrong, at once; a file that cannot be read is one problem.
pub fn load(path: &Path, registry: &Registry) -> Result<Config, Report> {
    check_file(path, registry, SystemTime::now()).map(|loaded| loaded.config)
}

/// As [`load`], with the warnings; `now` is what certificates' dates are compared with.
///
/// # Errors
/// As [`load`].
pub fn check_file(path: &Path, registry: &Registry, now: SystemTime) -> Result<Loaded, Report> {
    let origin = path.display().to_string();
    let unreadable = |error: io::Error| {
        let problem = Problem::new(0..0, "the configuration cannot be read", error.to_string());
        Report::new(&origin, "", vec![problem], Vec::new())
    };
    let text = bounded(path, defaults::FILE_MAX).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
    });
    let base = path.parent().unwrap_or(Path::new(""));
    check(&text.map_err(unreadable)?, &origin, base, registry, now)
}

/// The configuration in `text`. `origin` is what messages call it; relative paths in it are relative to `base`.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, origin: &str, base: &Path, registry: &Registry) -> Result<Config, Report> {
    check(text, origin, base, registry, SystemTime::now()).map(|loaded| loaded.config)
}

/// As [`parse`], with the warnings; `now` is what certificates' dates are compared with.
///
/// # Errors
/// As [`load`].
pub fn check(
    text: &str,
    origin: &str,
    base: &Path,
    registry: &Registry,
    now: SystemTime,
) -> Result<Loaded, Report> {
    let resolve: Resolve = |host, port| (host, port).to_socket_addrs().ok()?.next();
    examine(text, origin, base, registry, now, resolve)
}

/// As [`check`], with `resolve` in place of the system's resolver.
pub(crate) fn examine(
    text: &str,
    origin: &str,
    base: &Path,
    registry: &Registry,
    now: SystemTime,
    resolve: Resolve,
) -> Result<Loaded, Report> {
    let root = source::document(text).map_err(|errors| Report::new(origin, text, errors, Vec::new()))?;
    let (errors, warnings) = (Problems::in_folder(base), Problems::new());
    let context = Context { base, registry, now, resolve, errors: &errors, warnings: &warnings };
    let config = read::config(&root, &context);
    let warnings = warnings.into_vec();
    match config {
        Some(config) if errors.is_empty() => {
            Ok(Loaded { config, warnings: Report::new(origin, text, Vec::new(), warnings) })
        }
        _ => Err(Report::new(origin, text, errors.into_vec(), warnings)),
    }
}

/// The bytes of the file at `path`, at most `limit`.
fn bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let reason = format!("it is larger than {}", sekisho_api::settings::show_size(limit));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}
