//! What the operator asks, and does: JSON over HTTP.
//!
//! ```text
//! routes    everything that can be asked: one table
//! openapi   the same as an OpenAPI document; schema: its parts
//! query     what stands behind the question mark
//! refused   why something is not done, and what would be
//! site      names in a request, found in the configuration in force
//! look      VIPs, pools, users, connections
//! inside    the process, its tables, certificates, choices, and what servers have been through
//! vrrp      addresses that move between nodes
//! peers     nodes with which what clients are known is exchanged
//! store     where gateways share that
//! whose     whose decisions are wanted
//! follow    what happens, as it happens
//! change    servers taken out and put back; users moved, forgotten, kicked
//! config    the configuration: shown, checked, changed beside the file, loaded anew
//! ```

mod change;
mod config;
mod follow;
mod inside;
mod look;
mod openapi;
mod peers;
mod query;
mod refused;
mod routes;
mod schema;
mod site;
mod store;
mod vrrp;
mod whose;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use sekisho_config::Scope;
use sekisho_runtime::View;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::answer::{Answer, GUARDS, Status};
use crate::audit::{Attempt, Audit};
use crate::caller::{Caller, Peer, Policy};
use crate::nodes::Nodes;
use crate::request::{Head, Method, Unread};
use crate::steering::Steering;
use crate::upgrade::Upgrade;
use change::By;
pub(crate) use follow::Follow;
use query::Query;
use refused::Refused;
use routes::{Action, NotFound, Route};

/// The longest body: names, and few of them.
const BODY_MAX: usize = 8 * 1024;
/// A definition of a pool with a thousand servers.
const DEFINITION_MAX: usize = 256 * 1024;
/// Of what somebody else chose, as many bytes are written down.
const WRITTEN_MAX: usize = 200;
/// A whole configuration, whose every byte may be escaped.
const CANDIDATE_MAX: usize = 9 * 1024 * 1024;

/// The operator's view of a gateway.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    view: View,
    nodes: Nodes,
    upgrade: Upgrade,
    steering: Steering,
    policy: Arc<Policy>,
    audit: Audit,
    started: Instant,
    followers: Arc<Semaphore>,
    /// Of them, those who have shown nothing.
    unknown_followers: Arc<Semaphore>,
}

/// A request that may be carried out once its body is there.
#[derive(Debug)]
pub(crate) struct Admitted {
    route: &'static Route,
    names: Vec<String>,
    caller: Caller,
    peer: Peer,
}

/// What comes of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    /// A stream of events, until one side has enough of it.
    Follow(Box<Follow>),
}

impl Api {
    pub(crate) fn new(
        view: View,
        nodes: Nodes,
        upgrade: Upgrade,
        steering: Steering,
        policy: Arc<Policy>,
        started: Instant,
    ) -> Self {
        let audit = Audit::new(view.clone(), policy.clone());
        let followers = Arc::new(Semaphore::new(follow::FOLLOWERS));
        let unknown_followers = Arc::new(Semaphore::new(follow::UNKNOWN_FOLLOWERS));
        Self { view, nodes, upgrade, steering, policy, audit, started, followers, unknown_followers }
    }

    /// Whether a request may be carried out: by its head alone, so that strangers send nothing that is kept.
    pub(crate) fn admit(&self, head: &Head, peer: &Peer) -> Result<Admitted, Answer> {
        let caller = self.policy.caller(peer, &head.sender, SystemTime::now());
        // Before anything that they say is believed.
        let said = head.twice.map_or(Ok(()), |field| Err(Refused::twice(field)));
        let admitted = said.and(caller.clone().map_err(Refused::from));
        admitted.and_then(|caller| admitted_as(caller, head, peer)).map_err(|refused| {
            let who = caller.as_ref().ok().filter(|_| head.twice.is_none());
            self.write_down(head.method, &head.path, who, peer, &refused);
            not_done(&refused, head)
        })
    }

    /// The answer to a request that was admitted, and whose body cannot be read.
    pub(crate) fn unread(&self, admitted: &Admitted, head: &Head, why: Unread) -> Answer {
        let refused = unread(why);
        self.write_down(head.method, &head.path, Some(&admitted.caller), &admitted.peer, &refused);
        not_done(&refused, head)
    }

    /// The answer to a request that was admitted, where so many others are known that all places are taken.
    pub(crate) fn busy(&self, admitted: &Admitted, head: &Head) -> Answer {
        let error = "all places at the operator's address are taken";
        let help = "close a connection or a stream, or ask at the socket";
        let refused = Refused::new(Status::Unavailable, error, help);
        self.write_down(head.method, &head.path, Some(&admitted.caller), &admitted.peer, &refused);
        not_done(&refused, head)
    }

    /// Has it in the audit log that somebody wanted to change something. What is read changes nothing, whoever asks.
    fn write_down(
        &self,
        method: Method,
        path: &str,
        caller: Option<&Caller>,
        peer: &Peer,
        refused: &Refused,
    ) {
        let (template, names) = match routes::find(method, path) {
            Ok((route, _)) if !route.changes() => return,
            Ok((route, names)) => (route.path, names.join("/")),
            Err(_) if matches!(method, Method::Get | Method::Head) => return,
            Err(_) => (beginning(path), String::new()),
        };
        let (status, why) = refused.told();
        let from = peer.address().map_or_else(|| "socket".to_owned(), |address| address.to_string());
        let attempt = Attempt {
            who: caller.filter(|caller| caller.known).map(|caller| caller.who.as_str()),
            from: &from,
            action: &format!("{} {template}", method.name()),
            target: beginning(&names),
            status,
            why,
        };
        self.audit.refused(&attempt, Instant::now());
    }

    /// Does what is asked, or says why not.
    pub(crate) async fn answer(&self, admitted: &Admitted, head: &Head, body: &[u8]) -> Reply {
        let Admitted { route, caller, peer, .. } = admitted;
        if route.action == Action::Events {
            return match self.follow(head, caller, peer) {
                Ok(follow) if head.method == Method::Get => Reply::Follow(Box::new(follow)),
                Ok(_) => Reply::Answer(json(Status::Ok, String::new(), true)),
                Err(refused) => Reply::Answer(not_done(&refused, head)),
            };
        }
        Reply::Answer(match self.done(admitted, &head.query, body).await {
            Ok(body) => json(Status::Ok, body, head.method == Method::Head),
            Err(refused) => {
                self.write_down(head.method, &head.path, Some(caller), peer, &refused);
                not_done(&refused, head)
            }
        })
    }

    fn follow(&self, head: &Head, caller: &Caller, peer: &Peer) -> Result<Follow, Refused> {
        let stay = self.policy.stay(peer, &head.sender, SystemTime::now())?;
        let place = follow::Place::take(&self.followers, &self.unknown_followers, caller.known);
        let place = place.ok_or_else(|| {
            Refused::new(Status::Unavailable, "too many follow already", "close another stream first")
        })?;
        let known: Vec<&str> = vec!["topics", "vip", "after", "user"];
        let query = Query::read(&head.query, &known)?;
        Follow::new(self.view.clone(), &query, head.sender.last_event, stay, place)
    }

    async fn done(&self, admitted: &Admitted, query: &str, body: &[u8]) -> Result<String, Refused> {
        let Admitted { route, names, caller, .. } = admitted;
        if route.changes() && self.steering.leaves() {
            return Err(Refused::new(
                Status::Unavailable,
                "another process takes this one's place",
                "ask again in a moment, on a connection of its own",
            ));
        }
        let status = self.view.status();
        let query = Query::read(query, &route.known())?;
        let by = By { caller, audit: &self.audit };
        let name = |index: usize| names.get(index).map(String::as_str).unwrap_or_default();
        let (first, second) = (name(0), name(1));
        match route.action {
            Action::Status => {
                text(&inside::status(&status, self.started, &self.steering.in_force(), &self.nodes))
            }
            Action::OpenApi => text(&openapi::document()),
            Action::Caller => text(&inside::caller(caller)),
            Action::Vips => text(&look::vips(&status)),
            Action::Pools => text(&look::pools(&status)),
            Action::Vrrp => text(&vrrp::tables(self.nodes.tables())),
            Action::Peers => text(&peers::peers(self.nodes.peers())),
            Action::Store => text(&store::answer(self.nodes.store())),
            Action::Users => text(&look::users(&status, &query)?),
            Action::Connections => text(&look::connections(&self.view, &status, &query).await?),
            Action::Entries => text(&inside::entries(&status, &query)?),
            Action::ForgetEntry => text(&inside::forget(&status, first, second, by)?),
            Action::ClearEntries => text(&inside::clear(&status, first, by)?),
            Action::Certificates => text(&inside::certificates(&status)),
            Action::History => text(&inside::history(&status, first, second)?),
            Action::Decisions => text(&inside::decisions(&self.view, &status, &query)?),
            Action::Server => text(&change::server(&status, first, second, &read(body)?, by)?),
            Action::KickServer => {
                let change::Nothing {} = read(body)?;
                text(&change::kick_server(&self.view, &status, first, second, by).await?)
            }
            Action::MoveUser => text(&change::move_user(&self.view, &status, read(body)?, by).await?),
            Action::KickUser => text(&change::kick_user(&self.view, &status, &read(body)?, by).await?),
            Action::ForgetUser => text(&change::forget_user(&status, &read(body)?, by)?),
            Action::MoveAll => text(&change::move_all(&self.view, &status, &read(body)?, by).await?),
            Action::Upgrade => {
                let change::Nothing {} = read(body)?;
                text(&change::upgrade(&self.upgrade, by).await?)
            }
            Action::Config => text(&config::shown(&self.steering.in_force())),
            Action::Diff => text(&config::differences(&self.steering.in_force(), status.scheduler.wishes())),
            Action::Validate => text(&config::validate(&self.steering, read(body)?).await?),
            Action::SetVip | Action::SetPool | Action::SetServer => {
                let place = config::place(route.action, first, second)?;
                text(&config::change(&self.steering, place, Some(read(body)?), by).await?)
            }
            Action::RemoveVip | Action::RemovePool | Action::RemoveServer => {
                let change::Nothing {} = read(body)?;
                let place = config::place(route.action, first, second)?;
                text(&config::change(&self.steering, place, None, by).await?)
            }
            Action::Reload | Action::Save | Action::Discard => {
                let change::Nothing {} = read(body)?;
                text(&config::carry_out(&self.steering, route.action, by).await?)
            }
            Action::Events => Err(Refused::no_such_path()),
        }
    }
}

impl Admitted {
    /// Whether they have shown who they are.
    pub(crate) fn is_known(&self) -> bool {
        self.caller.known
    }

    /// The longest body that is read for it.
    pub(crate) fn body_max(&self) -> usize {
        match (self.route.action, self.route.body) {
            (Action::Validate, _) => CANDIDATE_MAX,
            (_, Some("Definition")) => DEFINITION_MAX,
            _ => BODY_MAX,
        }
    }
}

/// By its head alone, somebody who is known, or whom the rules let in unknown.
fn admitted_as(caller: Caller, head: &Head, peer: &Peer) -> Result<Admitted, Refused> {
    let (route, names) = routes::find(head.method, &head.path).map_err(|not_found| match not_found {
        NotFound::Path => Refused::no_such_path(),
        NotFound::Method(allowed) => Refused::method(allowed),
    })?;
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if caller.scope < route.scope {
        return Err(Refused::scope(route.scope));
    }
    let browser = matches!(peer, Peer::Address { .. });
    if browser && head.length.is_some_and(|length| length > 0) && !head.sender.json {
        return Err(Refused::new(
            Status::UnsupportedMedia,
            "the body is not said to be JSON",
            "send Content-Type: application/json",
        ));
    }
    Ok(Admitted { route, names, caller, peer: peer.clone() })
}

/// As much of it as is written down, however it is spelled.
fn beginning(text: &str) -> &str {
    text.split_at(text.floor_char_boundary(WRITTEN_MAX)).0
}

/// The answer to what was not understood.
pub(crate) fn refuse(why: Unread) -> Answer {
    unread(why).answer()
}

fn unread(why: Unread) -> Refused {
    match why {
        Unread::Malformed => Refused::new(Status::BadRequest, "this is no HTTP request", "speak HTTP/1.1"),
        Unread::HeadTooLarge => {
            Refused::new(Status::HeadTooLarge, "the head is too large", "send 8 KiB at the most")
        }
        Unread::Length => Refused::new(
            Status::LengthRequired,
            "the length of the body is not known",
            "send one Content-Length",
        ),
        Unread::BodyTooLarge => Refused::new(
            Status::ContentTooLarge,
            "the body is too large",
            "send less: 8 KiB will do for most",
        ),
        Unread::BodyMissing => Refused::new(
            Status::Timeout,
            "the body did not come",
            "send as many bytes as Content-Length says, within 5 seconds",
        ),
    }
}

/// What a body says; nothing at all is as good as an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Refused::new(
            Status::BadRequest,
            format!("the body: {error}"),
            "send a JSON object, as /v1/openapi.json has it",
        )
    })
}

fn text(answer: &impl Serialize) -> Result<String, Refused> {
    // Fails only for maps whose keys are no text, and there are none.
    serde_json::to_string(answer)
        .map_err(|error| Refused::new(Status::Unavailable, error.to_string(), "report it"))
}

/// The answer to `head` that says why; without a body where the next answer would begin in its place (RFC 9110, section
/// 9.3.2).
fn not_done(refused: &Refused, head: &Head) -> Answer {
    Answer { head_only: head.method == Method::Head, ..refused.answer() }
}

fn json(status: Status, mut body: String, head_only: bool) -> Answer {
    body.push('\n');
    Answer { status, kind: "application/json", body, head_only, fields: GUARDS }
}

/// The scopes' names, for whoever lacks one.
fn scope(scope: Scope) -> &'static str {
    scope.name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_beginning_of_what_a_stranger_chose_is_written_down() {
        assert_eq!(beginning("/v1/x"), "/v1/x");
        let long = format!("/{}", "ö".repeat(4000));
        assert!(
            Head::read(format!("POST {long} HTTP/1.1\r\n\r\n").as_bytes()).unwrap().unwrap().path == long
        );
        assert_eq!(beginning(&long).len(), WRITTEN_MAX - 1);
    }
}
