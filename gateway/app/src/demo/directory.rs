//! The demo's files: in a directory of their own, gone when the demo is.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use super::DemoError;

/// A new directory below the system's temporary one, for this user alone.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// Makes it. A name that is taken already, by a crashed demo or by somebody with a plan, is not used.
    pub(super) fn make() -> Result<Self, DemoError> {
        let (base, process) = (std::env::temp_dir(), std::process::id());
        let mut attempt = 0_u32;
        loop {
            let path = base.join(format!("sekisho-demo-{process}-{attempt}"));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && attempt < 100 => {
                    attempt += 1;
                }
                Err(error) => return Err(DemoError::File { file: path, error }),
            }
        }
    }

    /// Where a file of this name stands in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file that only this user can read.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<PathBuf, DemoError> {
        let file = self.file(name);
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut open| open.write_all(content.as_bytes()));
        match written {
            Ok(()) => Ok(file),
            Err(error) => Err(DemoError::File { file, error }),
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is the temporary directory's housekeeping.
        _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_and_its_files_are_gone_with_it() {
        let directory = Directory::make().unwrap();
        let file = directory.write("a", "b").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "b");
        drop(directory);
        assert!(!file.parent().unwrap().exists());
    }
}
