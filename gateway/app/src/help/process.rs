//! What `--help` says at the end of the commands about the process and its configuration.

/// The end of `sekisho upgrade --help`.
pub(crate) const UPGRADE: &str = "\
Examples:
  sekisho upgrade                         after the program was replaced
  sekisho check gateway.toml && sekisho upgrade --config gateway.toml

Exit status:
  0  another process serves
  1  none does, and the old one goes on as before: the new one says why, or no
     gateway answers
  2  the command line is mistaken";

/// The end of `sekisho diff --help`.
pub(crate) const DIFF: &str = "\
Examples:
  sekisho diff --config gateway.toml
  sekisho diff --json

Exit status:
  0  it was shown, whether or not there is anything
  1  it was not, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho save --help`.
pub(crate) const SAVE: &str = "\
Examples:
  sekisho diff && sekisho save

Exit status:
  0  it is in the file, and in force
  1  it is not, or it is and could not be brought into force, which is said; or
     no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho discard --help`.
pub(crate) const DISCARD: &str = "\
Examples:
  sekisho discard

Exit status:
  0  it is forgotten
  1  it was not, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho reload --help`.
pub(crate) const RELOAD: &str = "\
Examples:
  sekisho check gateway.toml && sekisho reload

Exit status:
  0  another configuration is in force
  1  it was not, or no gateway answers
  2  the command line is mistaken";
