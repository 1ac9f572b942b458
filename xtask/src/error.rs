//! What can go wrong in a chore itself; failing tests are no error but a [`crate::tally::Tally`].

use std::io;
use std::path::PathBuf;

/// What can go wrong in a chore itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program is not there or cannot be started.
    #[error("cannot run `{command}`: {source}")]
    Spawn {
        /// The command line.
        command: String,
        /// The system's word.
        source: io::Error,
    },
    /// A program that has to succeed did not; what it said went to the terminal.
    #[error("`{command}` failed: {status}")]
    Failed {
        /// The command line.
        command: String,
        /// Its exit code or signal.
        status: String,
    },
    /// A file of the repository cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A file of the repository is not what it has to be.
    #[error("{path}: {problem}")]
    Malformed {
        /// The file, or the command whose output it is.
        path: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Debian packages that the tests need cannot be installed.
    #[error("cannot install {}; see above what the package manager said", names.join(", "))]
    Packages {
        /// Their names.
        names: Vec<&'static str>,
    },
    /// The build went through and did not produce this.
    #[error("the build produced no {what}")]
    NotBuilt {
        /// The thing.
        what: &'static str,
    },
}

/// A result of a chore's step.
pub(crate) type Result<T> = std::result::Result<T, Error>;
