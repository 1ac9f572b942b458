//! Whether a subject does its job. A ratio of one that does not is worth nothing.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::client::{Http, Relay, Target};
use super::load::MEGABYTE;
use super::origin::{SMALL, pattern};
use super::places::{Front, SERVERS};
use super::{Outcome, dns, mail, rdp};

/// Checks one front of a subject.
pub(super) async fn front(front: Front, target: &Target) -> Outcome {
    let check = async {
        match front {
            Front::Http => web(front, || target.plain(Front::Http)).await,
            Front::Https => web(front, || target.tls()).await,
            Front::Relay => whole_answers(&mut Relay::new(target.plain(Front::Relay).await?)).await,
            Front::Dns | Front::DnsCached | Front::Dot | Front::Doh => dns::check(front, target).await,
            Front::Imap | Front::Imaps => mail::check(front, target).await,
            Front::Rdp => rdp::check(target).await,
        }
    };
    timeout(PATIENCE, check).await.unwrap_or_else(|_| Err(format!("{front:?}: no answer")))
}

/// Clients without a cookie are spread and given one; with it they stay; the server hears of the client; bodies are
/// whole.
async fn web<S, F>(front: Front, connect: impl Fn() -> F) -> Outcome
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Outcome<S>>,
{
    let mut seen = Vec::new();
    for _ in 0..8 {
        let mut client = Http::new(connect().await?, "/small");
        client.exchange(None).await?;
        if !client.session().sticky() {
            return Err(format!("{front:?}: it inserted no cookie"));
        }
        for _ in 0..8 {
            // Fails by itself if another server answers.
            client.exchange(None).await?;
        }
        client.reconnect(connect().await?).await?;
        client.exchange(None).await?;
        seen.extend(client.session().server());
    }
    if let Some(missing) = SERVERS.iter().find(|server| !seen.contains(&(server.name as u8))) {
        return Err(format!("{front:?}: no new client was sent to server {}", missing.name));
    }
    body(connect().await?, "/small", SMALL).await?;
    body(connect().await?, "/1m", MEGABYTE).await?;
    let mut echo = Vec::new();
    Http::new(connect().await?, "/echo").exchange(Some(&mut echo)).await?;
    let echo = String::from_utf8_lossy(&echo).to_ascii_lowercase();
    if !echo.lines().any(|line| line.starts_with("x-forwarded-for: 127.0.0.1")) {
        return Err(format!("{front:?}: the server was not told the client's address:\n{echo}"));
    }
    Ok(())
}

async fn body<S: AsyncRead + AsyncWrite + Unpin>(stream: S, path: &str, size: u32) -> Outcome {
    let mut body = Vec::new();
    Http::new(stream, path).exchange(Some(&mut body)).await?;
    if body == pattern(size) { Ok(()) } else { Err(format!("the body of {path} did not arrive whole")) }
}

/// Answers are whole, whatever their size, and one connection carries several.
pub(super) async fn whole_answers(client: &mut Relay) -> Outcome {
    for size in [64, 1_000, MEGABYTE, 64, MEGABYTE] {
        let mut answer = Vec::new();
        client.exchange(size, Some(&mut answer)).await?;
        if answer != pattern(size) {
            return Err(format!("an answer of {size} bytes was not relayed whole"));
        }
    }
    Ok(())
}

/// A subject that works needs a small part of it.
const PATIENCE: Duration = Duration::from_secs(20);
