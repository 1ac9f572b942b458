//! `interface`, and `track`: what a node must have to be fit to serve.

use std::sync::Arc;

use sekisho_api::settings::{Found, Problem, Section, Value};

use super::super::context::Context;
use super::Known;
use crate::defaults;
use crate::model::Track;

/// The interface that the addresses are on.
pub(in super::super) fn interface(section: &mut Section<'_>, context: &Context<'_>) -> Option<String> {
    let written = section.text("interface")?;
    is_name(&written, context).then(|| written.value.to_owned())
}

pub(super) fn read<'a>(vrrp: &mut Section<'a>, known: &Known<'a>, context: &Context<'a>) -> Track {
    let Some(mut section) = vrrp.table("track") else { return Track::default() };
    let interfaces = section.texts("interfaces").unwrap_or_default();
    let vips = section.texts("vips").unwrap_or_default();
    for vip in vips.iter().filter(|vip| !known.vips.contains(&vip.value)) {
        context.unknown("VIP", vip, "no VIP has this name", &known.vips, "there are");
    }
    let track = Track {
        interfaces: interfaces
            .iter()
            .filter(|name| is_name(name, context))
            .map(|name| name.value.to_owned())
            .collect(),
        pools: pools(&mut section, known, context),
        vips: vips.iter().map(|vip| Arc::from(vip.value)).collect(),
    };
    section.finish();
    track
}

/// A list of names, or a table from names to points.
fn pools<'a>(
    section: &mut Section<'a>,
    known: &Known<'a>,
    context: &Context<'a>,
) -> Vec<(Arc<str>, Option<u8>)> {
    let check = |found: &Found<&str>| {
        if known.pools.binary_search(&found.value).is_err() {
            context.unknown("pool", found, "no pool has this name", known.pools, "there are");
        }
    };
    let Some(node) = section.node("pools") else { return Vec::new() };
    let Value::Table(table) = &node.value else {
        let listed = section.texts("pools").unwrap_or_default();
        listed.iter().for_each(check);
        return listed.iter().map(|found| (Arc::from(found.value), None)).collect();
    };
    let mut pools = Vec::new();
    for (name, span, value) in &table.entries {
        check(&Found { value: name.as_str(), span: span.clone() });
        match value.value {
            Value::Integer(points) if (1..=254).contains(&points) => {
                pools.push((Arc::from(name.as_str()), u8::try_from(points).ok()));
            }
            _ => {
                let label = "how many points of priority are lost without a server";
                let message = format!("`{name}` must be a number from 1 to 254");
                let problem = Problem::new(value.span.clone(), message, label);
                context.error(problem.help("to lose all of them, list the pool: pools = [\"web\"]"));
            }
        }
    }
    pools
}

/// Whether the kernel may have an interface of this name.
fn is_name(written: &Found<&str>, context: &Context<'_>) -> bool {
    let allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':');
    let name = written.value;
    let fits = !name.is_empty() && name.len() <= defaults::INTERFACE_NAME && name.chars().all(allowed);
    if !fits || matches!(name, "." | "..") {
        let label = format!("at most {} characters, no slash, colon or space", defaults::INTERFACE_NAME);
        let message = format!("`{name}` cannot be the name of an interface");
        context.error(Problem::new(written.span.clone(), message, label).help("`ip link` lists them"));
        return false;
    }
    true
}
