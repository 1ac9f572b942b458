//! `rules` in the configuration.

mod action;
mod criteria;
mod edits;

pub(crate) use edits::is_framing;
use std::sync::atomic::AtomicU64;

use sekisho_api::VipContext;
use sekisho_api::settings::{Node, Problem, Section, Value};

use super::action::Action;
use super::criteria::Criteria;
use super::own::Own;
use super::{Rule, Rules};

impl Rules {
    /// Reads `rules`. What is wrong is recorded and left out.
    pub(crate) fn read(section: &mut Section<'_>, vip: &VipContext<'_>) -> Self {
        let items = match section.node("rules") {
            None => return Self::default(),
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                wrong(section, node, "`rules` must be a list of tables");
                return Self::default();
            }
        };
        let mut rules = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let Value::Table(table) = &item.value else {
                wrong(section, item, "a rule must be a table");
                continue;
            };
            let mut one = Section::new(table, item.span.clone(), section.problems());
            rules.extend(rule(&mut one, vip, place));
            one.finish();
        }
        Self::new(rules)
    }
}

fn rule(section: &mut Section<'_>, vip: &VipContext<'_>, place: usize) -> Option<Rule> {
    let name = name(section);
    let mut criteria = Criteria::read(section);
    criteria.scheme = section.word("scheme", &[("http", "http"), ("https", "https")]);
    let edits = edits::read(section);
    let own = Own::read(section, vip.pools);
    let action = action::read(section, vip, place, &mut criteria)?;
    if matches!(action, Action::Redirect(_) | Action::Answer(_)) && !own.is_empty() {
        let keys = ["persist", "hash-on", "max-body", "require-token", "retry"];
        for key in keys.into_iter().filter(|key| section.has(key)) {
            let message = format!("`{key}` has no effect here");
            let label = "no server gets what the gateway answers itself";
            section.problem(Problem::new(section.place(key), message, label));
        }
    }
    let edits = (!edits.is_empty()).then(|| Box::new(edits));
    Some(Rule {
        number: (place + 1).to_string().into(),
        name,
        place: section.span(),
        criteria,
        action,
        edits,
        own,
        met: AtomicU64::default(),
    })
}

/// Its name, which logs and `sekisho explain` show.
fn name(section: &mut Section<'_>) -> Option<Box<str>> {
    let name = section.text("name")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.value.is_empty() || name.value.len() > 64 || !name.value.bytes().all(fits) {
        let message = format!("`{}` cannot be the name of a rule", name.value);
        let label = "letters, digits, `-`, `_` and `.`, at most 64 of them";
        section.problem(Problem::new(name.span, message, label));
        return None;
    }
    Some(name.value.into())
}

fn wrong(section: &Section<'_>, node: &Node, message: &str) {
    section.problem(Problem::new(node.span.clone(), message, format!("this is {}", node.value.kind())));
}
