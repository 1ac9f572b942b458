//! What can be asked: one table, from which requests are understood and the OpenAPI document is written.

use sekisho_config::Scope;

use crate::request::Method;

/// One thing that can be asked.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) action: Action,
    pub(crate) method: Method,
    /// Segments; `{name}` stands for anything.
    pub(crate) path: &'static str,
    /// What it takes.
    pub(crate) scope: Scope,
    /// What it does, in a sentence.
    pub(crate) says: &'static str,
    /// What may stand behind the question mark.
    pub(crate) query: &'static [Param],
    /// The schema of its body.
    pub(crate) body: Option<&'static str>,
    /// The schema of its answer.
    pub(crate) answer: &'static str,
}

/// Something that may stand behind the question mark.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) says: &'static str,
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// It has to be there.
    Needed,
    Number,
    /// The most rows of an answer.
    Limit,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Status,
    Caller,
    Vips,
    SetVip,
    RemoveVip,
    Pools,
    SetPool,
    RemovePool,
    Server,
    SetServer,
    RemoveServer,
    KickServer,
    History,
    Users,
    MoveUser,
    MoveAll,
    KickUser,
    ForgetUser,
    Connections,
    Entries,
    ForgetEntry,
    ClearEntries,
    Certificates,
    Vrrp,
    Peers,
    Store,
    Decisions,
    Events,
    Config,
    Diff,
    Validate,
    Reload,
    Save,
    Discard,
    Upgrade,
    OpenApi,
}

const fn text(name: &'static str, says: &'static str) -> Param {
    Param { name, kind: Kind::Text, says }
}

const fn number(name: &'static str, says: &'static str) -> Param {
    Param { name, kind: Kind::Number, says }
}

const LIMIT: Param = Param { name: "limit", kind: Kind::Limit, says: "The most rows." };
const DOMAIN: Param = text("domain", "A persistence domain.");
const SERVER: Param = text("server", "A server's name.");
const USER: Param = text("user", "A user, in any spelling.");

const fn route(
    action: Action,
    method: Method,
    path: &'static str,
    scope: Scope,
    says: &'static str,
) -> Route {
    Route { action, method, path, scope, says, query: &[], body: None, answer: "Outcome" }
}

const fn look(action: Action, path: &'static str, answer: &'static str, says: &'static str) -> Route {
    let asked = route(action, Method::Get, path, Scope::Read, says);
    Route { answer, ..asked }
}

const fn post(action: Action, path: &'static str, scope: Scope, says: &'static str) -> Route {
    route(action, Method::Post, path, scope, says)
}

use Action as A;
use Method::{Delete, Put};
use Scope::{Configure, Operate};

/// Everything that can be asked.
#[rustfmt::skip]
pub(crate) static ROUTES: &[Route] = &[
    look(A::Status, "/v1/status", "Status", "The process: version, uptime, which configuration is in force, how many connections."),
    look(A::Caller, "/v1/caller", "Caller", "Who asks, and what they may do."),
    look(A::OpenApi, "/v1/openapi.json", "Object", "This description."),
    look(A::Vips, "/v1/vips", "Vips", "The VIPs, and what each has served."),
    Route { body: Some("Definition"), ..route(A::SetVip, Put, "/v1/vips/{vip}", Configure, "Adds a VIP, or replaces it, in the runtime layer.") },
    route(A::RemoveVip, Delete, "/v1/vips/{vip}", Configure, "Removes a VIP, in the runtime layer."),
    look(A::Pools, "/v1/pools", "Pools", "The pools with their servers."),
    Route { body: Some("Definition"), ..route(A::SetPool, Put, "/v1/pools/{pool}", Configure, "Adds a pool, or replaces it, in the runtime layer.") },
    route(A::RemovePool, Delete, "/v1/pools/{pool}", Configure, "Removes a pool, in the runtime layer."),
    Route { body: Some("ServerChange"), answer: "Server", ..post(A::Server, "/v1/servers/{pool}/{server}", Operate, "Sets a server's state, its weight, or both.") },
    Route { body: Some("Definition"), ..route(A::SetServer, Put, "/v1/servers/{pool}/{server}", Configure, "Adds a server to a pool, or replaces it, in the runtime layer.") },
    route(A::RemoveServer, Delete, "/v1/servers/{pool}/{server}", Configure, "Removes a server from its pool, in the runtime layer."),
    Route { answer: "Kicked", ..post(A::KickServer, "/v1/servers/{pool}/{server}/kick", Operate, "Ends the connections to a server.") },
    look(A::History, "/v1/servers/{pool}/{server}/history", "History", "The latest probes of a server, and changes of its health."),
    Route { query: &[DOMAIN, USER, SERVER, LIMIT], ..look(A::Users, "/v1/users", "Users", "The users that persistence knows, and their servers.") },
    Route { body: Some("UserMove"), answer: "Moved", ..post(A::MoveUser, "/v1/users/move", Operate, "Sends a user to a server.") },
    Route { body: Some("AllMove"), answer: "AllMoved", ..post(A::MoveAll, "/v1/users/move-all", Operate, "Sends everybody who is kept on one server to another.") },
    Route { body: Some("User"), answer: "Kicked", ..post(A::KickUser, "/v1/users/kick", Operate, "Ends a user's connections.") },
    Route { body: Some("User"), answer: "Forgotten", ..post(A::ForgetUser, "/v1/users/forget", Operate, "Forgets where a user was.") },
    Route { query: &[text("vip", "A VIP."), DOMAIN, USER, text("pool", "A pool."), SERVER, LIMIT], ..look(A::Connections, "/v1/connections", "Connections", "The connections that have a server now.") },
    Route { query: &[DOMAIN, text("kind", "A kind of key, e.g. `source-ip`."), SERVER, LIMIT], ..look(A::Entries, "/v1/entries", "Entries", "The entries of persistence tables. Keys that could be used as credentials show only as an id.") },
    Route { answer: "Forgotten", ..route(A::ForgetEntry, Delete, "/v1/entries/{domain}/{id}", Operate, "Forgets an entry, by the id that its list shows.") },
    Route { answer: "Forgotten", ..route(A::ClearEntries, Delete, "/v1/entries/{domain}", Operate, "Forgets all entries of a persistence domain.") },
    look(A::Certificates, "/v1/certificates", "Certificates", "The certificates in use, and when they expire."),
    look(A::Vrrp, "/v1/vrrp", "Vrrp", "The addresses that move between nodes."),
    look(A::Peers, "/v1/peers", "Peers", "The nodes with which what clients are known is exchanged."),
    look(A::Store, "/v1/store", "Store", "The store in which gateways share what clients they know."),
    Route { query: &[Param { name: "vip", kind: Kind::Needed, says: "The VIP." }, number("after", "Only those after this number."), text("user", "Only those of this user, in any spelling, or of this name that clients ask for.")], ..look(A::Decisions, "/v1/decisions", "Decisions", "The latest choices of a VIP with their reasons. Choices are kept for a minute after somebody asked.") },
    Route { query: &[text("topics", "What of, with commas between: health, operator, reload, numbers, decisions. All but decisions without."), text("vip", "The VIP whose decisions are wanted."), number("after", "Begin behind the event of this number."), text("user", "Only decisions of this user, in any spelling, or of this name that clients ask for.")], ..look(A::Events, "/v1/events", "Stream", "Server-sent events: what happens, and numbers as they change.") },
    look(A::Config, "/v1/config", "Config", "The configuration in force, without its secrets."),
    look(A::Diff, "/v1/config/diff", "Diff", "What the runtime layer changes in the file."),
    Route { body: Some("Candidate"), answer: "Verdict", ..post(A::Validate, "/v1/config/validate", Configure, "Checks a configuration and changes nothing.") },
    post(A::Reload, "/v1/config/reload", Configure, "Reads the file again."),
    post(A::Save, "/v1/config/save", Configure, "Writes the runtime layer into the file."),
    post(A::Discard, "/v1/config/discard", Configure, "Forgets the runtime layer."),
    Route { answer: "Replaced", ..post(A::Upgrade, "/v1/upgrade", Configure, "Has another process take this one's place.") },
];

/// Why nothing is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFound {
    /// There is nothing at the path.
    Path,
    /// There is, for these methods.
    Method(&'static str),
}

/// What is asked for, and what stands for the names in its path.
pub(crate) fn find(method: Method, path: &str) -> Result<(&'static Route, Vec<&str>), NotFound> {
    let method = if method == Method::Head { Method::Get } else { method };
    let mut others = Vec::new();
    for route in ROUTES {
        if let Some(names) = names(route.path, path) {
            if route.method == method {
                return Ok((route, names));
            }
            others.push(route.method);
        }
    }
    let has = |method| others.contains(&method);
    Err(match (has(Method::Get), has(Method::Post), has(Put) || has(Delete)) {
        (false, false, false) => NotFound::Path,
        (true, false, false) => NotFound::Method("GET, HEAD"),
        (false, true, false) => NotFound::Method("POST"),
        (false, true, true) => NotFound::Method("POST, PUT, DELETE"),
        (false, false, true) if !has(Put) => NotFound::Method("DELETE"),
        (false, false, true) => NotFound::Method("PUT, DELETE"),
        (true, ..) => NotFound::Method("GET, HEAD, POST, PUT, DELETE"),
    })
}

/// What stands for the names of a template; none if the path is another one. Names of the configuration have no
/// character that would be escaped.
fn names<'p>(template: &str, path: &'p str) -> Option<Vec<&'p str>> {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    let mut names = Vec::new();
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(names),
            (Some(wanted), Some(found)) if wanted.starts_with('{') && !found.is_empty() => names.push(found),
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return None,
        }
    }
}

impl Route {
    /// Whether something is changed.
    pub(crate) fn changes(&self) -> bool {
        self.scope != Scope::Read && self.action != Action::Validate
    }

    /// The names that mean something behind the question mark.
    pub(crate) fn known(&self) -> Vec<&'static str> {
        self.query.iter().map(|param| param.name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_means_one_thing_or_nothing() {
        for (method, path, meant) in [
            (Method::Get, "/v1/vips", Ok(A::Vips)),
            (Method::Head, "/v1/vips", Ok(A::Vips)),
            (Method::Post, "/v1/users/move-all", Ok(A::MoveAll)),
            (Method::Post, "/v1/servers/mail/m-1.x", Ok(A::Server)),
            (Delete, "/v1/servers/mail/m-1.x", Ok(A::RemoveServer)),
            (Method::Post, "/v1/servers/mail/m-1.x/kick", Ok(A::KickServer)),
            (Method::Get, "/v1/servers/mail/m-1.x", Err(NotFound::Method("POST, PUT, DELETE"))),
            (Method::Get, "/v1/users/move", Err(NotFound::Method("POST"))),
            (Put, "/v1/users", Err(NotFound::Method("GET, HEAD"))),
            (Method::Get, "/v1/vips/web", Err(NotFound::Method("PUT, DELETE"))),
            (Method::Get, "/v1/entries/default", Err(NotFound::Method("DELETE"))),
            (Method::Post, "/v1/servers/mail/m-1.x/kick/more", Err(NotFound::Path)),
            (Method::Post, "/v1/servers/mail/m-1.x/", Err(NotFound::Path)),
            (Method::Post, "/v1/servers//x", Err(NotFound::Path)),
            (Method::Get, "/v1/users/", Err(NotFound::Path)),
            (Method::Get, "/v1/", Err(NotFound::Path)),
            (Method::Get, "/v2/users", Err(NotFound::Path)),
            (Method::Get, "", Err(NotFound::Path)),
        ] {
            assert_eq!(find(method, path).map(|(route, _)| route.action), meant, "{path}");
        }
        assert_eq!(find(Method::Post, "/v1/servers/mail/m-1.x").unwrap().1, ["mail", "m-1.x"]);
    }

    #[test]
    fn no_two_routes_mean_the_same_and_only_looking_takes_no_more_than_reading() {
        for (index, route) in ROUTES.iter().enumerate() {
            let same = |other: &&Route| other.path == route.path && other.method == route.method;
            assert_eq!(ROUTES.iter().position(|other| same(&other)), Some(index), "{}", route.path);
            assert_eq!(route.method == Method::Get, route.scope == Scope::Read, "{}", route.path);
        }
    }
}
