//! What commands look for in a configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sekisho_config::{Config, KEPT_SECRET, Vip};
use sekisho_scheduler::Secret;

use crate::failure::Failure;

/// The VIP of this name.
pub(super) fn vip<'c>(config: &'c Config, name: &str) -> Result<&'c Arc<Vip>, Failure> {
    config.vips.iter().find(|vip| &*vip.name == name).ok_or_else(|| Failure::NoSuchVip {
        name: name.to_owned(),
        known: list(config.vips.iter().map(|vip| &*vip.name)),
    })
}

/// The file with the secret that the gateway keeps in its state directory, once it has run; none without a directory.
pub(super) fn kept_secret(config: &Config) -> Option<PathBuf> {
    config.gateway.state_directory.as_ref().map(|directory| directory.join(KEPT_SECRET))
}

/// The secret that this gateway's tokens are made with: the configured one, or the one it keeps; none if it has not
/// made one yet, or keeps none.
pub(super) fn secret(config: &Config) -> Result<Option<Secret>, Failure> {
    let file = config.gateway.secret_file.clone();
    let Some(file) = file.or_else(|| kept_secret(config).filter(|file| file.exists())) else {
        return Ok(None);
    };
    match std::fs::read(&file) {
        Ok(bytes) => usable(bytes.trim_ascii(), &file).map(Some),
        Err(error) => Err(Failure::File { file, reason: error.to_string() }),
    }
}

/// The secret of these bytes, which stand in `file`.
pub(super) fn usable(bytes: &[u8], file: &Path) -> Result<Secret, Failure> {
    Secret::new(bytes).ok_or_else(|| Failure::File {
        file: file.to_owned(),
        reason: format!("a secret has at least {} bytes", Secret::MIN),
    })
}

/// Names one after the other.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
