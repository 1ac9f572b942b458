//! One question to a running gateway, and its answer: HTTP/1.1 over its admin socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

/// The longest answer: the most rows that can be asked for have a fifth of it.
const ANSWER_MAX: u64 = 16 * 1024 * 1024;
/// A gateway answers in milliseconds; one that is stopped in a debugger never does.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longer than an upgrade may take.
const LONG: Duration = Duration::from_secs(60);

/// Where to ask.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    method: &'static str,
    target: String,
    body: String,
    patience: Duration,
}

impl Question {
    /// A look at what stands at this path.
    pub(crate) fn get(path: &str) -> Self {
        Self { method: "GET", target: path.to_owned(), body: String::new(), patience: PATIENCE }
    }

    /// A change.
    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self { method: "POST", target: path.to_owned(), body: body.to_string(), patience: PATIENCE }
    }

    /// The same, for what takes longer than a moment.
    pub(crate) fn patiently(self) -> Self {
        Self { patience: LONG, ..self }
    }

    /// The same, narrowed down where there is a value.
    pub(crate) fn and(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.target.push(if self.target.contains('?') { '&' } else { '?' });
            self.target.push_str(name);
            self.target.push('=');
            self.target.extend(value.bytes().map(escaped));
        }
        self
    }
}

/// A byte of a value in a query (RFC 3986, section 2.1).
fn escaped(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

impl Client {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Asks, and reads the answer.
    pub(crate) fn ask(&self, question: &Question) -> Result<Value, Failure> {
        let answer = self.exchange(question).map_err(|error| self.silent(&error))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| self.strange())?;
        let mut words = head.split(' ');
        let (version, status) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let body: Value = serde_json::from_str(body).map_err(|_| self.strange())?;
        match (version, status) {
            ("HTTP/1.1", "200") => Ok(body),
            ("HTTP/1.1", _) => Err(self.refused(&body)),
            _ => Err(self.strange()),
        }
    }

    /// What was not done, in the gateway's words.
    pub(super) fn refused(&self, body: &Value) -> Failure {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(super::show::clean);
        let findings = super::findings::text(body);
        match text("error") {
            _ if !findings.is_empty() => Failure::Findings(findings),
            Some(error) => Failure::Refused { error, help: text("help").unwrap_or_default() },
            None => self.strange(),
        }
    }

    /// Something else than a gateway answers.
    pub(crate) fn strange(&self) -> Failure {
        Failure::StrangeAnswer { socket: self.socket.clone() }
    }

    fn exchange(&self, question: &Question) -> io::Result<String> {
        let mut answer = String::new();
        self.send(question)?.take(ANSWER_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Asks; the answer is still to be read.
    pub(super) fn send(&self, question: &Question) -> io::Result<UnixStream> {
        let Question { method, target, body, patience } = question;
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(*patience))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    }

    pub(super) fn silent(&self, error: &io::Error) -> Failure {
        let help = match error.kind() {
            io::ErrorKind::NotFound => {
                "is it running, and is this its socket? `--config FILE` takes the one that the file names as `admin`"
            }
            io::ErrorKind::ConnectionRefused => "it is not running: what is there was left behind",
            io::ErrorKind::PermissionDenied => "only root and the user that the gateway runs as may ask it",
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it does not answer in time",
            _ => "is it running?",
        };
        Failure::NoGateway { socket: self.socket.clone(), reason: error.to_string(), help }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_escaped() {
        let question = Question::get("/v1/users").and("user", Some("CORP\\jörg & co")).and("server", None);
        assert_eq!(
            question.and("limit", Some("5")).target,
            "/v1/users?user=CORP%5Cj%C3%B6rg%20%26%20co&limit=5"
        );
    }

    #[test]
    fn nobody_there_is_said_with_a_remedy() {
        let client = Client::new(std::env::temp_dir().join("sekisho-no-such.sock"));
        let failure = client.ask(&Question::get("/v1/vips")).unwrap_err().to_string();
        assert!(failure.contains("sekisho-no-such.sock") && failure.contains("is it running"), "{failure}");
    }
}
