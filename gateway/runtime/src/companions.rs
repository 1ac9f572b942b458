//! Where the datagrams of clients go that have a stream on the same VIP: to the server of the newest one.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use sekisho_api::{Conversation, Converse, Facts, Fault, Input, Prefer, Route, Server, Step};

/// The newest stream of each client of a VIP, shared by all workers. As many entries as there are streams at most.
#[derive(Debug, Default)]
pub(crate) struct Companions(Mutex<HashMap<IpAddr, Newest>>);

#[derive(Debug)]
struct Newest {
    connection: u64,
    /// The pool, as the VIP counts its own.
    pool: usize,
    server: Arc<str>,
}

impl Companions {
    /// A client's stream belongs to this server now. The entry stays until the guard goes, or a newer one comes.
    pub(crate) fn enter(
        self: &Arc<Self>,
        facts: &Facts,
        pool: usize,
        server: &Arc<dyn Server>,
    ) -> Box<Companion> {
        let (client, connection) = (facts.client.ip(), facts.id);
        self.0.lock().insert(client, Newest { connection, pool, server: server.name().clone() });
        Box::new(Companion { all: self.clone(), client, connection })
    }

    /// Whether a client has a stream.
    pub(crate) fn has(&self, client: IpAddr) -> bool {
        self.0.lock().contains_key(&client)
    }

    /// Where the client's newest stream goes: pool and server.
    fn of(&self, client: IpAddr) -> Option<(usize, Arc<str>)> {
        self.0.lock().get(&client).map(|newest| (newest.pool, newest.server.clone()))
    }
}

/// A client's stream among its [`Companions`].
#[derive(Debug)]
pub(crate) struct Companion {
    all: Arc<Companions>,
    client: IpAddr,
    connection: u64,
}

impl Drop for Companion {
    fn drop(&mut self) {
        let mut all = self.all.0.lock();
        if all.get(&self.client).is_some_and(|newest| newest.connection == self.connection) {
            all.remove(&self.client);
        }
    }
}

/// Opens a flow for the datagrams of a client that has a stream.
#[derive(Debug)]
pub(crate) struct Beside(pub(crate) Arc<Companions>);

impl Converse for Beside {
    fn open(&self, facts: &Facts) -> Box<dyn Conversation> {
        Box::new(Follow { newest: self.0.of(facts.client.ip()) })
    }
}

/// A flow that follows a stream: to its server, or nowhere.
struct Follow {
    newest: Option<(usize, Arc<str>)>,
}

impl Conversation for Follow {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        let Some((pool, server)) = &self.newest else { return Ok(Step::Close) };
        Ok(match input {
            Input::Open(_) => {
                let prefer = Some(Prefer::Name((**server).into()));
                Step::Route(0, Box::new(Route { pool: *pool, prefer, ..Route::new() }))
            }
            Input::Connected(connected) if connected.name == *server => Step::Relay,
            Input::Client(_) | Input::Server(_) | Input::Draining => Step::Wait,
            _ => Step::Close,
        })
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Follow")
    }
}

#[cfg(test)]
mod tests {
    use sekisho_api::{Connected, Observation};

    use super::*;

    #[derive(Debug)]
    struct Named(Arc<str>);

    impl Server for Named {
        fn name(&self) -> &Arc<str> {
            &self.0
        }
        fn address(&self) -> std::net::SocketAddr {
            ([192, 0, 2, 9], 3389).into()
        }
        fn id(&self) -> u64 {
            1
        }
        fn token(&self) -> &str {
            ""
        }
        fn observe(&self, _: Observation, _: std::time::Instant) {}
        fn reusable(&self) -> bool {
            true
        }
        fn release(&self, _: Option<std::time::Instant>) {}
        fn as_any(&self) -> &dyn std::any::Any {
            self
        }
    }

    fn stream(all: &Arc<Companions>, id: u64, server: &str) -> Box<Companion> {
        let facts =
            Facts { id, ..Facts::plain(([192, 0, 2, 1], 5000).into(), ([192, 0, 2, 80], 3389).into()) };
        let server: Arc<dyn Server> = Arc::new(Named(server.into()));
        all.enter(&facts, 0, &server)
    }

    #[test]
    fn newest_stream_of_a_client_counts_as_long_as_it_is_there() {
        let all = Arc::new(Companions::default());
        let client = IpAddr::from([192, 0, 2, 1]);
        let first = stream(&all, 1, "ts1");
        let second = stream(&all, 2, "ts2");
        drop(first);
        assert_eq!(all.of(client), Some((0, "ts2".into())));
        drop(second);
        assert!(!all.has(client));
    }

    #[test]
    fn datagrams_go_to_the_server_of_the_stream_and_to_no_other() {
        let all = Arc::new(Companions::default());
        let _stream = stream(&all, 1, "ts1");
        let facts = Facts::plain(([192, 0, 2, 1], 6000).into(), ([192, 0, 2, 80], 3389).into());
        let mut flow = Beside(all.clone()).open(&facts);
        let Ok(Step::Route(0, route)) = flow.step(Input::Open(&facts)) else { panic!("no route") };
        assert_eq!(route.prefer, Some(Prefer::Name("ts1".into())));
        let connected = |name: &str| Connected { name: name.into(), tls: None, start_tls: false, attempt: 1 };
        assert!(matches!(flow.step(Input::Connected(&connected("ts1"))), Ok(Step::Relay)));
        assert!(matches!(flow.step(Input::Connected(&connected("ts2"))), Ok(Step::Close)));
        let stranger = Facts::plain(([192, 0, 2, 2], 6000).into(), facts.local);
        assert!(matches!(Beside(all).open(&stranger).step(Input::Open(&stranger)), Ok(Step::Close)));
    }
}
