//! Which program an heir runs: the one that stands now where this one was started from.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::predecessor::VARIABLE;
use crate::service;

/// The program, and the words it was started with.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    name: OsString,
    arguments: Vec<OsString>,
}

impl Program {
    /// That of this process. To be asked early: where the file is replaced, the system no longer knows its path.
    ///
    /// # Errors
    /// The system does not say.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        Ok(Self { path: path(&name, env::current_exe)?, name, arguments: arguments.collect() })
    }

    /// Starts it, with an end of a channel as its standard input.
    pub(super) fn start(&self, end: OwnedFd) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        command.arg0(&self.name).args(&self.arguments).stdin(Stdio::from(end));
        service::MEANT_FOR_ONE_PROCESS.iter().for_each(|name| _ = command.env_remove(name));
        command.env(VARIABLE, std::process::id().to_string()).spawn()
    }
}

/// The path as it was typed, if it was one, so that a link that leads elsewhere by then leads there.
fn path(name: &OsStr, executable: impl FnOnce() -> io::Result<PathBuf>) -> io::Result<PathBuf> {
    match name.as_bytes().contains(&b'/') && Path::new(name).is_file() {
        true => Ok(name.into()),
        false => executable(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_is_followed_anew_and_a_bare_name_is_not_searched_for() {
        let own = env::current_exe().unwrap();
        let other = || Ok(PathBuf::from("elsewhere"));
        assert_eq!(path(own.as_os_str(), other).unwrap(), own);
        assert_eq!(path(OsStr::new("sekisho"), other).unwrap(), Path::new("elsewhere"));
        assert_eq!(path(OsStr::new("./no/such/file"), other).unwrap(), Path::new("elsewhere"));
    }
}
