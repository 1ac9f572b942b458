//! What `--help` says at the end of the commands about servers and nodes.

/// The end of `sekisho servers --help`.
pub(crate) const SERVERS: &str = "\
Examples:
  sekisho servers
  sekisho servers mail --notes
  sekisho servers --config gateway.toml --json

Exit status:
  0  they are listed
  1  they are not: no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho vrrp --help`.
pub(crate) const VRRP: &str = "\
Examples:
  sekisho vrrp
  sekisho vrrp --config gateway.toml --json

Exit status:
  0  it is shown
  1  it is not: no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho peers --help`.
pub(crate) const PEERS: &str = "\
Examples:
  sekisho peers
  sekisho peers --config gateway.toml --json

Exit status:
  0  they are shown
  1  they are not: no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho drain --help`.
pub(crate) const DRAIN: &str = "\
Examples:
  sekisho drain mail/m1
  sekisho drain mail/m1 && sekisho move-users m1 m2

Exit status:
  0  it is done
  1  it is not: no such name, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho maintenance --help`.
pub(crate) const MAINTENANCE: &str = "\
Examples:
  sekisho maintenance mail/m1
  sekisho maintenance mail/m1 --kick     everybody off, now

Exit status:
  0  it is done
  1  it is not: no such name, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho ready --help`.
pub(crate) const READY: &str = "\
Examples:
  sekisho ready mail/m1

Exit status:
  0  it is done
  1  it is not: no such name, or no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho weight --help`.
pub(crate) const WEIGHT: &str = "\
Examples:
  sekisho weight mail/m1 2
  sekisho weight mail/m1 0                nobody new

Exit status:
  0  it is done
  1  it is not: no such name, or no gateway answers
  2  the command line is mistaken";
