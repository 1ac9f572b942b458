//! What every reader needs at hand.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sekisho_api::settings::{Found, Node, Problem, Problems, Section, Span, Value, nearest};

use crate::defaults;
use crate::registry::Registry;

/// The most problems that get a remedy that has to be looked for, and the most names in one.
const REMEDIES: usize = 100;
const LISTED: usize = 30;

/// The address of a host, asked for together with a port.
pub(crate) type Resolve = fn(&str, u16) -> Option<SocketAddr>;

/// What every reader needs at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The folder that relative paths start from.
    pub(crate) base: &'a Path,
    pub(crate) registry: &'a Registry,
    pub(crate) now: SystemTime,
    pub(crate) resolve: Resolve,
    pub(crate) errors: &'a Problems,
    pub(crate) warnings: &'a Problems,
}

impl Context<'_> {
    pub(crate) fn error(&self, problem: Problem) {
        self.errors.push(problem);
    }

    pub(crate) fn warn(&self, problem: Problem) {
        self.warnings.push(problem);
    }

    /// Records that `found` names no `what`; `listed` says what `known` is, in front of it.
    pub(crate) fn unknown(&self, what: &str, found: &Found<&str>, label: &str, known: &[&str], listed: &str) {
        let problem = Problem::new(found.span.clone(), format!("unknown {what} `{}`", found.value), label);
        if self.errors.len() > REMEDIES {
            // Looking for the nearest name is work; nobody reads that many remedies.
            return self.error(problem);
        }
        let mut names: Vec<&str> = known.to_vec();
        names.sort_unstable();
        let near = nearest(found.value, names.iter().copied());
        let more = names.len().saturating_sub(LISTED);
        names.truncate(LISTED);
        let mut help = match names.is_empty() {
            true => format!("{listed}: none"),
            false => format!("{listed}: {}", names.join(", ")),
        };
        if more > 0 {
            help = format!("{help} and {more} more");
        }
        if let Some(near) = near {
            help = format!("did you mean `{near}`? {help}");
        }
        self.error(problem.help(help));
    }

    pub(crate) fn path(&self, written: &str) -> PathBuf {
        self.base.join(written)
    }
}

/// The name of a VIP, pool, server or domain, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) text: &'a str,
    pub(crate) span: Span,
}

/// The tables `[key.NAME]`, in the order of the file. What is not a table or not a name is a problem and left out.
pub(crate) fn named<'a>(
    section: &mut Section<'a>,
    key: &'static str,
    context: &Context<'a>,
) -> Vec<(Name<'a>, Section<'a>)> {
    let mut found = Vec::new();
    let tables = match section.node(key) {
        None => return found,
        Some(Node { span, value: Value::Table(tables) }) => {
            Section::new(tables, span.clone(), context.errors)
        }
        Some(Node { span, value }) => {
            let message = format!("`{key}` must be a table of tables");
            let problem = Problem::new(span.clone(), message, format!("this is {}", value.kind()));
            context.error(problem.help(format!("name each: `[{key}.NAME]`, and write its keys below")));
            return found;
        }
    };
    for (name, span, node) in tables.entries() {
        let name = Name { text: name, span };
        name.check(key, context);
        match &node.value {
            Value::Table(table) => found.push((name, Section::new(table, node.span.clone(), context.errors))),
            other => context.error(
                Problem::new(
                    node.span.clone(),
                    format!("`{key}.{}` must be a table", name.text),
                    format!("this is {}", other.kind()),
                )
                .help(format!("name it: `[{key}.NAME]`, and write its keys below")),
            ),
        }
    }
    found
}

impl Name<'_> {
    /// Records a problem if it is no name.
    pub(crate) fn check(&self, what: &str, context: &Context<'_>) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !self.text.is_empty() && self.text.len() <= defaults::NAME_MAX && self.text.chars().all(allowed) {
            return;
        }
        let label = format!("letters, digits, `-`, `_` and `.`, at most {} of them", defaults::NAME_MAX);
        let what = if what == "vip" { "VIP" } else { what };
        let message = format!("`{}` cannot be the name of a {what}", self.text);
        context.error(Problem::new(self.span.clone(), message, label));
    }
}
