//! Who it is, and which pool is meant, by a first packet.

use std::net::IpAddr;

use sekisho_api::{KeyKind, Prefer, Route};

use crate::first::First;
use crate::key::Line;
use crate::options::Options;

impl Options {
    /// Who it is, which pool is meant, and how that became known.
    pub(crate) fn route(&self, first: &First<'_>, client: IpAddr) -> Route {
        let line = first.line.map_or(Line::Nothing, Line::read);
        let mut route = Route::new().with_key(line.user(client, &self.rules, &self.identity));
        let known_by = match line {
            // Whether they count is the VIP's `persist` list to say, and they select among the pool's servers at most.
            Line::Token(address) => {
                route.prefer = Some(Prefer::Address(address));
                "token"
            }
            Line::Sealed(token) => {
                route.prefer = Prefer::sealed(token);
                "issued-token"
            }
            Line::Hint(b"") | Line::Nothing => "none",
            Line::Hint(hint) => {
                route.pool = self.pool(hint);
                "hint"
            }
            Line::Cookie(value) if self.rules.is_weak(value) => "weak-cookie",
            Line::Cookie(_) if route.key(KeyKind::USER).is_some() => "cookie",
            Line::Cookie(_) => "none",
        };
        route.known_by(known_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_client_became_known_is_told_apart() {
        for (line, by) in [
            (Some("Cookie: mstshash=alice"), "cookie"),
            (Some("Cookie: mstshash=ACCOUNTING\\x"), "cookie"),
            (Some("Cookie: mstshash=SALES\\som"), "weak-cookie"),
            (Some("Cookie: mstshash="), "none"),
            (Some("Cookie: msts=3640205228.15629.0000"), "token"),
            (Some("Cookie: msts=somewhere"), "none"),
            (Some("Cookie: sekisho=AQEAAAAA"), "issued-token"),
            (Some("tsv://Farm"), "hint"),
            (Some(""), "none"),
            (None, "none"),
        ] {
            let first = First { line: line.map(str::as_bytes), ..First::default() };
            let route = Options::default().route(&first, IpAddr::from([192, 0, 2, 1]));
            assert_eq!(route.by, Some(by), "{line:?}");
        }
    }
}
