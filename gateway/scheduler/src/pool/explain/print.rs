//! An explanation as a readable table.

use std::fmt;

use sekisho_api::Why;

use super::{Candidate, Explanation, KeyLine, Lookup};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pool {}, method {}", self.pool, self.method)?;
        for KeyLine { kind, lookup } in &self.keys {
            match kind {
                Some(kind) => write!(f, "  {kind}: ")?,
                None => f.write_str("  preference by name: ")?,
            }
            match lookup {
                Lookup::Absent => writeln!(f, "the client has none"),
                Lookup::Preferred(server) => writeln!(f, "names {server}"),
                Lookup::Hit(server) => writeln!(f, "hit, {server}"),
                Lookup::Miss => writeln!(f, "miss"),
            }?;
        }
        let width =
            |of: &dyn Fn(&Candidate) -> usize, least| self.candidates.iter().map(of).fold(least, usize::max);
        let name = width(&|c| c.name.len(), "server".len());
        let address = width(&|c| c.address.to_string().len(), "address".len());
        writeln!(
            f,
            "  {:name$}  {:address$}  {:11}  {:>7}  {:>9}  {:>5}  {:>10}  verdict",
            "server", "address", "state", "weight", "active", "group", "score"
        )?;
        for c in &self.candidates {
            let active = match c.max_connections {
                Some(most) => format!("{}/{most}", c.active),
                None => c.active.to_string(),
            };
            let score = c.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.1}"));
            writeln!(
                f,
                "  {:name$}  {:address$}  {:11}  {:>7.1}  {active:>9}  {:>5}  {score:>10}  {}",
                c.name,
                c.address.to_string(),
                c.state,
                c.weight,
                c.group,
                c.verdict.name()
            )?;
        }
        match &self.chosen {
            Ok((server, why)) => {
                write!(f, "chosen: {server} ({}", why.name())?;
                match why {
                    Why::Persisted(kind) => write!(f, " by {kind})"),
                    Why::Method(method) | Why::Moved(method) => write!(f, ": {method})"),
                    _ => f.write_str(")"),
                }
            }
            Err(why) => write!(f, "no server: {why}"),
        }
    }
}
