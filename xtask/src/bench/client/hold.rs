//! Connections that rest after one exchange.

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::Outcome;
use super::super::load::{Load, Work};
use super::super::mail::Mail;
use super::super::places::Front;
use super::{Http, Relay, Target, Tls};

/// A connection at rest.
#[expect(dead_code, reason = "what is in it only has to stay open")]
#[derive(Debug)]
pub(crate) enum Held {
    Plain(Http<TcpStream>),
    Tls(Box<Http<Tls>>),
    Relay(Relay),
    Mail(Mail<TcpStream>),
    MailTls(Box<Mail<Tls>>),
}

/// Opens `count` connections, as many at a time as the load has clients, and makes one exchange on each.
pub(crate) async fn hold(load: &Load, count: usize, target: &Target) -> Outcome<Vec<Held>> {
    let Work::Idle(front) = load.work else { return Err("this load holds no connections".to_owned()) };
    let mut tasks = JoinSet::new();
    let clients = load.clients;
    for index in 0..clients {
        let target = target.clone();
        // The first few take what does not divide evenly.
        let share = count / clients + usize::from(index < count % clients);
        tasks.spawn_local(async move {
            let mut held = Vec::with_capacity(share);
            for round in 0..share {
                held.push(open(front, index + round * clients, &target).await?);
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

async fn open(front: Front, user: usize, target: &Target) -> Outcome<Held> {
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
        Front::Imap => {
            let mut mail = Mail::greeted(target.plain(front).await?).await?;
            mail.login(user).await?;
            mail.idle().await?;
            Ok(Held::Mail(mail))
        }
        Front::Imaps => {
            let mut mail = Mail::greeted(target.tls_at(front, b"imap").await?).await?;
            mail.login(user).await?;
            mail.idle().await?;
            Ok(Held::MailTls(Box::new(mail)))
        }
        Front::Rdp | Front::Dns | Front::DnsCached | Front::Dot | Front::Doh => {
            Err("no load holds such connections".to_owned())
        }
    }
}
