//! Which server a client was on before.

use std::sync::Arc;

use sekisho_api::{Key, KeyKind, Persist, Prefer, Server, Why};

use super::{Ask, Pool};
use crate::clock::Moment;
use crate::field::Standard;
use crate::server::ServerState;
use crate::spec::OnDown;
use crate::table::{Found, Holds};

/// What is known of a client's own server.
#[derive(Debug)]
pub(super) enum Own {
    /// It has none.
    Unknown,
    /// It has this one, found in this way, which cannot take it.
    Lost(usize, Why),
    /// It has this one, found in this way.
    Known(usize, Why),
}

impl Pool {
    /// Whether the client's user has as many connections as a user may have.
    pub(super) fn user_is_full(&self, ask: &Ask<'_>, now: Moment) -> bool {
        let (Some(limit), Some(key)) = (ask.user_limit, ask.route.key(KeyKind::USER)) else { return false };
        ask.table.open(key, self.name(), now) >= limit
    }

    /// Walks the persistence list; entries found are held. A server named by what the gateway or the operator wrote
    /// comes before the list; a token from a cookie and an address from a protocol's token count where the list has
    /// their kind.
    pub(super) fn own_server(
        &self,
        ask: &Ask<'_>,
        now: Moment,
        holds: &mut Holds,
        standard: Standard,
    ) -> Own {
        let mut own = Own::Unknown;
        let mut consider = |place: Option<usize>, why: Why| match place {
            Some(place) if self.takes_back(place, ask, standard) => {
                own = Own::Known(place, why);
                true
            }
            Some(place) => {
                own = Own::Lost(place, why);
                false
            }
            None => false,
        };
        if let Some(Prefer::Name(name)) = &ask.route.prefer
            && consider(self.by_name.get(&**name).copied(), Why::Preferred)
        {
            return own;
        }
        for persist in ask.persist {
            if consider(self.preferred(persist, ask), Why::Preferred) {
                return own;
            }
            let Some(key) = key(persist, ask).filter(|_| tells(persist, ask)) else { continue };
            let member = |name: &str| self.by_name.get(name).copied();
            if let Found::Member(place, held) = ask.table.find(&key, self.name(), now, member)
                && consider(Some(place), Why::Persisted(key.kind()))
            {
                holds.push(held);
                return own;
            }
        }
        own
    }

    /// Binds every key of the list to the chosen server, so that whichever comes next finds it. A key that is bound
    /// to another usable server of the pool (an address shared by many clients) keeps it.
    pub(super) fn remember(&self, ask: &Ask<'_>, server: &ServerState, now: Moment, holds: &mut Holds) {
        for persist in ask.persist {
            let Some(key) = key(persist, ask) else { continue };
            if holds.has(&key) {
                continue;
            }
            let keep = |name: &str| {
                let place = *self.by_name.get(name)?;
                let stays = || self.takes_back(place, ask, Standard::Usual) || self.is_doubted(place, ask);
                Some(self.spec.on_down == OnDown::Temporary || stays())
            };
            if let Some(held) = ask.table.bind(&key, self.name(), server.name(), now, keep) {
                holds.push(held);
            }
        }
    }

    /// The member that the client's words prefer under this entry of the list.
    pub(super) fn preferred(&self, persist: &Persist, ask: &Ask<'_>) -> Option<usize> {
        match (persist, ask.route.prefer.as_ref()?) {
            // An opened seal stands for the server's own token.
            (Persist::Cookie(_) | Persist::Key(KeyKind::RDP_TOKEN), Prefer::Token(token)) => {
                self.by_token.get(&**token).copied()
            }
            (Persist::Key(kind), Prefer::Address(address)) if carries_address(*kind) => {
                self.by_address.get(address).copied()
            }
            _ => None,
        }
    }

    /// Whether a server takes back a client that was on it. Being full does not count here: the client waits for it.
    pub(super) fn takes_back(&self, place: usize, ask: &Ask<'_>, standard: Standard) -> bool {
        self.servers.get(place).is_some_and(|server| {
            let well = server.takes_returning()
                || match standard {
                    Standard::Usual => false,
                    Standard::Pardon => server.takes_back_pardoned(),
                    Standard::Resort => server.takes_resort(),
                };
            well && !ask.route.exclude.contains(&server.id())
        })
    }

    /// Whether a server that is well has failed this client, and perhaps through what the client said.
    fn is_doubted(&self, place: usize, ask: &Ask<'_>) -> bool {
        let server = self.servers.get(place);
        server.is_some_and(|server| server.takes_returning() && ask.route.doubted.contains(&server.id()))
    }

    /// What stands for the client where it is hashed: what the protocol says, else its first key, else its address.
    pub(super) fn client_hash(&self, ask: &Ask<'_>) -> u64 {
        if let Some(hash) = ask.route.hash {
            return hash;
        }
        let listed = ask.persist.iter().find_map(|persist| key(persist, ask));
        let key = listed.as_deref().or_else(|| ask.route.keys.first());
        crate::method::hash(self.spec.seed, key, ask.client)
    }
}

/// The key that an entry of the list looks up, if the client has it. The inserted cookie is no key: it names its
/// server itself.
pub(super) fn key<'a>(persist: &Persist, ask: &Ask<'a>) -> Option<ClientKey<'a>> {
    match persist {
        Persist::Cookie(_) => None,
        Persist::SourceIp { v4, v6 } => Some(ClientKey::Made(Key::source_ip(ask.client, *v4, *v6))),
        other => ask.route.key(other.kind()).map(ClientKey::Given),
    }
}

/// Whether an entry of the list says anything of this client. Where the address is listed behind the user and the
/// user is known, it does not: whoever came from there before was somebody else, and a whole office behind one
/// address would follow its first user.
pub(super) fn tells(persist: &Persist, ask: &Ask<'_>) -> bool {
    let behind_user = || {
        let before = ask.persist.iter().take_while(|entry| *entry != persist);
        before.into_iter().any(|entry| entry.kind() == KeyKind::USER)
    };
    !(matches!(persist, Persist::SourceIp { .. }) && ask.route.key(KeyKind::USER).is_some() && behind_user())
}

/// A key that the protocol found, or one made of the address.
#[derive(Debug)]
pub(super) enum ClientKey<'a> {
    Given(&'a Key),
    Made(Key),
}

impl std::ops::Deref for ClientKey<'_> {
    type Target = Key;

    fn deref(&self) -> &Key {
        match self {
            Self::Given(key) => key,
            Self::Made(key) => key,
        }
    }
}

/// Kinds whose protocols carry a server's address: the Remote Desktop token, and whatever a plugin brings. The
/// other kinds of the contract say who the client is, and never where it should go.
fn carries_address(kind: KeyKind) -> bool {
    const WHO: [KeyKind; 10] = [
        KeyKind::USER,
        KeyKind::SOURCE_IP,
        KeyKind::COOKIE,
        KeyKind::APP_COOKIE,
        KeyKind::HEADER,
        KeyKind::QUERY,
        KeyKind::SNI,
        KeyKind::CLIENT_SUBNET,
        KeyKind::QNAME,
        KeyKind::CLIENT_QNAME,
    ];
    !WHO.contains(&kind)
}

/// The server as leases hold it.
pub(super) fn as_contract(server: &Arc<ServerState>) -> Arc<dyn Server> {
    Arc::clone(server) as Arc<dyn Server>
}
