//! What `--help` says beyond the options: examples, exit codes, signals, files.

use std::fmt::Write;

use sekisho_config::Registry;

/// The end of `sekisho --help`, with the protocols that this binary was built with.
pub(crate) fn overview(registry: &Registry) -> String {
    let mut text = String::from("Protocols:\n");
    let width = registry.protocols().iter().map(|p| p.descriptor().name.len()).max().unwrap_or(0);
    for protocol in registry.protocols() {
        let descriptor = protocol.descriptor();
        // Writing to a string cannot fail.
        _ = writeln!(text, "  {:width$}  {}", descriptor.name, descriptor.summary);
    }
    text.push_str(OVERVIEW);
    text
}

const OVERVIEW: &str = "
Examples:
  sekisho demo                            see it at work; nothing to set up
  sekisho check gateway.toml              is the file right, what does it make?
  sekisho run gateway.toml                serve
  sekisho explain gateway.toml --vip web  which server, and why?
  sekisho rdp-file gateway.toml desks --user alice
                                          a connection file for her desktop
  sekisho new-protocol greet              begin a protocol of your own
  sekisho servers                         of the gateway that runs here
  sekisho move-user alice m2 --kick       and where its users are

Signals (to `sekisho run`):
  SIGHUP           load the configuration again; nothing is dropped, and a
                   file with an error changes nothing
  SIGUSR1          open the access log again, after something moved it away
  SIGUSR2          have the program that stands on disk take over; no connection
                   is lost
  SIGTERM, SIGINT  stop: no new connections, those that run may finish within
                   gateway.drain-timeout
  a second one     stop at once

Files:
  gateway.toml     the configuration, by whatever name you give it: TOML, with
                   units in strings (\"5s\", \"64 KiB\")

Environment:
  RUST_LOG         what is logged, if --log does not say
  NO_COLOR         no colours, whatever the terminal can do

Exit status:
  0  it worked
  1  it did not: the configuration has errors, the gateway could not start, a
     claim of the demo did not hold, no running gateway answers
  2  the command line is mistaken";

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

/// The end of `sekisho rdp-file --help`.
pub(crate) const RDP_FILE: &str = "\
Examples:
  sekisho rdp-file gateway.toml remote-desktop --user 'CORP\\alice' --out alice.rdp
  sekisho rdp-file gateway.toml remote-desktop --server ts1 --expires 8h --address desktop.example.org
  xfreerdp /v:desktop.example.org /load-balance-info:'Cookie: sekisho=TOKEN'

The VIP's `persist` needs \"rdp-token\", and \"user\" for a token that stands for one. The token is made with the secret that \
the configuration names (gateway.secret-file) or the gateway keeps (gateway.state-directory); gateways with the same secret \
and names understand each other's. A new secret ends all tokens that are out.

Exit status:
  0  the file is written
  1  it is not: the configuration has errors or no such VIP or server, the VIP
     would not look at the token, or no secret outlives a restart
  2  the command line is mistaken";

/// The end of `sekisho new-protocol --help`.
pub(crate) const NEW_PROTOCOL: &str = "\
Examples:
  sekisho new-protocol greet                  a plugin inside Sekisho's sources
  sekisho new-protocol greet --path ../greet  a crate of its own beside them

A crate of its own is complete: it is built against Sekisho's sources by path, and `cargo run -- run gateway.toml` in it is \
a gateway that speaks the new protocol beside all others.

Exit status:
  0  the crate is written
  1  it is not: the directory exists already, the name is taken or unusable,
     Sekisho's sources are not found
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
  0  it is in the file
  1  it was not, or no gateway answers
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

/// The end of `sekisho token new --help`.
pub(crate) const TOKEN: &str = "\
Examples:
  sekisho token new --name grafana --scope read --file admin.tokens

Exit status:
  0  the token is printed; whoever reads it may use it
  1  it was not, or no gateway answers
  2  the command line is mistaken";
