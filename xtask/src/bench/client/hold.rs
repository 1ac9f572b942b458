//! Connections that rest after one exchange.

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::Outcome;
use super::super::load::{Load, Work};
use super::super::places::Front;
use super::{Http, Relay, Target, Tls};

/// A connection at rest.
#[expect(dead_code, reason = "what is in it only has to stay open")]
#[derive(Debug)]
pub(crate) enum Held {
    Plain(Http<TcpStream>),
    Tls(Box<Http<Tls>>),
    Relay(Relay),
}

/// Opens `count` connections, as many at a time as the load has clients, and makes one exchange on each.
pub(crate) async fn hold(load: &Load, count: usize, target: &Target) -> Outcome<Vec<Held>> {
    let Work::Idle(front) = load.work else { return Err("this load holds no connections".to_owned()) };
    let mut tasks = JoinSet::new();
    for index in 0..load.clients {
        let target = target.clone();
        // The first few take what does not divide evenly.
        let share = count / load.clients + usize::from(index < count % load.clients);
        tasks.spawn_local(async move {
            let mut held = Vec::with_capacity(share);
            for _ in 0..share {
                held.push(open(front, &target).await?);
            }
            Ok(held)
        });
    }
    tasks
        .join_all()
        .await
        .into_iter()
        .collect::<Outcome<Vec<Vec<Held>>>>()
        .map(|all| all.into_iter().flatten().collect())
}

async fn open(front: Front, target: &Target) -> Outcome<Held> {
    match front {
        Front::Http => {
            let mut http = Http::new(target.plain(front).await?, "/small");
            http.exchange(None).await?;
            Ok(Held::Plain(http))
        }
        Front::Https => {
            let mut http = Http::new(target.tls().await?, "/small");
            http.exchange(None).await?;
            Ok(Held::Tls(Box::new(http)))
        }
        Front::Relay => {
            let mut relay = Relay::new(target.plain(front).await?);
            relay.exchange(64, None).await?;
            Ok(Held::Relay(relay))
        }
        Front::Dns | Front::DnsCached | Front::Dot | Front::Doh => {
            Err("no load holds such connections".to_owned())
        }
    }
}
