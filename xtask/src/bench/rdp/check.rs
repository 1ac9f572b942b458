//! Whether a subject brings users back to their servers.

use super::super::Outcome;
use super::super::check::whole_answers;
use super::super::client::{Homes, Target};
use super::super::places::SERVERS;
use super::Desktop;

/// Users are spread, and come back to their servers; what follows is relayed whole.
pub(crate) async fn check(target: &Target) -> Outcome {
    let mut homes = Homes::default();
    for number in (0..16).chain(0..16) {
        homes.meets(number, Desktop::connect(number, target).await?.server)?;
    }
    if let Some(missing) = SERVERS.iter().find(|server| !homes.have(server.name as u8)) {
        return Err(format!("no user was sent to server {}", missing.name));
    }
    whole_answers(&mut Desktop::connect(0, target).await?.relay).await
}
