//! A client of HTTP/2: several requests at once over one connection.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use rustls::ClientConfig;

use super::ClientError;
use super::browser::Place;
use super::wire::{run, secured};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Ask {
    /// The host.
    pub(in super::super) host: &'static str,
    /// Path and query.
    pub(in super::super) target: &'static str,
}

/// What came back.
#[derive(Clone, Debug)]
pub(in super::super) struct Told {
    /// The status code.
    pub(in super::super) status: u16,
    /// The server that says it answered; none: nobody but the gateway did.
    pub(in super::super) server: Option<String>,
    /// Where else to look.
    pub(in super::super) location: Option<String>,
    /// The body.
    pub(in super::super) text: String,
}

/// Asks for all of it before the first answer has come. Gives the client's end of the connection and the answers, in the
/// order of the questions.
pub(in super::super) fn at_once(
    source: IpAddr,
    place: Place<'_>,
    tls: &ClientConfig,
    asks: &[Ask],
) -> Result<(SocketAddr, Vec<Told>), ClientError> {
    run(async {
        let (stream, local) = secured(source, place, tls, "h2").await?;
        let (mut client, connection) = h2::client::handshake(stream).await?;
        tokio::task::spawn_local(connection);
        let mut answers = Vec::with_capacity(asks.len());
        for ask in asks {
            client = client.ready().await?;
            let uri = format!("https://{}:{}{}", ask.host, place.address.port(), ask.target);
            let request = Request::builder().version(Version::HTTP_2).uri(uri).body(());
            let request = request.map_err(|_| ClientError::Response("no request"))?;
            answers.push(client.send_request(request, true)?.0);
        }
        let mut told = Vec::with_capacity(asks.len());
        for answer in answers {
            told.push(read(answer.await?).await?);
        }
        Ok((local, told))
    })
}

async fn read(answer: Response<h2::RecvStream>) -> Result<Told, ClientError> {
    let (head, mut body) = answer.into_parts();
    let mut text = Vec::new();
    while let Some(piece) = body.data().await {
        let piece: Bytes = piece?;
        text.extend_from_slice(&piece);
        if text.len() > BODY_MAX {
            return Err(ClientError::Response("the body is too long"));
        }
        body.flow_control().release_capacity(piece.len())?;
    }
    Ok(Told {
        status: head.status.as_u16(),
        server: field(&head.headers, "x-server"),
        location: field(&head.headers, "location"),
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

fn field(fields: &HeaderMap, name: &str) -> Option<String> {
    Some(fields.get(name)?.to_str().ok()?.to_owned())
}

/// The longest body, in bytes.
const BODY_MAX: usize = 1024 * 1024;
