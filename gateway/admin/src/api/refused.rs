//! Why something is not done, and what would be.

use std::path::Path;

use sekisho_config::Scope;
use sekisho_runtime::Unanswered;
use serde::Serialize;
use serde_json::Value;

use crate::answer::{Answer, Status};
use crate::caller::Stranger;

/// Something that is not done.
#[derive(Debug)]
pub(super) struct Refused {
    status: Status,
    error: String,
    help: String,
    /// What is wrong with a configuration, one by one.
    findings: Option<Value>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    help: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<&'a Value>,
}

impl Refused {
    pub(super) fn new(status: Status, error: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status, error: error.into(), help: help.into(), findings: None }
    }

    /// The same with what is wrong one by one.
    pub(super) fn with(self, findings: Value) -> Self {
        Self { findings: Some(findings), ..self }
    }

    /// The same, where a file was written first: what it says now, and what the gateway does.
    pub(super) fn after_writing(self, file: &Path, epoch: u64) -> Self {
        let error = format!(
            "{} now has the changes, and could not be brought into force: {}",
            file.display(),
            self.error
        );
        let help = format!(
            "the gateway serves as before (epoch {epoch}) and keeps its runtime layer; once the cause is mended, save again"
        );
        Self { status: Status::Conflict, error, help, ..self }
    }

    /// A field stands there more than once.
    pub(super) fn twice(field: &str) -> Self {
        Self::new(Status::BadRequest, format!("`{field}` stands there more than once"), "send it once")
    }

    pub(super) fn no_such_path() -> Self {
        let help = "GET /v1/openapi.json says what there is";
        Self::new(Status::NotFound, "there is nothing at this path", help)
    }

    /// The path has other methods.
    pub(super) fn method(allowed: &'static str) -> Self {
        Self::new(Status::Method(allowed), "the path has another method", format!("send {allowed}"))
    }

    /// Whoever asks may not.
    pub(super) fn scope(needed: Scope) -> Self {
        let error = format!("this takes the scope `{}`", super::scope(needed));
        Self::new(Status::Forbidden, error, "use a token or certificate that has it")
    }

    /// The number of its status, and why.
    pub(super) fn told(&self) -> (u16, &str) {
        (self.status.code(), &self.error)
    }

    /// What was named is not there; `known` is.
    pub(super) fn unknown<'k>(what: &str, name: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let known: Vec<&str> = known.into_iter().take(KNOWN).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Self::new(Status::NotFound, format!("there is no {what} `{name}`"), format!("known: {known}"))
    }

    pub(super) fn answer(&self) -> Answer {
        let body = serde_json::to_string(&Body {
            error: &self.error,
            help: &self.help,
            findings: self.findings.as_ref(),
        });
        // Two texts can always be written.
        super::json(self.status, body.unwrap_or_default(), false)
    }
}

impl From<Stranger> for Refused {
    fn from(why: Stranger) -> Self {
        match why {
            Stranger::Unknown => Self::new(
                Status::Unauthorized,
                "nobody knows who asks",
                "send Authorization: Bearer and a token; `sekisho token new` makes one",
            ),
            Stranger::Expired => Self::new(
                Status::Unauthorized,
                "the token has expired",
                "have another made with `sekisho token new`",
            ),
            Stranger::ForeignPage => Self::new(
                Status::Forbidden,
                "a page of another site may not ask here",
                "open the gateway's own address",
            ),
            Stranger::OtherHost => Self::new(
                Status::Misdirected,
                "the gateway does not go by this name",
                "use its address, or add the name to `names` of [admin]",
            ),
        }
    }
}

impl From<Unanswered> for Refused {
    fn from(why: Unanswered) -> Self {
        Self::new(Status::Unavailable, why.to_string(), "try again in a moment; part of it may be done")
    }
}

/// The most names that an explanation lists.
const KNOWN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steering::Refusal;

    #[test]
    fn file_that_was_written_and_not_brought_into_force_is_not_called_unchanged() {
        let why = Box::new(Refusal::Failed("127.0.0.1:80 is in use".to_owned()));
        let refused = Refused::from(Refusal::Written { file: "gateway.toml".into(), epoch: 7, why });
        assert_eq!(refused.status, Status::Conflict);
        assert_eq!(
            refused.error,
            "gateway.toml now has the changes, and could not be brought into force: 127.0.0.1:80 is in use"
        );
        assert!(refused.help.contains("serves as before (epoch 7)") && !refused.help.contains("nothing"));
    }
}
