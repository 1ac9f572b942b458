//! A client of IMAP servers, as far as the list of mailboxes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{ClientError, connect};

/// Somebody with a mail program.
#[derive(Clone, Debug)]
pub(in super::super) struct Mailer {
    /// Where it is.
    pub(in super::super) source: IpAddr,
    /// What it trusts.
    pub(in super::super) tls: Arc<ClientConfig>,
    /// TLS begins when it is asked for, not with the first byte.
    pub(in super::super) starts_tls: bool,
}

/// What a mail program found out.
#[derive(Debug)]
pub(in super::super) struct Mailbox {
    /// The name of the server that has the mailbox; none if the login was refused.
    pub(in super::super) server: Option<String>,
    /// What the login was answered.
    pub(in super::super) verdict: String,
    /// The client's end of the connection.
    pub(in super::super) local: SocketAddr,
}

impl Mailer {
    /// Logs in, looks at the list of mailboxes, and leaves.
    pub(in super::super) fn look(
        &self,
        host: &str,
        to: SocketAddr,
        user: &str,
        password: &str,
    ) -> Result<Mailbox, ClientError> {
        let mut stream = connect(self.source, to)?;
        let local = stream.local_addr()?;
        if self.starts_tls {
            start_tls(&mut stream)?;
        }
        let name = ServerName::try_from(host.to_owned())?;
        let session = ClientConnection::new(self.tls.clone(), name)?;
        let mut secured = BufReader::new(StreamOwned::new(session, stream));
        if !self.starts_tls {
            line(&mut secured)?;
        }
        let login = format!("a LOGIN \"{user}\" {{{}+}}\r\n{password}", password.len());
        let verdict = ask(&mut secured, "a", &login)?.pop().unwrap_or_default();
        let accepted = verdict.starts_with("a OK");
        let listed = if accepted { ask(&mut secured, "b", "b LIST \"\" *")? } else { Vec::new() };
        let server = listed.first().and_then(|line| line.split('"').nth_back(1)).map(str::to_owned);
        ask(&mut secured, "c", "c LOGOUT")?;
        Ok(Mailbox { server, verdict, local })
    }
}

/// Reads the greeting and asks for TLS. Nothing is read ahead: what follows the answer is the handshake.
fn start_tls(stream: &mut TcpStream) -> Result<(), ClientError> {
    let mut unbuffered = BufReader::with_capacity(1, stream);
    let greeting = line(&mut unbuffered)?;
    if !greeting.contains("STARTTLS") || !greeting.contains("LOGINDISABLED") {
        return Err(ClientError::Response("a login in clear is not refused"));
    }
    let answer = ask(&mut unbuffered, "t", "t STARTTLS")?;
    match answer.last() {
        Some(answer) if answer.starts_with("t OK") => Ok(()),
        _ => Err(ClientError::Response("TLS is not started")),
    }
}

/// Says a command; the lines up to its answer.
fn ask<S: Read + Write>(
    stream: &mut BufReader<S>,
    tag: &str,
    command: &str,
) -> Result<Vec<String>, ClientError> {
    stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
    stream.get_mut().flush()?;
    let mut lines = Vec::new();
    while lines.len() < 16 {
        let line = line(stream)?;
        let last = line.split(' ').next() == Some(tag);
        lines.push(line);
        if last {
            return Ok(lines);
        }
    }
    Err(ClientError::Response("too many lines"))
}

fn line(stream: &mut impl BufRead) -> Result<String, ClientError> {
    let mut line = String::new();
    stream.take(1024).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(ClientError::Response("a line without an end")),
    }
}
