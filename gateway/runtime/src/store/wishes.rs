//! What the operator has set, in a file of its own.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sekisho_scheduler::Wish;

/// The file of what the operator has set.
#[derive(Debug)]
pub(super) struct Wishes {
    path: PathBuf,
    /// As the file has it; none: it may have something else.
    written: Option<Vec<Wish>>,
    /// After a failure: when to try again.
    again: Option<Instant>,
}

impl Wishes {
    pub(super) fn new(directory: &Path) -> Self {
        Self { path: directory.join("operator.json"), written: None, again: None }
    }

    /// What the file says; nothing, if there is none or it cannot be understood.
    pub(super) fn read(&self) -> Vec<Wish> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            // Unread, it would be replaced by what this process knows: nothing.
            Err(error) => self.put_aside(&error),
            Ok(_) => match serde_json::from_slice(&bytes) {
                Ok(wishes) => return wishes,
                Err(error) => self.put_aside(&error),
            },
        }
        Vec::new()
    }

    /// Keeps what cannot be read or is not understood, a newer version's most likely: this process writes a file of its own.
    fn put_aside(&self, why: &dyn fmt::Display) {
        let aside = self.path.with_extension("json.unread");
        let path = self.path.display();
        match fs::rename(&self.path, &aside) {
            Ok(()) => {
                let kept = aside.display();
                tracing::error!(%path, error = %why, %kept, "What the operator had set cannot be read: it does not hold, and is kept aside");
            }
            Err(error) => {
                tracing::error!(%path, %why, %error, "What the operator had set cannot be read, and cannot be kept aside");
            }
        }
    }

    /// Writes it where it has changed.
    pub(super) fn write(&mut self, wishes: &[Wish], now: Instant) {
        if self.written.as_deref() == Some(wishes) || self.again.is_some_and(|again| now < again) {
            return;
        }
        match self.replace(wishes) {
            Ok(()) => (self.written, self.again) = (Some(wishes.to_vec()), None),
            Err(error) => {
                if self.again.is_none() {
                    let path = self.path.display();
                    tracing::error!(%path, %error, "What the operator has set will not survive a restart");
                }
                self.again = Some(now + PAUSE);
            }
        }
    }

    /// Puts another file in its place, so that at every moment there is a whole one.
    fn replace(&self, wishes: &[Wish]) -> io::Result<()> {
        if wishes.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let fresh = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(wishes)?)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)
    }
}

/// A longer file is not one of ours: a server takes about 200 bytes.
const LONGEST: u64 = 16 << 20;

/// After a failure.
const PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use sekisho_scheduler::{Admin, Was};

    use super::*;
    use crate::scratch::Scratch;

    fn wish(server: &str) -> Wish {
        Wish {
            pool: "mail".to_owned(),
            server: server.to_owned(),
            state: Some(Was { configured: Admin::Ready, wanted: Admin::Drain }),
            weight: None,
        }
    }

    #[test]
    fn what_was_set_is_read_again_and_no_file_is_nothing() {
        let scratch = Scratch::new();
        let mut wishes = Wishes::new(scratch.path());
        assert_eq!(wishes.read(), []);
        wishes.write(&[wish("m1"), wish("m2")], Instant::now());
        assert_eq!(Wishes::new(scratch.path()).read(), [wish("m1"), wish("m2")]);
        wishes.write(&[], Instant::now());
        assert!(!scratch.path().join("operator.json").exists());
    }

    #[test]
    fn file_that_nobody_understands_is_nothing_and_is_kept_aside() {
        let scratch = Scratch::new();
        for text in ["[{", r#"{"version": 2, "servers": {}}"#] {
            scratch.write("operator.json", text);
            let mut wishes = Wishes::new(scratch.path());
            assert_eq!(wishes.read(), []);
            wishes.write(&[], Instant::now());
            let kept = fs::read_to_string(scratch.path().join("operator.json.unread")).unwrap();
            assert_eq!(kept, text);
        }
    }
    #[test]
    fn what_cannot_be_read_is_kept_aside_and_not_replaced() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path().join("operator.json")).unwrap();
        let mut wishes = Wishes::new(scratch.path());
        assert_eq!(wishes.read(), []);
        wishes.write(&[wish("m1")], Instant::now());
        assert_eq!(Wishes::new(scratch.path()).read(), [wish("m1")]);
        assert!(scratch.path().join("operator.json.unread").is_dir());
    }
}
