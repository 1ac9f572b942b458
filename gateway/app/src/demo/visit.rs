//! One visit of one client: what the server said, and what the gateway's log says.

use std::collections::BTreeMap;

use super::access::Entry;
use crate::table::Table;

/// One visit.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// Who came.
    pub(super) client: String,
    /// The server that says it served.
    pub(super) server: String,
    /// What the access log says.
    pub(super) entry: Entry,
}

impl Visit {
    /// Whether log and server tell the same.
    fn agrees(&self) -> bool {
        self.entry.server.as_deref() == Some(self.server.as_str())
    }
}

/// A table of visits: who landed where, and why. Visits of one client in a row that are alike share a line.
pub(super) fn table(visits: &[Visit]) -> Table<6> {
    let mut table = Table::new(["VIP", "client", "key", "server", "visits", "why"]);
    for alike in visits.chunk_by(|a, b| shown(a) == shown(b)) {
        if let Some(visit) = alike.first() {
            let [vip, client, key, server, why] = shown(visit);
            table.row([vip, client, key, server, alike.len().to_string(), why]);
        }
    }
    table
}

/// The cells of a visit.
fn shown(visit: &Visit) -> [String; 5] {
    let entry = &visit.entry;
    let method = entry.method.as_deref().unwrap_or("its method");
    let key = entry.key.clone().unwrap_or_default();
    let why = match entry.why.as_deref() {
        Some("preferred") => format!("its {} names this server", entry.key.as_deref().unwrap_or("token")),
        Some("persisted") => format!("remembered by its {key}"),
        Some("method") => format!("chosen by {method}"),
        Some("moved") => format!("its own server is gone; chosen by {method}"),
        Some("last-resort") => "no server is up; one is tried all the same".to_owned(),
        Some(other) => other.to_owned(),
        None => String::new(),
    };
    [entry.vip.clone(), visit.client.clone(), key, visit.server.clone(), why]
}

/// How many visits each server had.
pub(super) fn spread(visits: &[Visit]) -> BTreeMap<&str, usize> {
    let mut spread = BTreeMap::new();
    for visit in visits {
        *spread.entry(visit.server.as_str()).or_default() += 1;
    }
    spread
}

/// Claim: each of `servers` servers had `each` visits.
pub(super) fn evenly(visits: &[Visit], servers: usize, each: usize) -> Result<(), String> {
    let spread = spread(visits);
    let even = spread.len() == servers && spread.values().all(|&count| count == each);
    if even { Ok(()) } else { Err(format!("{spread:?}")) }
}

/// Claim: the access log names the server that says it served, for every visit.
pub(super) fn log_agrees(visits: &[Visit]) -> Result<(), String> {
    match visits.iter().find(|visit| !visit.agrees()) {
        None => Ok(()),
        Some(visit) => Err(format!(
            "{} was served by {}, the log says {}",
            visit.client,
            visit.server,
            visit.entry.server.as_deref().unwrap_or("nobody")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(client: &str, server: &str, why: &str, key: Option<&str>) -> Visit {
        let entry = Entry {
            client: "127.0.0.1:1".parse().unwrap(),
            vip: "web".to_owned(),
            server: Some(server.to_owned()),
            why: Some(why.to_owned()),
            method: Some("round-robin".to_owned()),
            key: key.map(str::to_owned),
            known_by: None,
            target: None,
            status: None,
            end: "done".to_owned(),
        };
        Visit { client: client.to_owned(), server: server.to_owned(), entry }
    }

    #[test]
    fn visits_that_are_alike_share_a_line() {
        let visits = [
            visit("anna", "www1", "method", None),
            visit("anna", "www1", "preferred", Some("cookie")),
            visit("anna", "www1", "preferred", Some("cookie")),
            visit("ben", "www2", "moved", Some("source-ip")),
        ];
        let expected = "  VIP  client  key        server  visits  why
  ---  ------  ---------  ------  ------  ---------------------------------------------
  web  anna    -          www1    1       chosen by round-robin
  web  anna    cookie     www1    2       its cookie names this server
  web  ben     source-ip  www2    1       its own server is gone; chosen by round-robin
";
        assert_eq!(table(&visits).to_string(), expected);
    }

    #[test]
    fn spread_is_even_only_if_every_server_is_there() {
        let visits = [visit("a", "www1", "method", None), visit("b", "www2", "method", None)];
        assert_eq!(evenly(&visits, 2, 1), Ok(()));
        assert!(evenly(&visits, 3, 1).is_err());
        assert!(evenly(&visits[..1], 2, 1).is_err());
    }

    #[test]
    fn log_that_names_another_server_is_found() {
        let mut wrong = visit("a", "www1", "method", None);
        assert_eq!(log_agrees(std::slice::from_ref(&wrong)), Ok(()));
        wrong.entry.server = None;
        assert!(log_agrees(&[wrong]).unwrap_err().contains("nobody"));
    }
}
