//! The journal of one table: a file that grows by what changes, and is written anew when half of it is history.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use sekisho_api::KeyKind;
use sekisho_scheduler::Table;

/// The journal of one table.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// None: the next writing is of the whole table.
    file: Option<File>,
    /// Bytes in the file.
    size: u64,
    /// Bytes in the file when it was last written whole.
    whole: u64,
    /// After a failure: when to try again.
    again: Option<Instant>,
    buffer: Vec<u8>,
}

impl Journal {
    /// Takes the file into the table. `mine`: whether this process may change the file; then a torn end, which a
    /// crash leaves, is cut off.
    pub(super) fn open(
        path: PathBuf,
        mine: bool,
        table: &Table,
        kinds: &[KeyKind],
        wall: SystemTime,
        now: Instant,
    ) -> Self {
        let mut journal = Self::anew(path);
        let bytes = match read(&journal.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return journal,
            Err(error) => {
                let path = journal.path.display();
                tracing::error!(%path, %error, "Journal cannot be read: clients begin anew");
                return journal;
            }
        };
        let replayed = table.replay(&bytes, kinds, wall, now);
        let path = journal.path.display();
        let (applied, dropped, torn) = (replayed.applied, replayed.dropped, replayed.torn);
        tracing::info!(%path, applied, dropped, "Journal read");
        if torn {
            tracing::warn!(%path, lost = bytes.len() - replayed.valid_bytes, "Journal had a torn end");
        }
        let valid = replayed.valid_bytes as u64;
        if mine {
            // Where even this fails, the next writing is of the whole table.
            journal.file = append(&journal.path, valid).ok();
        }
        (journal.size, journal.whole) = (valid, valid);
        journal
    }

    /// A journal that is written whole next and not read.
    pub(super) fn anew(path: PathBuf) -> Self {
        Self { path, file: None, size: 0, whole: 0, again: None, buffer: Vec::new() }
    }

    /// Has the whole table written next.
    pub(super) fn rewrite_next(&mut self) {
        self.file = None;
    }

    /// Writes what changed.
    pub(super) fn write(&mut self, table: &Table, wall: SystemTime, now: Instant) {
        if self.again.is_some_and(|again| now < again) {
            return;
        }
        self.buffer.clear();
        let told = table.journal(&mut self.buffer, wall, now);
        let grown = self.size + self.buffer.len() as u64;
        let history = grown > 2 * self.whole && grown > SMALL;
        let result = match &mut self.file {
            Some(file) if !told.snapshot_needed && !history => {
                file.write_all(&self.buffer).map(|()| self.size = grown)
            }
            _ => {
                self.buffer.clear();
                table.snapshot(&mut self.buffer, wall, now);
                self.replace()
            }
        };
        match result {
            Ok(()) => {
                if self.again.take().is_some() {
                    tracing::info!(path = %self.path.display(), "Journal is written again");
                }
            }
            Err(error) => {
                // Part of it may stand there: only the whole table puts that right.
                self.file = None;
                if self.again.is_none() {
                    tracing::error!(path = %self.path.display(), %error, "Journal cannot be written");
                }
                self.again = Some(now + PAUSE);
            }
        }
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
    }

    /// Puts the buffer in the file's place, so that at every moment one whole journal is there.
    fn replace(&mut self) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = OpenOptions::new();
        let mut file = file.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&self.buffer)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.whole = self.buffer.len() as u64;
        self.size = self.whole;
        self.file = Some(file);
        Ok(())
    }
}

/// The file, read whole: it is at most twice its table, which the configuration bounds.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file to append to, cut to `valid` bytes.
fn append(path: &Path, valid: u64) -> io::Result<File> {
    let file = OpenOptions::new().append(true).open(path)?;
    file.set_len(valid)?;
    Ok(file)
}

/// Below this a journal is not written anew, however little of it is alive.
const SMALL: u64 = 1 << 20;

/// A buffer that grew beyond this for a whole table is given back.
const KEPT: usize = 1 << 20;

/// A longer journal is not one of ours; what is beyond is as good as torn.
const LONGEST: u64 = 1 << 30;

/// After a failure.
const PAUSE: Duration = Duration::from_secs(30);
