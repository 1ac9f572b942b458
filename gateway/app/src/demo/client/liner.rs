//! A client of the text line servers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use super::{ClientError, connect};

/// One open connection to a text line server.
#[derive(Debug)]
pub(in super::super) struct Liner {
    stream: BufReader<TcpStream>,
    local: SocketAddr,
    server: String,
}

impl Liner {
    /// Connects from `source`, hears the greeting, says a line and hears it again.
    pub(in super::super) fn connect(source: IpAddr, to: SocketAddr) -> Result<Self, ClientError> {
        let stream = connect(source, to)?;
        let local = stream.local_addr()?;
        let mut liner = Self { stream: BufReader::new(stream), local, server: String::new() };
        let greeting = liner.hear()?;
        greeting.split_whitespace().next().unwrap_or_default().clone_into(&mut liner.server);
        liner.stream.get_mut().write_all(b"hello\n")?;
        if liner.hear()? != format!("{}: hello\n", liner.server) {
            return Err(ClientError::Response("greeted by one server and answered by another"));
        }
        Ok(liner)
    }

    /// The name by which the server greeted.
    pub(in super::super) fn server(&self) -> &str {
        &self.server
    }

    /// The client's end of the connection.
    pub(in super::super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Says good-bye and waits for the server's end of the connection.
    pub(in super::super) fn close(mut self) -> Result<(), ClientError> {
        self.stream.get_mut().write_all(b"\n")?;
        let rest = (&mut self.stream).take(1024).read_to_end(&mut Vec::new())?;
        if rest == 0 { Ok(()) } else { Err(ClientError::Response("bytes behind the last line")) }
    }

    fn hear(&mut self) -> Result<String, ClientError> {
        let mut line = String::new();
        (&mut self.stream).take(1024).read_line(&mut line)?;
        if line.ends_with('\n') { Ok(line) } else { Err(ClientError::Response("a line without an end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{Kind, Sample};
    use super::*;

    #[test]
    fn line_server_greets_its_client_by_its_name() {
        let sample = Sample::start("line7", Kind::Lines).unwrap();
        let source = IpAddr::from([127, 0, 41, 9]);
        let liner = Liner::connect(source, sample.address()).unwrap();
        assert_eq!((liner.server(), liner.local().ip()), ("line7", source));
        liner.close().unwrap();
    }
}
