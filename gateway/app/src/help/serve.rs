//! What `--help` says at the end of the commands that serve, or look at a file before it is served.

/// The end of `sekisho run --help`.
pub(crate) const RUN: &str = "\
Examples:
  sekisho run gateway.toml
  sekisho run gateway.toml --log debug --log-format json
  kill -HUP PID                 after a change to the file
  kill -USR2 PID                after the program was replaced

Signals:
  SIGHUP           load the file again. VIPs and pools that are new begin,
                   those that are gone drain, the rest goes on with its
                   connections, its health and its persistence table. If the
                   file has an error, the log says so and nothing changes
  SIGUSR1          open the access log again, after something moved it away
  SIGUSR2          start the program that stands on disk with the same words; it
                   takes over, and this process ends once its connections have.
                   If the new one cannot serve, nothing changes
  SIGTERM, SIGINT  stop listening, let what runs finish within
                   gateway.drain-timeout, exit with 0
  a second one     close everything and exit with 0

The log goes to standard error, the access log to where gateway.access-log says.

Exit status:
  0  stopped by a signal, or another process has taken over
  1  the configuration has errors, the gateway could not start (an address in
     use, a missing permission), or it ended by a mistake of its own
  2  the command line is mistaken";

/// The end of `sekisho check --help`.
pub(crate) const CHECK: &str = "\
Examples:
  sekisho check gateway.toml
  sekisho check gateway.toml --warnings-are-errors && kill -HUP PID

Exit status:
  0  the file is right (there may be warnings)
  1  it has errors, or warnings with --warnings-are-errors, or cannot be read
  2  the command line is mistaken";

/// The end of `sekisho demo --help`.
pub(crate) const DEMO: &str = "\
Examples:
  sekisho demo                  the tour, then everything stays up
  sekisho demo --once           the tour as a test, in under 20 s

While it stays up, type `kill www2`, `start www2` or `quit`; Ctrl-C ends it, too.

Files:
  The demo's configuration and certificate stand in a directory of their own below TMPDIR, which is removed at the end.

Exit status:
  0  every claim held
  1  a claim did not hold, or the demo could not run
  2  the command line is mistaken";

/// The end of `sekisho explain --help`.
pub(crate) const EXPLAIN: &str = "\
Examples:
  sekisho explain gateway.toml --vip web
  sekisho explain gateway.toml --vip web --client 203.0.113.7 --down www2
  sekisho explain gateway.toml --vip remote-desktop --key user='CORP\\alice'
  sekisho explain gateway.toml --vip web --cookie TOKEN
  sekisho explain gateway.toml --vip web --request 'GET https://shop.example/api?x=1' --header 'x-tenant: blue'
  sekisho explain gateway.toml --vip remote-desktop --token 'Cookie: sekisho=TOKEN'
  sekisho explain gateway.toml --vip dns --key qname=www.example.org --key client-subnet=203.0.113.0/24

Kinds of key are those that the VIP's protocol finds, and those in its `persist` list. A user is folded to one identity as \
the persistence domain says; a request goes by the VIP's rules, and one of them that answers it is shown in place of a server; a DNS query of type A for the name goes by the VIP's rules. A cookie is understood only with the secret it was made with, which the configuration has to \
name (gateway.secret-file or gateway.state-directory).

Exit status:
  0  there is a server, or the gateway answers the request itself
  1  there is none, or the configuration has errors, or it has no such VIP, pool
     or server
  2  the command line is mistaken";

/// The end of `sekisho net --help`.
pub(crate) const NET: &str = "\
Examples:
  sekisho net plan gateway.toml     commands for each server, after the topology in [network]
  sekisho net doctor gateway.toml   on the gateway while it runs, as root or its user
  sekisho net clean                 after a gateway was killed that will not come back

Exit status:
  0  done; nothing is wrong
  1  something is wrong, or the configuration is
  2  the command line is mistaken";
