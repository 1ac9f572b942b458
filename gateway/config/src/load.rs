//! Loading: from a file or a text to a checked configuration.

use std::fs::File;
use std::io::{self, Read};
use std::net::ToSocketAddrs;
use std::path::Path;
use std::time::SystemTime;

use sekisho_api::settings::{Problem, Problems, Table};

use crate::defaults;
use crate::layer::{self, Layer};
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

/// A configuration of a file and a runtime layer, and the document that both make together.
#[derive(Clone, Debug)]
pub struct Layered {
    /// The configuration.
    pub loaded: Loaded,
    /// As it is written.
    pub document: Table,
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
    let base = path.parent().unwrap_or(Path::new(""));
    check(&text(path)?, &path.display().to_string(), base, registry, now)
}

/// The text of the file at `path`.
///
/// # Errors
/// That it cannot be read, is too large or no text, as a report.
pub fn text(path: &Path) -> Result<String, Report> {
    let origin = path.display().to_string();
    let unreadable = |error: io::Error| {
        let problem = Problem::new(0..0, "the configuration cannot be read", error.to_string());
        Report::new(&origin, "", vec![problem], Vec::new())
    };
    let text = bounded(path, defaults::FILE_MAX).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
    });
    text.map_err(unreadable)
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
    examine(text, origin, base, registry, now, RESOLVER)
}

/// As [`check`], with a runtime layer over the text.
///
/// # Errors
/// As [`load`]; what is wrong in the layer is shown there.
pub fn check_layered(
    text: &str,
    layer: &Layer,
    origin: &str,
    base: &Path,
    registry: &Registry,
    now: SystemTime,
) -> Result<Layered, Report> {
    examine_layered(text, layer, origin, base, registry, now, RESOLVER)
}

/// The system's.
const RESOLVER: Resolve = |host, port| (host, port).to_socket_addrs().ok()?.next();

/// As [`check`], with `resolve` in place of the system's resolver.
pub(crate) fn examine(
    text: &str,
    origin: &str,
    base: &Path,
    registry: &Registry,
    now: SystemTime,
    resolve: Resolve,
) -> Result<Loaded, Report> {
    examine_layered(text, &Layer::default(), origin, base, registry, now, resolve)
        .map(|layered| layered.loaded)
}

fn examine_layered(
    text: &str,
    layer: &Layer,
    origin: &str,
    base: &Path,
    registry: &Registry,
    now: SystemTime,
    resolve: Resolve,
) -> Result<Layered, Report> {
    let over = layer.text();
    let report = |errors, warnings| match over.is_empty() {
        true => Report::new(origin, text, errors, warnings),
        false => Report::new(origin, text, errors, warnings).with(layer::ORIGIN, &over),
    };
    let root = source::document(text).map_err(|errors| report(errors, Vec::new()))?;
    let mut left_out = Vec::new();
    let document = match over.is_empty() {
        true => root,
        false => {
            let above = source::document(&over).map_err(|errors| report(errors, Vec::new()))?;
            layer::overlay(root, &above, Report::behind(text), &mut left_out)
        }
    };
    let (errors, warnings) = (Problems::in_folder(base), Problems::new());
    left_out.into_iter().for_each(|problem| warnings.push(problem));
    let context = Context { base, registry, now, resolve, errors: &errors, warnings: &warnings };
    let config = read::config(&document, &context);
    let warnings = warnings.into_vec();
    match config {
        Some(config) if errors.is_empty() => {
            let loaded = Loaded { config, warnings: report(Vec::new(), warnings) };
            Ok(Layered { loaded, document })
        }
        _ => Err(report(errors.into_vec(), warnings)),
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
