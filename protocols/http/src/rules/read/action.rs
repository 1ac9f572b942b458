//! What becomes of requests that a rule means, in the configuration.

use std::hash::Hasher;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use sekisho_api::VipContext;
use sekisho_api::settings::{Found, Problem, Section, Value};

use super::wrong;
use crate::rules::action::{Action, Fixed, Redirect, Split};
use crate::rules::criteria::Criteria;
use crate::rules::target;

/// Reads what becomes of the requests. A redirect to https is for plain ones alone, whatever else the rule wants.
pub(super) fn read(
    section: &mut Section<'_>,
    vip: &VipContext<'_>,
    place: usize,
    criteria: &mut Criteria,
) -> Option<Action> {
    let keys = ["pool", "split", "redirect", "answer"];
    let given: Vec<&str> = keys.into_iter().filter(|key| section.has(key)).collect();
    if given.len() > 1 {
        let message = format!("a rule cannot have `{}` at once", given.join("` and `"));
        let problem = Problem::new(section.span(), message, "one thing becomes of a request");
        section.problem(problem.help("make two rules of it"));
        keys.into_iter().for_each(|key| _ = section.node(key));
        return None;
    }
    let status = section.optional_integer("status", 100..=599);
    let status_place = section.place("status");
    let body = section.text("body");
    let content_type = section.text("content-type");
    let extra =
        [(status.is_some(), "status"), (body.is_some(), "body"), (content_type.is_some(), "content-type")];
    let allowed: &[&str] = match given.first() {
        Some(&"redirect") => &["status"],
        Some(&"answer") => &["body", "content-type"],
        _ => &[],
    };
    for (_, key) in extra.into_iter().filter(|(there, key)| *there && !allowed.contains(key)) {
        let message = format!("`{key}` has no effect here");
        section.problem(Problem::new(
            section.place(key),
            message,
            "it belongs to an answer of the gateway's own",
        ));
    }
    match given.first() {
        None => Some(Action::Pool(0)),
        Some(&"pool") => {
            let pool = section.text("pool")?;
            vip.pool(section, pool.value, pool.span).map(Action::Pool)
        }
        Some(&"split") => split(section, vip, place).map(Action::Split),
        Some(&"redirect") => {
            let to = section.text("redirect")?;
            let tls = target::https(section, &to);
            if tls.is_some() {
                criteria.scheme = criteria.scheme.or(Some("http"));
            }
            let status = match status.unwrap_or(if tls.is_some() { 308 } else { 302 }) {
                status @ (301 | 302 | 303 | 307 | 308) => StatusCode::from_u16(status as u16).ok()?,
                status => {
                    let problem =
                        Problem::new(status_place, format!("{status} is no redirect"), "not one of these");
                    section.problem(problem.help("one of 301, 302, 303, 307, 308"));
                    return None;
                }
            };
            let to = match tls {
                Some(tls) => tls?,
                None => target::read(section, &to, criteria.path.groups())?,
            };
            Some(Action::Redirect(Redirect { status, to }))
        }
        Some(_) => fixed(section, body, content_type),
    }
}

fn split(section: &mut Section<'_>, vip: &VipContext<'_>, place: usize) -> Option<Split> {
    let table = section.table("split")?;
    let mut pools = Vec::new();
    // Equal on every node: the seed comes from the VIP's name and the rule's place.
    let mut seed = siphasher::sip::SipHasher13::new();
    seed.write(vip.name.as_bytes());
    seed.write_u64(place as u64);
    for (name, span, node) in table.entries() {
        match &node.value {
            Value::Integer(weight @ 0..=1_000_000) => {
                pools.extend(vip.pool(&table, name, span).map(|pool| (pool, *weight as u32)));
            }
            _ => wrong(&table, node, "a pool's share must be a whole number from 0 to 1000000"),
        }
    }
    if pools.iter().all(|(_, weight)| *weight == 0) {
        let problem = Problem::new(table.span(), "nobody gets anything", "at least one share must not be 0");
        section.problem(problem.help("split = { blue = 90, green = 10 }"));
        return None;
    }
    Some(Split { pools: pools.into(), seed: seed.finish() })
}

fn fixed(section: &mut Section<'_>, body: Option<Found<&str>>, kind: Option<Found<&str>>) -> Option<Action> {
    let status = section.optional_integer("answer", 200..=599)?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let empty = matches!(status.as_u16(), 204 | 205 | 304);
    if let Some(body) = body.as_ref().filter(|_| empty) {
        let message = format!("an answer {} has no body", status.as_u16());
        section.problem(Problem::new(body.span.clone(), message, "RFC 9110, section 6.4.1"));
        return None;
    }
    let body = match body {
        Some(body) => Bytes::copy_from_slice(body.value.as_bytes()),
        None if empty => Bytes::new(),
        None => {
            let reason = status.canonical_reason().unwrap_or_default();
            Bytes::from(format!("{} {reason}\n", status.as_u16()))
        }
    };
    let content_type = match kind {
        None => HeaderValue::from_static("text/plain; charset=utf-8"),
        Some(kind) => match HeaderValue::from_str(kind.value) {
            Ok(value) => value,
            Err(_) => {
                section.problem(Problem::new(
                    kind.span,
                    "this is no media type",
                    "one line of text is expected",
                ));
                return None;
            }
        },
    };
    Some(Action::Answer(Fixed { status, content_type, body }))
}
