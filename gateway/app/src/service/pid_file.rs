//! The file with the process' number.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file. Dropped, it is removed, unless it names another process by then.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    fresh: PathBuf,
    left: bool,
}

impl PidFile {
    /// Sees to it that it can be written, and writes nothing there yet: another process may still be meant.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn prepare(path: &Path) -> io::Result<Self> {
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(format!(".{}", std::process::id()));
        let this = Self { path: path.to_owned(), fresh: fresh.into(), left: false };
        fs::write(&this.fresh, own())?;
        Ok(this)
    }

    /// Names this process there.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn claim(&self) -> io::Result<()> {
        fs::rename(&self.fresh, &self.path)
    }

    /// Leaves it to the process that has taken this one's place, and that names itself there.
    pub(crate) fn leave(mut self) {
        self.left = true;
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // It is there if it was never claimed.
        let _ = fs::remove_file(&self.fresh);
        if !self.left && fs::read_to_string(&self.path).is_ok_and(|text| text == own()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn own() -> String {
    format!("{}\n", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_the_process_that_serves_and_goes_with_it() {
        let path = std::env::temp_dir().join(format!("sekisho-pid-{}", std::process::id()));
        fs::write(&path, "1\n").unwrap();
        let file = PidFile::prepare(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n", "another one still serves");
        file.claim().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own());
        drop(file);
        assert!(!path.exists());

        let file = PidFile::prepare(&path).unwrap();
        file.claim().unwrap();
        file.leave();
        assert!(path.exists(), "nobody finds a process without a file");
        let file = PidFile::prepare(&path).unwrap();
        file.claim().unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert!(path.exists(), "another one serves by now");
        fs::remove_file(&path).unwrap();
        assert!(PidFile::prepare(Path::new("/no/such/folder/pid")).is_err());
    }
}
