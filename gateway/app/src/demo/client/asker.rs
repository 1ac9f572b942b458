//! A client that asks DNS servers for their name, as a resolver asks on behalf of others.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use super::{ClientError, PATIENCE, connect};

/// A name that every sample server has something to say about.
const NAME: &[u8] = b"\x06whoami\x04demo\x00";
/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 1232;

/// What a question travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Over {
    Udp,
    Tcp,
}

/// Which server answered, and where the question came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Named {
    pub(in super::super) server: String,
    pub(in super::super) local: SocketAddr,
}

/// Asks once, for a client of the network `subnet`/24.
pub(in super::super) fn ask(to: SocketAddr, subnet: Ipv4Addr, over: Over) -> Result<Named, ClientError> {
    let question = question(1, subnet);
    match over {
        Over::Udp => {
            let socket = socket(to)?;
            let local = socket.local_addr()?;
            socket.send(&question)?;
            let mut answer = [0; ANSWER_MAX];
            let size = socket.recv(&mut answer)?;
            let (_, server) = read(answer.get(..size).unwrap_or_default())?;
            Ok(Named { server, local })
        }
        Over::Tcp => {
            let mut stream = connect(Ipv4Addr::LOCALHOST.into(), to)?;
            let local = stream.local_addr()?;
            let length = u16::try_from(question.len()).map_err(io::Error::other)?;
            stream.write_all(&[&length.to_be_bytes(), question.as_slice()].concat())?;
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut answer)?;
            let (_, server) = read(&answer)?;
            Ok(Named { server, local })
        }
    }
}

/// Sends a question for each of `subnets` at once over UDP. The server that answered each; `None` where none did.
pub(in super::super) fn burst(
    to: SocketAddr,
    subnets: &[Ipv4Addr],
) -> Result<Vec<Option<String>>, ClientError> {
    let socket = socket(to)?;
    for (id, &subnet) in (0..).zip(subnets) {
        socket.send(&question(id, subnet))?;
    }
    let mut servers = vec![None; subnets.len()];
    let mut answer = [0; ANSWER_MAX];
    while servers.contains(&None) {
        let size = match socket.recv(&mut answer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            heard => heard?,
        };
        let (id, server) = read(answer.get(..size).unwrap_or_default())?;
        if let Some(place) = servers.get_mut(usize::from(id)) {
            *place = Some(server);
        }
    }
    Ok(servers)
}

fn socket(to: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// A question for TXT with the client's subnet: header (RFC 1035), OPT record (RFC 6891), option 8 (RFC 7871).
fn question(id: u16, subnet: Ipv4Addr) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    // Recursion desired; one question; one additional record.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    message.extend(NAME);
    // TXT, IN.
    message.extend([0, 16, 0, 1]);
    // The root's OPT: 1232 bytes fit; 11 bytes of options.
    message.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 11]);
    // Client subnet, 7 bytes: IPv4, /24, scope 0.
    message.extend([0, 8, 0, 7, 0, 1, 24, 0]);
    let [a, b, c, _] = subnet.octets();
    message.extend([a, b, c]);
    message
}

/// The id and the text of an answer with one TXT record.
fn read(answer: &[u8]) -> Result<(u16, String), ClientError> {
    let malformed = || ClientError::Response("not a DNS answer");
    let &[high, low, flags, code, ..] = answer else { return Err(malformed()) };
    if flags & 0x80 == 0 {
        return Err(malformed());
    }
    if code & 0x0f != 0 {
        return Err(ClientError::Status(u16::from(code & 0x0f)));
    }
    // The header, the question, and of the record: a pointer, type, class, TTL and length.
    let text = answer.get(12 + NAME.len() + 4 + 12..).ok_or_else(malformed)?;
    let (&length, text) = text.split_first().ok_or_else(malformed)?;
    let text = text.get(..usize::from(length)).ok_or_else(malformed)?;
    Ok((u16::from_be_bytes([high, low]), String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{Kind, Sample};
    use super::*;

    #[test]
    fn name_server_names_itself_over_both_transports_until_it_is_killed() {
        let mut sample = Sample::start("dns7", Kind::Names).unwrap();
        let subnet = Ipv4Addr::new(10, 1, 2, 0);
        for over in [Over::Udp, Over::Tcp] {
            assert_eq!(ask(sample.address(), subnet, over).unwrap().server, "dns7");
        }
        assert_eq!(burst(sample.address(), &[subnet; 9]).unwrap(), vec![Some("dns7".to_owned()); 9]);
        sample.kill();
        for over in [Over::Udp, Over::Tcp] {
            let refused = ask(sample.address(), subnet, over).unwrap_err().to_string();
            assert!(refused.contains("refused"), "{over:?}: {refused}");
        }
        sample.revive().unwrap();
        assert_eq!(ask(sample.address(), subnet, Over::Udp).unwrap().server, "dns7");
    }
}
