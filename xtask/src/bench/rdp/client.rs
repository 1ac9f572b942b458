//! A client that connects as a user.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::client::{Homes, Relay, Target};
use super::super::places::Front;
use super::super::{Outcome, failed};
use super::{CONFIRMATION, USERS, confirmed, request};

/// A connection that a server has confirmed.
#[derive(Debug)]
pub(crate) struct Desktop {
    /// The name of the server.
    pub(super) server: u8,
    /// What carries messages now.
    pub(crate) relay: Relay,
}

impl Desktop {
    /// Connects the user with this number.
    pub(crate) async fn connect(number: usize, target: &Target) -> Outcome<Self> {
        let (mut stream, request) = (target.plain(Front::Rdp).await?, request(number));
        stream.write_all(&request).await.map_err(failed("cannot send a request"))?;
        let mut answer = [0; CONFIRMATION];
        stream.read_exact(&mut answer).await.map_err(failed("no confirmation"))?;
        let server = confirmed(&answer, &request).ok_or("the confirmation is not one to this request")?;
        Ok(Self { server, relay: Relay::new(stream) })
    }
}

/// Client number `index` of `clients` connects its share of the users, one after the other, again and again; calls
/// `done` after each.
pub(crate) async fn connections(
    index: usize,
    clients: usize,
    target: &Target,
    mut done: impl FnMut(),
) -> Outcome {
    let mut homes = Homes::default();
    for number in (index..USERS).step_by(clients.max(1)).cycle() {
        homes.meets(number, Desktop::connect(number, target).await?.server)?;
        done();
    }
    Err("there is no user for this client".to_owned())
}
