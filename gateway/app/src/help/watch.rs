//! What `--help` says at the end of the commands that show a running gateway.

/// The end of `sekisho status --help`.
pub(crate) const STATUS: &str = "\
Examples:
  sekisho status
  sekisho status --json | jq -r .verdict
  sekisho status | head -1                for Nagios, Icinga and their like

Exit status:
  0  all is well
  1  something needs a look: a server is down, a certificate expires soon, a
     partner is gone, the store is not reached
  2  clients are not served: a pool has no server for them, a certificate has
     expired, no gateway answers; or the command line is mistaken";

/// The end of `sekisho top --help`.
pub(crate) const TOP: &str = "\
Keys:
  arrows, page     choose a server
  s                sort by the next column
  /                show only servers with this in their name, address or state
  d, m, r          drain, maintenance, ready, once you confirm it
  w                weight
  q, Ctrl-C        quit

Examples:
  sekisho top
  sekisho top --sort failures --filter mail/
  sekisho top --once
  sekisho top --json --interval 5         one object each five seconds

Exit status:
  0  it was shown
  1  it was not: no gateway answers
  2  the command line is mistaken";

/// The end of `sekisho tail --help`.
pub(crate) const TAIL: &str = "\
Examples:
  sekisho tail
  sekisho tail --vip web --client 203.0.113.0/24
  sekisho tail --server mail/m1 --json
  sekisho tail --user alice               whatever she uses: web, mail, her desktop

Exit status:
  0  so many lines were printed as --count says
  1  no gateway answers, or it has ended
  2  the command line is mistaken";
