//! The command line: what can be asked, and the way from there to the command that answers.

mod running;

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use sekisho_config::Registry;

use crate::command::operator::{self, Verb};
use crate::command::{check, explain, net, new_protocol, rdp_file, run, speak, token};
use crate::demo;
use crate::failure::Failure;
use crate::help;
use crate::place::Place;

pub(crate) use running::{
    At, ConnectionsOptions, LayerOptions, MoveUserOptions, MoveUsersOptions, PeersOptions, ReadyOptions,
    ServerOptions, ServersOptions, TokenOptions, UpgradeOptions, UserOptions, UsersOptions, VrrpOptions,
    WeightOptions,
};

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
    match dispatch(&arguments, &registry) {
        Ok(code) => code,
        Err(failure) => failure.report(&mut io::stderr().lock()),
    }
}

fn dispatch(arguments: &Arguments, registry: &Registry) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match &arguments.command {
        Command::Run(options) => {
            // Nothing but the access log writes to standard output from here on, and it comes from other threads.
            drop(out);
            run::run(options, registry)
        }
        Command::SpeakVrrp(options) => speak::run(options),
        Command::Check(options) => check::run(options, registry, &mut out),
        Command::Demo(options) => demo::run(options, registry, &mut out),
        Command::Explain(options) => explain::run(options, registry, &mut out),
        Command::RdpFile(options) => rdp_file::run(options, registry, &mut out),
        Command::NewProtocol(options) => new_protocol::run(options, &mut out),
        Command::Servers(options) => operator::run(&Verb::Servers(options), registry, &mut out),
        Command::Vrrp(options) => operator::run(&Verb::Vrrp(options), registry, &mut out),
        Command::Peers(options) => operator::run(&Verb::Peers(options), registry, &mut out),
        Command::Net { verb } => net::run(verb, registry, &mut out),
        Command::Drain(options) => operator::run(&Verb::State("drain", options), registry, &mut out),
        Command::Maintenance(options) => {
            operator::run(&Verb::State("maintenance", options), registry, &mut out)
        }
        Command::Ready(ReadyOptions { server, at }) => {
            let options = ServerOptions { server: server.clone(), kick: false, at: at.clone() };
            operator::run(&Verb::State("ready", &options), registry, &mut out)
        }
        Command::Weight(options) => operator::run(&Verb::Weight(options), registry, &mut out),
        Command::Users(options) => operator::run(&Verb::Users(options), registry, &mut out),
        Command::MoveUser(options) => operator::run(&Verb::MoveUser(options), registry, &mut out),
        Command::MoveUsers(options) => operator::run(&Verb::MoveUsers(options), registry, &mut out),
        Command::KickUser(options) => operator::run(&Verb::KickUser(options), registry, &mut out),
        Command::ForgetUser(options) => operator::run(&Verb::ForgetUser(options), registry, &mut out),
        Command::Upgrade(options) => operator::run(&Verb::Upgrade(options), registry, &mut out),
        Command::Diff(options) => operator::run(&Verb::Layer("diff", options), registry, &mut out),
        Command::Save(options) => operator::run(&Verb::Layer("save", options), registry, &mut out),
        Command::Discard(options) => operator::run(&Verb::Layer("discard", options), registry, &mut out),
        Command::Reload(options) => operator::run(&Verb::Layer("reload", options), registry, &mut out),
        Command::Token { verb: TokenVerb::New(options) } => token::run(options, &mut out),
        Command::Connections(options) => operator::run(&Verb::Connections(options), registry, &mut out),
    }
}

/// Reads a command line. Separate from [`main`] so that it can be tested.
fn parse<I>(line: I, registry: &Registry) -> Result<Arguments, clap::Error>
where
    I: IntoIterator<Item = OsString>,
{
    let command = Arguments::command().after_long_help(help::overview(registry));
    Arguments::from_arg_matches(&command.try_get_matches_from(line)?)
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// A load balancer that reads who is connecting, in the protocol's own words, and keeps that user on the same
/// server.
///
/// One program, one configuration file, one scheduler and one persistence table for HTTP, TCP, UDP and every
/// protocol that somebody adds by writing a crate. New here? `sekisho demo` shows it at work in a few seconds and
/// needs nothing but this program.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, styles = STYLES, max_term_width = 100)]
#[command(propagate_version = false, subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve what a configuration file describes.
    ///
    /// Binds every address of every VIP, then runs in the foreground until a signal stops it. A file with an error
    /// starts nothing: all its problems are printed, each with its place and remedy. While the gateway runs, the
    /// file can be changed and loaded again without losing a connection; a file that does not load changes nothing.
    #[command(after_long_help = help::RUN)]
    Run(RunOptions),

    /// Speak VRRP for the gateway at the other end of standard input, which starts this by itself.
    #[command(name = crate::redundancy::COMMAND, hide = true)]
    SpeakVrrp(SpeakOptions),

    /// Say whether a configuration file is right, and what it makes.
    ///
    /// Prints every problem at once, each with its place, the reason and the remedy; or, if there is none, what the
    /// gateway would serve: VIPs, pools, and certificates with the day they expire. Opens no socket.
    #[command(after_long_help = help::CHECK)]
    Check(CheckOptions),

    /// Show the gateway at work, with servers and clients of its own.
    ///
    /// Starts sample servers and a gateway in this process, on free ports of 127.0.0.1 only, and sends clients
    /// through it over HTTP, HTTPS and TCP. Tables show who landed where and why; then a server is killed, its clients
    /// move and nobody else does, and it comes back. Each claim is checked while it is made. Afterwards everything
    /// stays up, to be tried with curl.
    #[command(after_long_help = help::DEMO)]
    Demo(DemoOptions),

    /// Say which server a client would get, and why.
    ///
    /// Asks the scheduler that the configuration describes, without any traffic: all servers are taken to be up,
    /// idle and never measured, and the persistence table to be empty. The answer names the server, the reason and
    /// every candidate with its score.
    #[command(after_long_help = help::EXPLAIN)]
    Explain(ExplainOptions),

    /// Make a Remote Desktop connection file that leads to a server, or to a user's desktop.
    ///
    /// The file (.rdp) carries a token that only gateways with the same secret can make. It selects a server of the
    /// VIP's pool, or says who the user is, until it expires; it logs nobody in, and what the VIP does not know is
    /// balanced as if nothing had been said.
    #[command(after_long_help = help::RDP_FILE)]
    RdpFile(RdpFileOptions),

    /// Begin a protocol of your own from the template.
    ///
    /// Writes a crate with the smallest protocol that compiles, its tests included, named as you say; then tells the
    /// one line that adds it to a gateway.
    #[command(after_long_help = help::NEW_PROTOCOL)]
    NewProtocol(NewProtocolOptions),

    /// List the servers of a running gateway.
    ///
    /// Each with its state, its share, the connections that it has, how fast it answers, and what the last probe said.
    #[command(after_long_help = help::SERVERS)]
    Servers(ServersOptions),

    /// Show where the addresses are that move between nodes.
    ///
    /// For each table `[vrrp.NAME]`: its state on this node and why, its priority and what it lacks, and what was heard of
    /// other nodes.
    #[command(after_long_help = help::VRRP)]
    Vrrp(VrrpOptions),

    /// Show the nodes with which what clients are known is exchanged.
    ///
    /// For each node of `[peers]`: whether it is there, what was told and learned, and what differs there that must agree.
    #[command(after_long_help = help::PEERS)]
    Peers(PeersOptions),

    /// Lead servers' answers to clients back through the gateway, and find out why they do not come.
    ///
    /// For pools with `source = "client"`, whose servers see and answer clients' own addresses.
    #[command(after_long_help = help::NET, subcommand_required = true, arg_required_else_help = true)]
    Net {
        /// What about it
        #[command(subcommand)]
        verb: NetVerb,
    },

    /// Let a server keep the clients that it has, and give it no others.
    ///
    /// It keeps those that are connected, and users that persistence remembers: they come back to it. To empty it, move
    /// them with `move-users`. Holds until `ready`, or until the file says otherwise by then; over a restart where there is a state directory.
    #[command(after_long_help = help::DRAIN)]
    Drain(ServerOptions),

    /// Take a server out: it gets nobody and is not probed.
    ///
    /// Whoever is connected stays, unless --kick ends it; users come back on another server, and stay there.
    #[command(after_long_help = help::MAINTENANCE)]
    Maintenance(ServerOptions),

    /// Let a server serve again.
    #[command(after_long_help = help::READY)]
    Ready(ReadyOptions),

    /// Change a server's share of those who are new.
    #[command(after_long_help = help::WEIGHT)]
    Weight(WeightOptions),

    /// Show what was changed beside the file while the gateway ran.
    ///
    /// Servers, pools and VIPs that were added, replaced or removed through the API, each beside what the file says.
    #[command(after_long_help = help::DIFF)]
    Diff(LayerOptions),

    /// Write what was changed beside the file into it.
    ///
    /// Comments and everything else stay as they are written; the gateway then serves by the file alone.
    #[command(after_long_help = help::SAVE)]
    Save(LayerOptions),

    /// Forget what was changed beside the file: the gateway serves by the file alone.
    #[command(after_long_help = help::DISCARD)]
    Discard(LayerOptions),

    /// Have a running gateway read its file again, and say what came of it.
    #[command(after_long_help = help::RELOAD)]
    Reload(LayerOptions),

    /// Make a token for the operator's address.
    #[command(after_long_help = help::TOKEN, subcommand_required = true, arg_required_else_help = true)]
    Token {
        /// What about it
        #[command(subcommand)]
        verb: TokenVerb,
    },

    /// List the users that a running gateway remembers, and their servers.
    #[command(after_long_help = help::USERS)]
    Users(UsersOptions),

    /// Send a user to another server.
    ///
    /// From the next connection on, in every pool that has a server of the name, whatever the protocol and the spelling
    /// of the user's name. Also for a user who never came before.
    #[command(after_long_help = help::MOVE_USER)]
    MoveUser(MoveUserOptions),

    /// Send everybody who is kept on one server to another.
    #[command(after_long_help = help::MOVE_USERS)]
    MoveUsers(MoveUsersOptions),

    /// End a user's connections.
    ///
    /// Clients that come back are on the same server as before.
    #[command(after_long_help = help::KICK_USER)]
    KickUser(UserOptions),

    /// Forget on which server a user is: the next connection is balanced as if for the first time.
    #[command(after_long_help = help::FORGET_USER)]
    ForgetUser(UserOptions),

    /// List the connections of a running gateway that have a server.
    ///
    /// Of every protocol but HTTP and DNS, whose requests are over in a moment.
    #[command(after_long_help = help::CONNECTIONS)]
    Connections(ConnectionsOptions),

    /// Have the program that stands on disk take a running gateway's place.
    ///
    /// It is started with the same words, reads the same file and takes the sockets over; no connection is lost. The old
    /// process lets its connections end within gateway.drain-timeout. If the new one cannot serve, nothing changes.
    #[command(after_long_help = help::UPGRADE)]
    Upgrade(UpgradeOptions),
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token, print it once, and keep its hash.
    #[command(after_long_help = help::TOKEN)]
    New(TokenOptions),
}

/// `sekisho run`.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What is logged, e.g. `debug` or `warn,sekisho_runtime=debug`; beats RUST_LOG and the file
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How the log looks; beats the file
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Where to write the process' number while it serves
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
}

/// The process beside `sekisho run` that speaks VRRP.
#[derive(Debug, Args)]
pub(crate) struct SpeakOptions {
    /// What is logged
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: String,
    /// How the log looks
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// `sekisho check`.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Exit with 1 for warnings as well
    #[arg(long)]
    pub(crate) warnings_are_errors: bool,
}

/// `sekisho demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Exit after the tables: 0 if every claim held, 1 otherwise
    #[arg(long)]
    pub(crate) once: bool,
}

/// `sekisho explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The VIP that the client connects to
    #[arg(long, value_name = "NAME")]
    pub(crate) vip: String,
    /// The client's address
    #[arg(long, value_name = "ADDRESS", default_value = "192.0.2.1")]
    pub(crate) client: IpAddr,
    /// Something the protocol reads from the client, e.g. `user=alice`; may be given several times
    #[arg(long = "key", value_name = "KIND=VALUE", value_parser = key_value)]
    pub(crate) keys: Vec<(String, String)>,
    /// A request, for protocols that have rules for them, e.g. 'GET https://shop.example/api?x=1'
    #[arg(long, value_name = "METHOD URL", value_parser = request_line)]
    pub(crate) request: Option<(String, String)>,
    /// A header field of the request, e.g. 'x-tenant: blue'; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header, requires = "request")]
    pub(crate) headers: Vec<(String, String)>,
    /// Show why the rules before did not match
    #[arg(long, requires = "request")]
    pub(crate) verbose: bool,
    /// The value of the gateway's own cookie
    #[arg(long, value_name = "TOKEN")]
    pub(crate) cookie: Option<String>,
    /// A token that `sekisho rdp-file` made, or the whole line with it
    #[arg(long, value_name = "TOKEN", conflicts_with = "cookie")]
    pub(crate) token: Option<String>,
    /// One of the VIP's pools [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Option<String>,
    /// A server that is taken to be down; may be given several times
    #[arg(long, value_name = "SERVER")]
    pub(crate) down: Vec<String>,
}

/// `sekisho rdp-file`.
#[derive(Debug, Args)]
pub(crate) struct RdpFileOptions {
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The VIP that the client connects to; its protocol is `rdp`
    #[arg(value_name = "VIP")]
    pub(crate) vip: String,
    /// Lead to this server of the VIP's pool
    #[arg(long, value_name = "NAME", required_unless_present = "user", conflicts_with = "user")]
    pub(crate) server: Option<String>,
    /// Lead to where this user's desktop is, e.g. `alice` or `CORP\\alice`
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Where clients reach the VIP [default: where it listens]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = Place::parse)]
    pub(crate) address: Option<Place>,
    /// How long the token counts
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = rdp_file::lifetime)]
    pub(crate) expires: Duration,
    /// Where to write the file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `sekisho new-protocol`.
#[derive(Debug, Args)]
pub(crate) struct NewProtocolOptions {
    /// The protocol's name in a configuration: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to write the crate [default: plugins/NAME in Sekisho's sources]
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Where Sekisho's sources are [default: found upwards from the current directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Option<PathBuf>,
}

/// `sekisho net`.
#[derive(Debug, Subcommand)]
pub(crate) enum NetVerb {
    /// Print the commands for each server, and what the gateway's machine needs
    ///
    /// For the topology that `[network]` describes. Runs none of them.
    Plan {
        /// The configuration file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Say what is wrong on this machine, and what helps
    ///
    /// Changes nothing. Opens a connection to each server that sees clients, in the name of a client.
    Doctor {
        /// The configuration file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Connect as this client: an address that servers reach by their way out
        #[arg(long, value_name = "ADDRESS", default_values = ["192.0.2.1", "2001:db8:ffff::1"])]
        client: Vec<IpAddr>,
    },
    /// Take out what a gateway that was killed has left in the kernel
    ///
    /// The next start does so by itself. Not while a gateway runs: its servers would no longer be heard.
    Clean {
        /// The configuration file [default: what holds without one]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// How the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line an event
    Text,
    /// One JSON object a line
    Json,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((kind, value)) if !kind.is_empty() && !value.is_empty() => {
            Ok((kind.to_owned(), value.to_owned()))
        }
        _ => Err("expected a kind and a value, such as user=alice".to_owned()),
    }
}

fn request_line(text: &str) -> Result<(String, String), String> {
    let (method, target) = text.trim().split_once(' ').unwrap_or(("GET", text));
    let target = target.trim();
    match !method.is_empty() && (target.starts_with('/') || target.contains("://")) && !target.contains(' ') {
        true => Ok((method.to_owned(), target.to_owned())),
        false => Err("expected a method and a URL, such as 'GET https://shop.example/api'".to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected a name and a value, such as 'x-tenant: blue'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Command, clap::Error> {
        let line = std::iter::once(&"sekisho").chain(line).map(OsString::from);
        parse(line, &crate::builtin()).map(|arguments| arguments.command)
    }

    fn refused(line: &[&str]) -> (i32, String) {
        let error = parsed(line).unwrap_err();
        (error.exit_code(), error.to_string())
    }

    #[test]
    fn definition_of_the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_reads_its_options() {
        let Ok(Command::Run(run)) = parsed(&["run", "a.toml", "--log", "debug", "--log-format", "json"])
        else {
            panic!("run")
        };
        assert_eq!((run.log.as_deref(), run.log_format), (Some("debug"), Some(LogFormat::Json)));
        let Ok(Command::Check(check)) = parsed(&["check", "a.toml", "--warnings-are-errors"]) else {
            panic!("check")
        };
        assert!(check.warnings_are_errors);
        let Ok(Command::Demo(demo)) = parsed(&["demo", "--once"]) else { panic!("demo") };
        assert!(demo.once);
        let line =
            ["explain", "a.toml", "--vip", "web", "--key", "user=a=b", "--down", "www1", "--down", "www2"];
        let Ok(Command::Explain(explain)) = parsed(&line) else { panic!("explain") };
        assert_eq!(explain.keys, [("user".to_owned(), "a=b".to_owned())]);
        let line = [
            "explain",
            "a.toml",
            "--vip",
            "web",
            "--request",
            "PUT /a:b",
            "--header",
            "x-a: b: c",
            "--verbose",
        ];
        let Ok(Command::Explain(asked)) = parsed(&line) else { panic!("explain") };
        assert_eq!(asked.request, Some(("PUT".to_owned(), "/a:b".to_owned())));
        assert_eq!(asked.headers, [("x-a".to_owned(), "b: c".to_owned())]);
        assert!(parsed(&["explain", "a.toml", "--vip", "web", "--verbose"]).is_err());
        for wrong in ["GET", "GET x y", "GET shop", ""] {
            assert!(parsed(&["explain", "a.toml", "--vip", "web", "--request", wrong]).is_err(), "{wrong}");
        }
        assert_eq!(explain.down, ["www1", "www2"]);
        let Ok(Command::NewProtocol(new)) = parsed(&["new-protocol", "greet", "--path", "x"]) else {
            panic!("new-protocol")
        };
        assert_eq!(new.name, "greet");
        let line = ["rdp-file", "a.toml", "desks", "--user", "CORP\\alice", "--expires", "12h"];
        let Ok(Command::RdpFile(file)) = parsed(&line) else { panic!("rdp-file") };
        assert_eq!((file.user.as_deref(), file.server), (Some("CORP\\alice"), None));
        assert_eq!(file.expires, Duration::from_secs(12 * 3600));
    }

    #[test]
    fn operators_commands_read_their_options() {
        let Ok(Command::Drain(drain)) = parsed(&["drain", "mail/m1", "--kick", "--admin", "x.sock"]) else {
            panic!("drain")
        };
        assert_eq!((drain.server.as_str(), drain.kick), ("mail/m1", true));
        let line = ["move-user", "CORP\\alice", "mail/m2", "--domain", "staff", "--json"];
        let Ok(Command::MoveUser(user)) = parsed(&line) else { panic!("move-user") };
        assert_eq!(
            (user.user.as_str(), user.server.as_str(), user.at.json),
            ("CORP\\alice", "mail/m2", true)
        );
        for line in [
            &["drain", "m1"][..],
            &["drain", "mail/"],
            &["drain", "mail/m1/kick"],
            &["weight", "mail/m1", "257"],
            &["users", "--limit", "0"],
            &["move-user", "alice"],
            &["servers", "--admin", "a", "--config", "b"],
        ] {
            assert_eq!(refused(line).0, 2, "{line:?}");
        }
    }

    #[test]
    fn mistaken_command_line_exits_with_two_and_suggests() {
        let (code, text) = refused(&["chek", "a.toml"]);
        assert_eq!(code, 2);
        assert!(text.contains("'check'"), "{text}");
        for line in
            [&["run"][..], &["explain", "a.toml"], &["explain", "a.toml", "--vip", "w", "--key", "user"]]
        {
            assert_eq!(refused(line).0, 2, "{line:?}");
        }
        for more in [&[][..], &["--user", "a", "--server", "b"], &["--user", "a", "--expires", "0s"]] {
            let line = [&["rdp-file", "a.toml", "desks"][..], more].concat();
            assert_eq!(refused(&line).0, 2, "{line:?}");
        }
    }

    #[test]
    fn help_and_version_are_no_failure() {
        for line in [&["--help"][..], &["--version"], &["run", "--help"]] {
            assert_eq!(refused(line).0, 0, "{line:?}");
        }
        assert_eq!(refused(&["--version"]).1, format!("sekisho {}\n", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn help_mentions_every_command_every_protocol_and_every_exit_code() {
        let (_, text) = refused(&["--help"]);
        let of_people = |command: &&clap::Command| !command.is_hide_set();
        for command in Arguments::command().get_subcommands().filter(of_people) {
            assert!(text.contains(command.get_name()), "{} in {text}", command.get_name());
            let (_, long) = refused(&[command.get_name(), "--help"]);
            assert!(long.contains("Examples:"), "{long}");
            assert!(long.contains("Exit status:"), "{long}");
        }
        for protocol in crate::builtin().protocols() {
            assert!(text.contains(protocol.descriptor().summary), "{text}");
        }
        assert!(text.contains("SIGHUP") && text.contains("SIGTERM"), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
