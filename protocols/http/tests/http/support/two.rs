//! A client that speaks HTTP/2.

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Version, response};
use tokio::net::TcpStream;

use super::Rig;

/// One that knows beforehand that it is understood.
pub(crate) async fn two(rig: &Rig) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::task::spawn_local(connection);
    client.ready().await.unwrap()
}

/// A GET with a field, and its answer: the head, and the body unless it broke off.
pub(crate) async fn get2(
    client: &mut SendRequest<Bytes>,
    path: &str,
    (name, value): (&str, &str),
) -> (response::Parts, Result<Vec<u8>, h2::Error>) {
    let uri = format!("http://www.example.org{path}");
    let request = Request::builder().uri(uri).version(Version::HTTP_2).header(name, value).body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let (head, mut body) = response.await.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                body.flow_control().release_capacity(data.len()).unwrap();
                bytes.extend_from_slice(&data);
            }
            Err(error) => return (head, Err(error)),
        }
    }
    (head, Ok(bytes))
}
