//! The audit log: who changed what, from where, and what it was before.
//!
//! One JSON object a line, in a file of its own where the configuration names one, and always in the log and among the
//! events. Which server, pool or VIP it was about stands there; of users only how many.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sekisho_runtime::{Happening, View};
use serde_json::{Value, json};

use crate::caller::{Caller, Policy};
use crate::moment;

/// Where changes are written.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    view: View,
    policy: Arc<Policy>,
}

/// One change, done or refused.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// What was done, in words that scripts can look for.
    pub(crate) action: &'static str,
    /// To what, e.g. `server mail/m1`.
    pub(crate) target: &'a str,
    /// What it was, and what it is; null where that means nothing.
    pub(crate) before: Value,
    pub(crate) after: Value,
}

impl Audit {
    pub(crate) fn new(view: View, policy: Arc<Policy>) -> Self {
        Self { view, policy }
    }

    /// Writes that something was done.
    pub(crate) fn done(&self, caller: &Caller, entry: &Entry<'_>) {
        let Entry { action, target, before, after } = entry;
        tracing::info!(who = caller.who, from = caller.from, action, target, %before, %after, "Operator");
        self.write(caller, action, target, json!({ "before": before, "after": after }));
        let what = Happening::Operator {
            who: caller.who.clone(),
            what: told(action, after),
            target: (*target).to_owned(),
        };
        self.view.tell(what);
    }

    /// Writes that something was asked for, and not done.
    pub(crate) fn refused(&self, caller: &Caller, action: &str, target: &str, status: u16, why: &str) {
        tracing::info!(who = caller.who, from = caller.from, action, target, status, why, "Operator refused");
        self.write(caller, action, target, json!({ "refused": why, "status": status }));
    }

    fn write(&self, caller: &Caller, action: &str, target: &str, more: Value) {
        let settings = self.policy.get();
        let Some(path) = &settings.audit_log else { return };
        let mut line = json!({
            "time": moment::text(SystemTime::now()),
            "who": caller.who,
            "from": caller.from,
            "action": action,
            "target": target,
        });
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        if let Err(error) = append(path, &format!("{line}\n")) {
            tracing::error!(path = %path.display(), %error, "The audit log cannot be written");
        }
    }
}

/// What was done, for those who follow: a server's new state or weight says more than that it was set.
fn told(action: &str, after: &Value) -> String {
    match (action, after) {
        ("state", Value::String(state)) => state.clone(),
        ("weight", weight) => format!("weight {weight}"),
        _ => action.to_owned(),
    }
}

/// Opened each time: changes are few, and whoever rotates the file has nobody to tell.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())
}
