//! The secret that cookies are made with: configured, kept, or of this run only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sekisho_config::KEPT_SECRET;
use sekisho_scheduler::Secret;

use crate::handover::RunSecret;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The configured file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The configured file holds too little.
    #[error("{} holds less than {} bytes", path.display(), Secret::MIN)]
    TooShort { path: PathBuf },
    /// The kernel gives no randomness.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// The secret in the configured file; white space around it does not count.
pub(super) fn configured(path: &Path) -> Result<Secret, SecretError> {
    let bytes = fs::read(path).map_err(|source| SecretError::Read { path: path.to_owned(), source })?;
    Secret::new(bytes.trim_ascii()).ok_or_else(|| SecretError::TooShort { path: path.to_owned() })
}

/// The secret kept in the state directory, made if there is none yet. Where it cannot be kept it is of this run only,
/// which is then told: that of the process before this one, if it `handed` one on.
pub(super) fn kept(
    directory: Option<&Path>,
    handed: Option<RunSecret>,
) -> Result<(Secret, Option<RunSecret>), SecretError> {
    let Some(path) = directory.map(|directory| directory.join(KEPT_SECRET)) else {
        let text = handed.map_or_else(fresh, |handed| Ok(handed.expose().to_owned()))?;
        return Ok((use_of(&text)?, Some(RunSecret::new(text))));
    };
    Ok((in_file(&path)?, None))
}

fn in_file(path: &Path) -> Result<Secret, SecretError> {
    let fresh = fresh()?;
    // A file that is there is never overwritten: other nodes may have a copy.
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = created.and_then(|mut file| {
        file.write_all(fresh.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    match written {
        Ok(()) => {
            tracing::info!(path = %path.display(), "A secret for cookies was made");
            use_of(&fresh)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => configured(path).or_else(|error| {
            tracing::error!(%error, "The kept secret cannot be used: cookies last for this run only");
            use_of(&fresh)
        }),
        Err(error) => {
            let path = path.display();
            tracing::error!(%path, %error, "The secret cannot be kept: cookies last for this run only");
            use_of(&fresh)
        }
    }
}

/// 32 random bytes as text, so that the file can be copied to other nodes as their `secret-file`.
fn fresh() -> Result<String, SecretError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(SecretError::Randomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn use_of(text: &str) -> Result<Secret, SecretError> {
    Secret::new(text.as_bytes()).ok_or_else(|| SecretError::TooShort { path: PathBuf::new() })
}
