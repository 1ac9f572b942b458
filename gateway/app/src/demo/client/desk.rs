//! A client of the Remote Desktop servers, as far as TLS.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::super::certificate::subject;
use super::{ClientError, connect};

/// What a Remote Desktop client found out.
#[derive(Debug)]
pub(in super::super) struct Desk {
    /// The server that confirmed the request, by its certificate.
    pub(in super::super) server: String,
    /// The client's end of the connection.
    pub(in super::super) local: SocketAddr,
}

/// Asks for a desktop: an X.224 Connection Request with this line before CR LF, or with none (MS-RDPBCGR, section
/// 2.2.1.1), then the offer of TLS and CredSSP; and makes TLS with whoever confirms.
pub(in super::super) fn desk(
    source: IpAddr,
    to: SocketAddr,
    line: &str,
    tls: Arc<ClientConfig>,
) -> Result<Desk, ClientError> {
    let line = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
    let length =
        u8::try_from(line.len() + 19).map_err(|_| ClientError::Response("a line too long to ask"))?;
    let header = [3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0];
    let mut stream = connect(source, to)?;
    let local = stream.local_addr()?;
    stream.write_all(&[&header, line.as_bytes(), &[1, 0, 8, 0, 3, 0, 0, 0]].concat())?;
    let mut confirm = [0; 19];
    stream.read_exact(&mut confirm)?;
    if !matches!(confirm, [_, _, _, _, _, 0xd0, _, _, _, _, _, 2, _, 8, 0, 1, 0, 0, 0]) {
        return Err(ClientError::Response("no Connection Confirm that selects TLS"));
    }
    let mut session = ClientConnection::new(tls, ServerName::try_from("localhost")?)?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    let server = session.peer_certificates().and_then(|chain| subject(chain.first()?));
    let server = server.ok_or(ClientError::Response("no certificate with a name"))?;
    // That it leaves, so that the server need not guess.
    session.send_close_notify();
    session.complete_io(&mut stream)?;
    Ok(Desk { server, local })
}

#[cfg(test)]
mod tests {
    use super::super::super::certificate::Certificate;
    use super::super::super::sample::{Kind, Sample};
    use super::*;

    #[test]
    fn desktop_server_confirms_and_is_known_by_its_certificate() {
        let [other, sample] = ["ts6", "ts7"].map(|name| Sample::start(name, Kind::Desktops).unwrap());
        let source = IpAddr::from([127, 0, 41, 9]);
        let trusted =
            Certificate::client([&other, &sample].into_iter().filter_map(Sample::certificate)).unwrap();
        let desk = desk(source, sample.address(), "Cookie: mstshash=anna", trusted).unwrap();
        assert_eq!((desk.server.as_str(), desk.local.ip()), ("ts7", source));
    }
}
