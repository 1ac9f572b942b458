//! Why something is not done, and what would be.

use sekisho_runtime::Unanswered;
use serde::Serialize;

use crate::answer::{Answer, Status};

/// Something that is not done.
#[derive(Debug)]
pub(super) struct Refused {
    status: Status,
    error: String,
    help: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    help: &'a str,
}

impl Refused {
    pub(super) fn new(status: Status, error: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status, error: error.into(), help: help.into() }
    }

    pub(super) fn no_such_path() -> Self {
        let help = "GET /v1/vips, /v1/pools, /v1/users, /v1/connections; POST /v1/servers/POOL/SERVER[/kick], \
                    /v1/users/move, /v1/users/kick, /v1/users/forget, /v1/users/move-all, \
                    /v1/upgrade";
        Self::new(Status::NotFound, "there is nothing at this path", help)
    }

    /// The path is for changes, or for looking.
    pub(super) fn method(changes: bool) -> Self {
        let allowed = if changes { "POST" } else { "GET, HEAD" };
        Self::new(Status::Method(allowed), "the path has another method", format!("send {allowed}"))
    }

    /// What was named is not there; `known` is.
    pub(super) fn unknown<'k>(what: &str, name: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let known: Vec<&str> = known.into_iter().take(KNOWN).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Self::new(Status::NotFound, format!("there is no {what} `{name}`"), format!("known: {known}"))
    }

    pub(super) fn answer(&self) -> Answer {
        let body = serde_json::to_string(&Body { error: &self.error, help: &self.help });
        // Two texts can always be written.
        super::json(self.status, body.unwrap_or_default(), false)
    }
}

impl From<Unanswered> for Refused {
    fn from(why: Unanswered) -> Self {
        Self::new(Status::Unavailable, why.to_string(), "try again in a moment; part of it may be done")
    }
}

/// The most names that an explanation lists.
const KNOWN: usize = 32;
