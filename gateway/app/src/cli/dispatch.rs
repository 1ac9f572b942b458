//! The way from what was asked to the command that answers.

use std::io;
use std::process::ExitCode;

use sekisho_config::Registry;

use super::commands::Command;
use super::{ReadyOptions, ServerOptions, TokenVerb};
use crate::command::operator::{self, Verb};
use crate::command::watch::{status, tail, top};
use crate::command::{check, documents, explain, net, new_protocol, rdp_file, run, speak, token};
use crate::demo;
use crate::failure::Failure;

/// Does what was asked, and says how the process should exit.
pub(super) fn dispatch(command: &Command, registry: &Registry) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match command {
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
        Command::Completions(options) => {
            documents::completions(super::command(registry), options.shell, &mut out)
        }
        Command::Man(options) => documents::man(super::command(registry), &options.folder, &mut out),
        Command::Status(options) => status::run(options, registry, &mut out),
        Command::Top(options) => top::run(options, registry, &mut out),
        Command::Tail(options) => tail::run(options, registry, &mut out),
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
