//! From a request to the question that is put to the scheduler.

use std::sync::Arc;

use http::request;
use sekisho_api::{Facts, Route};

use crate::gate::Gates;
use crate::keys::Sources;
use crate::protocol::Settings;
use crate::retry::Plan;
use crate::rules::Rule;
use crate::user::BadToken;

impl Settings {
    /// Where the keys of requests stand that met this rule.
    pub(crate) fn sources<'s>(&'s self, rule: Option<&'s Rule>) -> &'s Sources {
        let own = rule.and_then(|rule| rule.own().persist.as_ref());
        own.map_or(&self.sources, |(_, sources)| sources)
    }

    /// What is tried again of a request that met the rule of this place.
    pub(crate) fn plan(&self, rule: Option<usize>) -> Option<&Plan> {
        let own = rule.and_then(|place| self.rules.get(place)?.own().retry.as_deref());
        own.or(self.retry.plan())
    }

    /// How many connections the servers of the pool of this place may have, where that is limited.
    pub(crate) fn gates(&self, pool: usize) -> Option<&Arc<Gates>> {
        self.pool(pool)?.gates.as_ref()
    }

    /// The route of a request that met this rule.
    ///
    /// # Errors
    /// That a token is required, and why what it brought is none.
    pub(crate) fn route(
        &self,
        rule: Option<&Rule>,
        head: &request::Parts,
        facts: &Facts,
    ) -> Result<Route, BadToken> {
        let sources = self.sources(rule);
        let own = rule.map(Rule::own);
        if own.and_then(|own| own.require_token).unwrap_or(self.users.requires_token()) {
            self.users.check(head)?;
        }
        let user = if sources.has_users() { self.users.find(head) } else { None };
        let pool = rule.and_then(|rule| rule.action().pool(facts.client.ip())).unwrap_or(0);
        let hash_on = own.and_then(|own| own.hash_on.as_ref()).unwrap_or(&self.options.hash_on);
        let mut route = sources.route(pool, head, hash_on, user);
        route.persist = own.and_then(|own| own.persist.as_ref()).map(|(list, _)| list.clone());
        Ok(route)
    }
}
