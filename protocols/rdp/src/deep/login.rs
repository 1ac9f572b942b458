//! What the front half has learned of a client.

use std::fmt;

use sekisho_api::{IdentityRules, Key, KeyKind, Route};
use zeroize::Zeroizing;

use super::pdu::{ClientInfo, ServerIds};

/// A client that has said who its user is.
pub(super) struct Login {
    pub(super) user: ClientInfo,
    /// What said it, password included: a whole packet, by the gateway's identifiers. Wiped when it is dropped.
    pub(super) packet: Zeroizing<Vec<u8>>,
    /// What a server is asked for.
    pub(super) initial: Vec<u8>,
    /// The channels that the client was given.
    pub(super) ids: ServerIds,
    pub(super) can_be_redirected: bool,
}

impl Login {
    /// The route by the login's user; by what was known before, if it names nobody.
    pub(super) fn route(&self, mut route: Route, rules: &IdentityRules) -> Route {
        let Some(key) = self.key(rules) else { return route };
        route.keys.retain(|key| key.kind() != KeyKind::USER);
        route.with_key(Some(key)).known_by("client-info")
    }

    fn key(&self, rules: &IdentityRules) -> Option<Key> {
        let ClientInfo { domain, user, .. } = &self.user;
        let (domain, user) = (domain.trim(), user.trim());
        // A name may bring a domain of its own.
        if domain.is_empty() || user.is_empty() || user.contains(['\\', '/', '@']) {
            return rules.user(user.as_bytes());
        }
        rules.user(format!("{domain}\\{user}").as_bytes())
    }
}

/// Nothing of the packet, which is a password's, nor of the user.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("can_be_redirected", &self.can_be_redirected).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(domain: &str, user: &str) -> Login {
        let user = ClientInfo {
            domain: domain.to_owned(),
            user: user.to_owned(),
            auto_logon: true,
            smart_card: false,
        };
        let (packet, initial) = (Zeroizing::new(b"hunter2".to_vec()), Vec::new());
        Login { user, packet, initial, ids: ServerIds::ours(0), can_be_redirected: true }
    }

    #[test]
    fn user_of_the_login_counts_more_than_the_cookie_and_nobody_counts_less() {
        let rules = IdentityRules { keep_domain: true, ..IdentityRules::default() };
        let cookie = || Route::new().with_key(rules.user(b"old")).known_by("cookie");
        for (domain, user, identity, by) in [
            ("CORP", "Alice", "alice@corp", "client-info"),
            ("", "alice", "alice", "client-info"),
            ("", "CORP\\alice", "alice@corp", "client-info"),
            ("LAB", "alice@corp", "alice@corp", "client-info"),
            ("CORP", "", "old", "cookie"),
            ("", " ", "old", "cookie"),
            ("", "al\u{1}ice", "old", "cookie"),
        ] {
            let route = login(domain, user).route(cookie(), &rules);
            let key = route.key(KeyKind::USER).unwrap();
            assert_eq!((key.expose(), route.by), (identity.as_bytes(), Some(by)), "{domain} {user}");
            assert_eq!(route.keys.len(), 1);
        }
    }

    #[test]
    fn neither_user_nor_password_is_printed() {
        let shown = format!("{:?}", login("CORP", "alice"));
        assert!(!shown.contains("alice") && !shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
