//! `method`: how a pool chooses.

use sekisho_api::settings::{Problem, Section};
use sekisho_scheduler::{HashKind, Method, ResponseCombine, ResponseSource};

use super::super::context::Context;
use crate::defaults;

/// All methods by name, with the settings of those that have some.
const METHODS: &[Method] = &[
    Method::RoundRobin,
    Method::LeastConnections,
    Method::LeastResponseTime { source: ResponseSource::Both, combine: ResponseCombine::Active },
    Method::LeastBandwidth { window: defaults::BANDWIDTH_WINDOW },
    Method::RandomTwo,
    Method::ConsistentHash(HashKind::Maglev),
    Method::SourceHash,
    Method::FirstAvailable,
];

/// The method; [`Method::RoundRobin`] if none is written, or a wrong one, which is recorded.
pub(super) fn read(pool: &mut Section<'_>, context: &Context<'_>) -> Method {
    let Some((kind, mut section)) = pool.kind("method") else { return Method::RoundRobin };
    let Some(method) = METHODS.iter().copied().find(|method| method.name() == kind.value) else {
        let names: Vec<&str> = METHODS.iter().map(|method| method.name()).collect();
        context.unknown("method", &kind, "there is no such method", &names, "methods");
        return Method::RoundRobin;
    };
    let method = match method {
        Method::LeastResponseTime { source, combine } => Method::LeastResponseTime {
            source: section.word("source", SOURCES).unwrap_or(source),
            combine: section.word("combine", COMBINES).unwrap_or(combine),
        },
        Method::LeastBandwidth { window } => {
            Method::LeastBandwidth { window: section.duration("window", window, defaults::DEADLINE) }
        }
        Method::ConsistentHash(_) => Method::ConsistentHash(hash(&mut section)),
        plain => plain,
    };
    section.finish();
    method
}

const SOURCES: &[(&str, ResponseSource)] =
    &[("probe", ResponseSource::Probe), ("traffic", ResponseSource::Traffic), ("both", ResponseSource::Both)];

const COMBINES: &[(&str, ResponseCombine)] =
    &[("none", ResponseCombine::None), ("active", ResponseCombine::Active)];

fn hash(section: &mut Section<'_>) -> HashKind {
    let bounded = section.word("variant", &[("maglev", false), ("bounded-load", true)]) == Some(true);
    let factor = section.number("factor", defaults::BOUNDED_LOAD_FACTOR, defaults::BOUNDED_LOAD_FACTORS);
    if bounded {
        return HashKind::BoundedLoad(factor);
    }
    if section.has("factor") {
        let message = "`factor` has no effect on this variant";
        let problem = Problem::new(section.place("factor"), message, "`maglev` does not bound the load");
        section.problem(problem.help("add variant = \"bounded-load\""));
    }
    HashKind::Maglev
}
