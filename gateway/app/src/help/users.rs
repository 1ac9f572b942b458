//! What `--help` says at the end of the commands about users and connections.

/// The end of `sekisho users --help`.
pub(crate) const USERS: &str = "\
Examples:
  sekisho users
  sekisho users --server m1 --limit 1000
  sekisho users --user 'CORP\\alice'

Exit status:
  0  they are listed
  1  they are not: no such domain, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho move-user --help`.
pub(crate) const MOVE_USER: &str = "\
Examples:
  sekisho move-user alice m2               from the next connection on
  sekisho move-user alice m2 --kick        and that is now

Exit status:
  0  it is done
  1  it is not: no such name, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho move-users --help`.
pub(crate) const MOVE_USERS: &str = "\
Examples:
  sekisho move-users m1 m2
  sekisho move-users m1 m2 --kick

Exit status:
  0  it is done
  1  it is not: no such name, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho kick-user --help`.
pub(crate) const KICK_USER: &str = "\
Examples:
  sekisho kick-user alice

Exit status:
  0  it is done, even if there was no connection
  1  it is not: no such name, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho forget-user --help`.
pub(crate) const FORGET_USER: &str = "\
Examples:
  sekisho forget-user alice

Exit status:
  0  it is done, even if nothing was known
  1  it is not: no such name, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho connections --help`.
pub(crate) const CONNECTIONS: &str = "\
Examples:
  sekisho connections
  sekisho connections --server mail/m1
  sekisho connections --user alice --json

Exit status:
  0  they are listed
  1  they are not: no such VIP or domain, or no gateway answers
  2  the command line is mistaken";
