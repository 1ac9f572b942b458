//! What holds for the requests of one rule in place of what the VIP says.

use std::sync::Arc;

use sekisho_api::Persist;
use sekisho_api::settings::Section;

use crate::keys::{KEYS, Sources};
use crate::options::{HashOn, hash_on};
use crate::retry::Plan;

/// What a rule says itself.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// What its clients are known by.
    pub(crate) persist: Option<(Arc<[Persist]>, Sources)>,
    /// What the hashing methods hash.
    pub(crate) hash_on: Option<HashOn>,
    /// The largest body of a request.
    pub(crate) max_body: Option<u64>,
    /// Whether a token must be shown.
    pub(crate) require_token: Option<bool>,
    /// What is tried again on another server.
    pub(crate) retry: Option<Box<Plan>>,
}

impl Own {
    /// Reads what a rule says of it. What is wrong is recorded and left out.
    pub(super) fn read(section: &mut Section<'_>, pools: &[Arc<str>]) -> Self {
        let persist = section.has("persist").then(|| Persist::among(section, "persist", KEYS)).flatten();
        let limited = section.node("max-body").is_some();
        let max_body = section.size("max-body", 0, 0..=u64::MAX);
        let told = section.has("require-token");
        let require_token = section.flag("require-token", false);
        Self {
            persist: persist.map(|list| {
                let sources = Sources::new(&list, pools);
                (list.into(), sources)
            }),
            hash_on: hash_on(section),
            max_body: limited.then_some(max_body),
            require_token: told.then_some(require_token),
            retry: Plan::read(section),
        }
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.persist.is_none()
            && self.hash_on.is_none()
            && self.max_body.is_none()
            && self.require_token.is_none()
            && self.retry.is_none()
    }
}
