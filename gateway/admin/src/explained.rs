//! Why a client got its server, as objects of JSON: of a decision that was made, and of one that would be.

use sekisho_api::KeyKind;
use sekisho_scheduler::{Candidate, KeyLine, Lookup};
use serde_json::{Value, json};

/// What persistence found under a kind of key; never the key.
pub fn key(line: &KeyLine) -> Value {
    let (found, server) = match &line.lookup {
        Lookup::Absent => ("absent", None),
        Lookup::Preferred(server) => ("preferred", Some(server)),
        Lookup::Hit(server) => ("hit", Some(server)),
        Lookup::Miss => ("miss", None),
    };
    json!({ "kind": line.kind.map(KeyKind::name), "found": found, "server": server.map(|server| &**server) })
}

/// A server that could have been chosen, and what became of that.
pub fn candidate(candidate: &Candidate) -> Value {
    json!({
        "server": *candidate.name,
        "state": candidate.state.name(),
        "weight": candidate.weight,
        "active": candidate.active,
        "score": candidate.score.filter(|score| score.is_finite()),
        "verdict": candidate.verdict.name(),
    })
}
