//! The audit log: who changed what, from where, and what it was before.
//!
//! One JSON object a line, in a file of its own where the configuration names one, and always in the log and among the
//! events. Which server, pool or VIP it was about stands there; of users only how many. What was asked for and refused is
//! a line as well, also where nobody knows who asked.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sekisho_runtime::{Happening, View};
use serde_json::{Value, json};

use crate::caller::{Caller, Policy};
use crate::moment;

/// Where changes are written.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    view: View,
    policy: Arc<Policy>,
    strangers: Arc<Mutex<Strangers>>,
}

/// How much of what strangers were refused is written: nobody fills a disk without showing who they are.
#[derive(Debug, Default)]
struct Strangers {
    /// When the minute began.
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

/// What was asked for, and is not done.
#[derive(Clone, Debug)]
pub(crate) struct Attempt<'a> {
    /// Who, as far as they have shown; none: a stranger.
    pub(crate) who: Option<&'a str>,
    pub(crate) from: &'a str,
    /// The method and the path, names left out.
    pub(crate) action: &'a str,
    /// The names.
    pub(crate) target: &'a str,
    pub(crate) status: u16,
    pub(crate) why: &'a str,
}

/// One change that was done.
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
        Self { view, policy, strangers: Arc::default() }
    }

    /// Writes that something was done.
    pub(crate) fn done(&self, caller: &Caller, entry: &Entry<'_>) {
        let Entry { action, target, before, after } = entry;
        tracing::info!(who = caller.who, from = caller.from, action, target, %before, %after, "Operator");
        self.write(&caller.who, &caller.from, action, target, json!({ "before": before, "after": after }));
        let what = Happening::Operator {
            who: caller.who.clone(),
            what: told(action, after),
            target: (*target).to_owned(),
        };
        self.view.tell(what);
    }

    /// Writes that something was asked for, and not done.
    pub(crate) fn refused(&self, attempt: &Attempt<'_>, now: Instant) {
        let Attempt { who, from, action, target, status, why } = *attempt;
        let mut more = json!({ "refused": why, "status": status });
        if who.is_none() {
            let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(left_out) = strangers.admit(now) else { return };
            if let (Value::Object(more), 1..) = (&mut more, left_out) {
                more.insert("left_out_before".to_owned(), json!(left_out));
            }
        }
        let who = who.unwrap_or("stranger");
        tracing::info!(who, from, action, target, status, why, "Operator refused");
        self.write(who, from, action, target, more);
    }

    fn write(&self, who: &str, from: &str, action: &str, target: &str, more: Value) {
        let settings = self.policy.get();
        let Some(path) = &settings.audit_log else { return };
        let mut line = json!({
            "time": moment::text(SystemTime::now()),
            "who": who,
            "from": from,
            "action": action,
            "target": target,
        });
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        if let Err(error) = append(path, &visible(&line)) {
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

impl Strangers {
    /// Whether one more is written; if so, how many were not since the one before.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= MINUTE) {
            (self.since, self.written) = (Some(now), 0);
        }
        if self.written >= EACH_MINUTE {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Of strangers.
const EACH_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// A line of the file. What terminals obey, or have letters change places, is spelled out: strangers choose paths.
fn visible(line: &Value) -> String {
    let mut text = String::new();
    for letter in line.to_string().chars() {
        match letter {
            // JSON leaves these as they are, and they are nowhere but in its strings.
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => text.push(letter),
        }
    }
    text.push('\n');
    text
}

/// Opened each time: changes are few, and whoever rotates the file has nobody to tell.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_is_obeyed_by_whatever_shows_it_and_it_says_the_same() {
        let line = json!({ "action": "POST /v1/\u{9b}2J\u{202e}\n\u{1b}\u{7f}\u{2028}", "who": "Jörg" });
        let written = visible(&line);
        assert!(!written.trim_end_matches('\n').chars().any(char::is_control), "{written}");
        assert!(written.contains("\\u009b2J\\u202e") && written.contains("Jörg"), "{written}");
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), line);
    }

    #[test]
    fn what_strangers_are_refused_is_written_so_often_a_minute_and_counted_beyond() {
        let (mut strangers, begin) = (Strangers::default(), Instant::now());
        let written = (0..1000).filter(|_| strangers.admit(begin).is_some()).count();
        assert_eq!(written, EACH_MINUTE as usize);
        assert_eq!(strangers.admit(begin + MINUTE / 2), None);
        assert_eq!(strangers.admit(begin + MINUTE), Some(1001 - u64::from(EACH_MINUTE)));
        assert_eq!(strangers.admit(begin + MINUTE), Some(0));
    }
}
