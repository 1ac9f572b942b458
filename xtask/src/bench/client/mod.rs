//! The clients: bare protocols, enough to see that the job is done.

mod hold;
mod homes;
mod http;
mod meter;
mod pace;
mod rate;
mod relay;
mod response;
mod streams;
mod target;

pub(super) use hold::hold;
pub(super) use homes::Homes;
pub(super) use http::Http;
pub(super) use meter::Meter;
pub(super) use pace::{Pace, micros_since};
pub(super) use rate::at_rate;
pub(super) use relay::Relay;
pub(super) use target::{Target, Tls};

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::load::{Load, Work};
use super::places::Front;
use super::rdp::Desktop;
use super::{Outcome, dns, mail, rdp};

/// A client that works at fixed moments: its number, how many there are, units per second of all, whom, and where it
/// counts.
type Paced = fn(usize, usize, u32, &Target, &Meter) -> Outcome;

/// Clients at work. Dropping them ends them.
#[derive(Debug)]
pub(super) struct Crew {
    /// What they count.
    pub(super) meter: Arc<Meter>,
    tasks: JoinSet<()>,
}

impl Crew {
    /// Sends the clients of `load` to `target`; returns when each has done its first unit.
    pub(super) async fn start(load: &Load, target: &Target) -> Outcome<Self> {
        let meter = Arc::new(Meter::default());
        let mut tasks = JoinSet::new();
        // Not all at once: a full accept queue would make some wait a second for their SYN to be sent again.
        let gate = Arc::new(Semaphore::new(32));
        for index in 0..load.clients {
            let (meter, target, gate) = (Arc::clone(&meter), target.clone(), Arc::clone(&gate));
            let (work, clients) = (load.work, load.clients);
            let paced: Option<(Paced, u32)> = match work {
                Work::Rate { per_second } => Some((at_rate, per_second)),
                Work::QuestionRate { per_second } => Some((dns::at_rate, per_second)),
                _ => None,
            };
            if let Some((paced, per_second)) = paced {
                tasks.spawn_blocking(move || meter.note(paced(index, clients, per_second, &target, &meter)));
            } else {
                tasks.spawn_local(async move {
                    meter.note(client(work, index, clients, &target, &meter, &gate).await);
                });
            }
        }
        let crew = Self { meter, tasks };
        let all_ready = async {
            while crew.meter.ready() < load.clients {
                crew.meter.faultless()?;
                sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        timeout(PATIENCE, all_ready).await.unwrap_or_else(|_| {
            Err(format!("only {} of {} clients were served", crew.meter.ready(), load.clients))
        })?;
        Ok(crew)
    }

    /// Ends them and hands out what they counted, if all went well.
    pub(super) async fn end(mut self) -> Outcome<Arc<Meter>> {
        self.meter.stop();
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        self.meter.faultless()?;
        Ok(Arc::clone(&self.meter))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.meter.stop();
    }
}

/// Client number `index` of `clients`. It ends only with an error, or because the crew does.
async fn client(
    work: Work,
    index: usize,
    clients: usize,
    target: &Target,
    meter: &Arc<Meter>,
    gate: &Semaphore,
) -> Outcome {
    let permit = gate.acquire().await.map_err(|_| "the gate is closed".to_owned())?;
    match work {
        Work::Requests { front: Front::Https, path } => {
            requests(Http::new(target.tls().await?, path), meter, permit).await
        }
        Work::Requests { front, path } => {
            requests(Http::new(target.plain(front).await?, path), meter, permit).await
        }
        Work::Posts { size } => {
            requests(Http::posting(target.plain(Front::Http).await?, size), meter, permit).await
        }
        Work::Streams { streams } => {
            let requests = streams::Streams::connect(target).await?;
            served(meter, permit);
            requests.run(streams, meter).await
        }
        Work::Connections => {
            let mut http = Http::new(target.plain(Front::Http).await?, "/small");
            http.exchange(None).await?;
            served(meter, permit);
            loop {
                http.reconnect(target.plain(Front::Http).await?).await?;
                http.exchange(None).await?;
                meter.count();
            }
        }
        Work::TlsConnections => {
            let mut http = Http::new(target.tls().await?, "/small");
            http.exchange(None).await?;
            served(meter, permit);
            loop {
                http.reconnect(target.tls().await?).await?;
                http.exchange(None).await?;
                meter.count();
            }
        }
        Work::Messages { answer } => {
            messages(Relay::new(target.plain(Front::Relay).await?), answer, meter, permit).await
        }
        Work::RdpMessages { answer } => {
            messages(Desktop::connect(index, target).await?.relay, answer, meter, permit).await
        }
        Work::Logins => {
            served(meter, permit);
            mail::logins(index, clients, target, || meter.count()).await
        }
        Work::RdpConnections => {
            served(meter, permit);
            rdp::connections(index, clients, target, || meter.count()).await
        }
        Work::RelayConnections => {
            served(meter, permit);
            loop {
                Relay::new(target.plain(Front::Relay).await?).exchange(64, None).await?;
                meter.count();
            }
        }
        Work::Rate { .. } | Work::QuestionRate { .. } | Work::Questions(_) | Work::Idle(_) => {
            Err("this load has no such client".to_owned())
        }
    }
}

async fn requests<S>(mut http: Http<S>, meter: &Meter, permit: SemaphorePermit<'_>) -> Outcome
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    http.exchange(None).await?;
    served(meter, permit);
    loop {
        http.exchange(None).await?;
        meter.count();
    }
}

async fn messages(mut relay: Relay, answer: u32, meter: &Meter, permit: SemaphorePermit<'_>) -> Outcome {
    relay.exchange(answer, None).await?;
    served(meter, permit);
    loop {
        relay.exchange(answer, None).await?;
        meter.count();
    }
}

/// This client works; the next may come.
fn served(meter: &Meter, permit: SemaphorePermit<'_>) {
    meter.arrive();
    drop(permit);
}

/// How long all clients together may take for their first unit.
const PATIENCE: Duration = Duration::from_secs(20);
