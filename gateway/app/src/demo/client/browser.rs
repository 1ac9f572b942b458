//! A client of web sites, with a cookie jar and TLS.

use std::io::{BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

use super::jar::Jar;
use super::response::Response;
use super::{ClientError, connect};

/// Whether a browser keeps cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Cookies {
    /// It keeps them and sends them back.
    Kept,
    /// It forgets them at once, as curl does without a jar.
    Forgotten,
}

/// Where a web site is, as a URL would say it.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Place<'a> {
    /// The host in the URL: the `Host` field, and the name asked for in TLS.
    pub(in super::super) host: &'a str,
    /// The address behind it.
    pub(in super::super) address: SocketAddr,
    /// Whether it is `https://`.
    pub(in super::super) tls: bool,
}

/// Somebody who reads web pages.
#[derive(Debug)]
pub(in super::super) struct Browser {
    source: IpAddr,
    cookies: Cookies,
    jar: Jar,
    tls: Arc<ClientConfig>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(in super::super) struct Reply {
    /// The client's end of the connection.
    pub(in super::super) local: SocketAddr,
    /// The status code.
    pub(in super::super) status: u16,
    /// The server that says it answered: its own `X-Server` field.
    pub(in super::super) server: String,
    /// The cookie that came along, with its attributes.
    pub(in super::super) cookie: Option<String>,
    /// The TLS it came through.
    pub(in super::super) tls: Option<Secured>,
}

/// The TLS of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Secured {
    /// `TLSv1.3` and the like.
    pub(in super::super) version: &'static str,
    /// Whether the session of an earlier connection was resumed.
    pub(in super::super) resumed: bool,
}

impl Browser {
    /// Somebody at the address `source`, who trusts what `tls` trusts.
    pub(in super::super) fn new(source: IpAddr, cookies: Cookies, tls: Arc<ClientConfig>) -> Self {
        Self { source, cookies, jar: Jar::default(), tls }
    }

    /// Reads the page `times` times over one connection.
    pub(in super::super) fn get(
        &mut self,
        place: Place<'_>,
        times: usize,
    ) -> Result<Vec<Reply>, ClientError> {
        let stream = connect(self.source, place.address)?;
        let local = stream.local_addr()?;
        if !place.tls {
            let mut reader = BufReader::new(stream);
            return (1..=times).map(|n| self.exchange(&mut reader, place, n == times, local)).collect();
        }
        let name = ServerName::try_from(place.host.to_owned())?;
        let session = ClientConnection::new(self.tls.clone(), name)?;
        let mut reader = BufReader::new(StreamOwned::new(session, stream));
        (1..=times)
            .map(|n| {
                let mut reply = self.exchange(&mut reader, place, n == times, local)?;
                reply.tls = Some(secured(reader.get_ref()));
                Ok(reply)
            })
            .collect()
    }

    fn exchange<S: Read + Write>(
        &mut self,
        reader: &mut BufReader<S>,
        place: Place<'_>,
        last: bool,
        local: SocketAddr,
    ) -> Result<Reply, ClientError> {
        let cookie = self.jar.field().map(|field| format!("cookie: {field}\r\n")).unwrap_or_default();
        let connection = if last { "connection: close\r\n" } else { "" };
        let (host, port) = (place.host, place.address.port());
        let request = format!("GET / HTTP/1.1\r\nhost: {host}:{port}\r\n{cookie}{connection}\r\n");
        reader.get_mut().write_all(request.as_bytes())?;
        reader.get_mut().flush()?;
        let response = Response::read(reader)?;
        if self.cookies == Cookies::Kept {
            response.all("set-cookie").for_each(|field| self.jar.take(field));
        }
        let server = response.field("x-server").unwrap_or_default().to_owned();
        if response.status == 200 && !response.body.starts_with(format!("{server} served GET /.").as_bytes())
        {
            return Err(ClientError::Response("head and page come from different servers"));
        }
        Ok(Reply {
            local,
            status: response.status,
            server,
            cookie: response.field("set-cookie").map(str::to_owned),
            tls: None,
        })
    }
}

fn secured(stream: &StreamOwned<ClientConnection, TcpStream>) -> Secured {
    let version = stream.conn.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    Secured { version, resumed: stream.conn.handshake_kind() == Some(HandshakeKind::Resumed) }
}

#[cfg(test)]
mod tests {
    use super::super::super::certificate::Certificate;
    use super::super::super::sample::{Kind, Sample};
    use super::*;

    #[test]
    fn browser_reads_several_pages_of_a_sample_server_over_one_connection() {
        let sample = Sample::start("www7", Kind::Website).unwrap();
        let tls = Certificate::client([&Certificate::make("localhost").unwrap()]).unwrap();
        let source = IpAddr::from([127, 0, 41, 8]);
        let mut browser = Browser::new(source, Cookies::Kept, tls);
        let place = Place { host: "localhost", address: sample.address(), tls: false };
        let replies = browser.get(place, 3).unwrap();
        assert_eq!(replies.len(), 3);
        for reply in replies {
            assert_eq!((reply.status, reply.server.as_str(), reply.local.ip()), (200, "www7", source));
            assert_eq!((reply.cookie, reply.tls), (None, None));
        }
    }
}
