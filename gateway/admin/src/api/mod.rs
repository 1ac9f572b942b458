//! What the operator asks, and does: JSON at the operator's socket.
//!
//! ```text
//! path      from a path to what it means
//! query     what stands behind the question mark
//! refused   why something is not done, and what would be
//! site      names in a request, found in the configuration in force
//! look      VIPs, pools, users, connections
//! vrrp      addresses that move between nodes
//! change    servers taken out and put back; users moved, forgotten, kicked
//! ```

mod change;
mod look;
mod path;
mod query;
mod refused;
mod site;
mod vrrp;

use sekisho_runtime::View;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::{Answer, Status};
use crate::endpoint::Peer;
use crate::nodes::Nodes;
use crate::request::{Head, Method, Request, Unread};
use crate::upgrade::Upgrade;
use path::Path;
use query::Query;
use refused::Refused;

/// The longest body: names, and few of them.
pub(crate) const BODY_MAX: usize = 8 * 1024;

/// The operator's view of a gateway.
#[derive(Debug)]
pub(crate) struct Api {
    view: View,
    nodes: Nodes,
    upgrade: Upgrade,
}

impl Api {
    pub(crate) fn new(view: View, nodes: Nodes, upgrade: Upgrade) -> Self {
        Self { view, nodes, upgrade }
    }

    /// Does what is asked, or says why not.
    pub(crate) async fn answer(&self, request: &Request, peer: Peer) -> Answer {
        match self.done(request, peer).await {
            Ok(body) => json(Status::Ok, body, request.head.method == Method::Head),
            Err(refused) => refused.answer(),
        }
    }

    async fn done(&self, request: &Request, peer: Peer) -> Result<String, Refused> {
        let Head { method, path, query, .. } = &request.head;
        let path = Path::read(path).ok_or_else(Refused::no_such_path)?;
        let fits = match method {
            Method::Get | Method::Head => !path.changes(),
            Method::Post => path.changes(),
            Method::Other => false,
        };
        if !fits {
            return Err(Refused::method(path.changes()));
        }
        let status = self.view.status();
        let body = &request.body;
        match path {
            Path::Vips => text(&look::vips(&status)),
            Path::Pools => text(&look::pools(&status)),
            Path::Vrrp => text(&vrrp::tables(self.nodes.tables())),
            Path::Users => text(&look::users(&status, &Query::read(query, &look::USERS)?)?),
            Path::Connections => {
                let query = Query::read(query, &look::CONNECTIONS)?;
                text(&look::connections(&self.view, &status, &query).await?)
            }
            Path::Server { pool, server } => {
                text(&change::server(&status, pool, server, &read(body)?, peer)?)
            }
            Path::KickServer { pool, server } => {
                let change::Nothing {} = read(body)?;
                text(&change::kick_server(&self.view, &status, pool, server, peer).await?)
            }
            Path::MoveUser => text(&change::move_user(&self.view, &status, read(body)?, peer).await?),
            Path::KickUser => text(&change::kick_user(&self.view, &status, &read(body)?, peer).await?),
            Path::ForgetUser => text(&change::forget_user(&status, &read(body)?, peer)?),
            Path::Upgrade => {
                let change::Nothing {} = read(body)?;
                text(&change::upgrade(&self.upgrade, peer).await?)
            }
            Path::MoveAll => text(&change::move_all(&self.view, &status, &read(body)?, peer).await?),
        }
    }
}

/// The answer to what was not understood.
pub(crate) fn refuse(why: Unread) -> Answer {
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
        Unread::BodyTooLarge => {
            Refused::new(Status::ContentTooLarge, "the body is too large", "send 8 KiB at the most")
        }
    }
    .answer()
}

/// What a body says; nothing at all is as good as an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Refused::new(
            Status::BadRequest,
            format!("the body: {error}"),
            "send a JSON object, as docs/operating.md has it",
        )
    })
}

fn text(answer: &impl Serialize) -> Result<String, Refused> {
    // Fails only for maps whose keys are no text, and there are none.
    serde_json::to_string(answer)
        .map_err(|error| Refused::new(Status::Unavailable, error.to_string(), "report it"))
}

fn json(status: Status, mut body: String, head_only: bool) -> Answer {
    body.push('\n');
    Answer { status, kind: "application/json", body, head_only }
}
