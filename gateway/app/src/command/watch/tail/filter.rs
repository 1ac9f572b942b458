//! What of everything that happens is wanted.

use std::collections::HashSet;
use std::net::SocketAddr;

use sekisho_api::Network;
use serde_json::Value;

use super::super::seen::Vip;
use crate::cli::TailOptions;
use crate::command::operator::{Event, word};

/// What is wanted.
pub(super) struct Filter {
    /// The pools of the VIPs that are wanted; none: all.
    pools: Option<HashSet<String>>,
    server: Option<String>,
    client: Option<Network>,
    /// Whether somebody's decisions are wanted. They name nobody, so the gateway is asked for that user's alone.
    user: bool,
}

impl Filter {
    pub(super) fn new(options: &TailOptions, vips: &[Vip]) -> Self {
        let wanted = vips.iter().filter(|vip| options.vips.contains(&vip.name));
        Self {
            pools: (!options.vips.is_empty()).then(|| wanted.flat_map(|vip| vip.pools.clone()).collect()),
            server: options.server.clone(),
            client: options.client,
            user: options.user.is_some(),
        }
    }

    /// Whether nothing but decisions is about whom is wanted.
    pub(super) fn only_decisions(&self) -> bool {
        self.client.is_some() || self.user
    }

    /// Whether this is wanted. `vip` is that of a decision.
    pub(super) fn keeps(&self, vip: Option<&str>, Event { name, data, .. }: &Event) -> bool {
        match (vip, name.as_str()) {
            (Some(_), "decision") => self.decision(data),
            (None, "health") => {
                let (pool, server) = (word(data, "pool"), word(data, "server"));
                self.pools.as_ref().is_none_or(|pools| pools.contains(&pool))
                    && self.is_server(&pool, &server)
            }
            (None, "operator") => match word(data, "target").strip_prefix("server ") {
                Some(place) => {
                    let (pool, server) = place.split_once('/').unwrap_or(("", place));
                    self.pools.as_ref().is_none_or(|pools| pools.contains(pool))
                        && self.is_server(pool, server)
                }
                None => self.server.is_none(),
            },
            (None, "reload") => self.server.is_none(),
            _ => false,
        }
    }

    fn decision(&self, data: &Value) -> bool {
        let client = word(data, "client").parse::<SocketAddr>();
        if let Some(network) = &self.client
            && !client.is_ok_and(|client| network.contains(client.ip()))
        {
            return false;
        }
        let chosen = data.get("server").and_then(Value::as_str).unwrap_or_default();
        self.is_server(&word(data, "pool"), chosen)
    }

    /// Whether it is the server that is wanted, by its name or with its pool.
    fn is_server(&self, pool: &str, server: &str) -> bool {
        self.server.as_deref().is_none_or(|wanted| match wanted.split_once('/') {
            Some(place) => place == (pool, server),
            None => wanted == server,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter() -> Filter {
        Filter { pools: None, server: None, client: None, user: false }
    }

    fn decision(client: &str, server: &str) -> Event {
        let data = json!({ "client": client, "pool": "web", "server": server, "id": 1 });
        Event { id: None, name: "decision".to_owned(), data }
    }

    fn health(pool: &str) -> Event {
        Event { id: None, name: "health".to_owned(), data: json!({ "pool": pool, "server": "www1" }) }
    }

    #[test]
    fn server_is_known_by_its_name_or_with_its_pool() {
        for (wanted, kept) in [("www1", true), ("web/www1", true), ("mail/www1", false), ("www2", false)] {
            let filter = Filter { server: Some(wanted.to_owned()), ..filter() };
            assert_eq!(filter.keeps(Some("web"), &decision("192.0.2.1:5", "www1")), kept, "{wanted}");
            assert_eq!(filter.keeps(None, &health("web")), kept, "{wanted}");
            let reload = Event { id: None, name: "reload".to_owned(), data: json!({}) };
            assert!(!filter.keeps(None, &reload));
        }
    }

    #[test]
    fn client_is_an_address_or_a_network() {
        let filter = Filter { client: Some("192.0.2.0/24".parse().unwrap()), ..filter() };
        assert!(filter.keeps(Some("web"), &decision("192.0.2.9:5", "www1")));
        assert!(!filter.keeps(Some("web"), &decision("192.0.3.9:5", "www1")));
        assert!(!filter.keeps(Some("web"), &decision("nonsense", "www1")));
    }

    #[test]
    fn vip_keeps_what_becomes_of_its_servers() {
        let filter = Filter { pools: Some(HashSet::from(["web".to_owned()])), ..filter() };
        assert!(filter.keeps(None, &health("web")) && !filter.keeps(None, &health("mail")));
        let drained =
            |target: &str| Event { id: None, name: "operator".to_owned(), data: json!({ "target": target }) };
        assert!(filter.keeps(None, &drained("server web/www1")));
        assert!(!filter.keeps(None, &drained("server mail/www1")));
        assert!(filter.keeps(None, &drained("configuration")));
    }
}
