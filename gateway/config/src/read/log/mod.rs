//! Logs: `access-log` and `log-to` of `[gateway]`.

mod format;
#[cfg(test)]
mod tests;
mod traces;

pub(super) use self::traces::read as traces;

use std::path::PathBuf;

use sekisho_api::settings::{Found, Node, Problem, Section, Span, Value};

use super::context::Context;
use crate::defaults;
use crate::model::{AccessLog, Facility, LineFormat, LogFormat, LogTo};

/// Reads `access-log`: a path, a table, or a list of tables.
pub(super) fn access(section: &mut Section<'_>, context: &Context<'_>) -> Vec<AccessLog> {
    let Some(node) = section.node("access-log") else { return Vec::new() };
    let one = [node.clone()];
    let nodes = match &node.value {
        Value::List(nodes) if !nodes.is_empty() => nodes.as_slice(),
        _ => &one,
    };
    if nodes.len() > defaults::LOGS_MAX {
        let label = format!("at most {} logs are written", defaults::LOGS_MAX);
        context.error(Problem::new(node.span.clone(), "there are too many access logs", label));
        return Vec::new();
    }
    let mut logs: Vec<AccessLog> = Vec::new();
    for node in nodes {
        let Some(log) = access_log(node, context) else { continue };
        // By name, which is what metrics tell them apart by.
        if logs.iter().any(|other| other.to.to_string() == log.to.to_string()) {
            let problem =
                Problem::new(node.span.clone(), format!("`{}` is written to twice", log.to), "here");
            context.error(problem.help("one log goes to one place; take one of the two out"));
        }
        logs.push(log);
    }
    logs
}

fn access_log(node: &Node, context: &Context<'_>) -> Option<AccessLog> {
    let plain = |to| AccessLog { to, format: LineFormat::All(LogFormat::Text), sample: 1, max_rate: None };
    match &node.value {
        Value::Text(text) => Some(plain(file(text, LogTo::Stdout, context))),
        Value::Table(table) => {
            let mut table = Section::new(table, node.span.clone(), context.errors);
            let to = receiver(&mut table, LogTo::Stdout, context);
            let format = table.text("format").and_then(|format| format::read(&format, context));
            let sample = table.integer("sample", 1, defaults::SAMPLE);
            let max_rate = table.optional_integer("max-rate", defaults::LINES);
            table.finish();
            let format = format.unwrap_or(LineFormat::All(LogFormat::Text));
            Some(AccessLog { to, format, sample, max_rate })
        }
        other => {
            let label = format!("this is {}", other.kind());
            let message = "`access-log` must be a string or a table, or a list of such";
            let problem = Problem::new(node.span.clone(), message, label);
            context.error(
                problem.help("\"-\" for standard output, a path, or { path = \"…\", format = \"json\" }"),
            );
            None
        }
    }
}

/// Reads `log-to`: a path or a table.
pub(super) fn own(section: &mut Section<'_>, context: &Context<'_>) -> LogTo {
    let Some(node) = section.node("log-to") else { return LogTo::Stderr };
    match &node.value {
        Value::Text(text) => file(text, LogTo::Stderr, context),
        Value::Table(table) => {
            let mut table = Section::new(table, node.span.clone(), context.errors);
            let to = receiver(&mut table, LogTo::Stderr, context);
            table.finish();
            to
        }
        other => {
            let label = format!("this is {}", other.kind());
            let problem = Problem::new(node.span.clone(), "`log-to` must be a string or a table", label);
            context.error(
                problem.help("\"-\" for standard error, a path, or { syslog = \"udp:192.0.2.1:514\" }"),
            );
            LogTo::Stderr
        }
    }
}

/// A file; `-` is what the log has without one.
fn file(text: &str, stream: LogTo, context: &Context<'_>) -> LogTo {
    if text == "-" { stream } else { LogTo::File(context.path(text)) }
}

/// Where a log goes: `path`, `syslog` or `journald`, and what belongs to the latter two.
fn receiver(table: &mut Section<'_>, stream: LogTo, context: &Context<'_>) -> LogTo {
    let places: Vec<Span> = ["path", "syslog", "journald"]
        .into_iter()
        .filter(|key| table.has(key))
        .map(|key| table.place(key))
        .collect();
    if let [_, second, ..] = places.as_slice() {
        let problem = Problem::new(second.clone(), "a log goes to one place", "this is a second one");
        context.error(problem.help("write several tables in a list: access-log = [{ … }, { … }]"));
    }
    let facility = table.word("facility", Facility::NAMES);
    let written = table.text("tag");
    let tag = written.as_ref().map_or_else(|| defaults::TAG.to_owned(), |tag| self::tag(tag, context));
    let path = table.text("path").map(|path| file(path.value, stream.clone(), context));
    let syslog = table.text("syslog").map(|written| (written.value.parse(), written));
    let journald = journald(table);
    if let Some((address, written)) = syslog {
        let Ok(address) = address else {
            let message = format!("`{}` is no syslog receiver", written.value);
            let problem = Problem::new(written.span, message, "not an address with a port, or a path");
            context.error(
                problem.help("write \"udp:192.0.2.1:514\", \"tcp:[2001:db8::1]:601\" or \"unix:/dev/log\""),
            );
            return stream;
        };
        return LogTo::Syslog { address, facility: facility.unwrap_or_default(), tag };
    }
    if facility.is_some() {
        let problem = Problem::new(table.place("facility"), "`facility` is syslog's", "there is no `syslog`");
        context.error(problem.help("add `syslog`, or take `facility` out"));
    }
    if let Some(socket) = journald {
        return LogTo::Journald { socket, tag };
    }
    if let Some(written) = written.filter(|_| !table.has("syslog") && !table.has("journald")) {
        let problem = Problem::new(written.span, "`tag` is for syslog and journald", "there is neither");
        context.error(problem.help("take `tag` out"));
    }
    path.unwrap_or(stream)
}

/// `true`, or the journal's socket where it is elsewhere.
fn journald(table: &mut Section<'_>) -> Option<PathBuf> {
    let node = table.node("journald")?;
    match &node.value {
        Value::Flag(true) => Some(defaults::JOURNAL.into()),
        Value::Flag(false) => None,
        Value::Text(path) if path.starts_with('/') => Some(path.into()),
        _ => {
            let problem = Problem::new(
                node.span.clone(),
                "`journald` must be true, or a path from the root",
                "not that",
            );
            table.problem(problem.help("true is the journal of this machine"));
            None
        }
    }
}

/// RFC 5424, section 6.2.5: APP-NAME.
fn tag(found: &Found<&str>, context: &Context<'_>) -> String {
    let fits = (1..=48).contains(&found.value.len()) && found.value.bytes().all(|b| b.is_ascii_graphic());
    if !fits {
        let label = "1 to 48 visible ASCII characters";
        context.error(Problem::new(found.span.clone(), "`tag` cannot be the name of a sender", label));
    }
    found.value.to_owned()
}
