//! Names in a request, found in the configuration in force.

use std::sync::Arc;

use sekisho_api::Key;
use sekisho_config::Domain;
use sekisho_runtime::Status;
use sekisho_scheduler::{Pool, ServerState, Table};

use super::refused::Refused;
use crate::answer;

/// A persistence domain in force.
pub(super) struct Place<'s> {
    pub(super) domain: &'s Domain,
    pub(super) table: &'s Arc<Table>,
    /// The pools that its VIPs route to.
    pub(super) pools: Vec<Arc<Pool>>,
}

/// A server and its pool.
pub(super) type Member<'s> = (&'s Arc<Pool>, &'s Arc<ServerState>);

/// All domains that a VIP is in, or the one of this name.
pub(super) fn places<'s>(status: &'s Status, name: Option<&str>) -> Result<Vec<Place<'s>>, Refused> {
    let used = |domain: &&Domain| status.config.vips.iter().any(|vip| vip.domain == domain.table.name);
    let domains = status.config.domains.iter().filter(used);
    let wanted = domains.filter(|domain| name.is_none_or(|name| *domain.table.name == *name));
    let places: Vec<_> = wanted.filter_map(|domain| place(status, domain)).collect();
    match name {
        Some(name) if places.is_empty() => Err(Refused::unknown("domain", name, names(status))),
        _ => Ok(places),
    }
}

/// The domain of this name, or the only one.
pub(super) fn the_place<'s>(status: &'s Status, name: Option<&str>) -> Result<Place<'s>, Refused> {
    let mut places = places(status, name)?;
    match (places.pop(), places.is_empty()) {
        (Some(place), true) => Ok(place),
        (None, _) => Err(Refused::new(answer::Status::NotFound, "there is no VIP", "configure one")),
        (Some(_), false) => {
            let known: Vec<&str> = names(status).collect();
            let help = format!("name one of them: {}", known.join(", "));
            Err(Refused::new(answer::Status::BadRequest, "there are several domains", help))
        }
    }
}

fn place<'s>(status: &'s Status, domain: &'s Domain) -> Option<Place<'s>> {
    let mut pools: Vec<Arc<Pool>> = Vec::new();
    let vips = status.config.vips.iter().filter(|vip| vip.domain == domain.table.name);
    for name in vips.flat_map(|vip| &vip.pools) {
        if !pools.iter().any(|pool| pool.name() == name) {
            pools.extend(status.scheduler.pool(name).cloned());
        }
    }
    Some(Place { domain, table: status.scheduler.table(&domain.table.name)?, pools })
}

fn names(status: &Status) -> impl Iterator<Item = &str> {
    let domains = status.config.domains.iter().map(|domain| &*domain.table.name);
    domains.filter(|name| status.config.vips.iter().any(|vip| *vip.domain == **name))
}

impl Place<'_> {
    /// The key of a user in any spelling.
    pub(super) fn user(&self, spelling: &str) -> Result<Key, Refused> {
        self.domain.identity.user(spelling.as_bytes()).ok_or_else(|| {
            Refused::new(
                answer::Status::BadRequest,
                "the user's name is empty or no name",
                "name a user, such as alice",
            )
        })
    }

    /// The servers of this name, in the pools of the domain or the one that is named.
    pub(super) fn servers(&self, pool: Option<&str>, name: &str) -> Result<Vec<Member<'_>>, Refused> {
        let pools = || self.pools.iter().filter(|known| pool.is_none_or(|pool| **known.name() == *pool));
        if let Some(pool) = pool.filter(|_| pools().next().is_none()) {
            return Err(Refused::unknown("pool", pool, self.pools.iter().map(|pool| &**pool.name())));
        }
        let found: Vec<_> = pools().filter_map(|pool| Some((pool, pool.server(name)?))).collect();
        if found.is_empty() {
            let known = pools().flat_map(|pool| pool.servers()).map(|server| &**server.name());
            return Err(Refused::unknown("server", name, known));
        }
        Ok(found)
    }
}

/// A server by its pool's name and its own.
pub(super) fn server<'s>(
    status: &'s Status,
    pool: &str,
    name: &str,
) -> Result<&'s Arc<ServerState>, Refused> {
    let pools = || status.scheduler.pools().iter();
    let Some(found) = status.scheduler.pool(pool) else {
        return Err(Refused::unknown("pool", pool, pools().map(|pool| &**pool.name())));
    };
    found.server(name).ok_or_else(|| {
        Refused::unknown("server", name, found.servers().iter().map(|server| &**server.name()))
    })
}
