//! Whether a subject brings users to their servers.

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::Outcome;
use super::super::client::{Homes, Target};
use super::super::places::{Front, SERVERS};
use super::{Mail, user};

/// Checks one front.
pub(crate) async fn check(front: Front, target: &Target) -> Outcome {
    match front {
        Front::Imaps => users(|| target.tls_at(front, b"imap")).await,
        _ => users(|| target.plain(front)).await,
    }
}

/// Users are spread, and come back to their servers; IDLE reaches the server; a wrong password opens nothing.
async fn users<S, F>(connect: impl Fn() -> F) -> Outcome
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Outcome<S>>,
{
    let mut homes = Homes::default();
    for number in (0..16).chain(0..16) {
        let mut client = Mail::greeted(connect().await?).await?;
        homes.meets(number, client.login(number).await?)?;
        client.logout().await?;
    }
    if let Some(missing) = SERVERS.iter().find(|server| !homes.have(server.name as u8)) {
        return Err(format!("no user was sent to server {}", missing.name));
    }
    let mut client = Mail::greeted(connect().await?).await?;
    client.login(0).await?;
    client.idle().await?;
    let mut stranger = Mail::greeted(connect().await?).await?;
    // Some close instead of saying no.
    match stranger.authenticate(&user(0), "a guess").await {
        Ok(verdict) if verdict.starts_with("a OK") => Err("a wrong password was good enough".to_owned()),
        _ => Ok(()),
    }
}
