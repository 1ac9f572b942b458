//! The command line: what can be asked, and the way from there to the command that answers.
//!
//! ```text
//! commands   the commands, each with what `--help` says of it; crate::help has the rest
//! dispatch   from there to the command that answers
//! serve      what can be said to run, check and demo
//! explain    ... to explain
//! make       ... to rdp-file, new-protocol, token
//! net        ... to net
//! at         which running gateway is meant
//! servers    ... to the commands about its servers
//! users      ... about its users and connections
//! watch      ... that show it
//! ```

mod at;
mod commands;
mod dispatch;
mod explain;
mod make;
mod net;
mod serve;
mod servers;
mod users;
mod watch;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory, FromArgMatches, Parser};
use sekisho_config::Registry;

use crate::help;
use commands::Command;

pub(crate) use at::{At, LayerOptions, PeersOptions, UpgradeOptions, VrrpOptions};
pub(crate) use explain::ExplainOptions;
pub(crate) use make::{
    CompletionsOptions, ManOptions, NewProtocolOptions, RdpFileOptions, TokenOptions, TokenVerb,
};
pub(crate) use net::NetVerb;
pub(crate) use serve::{CheckOptions, DemoOptions, LogFormat, RunOptions, SpeakOptions};
pub(crate) use servers::{ReadyOptions, ServerOptions, ServersOptions, WeightOptions};
pub(crate) use users::{ConnectionsOptions, MoveUserOptions, MoveUsersOptions, UserOptions, UsersOptions};
pub(crate) use watch::{Sort, StatusOptions, TailOptions, TopOptions};

/// Runs the command line of this process with these protocols, and says how the process should exit.
///
/// This is all that a binary with more protocols has to call.
#[expect(
    clippy::needless_pass_by_value,
    reason = "`sekisho::main(sekisho::builtin().with(Mine))` should read so"
)]
pub fn main(registry: Registry) -> ExitCode {
    let arguments = match parse(std::env::args_os(), &registry) {
        Ok(arguments) => arguments,
        Err(answer) => {
            // Help and version are answers, everything else is a mistake: clap knows the stream and the code.
            let printed = answer.print();
            let code = if printed.is_ok() { u8::try_from(answer.exit_code()).unwrap_or(2) } else { 1 };
            return ExitCode::from(code);
        }
    };
    match dispatch::dispatch(&arguments.command, &registry) {
        Ok(code) => code,
        Err(failure) => failure.report(&mut io::stderr().lock()),
    }
}

/// Reads a command line. Separate from [`main`] so that it can be tested.
fn parse<I>(line: I, registry: &Registry) -> Result<Arguments, clap::Error>
where
    I: IntoIterator<Item = OsString>,
{
    Arguments::from_arg_matches(&command(registry).try_get_matches_from(line)?)
}

/// All that can be asked.
fn command(registry: &Registry) -> clap::Command {
    Arguments::command().after_long_help(help::overview(registry))
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// A load balancer that reads who is connecting, in the protocol's own words, and keeps that user on the same
/// server.
///
/// One program, one configuration file, one scheduler and one persistence table for web, Remote Desktop, mail, DNS and
/// every protocol that somebody adds by writing a crate. New here? `sekisho demo` shows it at work in a few seconds and
/// needs nothing but this program.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, styles = STYLES, max_term_width = 100)]
#[command(propagate_version = false, subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}
