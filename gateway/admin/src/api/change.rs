//! Servers taken out and put back; users moved, forgotten, kicked.
//!
//! Every change is audited with who made it, and without the name of the user it is about: names stand in no log.

use std::sync::Arc;
use std::time::Instant;

use sekisho_runtime::{Status, View, Which};
use sekisho_scheduler::Admin;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::look::{ServerLine, identity, server_line, wanted};
use super::refused::Refused;
use super::site;
use crate::answer;
use crate::audit::{Audit, Entry};
use crate::caller::Caller;
use crate::upgrade::Upgrade;

/// Who changes something, and where that is written.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) caller: &'a Caller,
    pub(super) audit: &'a Audit,
}

impl By<'_> {
    /// Writes what was done.
    pub(super) fn did(self, action: &'static str, target: &str, before: Value, after: Value) {
        self.audit.done(self.caller, &Entry { action, target, before, after });
    }
}

/// Nothing to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What becomes of a server; what is not said stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    state: Option<Wanted>,
    weight: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    Ready,
    Drain,
    Maintenance,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    domain: Option<String>,
    user: String,
    server: String,
    pool: Option<String>,
    #[serde(default)]
    kick: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    domain: Option<String>,
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveAll {
    domain: Option<String>,
    from: String,
    to: String,
    #[serde(default)]
    kick: bool,
}

/// What was done to a user.
#[derive(Serialize)]
pub(super) struct Moved {
    user: String,
    server: String,
    /// The state of that server.
    state: &'static str,
    kicked: usize,
}

#[derive(Serialize)]
pub(super) struct Kicked {
    kicked: usize,
}

#[derive(Serialize)]
pub(super) struct Forgotten {
    forgotten: usize,
}

impl Forgotten {
    pub(super) fn new(forgotten: usize) -> Self {
        Self { forgotten }
    }
}

#[derive(Serialize)]
pub(super) struct AllMoved {
    moved: usize,
    kicked: usize,
}

/// What has taken this process' place.
#[derive(Serialize)]
pub(super) struct Replaced {
    /// The number of the process.
    process: u32,
}

/// Has another process take this one's place.
pub(super) async fn upgrade(upgrade: &Upgrade, by: By<'_>) -> Result<Replaced, Refused> {
    by.did("upgrade", "gateway", Value::Null, Value::Null);
    let help = "the gateway serves on as before";
    let failed = |why: String| Refused::new(answer::Status::Conflict, why, help);
    upgrade.carried_out().await.map(|process| Replaced { process }).map_err(failed)
}

/// Sets a server's state, its weight, or both.
pub(super) fn server<'s>(
    status: &'s Status,
    pool: &str,
    name: &str,
    change: &Server,
    by: By<'_>,
) -> Result<ServerLine<'s>, Refused> {
    let server = site::server(status, pool, name)?;
    if change.state.is_none() && change.weight.is_none() {
        let help = r#"send {"state": "ready", "drain" or "maintenance"}, {"weight": 0 to 256}, or both"#;
        return Err(Refused::new(answer::Status::BadRequest, "nothing is to be changed", help));
    }
    if change.weight.is_some_and(|weight| weight > WEIGHT_MAX) {
        let help = format!("send 0 to {WEIGHT_MAX}");
        return Err(Refused::new(answer::Status::BadRequest, "the weight is too large", help));
    }
    let target = format!("server {pool}/{name}");
    if let Some(weight) = change.weight {
        let before = server.weight();
        server.set_weight(weight);
        by.did("weight", &target, json!(before), json!(weight));
    }
    if let Some(state) = change.state {
        let admin = Admin::from(state);
        let before = server.admin();
        server.set_admin(admin);
        by.did("state", &target, json!(wanted(before)), json!(wanted(admin)));
    }
    Ok(server_line(server, Instant::now()))
}

/// Ends the connections to a server.
pub(super) async fn kick_server(
    view: &View,
    status: &Status,
    pool: &str,
    name: &str,
    by: By<'_>,
) -> Result<Kicked, Refused> {
    let server = site::server(status, pool, name)?.name().clone();
    let which = Which { pools: Some(vec![pool.into()]), server: Some(server), ..Which::default() };
    let kicked = view.kick(which).await?;
    by.did("kick", &format!("server {pool}/{name}"), Value::Null, json!({ "kicked": kicked }));
    Ok(Kicked { kicked })
}

/// Sends a user to a server from the next connection on; with `kick`, connections to others end now.
pub(super) async fn move_user(
    view: &View,
    status: &Status,
    said: Move,
    by: By<'_>,
) -> Result<Moved, Refused> {
    let place = site::the_place(status, said.domain.as_deref())?;
    let key = place.user(&said.user)?;
    let servers = place.servers(said.pool.as_deref(), &said.server)?;
    let Some((_, server)) = servers.first() else {
        return Err(Refused::unknown("server", &said.server, []));
    };
    let name = server.name().clone();
    if !place.table.rebind(&key, &name, said.pool.as_deref(), &place.pools, Instant::now()) {
        let help = "raise `max-entries` or `max-bytes` of the domain";
        return Err(Refused::new(answer::Status::Conflict, "the persistence table has no room", help));
    }
    let domain = place.domain.table.name.clone();
    by.did("move-user", &format!("domain {domain}"), Value::Null, json!({ "server": *name }));
    let mut kicked = 0;
    if said.kick {
        // Only where there is the new server: what the user does in other pools goes on.
        let pools = servers.iter().map(|(pool, _)| pool.name().clone()).collect();
        kicked = view.kick(elsewhere(&domain, pools, &name, |which| which.user = Some(key.clone()))).await?;
        by.did("kick-user", &format!("domain {domain}"), Value::Null, json!({ "kicked": kicked }));
    }
    Ok(Moved {
        user: identity(key.expose()),
        server: name.as_ref().to_owned(),
        state: server.state().name(),
        kicked,
    })
}

/// Ends a user's connections.
pub(super) async fn kick_user(
    view: &View,
    status: &Status,
    said: &User,
    by: By<'_>,
) -> Result<Kicked, Refused> {
    let place = site::the_place(status, said.domain.as_deref())?;
    let (user, domain) = (place.user(&said.user)?, place.domain.table.name.clone());
    let which = Which { domain: Some(domain.clone()), user: Some(user), ..Which::default() };
    let kicked = view.kick(which).await?;
    by.did("kick-user", &format!("domain {domain}"), Value::Null, json!({ "kicked": kicked }));
    Ok(Kicked { kicked })
}

/// Forgets where a user was: the next connection is balanced anew.
pub(super) fn forget_user(status: &Status, said: &User, by: By<'_>) -> Result<Forgotten, Refused> {
    let place = site::the_place(status, said.domain.as_deref())?;
    let forgotten = place.table.forget(&place.user(&said.user)?, &place.pools);
    let target = format!("domain {}", place.domain.table.name);
    by.did("forget-user", &target, Value::Null, json!({ "forgotten": forgotten }));
    Ok(Forgotten { forgotten })
}

/// Sends everybody who is kept on one server to another.
pub(super) async fn move_all(
    view: &View,
    status: &Status,
    said: &MoveAll,
    by: By<'_>,
) -> Result<AllMoved, Refused> {
    let place = site::the_place(status, said.domain.as_deref())?;
    let target = place.servers(None, &said.to)?;
    let both: Vec<_> = target.iter().filter(|(pool, _)| pool.server(&said.from).is_some()).collect();
    let Some((_, to)) = both.first() else {
        // The server from which they come may be one that is no longer configured, but not in a pool of its own.
        let known = target.iter().flat_map(|(pool, _)| pool.servers()).map(|server| &**server.name());
        return Err(Refused::unknown("server in one pool with the other", &said.from, known));
    };
    let to = to.name().clone();
    let moved = place.table.rebind_all(&said.from, &to, &place.pools, Instant::now());
    let domain = place.domain.table.name.clone();
    let (target, before) = (format!("domain {domain}"), json!({ "server": said.from }));
    by.did("move-users", &target, before, json!({ "server": *to, "moved": moved }));
    let mut kicked = 0;
    if said.kick {
        let pools = both.iter().map(|(pool, _)| pool.name().clone()).collect();
        let from: Arc<str> = said.from.as_str().into();
        kicked = view.kick(elsewhere(&domain, pools, &to, |which| which.server = Some(from))).await?;
        by.did("kick", &target, json!({ "server": said.from }), json!({ "kicked": kicked }));
    }
    Ok(AllMoved { moved, kicked })
}

/// Connections in these pools that are not on `server`.
fn elsewhere(
    domain: &Arc<str>,
    pools: Vec<Arc<str>>,
    server: &Arc<str>,
    narrow: impl FnOnce(&mut Which),
) -> Which {
    let mut which = Which {
        domain: Some(domain.clone()),
        pools: Some(pools),
        not_server: Some(server.clone()),
        ..Which::default()
    };
    narrow(&mut which);
    which
}

impl From<Wanted> for Admin {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Ready => Self::Ready,
            Wanted::Drain => Self::Drain,
            Wanted::Maintenance => Self::Maintenance,
        }
    }
}

/// As in the configuration.
const WEIGHT_MAX: u32 = 256;
