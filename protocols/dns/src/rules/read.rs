//! `rules` in the configuration.

use sekisho_api::settings::{Node, Problem, Section, Span, Value};
use sekisho_api::{Networks, VipContext};

use super::suffixes::Suffixes;
use super::{Action, Reason, Rule, Rules};
use crate::text;

impl Rules {
    /// Reads `rules`. What is wrong is recorded and left out.
    pub(crate) fn read(section: &mut Section<'_>, vip: &VipContext<'_>, seed: (u64, u64)) -> Self {
        let items = match section.node("rules") {
            None => return Self::default(),
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                wrong(section, node, "`rules` must be a list of tables");
                return Self::default();
            }
        };
        let mut suffixes = Suffixes::new(seed);
        let (mut rules, mut nameless) = (Vec::new(), Vec::new());
        for item in items {
            let Value::Table(table) = &item.value else {
                wrong(section, item, "a rule must be a table");
                continue;
            };
            let mut one = Section::new(table, item.span.clone(), section.problems());
            let names = names(&mut one);
            if let Some(rule) = rule(&mut one, vip) {
                match names {
                    Some(names) => names.iter().for_each(|name| suffixes.add(name, rules.len())),
                    None => nameless.push(rules.len()),
                }
                rules.push(rule);
            }
            one.finish();
        }
        Self { rules: rules.into(), suffixes, nameless: nameless.into() }
    }
}

fn rule(section: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Rule> {
    let kinds = kinds(section);
    let clients = Networks::read(section, "client");
    Some(Rule { kinds, clients, action: action(section, vip)? })
}

/// The names; none where every name is meant.
fn names(section: &mut Section<'_>) -> Option<Vec<Vec<u8>>> {
    let texts = section.texts("qname")?;
    let mut names = Vec::with_capacity(texts.len());
    for written in texts {
        match text::name(written.value) {
            Ok(name) => names.push(name),
            Err(reason) => {
                section.problem(
                    Problem::new(written.span, format!("`{}` is no name", written.value), reason)
                        .help("write a name such as \"corp.example\"; names below it match as well"),
                );
            }
        }
    }
    Some(names)
}

/// The types; empty where every type is meant.
fn kinds(section: &mut Section<'_>) -> Box<[u16]> {
    let items = match section.node("type") {
        None => return Box::default(),
        Some(Node { value: Value::List(items), .. }) => items.as_slice(),
        Some(node) => std::slice::from_ref(node),
    };
    let kind = |node: &Node| match &node.value {
        Value::Text(text) => text::kind(text),
        Value::Integer(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    let mut kinds = Vec::with_capacity(items.len());
    for item in items {
        match kind(item) {
            Some(kind) => kinds.push(kind),
            None => section.problem(
                Problem::new(item.span.clone(), "this is no type", "not known here")
                    .help("write a name such as \"AAAA\", or a number up to 65535"),
            ),
        }
    }
    kinds.into()
}

fn action(section: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Action> {
    #[derive(Clone, Copy)]
    enum Own {
        Refuse,
        NxDomain,
        Drop,
    }
    let pool = section.text("pool");
    let answer =
        section.word("answer", &[("refused", Own::Refuse), ("nxdomain", Own::NxDomain), ("drop", Own::Drop)]);
    let reason = section.word("reason", &[("blocked", Reason::Blocked), ("filtered", Reason::Filtered)]);
    match (section.has("pool"), section.has("answer")) {
        (true, true) | (false, false) => {
            let message = "a rule either names a pool or answers";
            let problem = Problem::new(section.span(), message, "this one does neither, or both");
            section.problem(problem.help("write `pool = \"NAME\"` or `answer = \"refused\"`"));
            None
        }
        (true, false) => {
            let pool = pool?;
            vip.pool(section, pool.value, pool.span).map(Action::Pool)
        }
        (false, true) => {
            let reason = reason.unwrap_or(Reason::Blocked);
            Some(match answer? {
                Own::Refuse => Action::Refuse(reason),
                Own::NxDomain => Action::NxDomain(reason),
                Own::Drop => Action::Drop,
            })
        }
    }
}

fn wrong(section: &Section<'_>, node: &Node, message: &str) {
    let span: Span = node.span.clone();
    section.problem(Problem::new(span, message, format!("this is {}", node.value.kind())));
}
