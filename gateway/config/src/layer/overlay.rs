//! Laying a layer over a document.

use sekisho_api::settings::{Node, Problem, Span, Table, Value};

use super::{Place, written};

/// Lays the layer's document over the file's. Pure: what comes out is read and checked as if it stood in one file;
/// `warnings` tells of what has no place any more.
///
/// Spans of the layer begin at `start`, behind the file, so that each problem is shown where it stands.
pub(crate) fn overlay(
    mut document: Table,
    layer: &Table,
    start: usize,
    warnings: &mut Vec<Problem>,
) -> Table {
    for (_, _, node) in &layer.entries {
        let Value::List(changes) = &node.value else { continue };
        for change in changes {
            let Value::Table(table) = &change.value else { continue };
            let Some(Value::List(keys)) = table.get("at").map(|at| &at.value) else { continue };
            let Some(place) = written::place(keys) else { continue };
            let span = shifted(&change.span, start);
            match table.get("set") {
                Some(value) => set(&mut document, &place, span, moved(value, start), warnings),
                None => remove(&mut document, &place),
            }
        }
    }
    document
}

fn set(document: &mut Table, place: &Place, span: Span, value: Node, warnings: &mut Vec<Problem>) {
    let keys = place.keys();
    let Some((name, path)) = keys.split_last() else { return };
    if let Place::Server { pool, .. } = place
        && inner(document, &["pool", pool]).is_none()
    {
        let problem =
            Problem::new(span, format!("the {place} is left out"), "the file has no such pool any more");
        warnings.push(problem.help("remove it as well, or put the pool back"));
        return;
    }
    let mut table = document;
    for key in path {
        let missing = !table.entries.iter().any(|(known, ..)| known == key);
        if missing {
            let empty = Node { span: span.clone(), value: Value::Table(Table::default()) };
            table.entries.push(((*key).to_owned(), span.clone(), empty));
        }
        let found = table.entries.iter_mut().find(|(known, ..)| known == key);
        match found.map(|(.., node)| &mut node.value) {
            Some(Value::Table(inner)) => table = inner,
            // A problem of the file, which its reading explains.
            _ => return,
        }
    }
    let entry = ((*name).to_owned(), span, value);
    match table.entries.iter_mut().find(|(known, ..)| known == name) {
        Some(known) => *known = entry,
        None => table.entries.push(entry),
    }
}

fn remove(document: &mut Table, place: &Place) {
    let keys = place.keys();
    let Some((name, path)) = keys.split_last() else { return };
    if let Some(table) = inner(document, path) {
        table.entries.retain(|(known, ..)| known != name);
    }
}

fn inner<'t>(document: &'t mut Table, path: &[&str]) -> Option<&'t mut Table> {
    path.iter().try_fold(document, |table, key| {
        let (.., node) = table.entries.iter_mut().find(|(known, ..)| known == key)?;
        match &mut node.value {
            Value::Table(inner) => Some(inner),
            _ => None,
        }
    })
}

/// The same value, whose places are behind the file.
fn moved(node: &Node, start: usize) -> Node {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(|item| moved(item, start)).collect()),
        Value::Table(table) => {
            let entry = |(key, span, node): &(String, Span, Node)| {
                (key.clone(), shifted(span, start), moved(node, start))
            };
            Value::Table(Table { entries: table.entries.iter().map(entry).collect() })
        }
        other => other.clone(),
    };
    Node { span: shifted(&node.span, start), value }
}

fn shifted(span: &Span, start: usize) -> Span {
    span.start + start..span.end + start
}
