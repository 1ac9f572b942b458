//! The commands that ask and change a running gateway, through its admin socket.

mod client;
mod findings;
mod layer;
pub(crate) mod peers;
mod show;
mod stream;
mod vrrp;

use std::io::Write;
use std::process::ExitCode;
use std::time::SystemTime;

use sekisho_config::{Loaded, Registry};
use serde_json::{Value, json};

use crate::cli::{
    At, ConnectionsOptions, LayerOptions, MoveUserOptions, MoveUsersOptions, PeersOptions, ServerOptions,
    ServersOptions, UpgradeOptions, UserOptions, UsersOptions, VrrpOptions, WeightOptions,
};
use crate::failure::Failure;

pub(crate) use client::{Client, Question};
pub(crate) use show::{clean, now, number, rows, span, word};
pub(crate) use stream::{Event, Events};

/// Where a gateway is met whose operator has said nothing.
pub(crate) const USUAL: &str = "/run/sekisho/admin.sock";

/// The environment's word for where else.
const NAMES_IT: &str = "SEKISHO_ADMIN";

/// One of the commands, with what was said.
#[derive(Debug)]
pub(crate) enum Verb<'a> {
    Servers(&'a ServersOptions),
    Vrrp(&'a VrrpOptions),
    Peers(&'a PeersOptions),
    /// Drain, maintenance or ready.
    State(&'static str, &'a ServerOptions),
    Weight(&'a WeightOptions),
    Users(&'a UsersOptions),
    MoveUser(&'a MoveUserOptions),
    MoveUsers(&'a MoveUsersOptions),
    KickUser(&'a UserOptions),
    ForgetUser(&'a UserOptions),
    Connections(&'a ConnectionsOptions),
    Upgrade(&'a UpgradeOptions),
    /// Diff, save, discard or reload.
    Layer(&'static str, &'a LayerOptions),
}

/// Does what is asked.
pub(crate) fn run(verb: &Verb<'_>, registry: &Registry, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let at = verb.at();
    let client = Client::new(socket(at, registry)?);
    let mut answers = Vec::new();
    for question in verb.questions() {
        answers.push(client.ask(&question)?);
    }
    if at.json {
        for answer in &answers {
            writeln!(out, "{answer}")?;
        }
    } else {
        write!(out, "{}", show::text(verb, &answers))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The socket that is meant.
pub(crate) fn socket(at: &At, registry: &Registry) -> Result<std::path::PathBuf, Failure> {
    match (&at.admin, &at.config) {
        (Some(path), _) => Ok(path.clone()),
        (None, None) => Ok(std::env::var_os(NAMES_IT).map_or_else(|| USUAL.into(), Into::into)),
        (None, Some(file)) => {
            let Loaded { config, .. } = sekisho_config::check_file(file, registry, SystemTime::now())
                .map_err(Failure::Configuration)?;
            config.gateway.admin.ok_or_else(|| Failure::NoAdmin { file: file.clone() })
        }
    }
}

impl Verb<'_> {
    fn at(&self) -> &At {
        match self {
            Self::Servers(options) => &options.at,
            Self::Vrrp(options) => &options.at,
            Self::Peers(options) => &options.at,
            Self::State(_, options) => &options.at,
            Self::Weight(options) => &options.at,
            Self::Users(options) => &options.at,
            Self::MoveUser(options) => &options.at,
            Self::MoveUsers(options) => &options.at,
            Self::KickUser(options) | Self::ForgetUser(options) => &options.at,
            Self::Connections(options) => &options.at,
            Self::Upgrade(options) => &options.at,
            Self::Layer(_, options) => &options.at,
        }
    }

    /// What the gateway is asked, one after the other.
    fn questions(&self) -> Vec<Question> {
        match self {
            Self::Servers(_) => vec![Question::get("/v1/pools")],
            Self::Vrrp(_) => vec![Question::get("/v1/vrrp")],
            Self::Peers(_) => vec![Question::get("/v1/peers")],
            Self::State(state, ServerOptions { server, kick, .. }) => {
                let path = format!("/v1/servers/{server}");
                let mut questions = vec![Question::post(&path, &json!({ "state": state }))];
                if *kick {
                    questions.push(Question::post(&format!("{path}/kick"), &json!({})));
                }
                questions
            }
            Self::Weight(WeightOptions { server, weight, .. }) => {
                vec![Question::post(&format!("/v1/servers/{server}"), &json!({ "weight": weight }))]
            }
            Self::Users(UsersOptions { domain, user, server, limit, .. }) => {
                let question = Question::get("/v1/users").and("domain", domain.as_deref());
                let question = question.and("user", user.as_deref()).and("server", server.as_deref());
                vec![question.and("limit", Some(&limit.to_string()))]
            }
            Self::MoveUser(MoveUserOptions { user, server, domain, kick, .. }) => {
                let (pool, name) = match server.split_once('/') {
                    Some((pool, name)) => (Some(pool), name),
                    None => (None, server.as_str()),
                };
                let body = json!({ "user": user, "server": name, "kick": kick });
                let body = with(with(body, "pool", pool), "domain", domain.as_deref());
                vec![Question::post("/v1/users/move", &body)]
            }
            Self::MoveUsers(MoveUsersOptions { from, to, domain, kick, .. }) => {
                let body = json!({ "from": from, "to": to, "kick": kick });
                vec![Question::post("/v1/users/move-all", &with(body, "domain", domain.as_deref()))]
            }
            Self::KickUser(options) => vec![Question::post("/v1/users/kick", &user(options))],
            Self::Layer("diff", _) => vec![Question::get("/v1/config/diff")],
            Self::Layer(verb, _) => {
                vec![Question::post(&format!("/v1/config/{verb}"), &json!({})).patiently()]
            }
            Self::Upgrade(_) => vec![Question::post("/v1/upgrade", &json!({})).patiently()],
            Self::ForgetUser(options) => vec![Question::post("/v1/users/forget", &user(options))],
            Self::Connections(ConnectionsOptions { vip, domain, user, server, limit, .. }) => {
                let (pool, name) = match server.as_ref().map(|server| (server.split_once('/'), server)) {
                    Some((Some((pool, name)), _)) => (Some(pool), Some(name)),
                    Some((None, name)) => (None, Some(name.as_str())),
                    None => (None, None),
                };
                let question = Question::get("/v1/connections").and("vip", vip.as_deref());
                let question = question.and("domain", domain.as_deref()).and("user", user.as_deref());
                let question = question.and("pool", pool).and("server", name);
                vec![question.and("limit", Some(&limit.to_string()))]
            }
        }
    }
}

fn user(UserOptions { user, domain, .. }: &UserOptions) -> Value {
    with(json!({ "user": user }), "domain", domain.as_deref())
}

/// The object with one more entry, if there is a value for it.
fn with(mut object: Value, name: &str, value: Option<&str>) -> Value {
    if let (Some(value), Some(entries)) = (value, object.as_object_mut()) {
        entries.insert(name.to_owned(), value.into());
    }
    object
}
