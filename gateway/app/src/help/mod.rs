//! What `--help` says beyond the options: examples, exit codes, signals, files.

mod make;
mod process;
mod serve;
mod servers;
mod users;
mod watch;

use std::fmt::Write;

use sekisho_config::Registry;

pub(crate) use make::{COMPLETIONS, MAN, NEW_PROTOCOL, RDP_FILE, TOKEN};
pub(crate) use process::{DIFF, DISCARD, RELOAD, SAVE, UPGRADE};
pub(crate) use serve::{CHECK, DEMO, EXPLAIN, NET, RUN};
pub(crate) use servers::{DRAIN, MAINTENANCE, PEERS, READY, SERVERS, VRRP, WEIGHT};
pub(crate) use users::{CONNECTIONS, FORGET_USER, KICK_USER, MOVE_USER, MOVE_USERS, USERS};
pub(crate) use watch::{STATUS, TAIL, TOP};

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
  sekisho status                          how is the gateway that runs here?
  sekisho top                             watch it
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
  SEKISHO_ADMIN    the admin socket that commands ask, if neither --admin nor
                   --config says
  RUST_LOG         what is logged, if --log does not say
  NO_COLOR         no colours, whatever the terminal can do

Exit status:
  0  it worked
  1  it did not: the configuration has errors, the gateway could not start, a
     claim of the demo did not hold, no running gateway answers
  2  the command line is mistaken; `sekisho status` has codes of its own";
