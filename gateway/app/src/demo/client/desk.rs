//! A client of the Remote Desktop servers, as far as their first answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr};

use super::{ClientError, connect};

/// What a Remote Desktop client found out.
#[derive(Debug)]
pub(in super::super) struct Desk {
    /// The name of the server that confirmed the request.
    pub(in super::super) server: String,
    /// The client's end of the connection.
    pub(in super::super) local: SocketAddr,
}

/// Asks for a desktop: an X.224 Connection Request with this line before CR LF, or with none (MS-RDPBCGR, section
/// 2.2.1.1), then the offer of TLS and CredSSP.
pub(in super::super) fn desk(source: IpAddr, to: SocketAddr, line: &str) -> Result<Desk, ClientError> {
    let line = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
    let length =
        u8::try_from(line.len() + 19).map_err(|_| ClientError::Response("a line too long to ask"))?;
    let header = [3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0];
    let mut stream = connect(source, to)?;
    let local = stream.local_addr()?;
    stream.write_all(&[&header, line.as_bytes(), &[1, 0, 8, 0, 3, 0, 0, 0]].concat())?;
    let mut confirm = [0; 19];
    stream.read_exact(&mut confirm)?;
    if confirm.get(5) != Some(&0xd0) {
        return Err(ClientError::Response("no Connection Confirm"));
    }
    let mut server = String::new();
    BufReader::new(&mut stream).take(256).read_line(&mut server)?;
    Ok(Desk { server: server.trim_end().to_owned(), local })
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{Kind, Sample};
    use super::*;

    #[test]
    fn desktop_server_confirms_and_says_its_name() {
        let sample = Sample::start("ts7", Kind::Desktops).unwrap();
        let source = IpAddr::from([127, 0, 41, 9]);
        let desk = desk(source, sample.address(), "Cookie: mstshash=anna").unwrap();
        assert_eq!((desk.server.as_str(), desk.local.ip()), ("ts7", source));
    }
}
