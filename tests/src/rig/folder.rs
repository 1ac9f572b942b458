//! Folders of tests' own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A new folder that nobody else has. Whoever asks for it removes it, or gives it to a gateway that does
/// ([`Rig::start_in`](super::Rig::start_in)).
///
/// # Panics
/// If it cannot be made.
pub fn folder(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("sekisho-{name}-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
