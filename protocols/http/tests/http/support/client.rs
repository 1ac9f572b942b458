//! A client that says exact bytes.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection to the gateway.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    ahead: Vec<u8>,
}

/// One answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head, lower-case names as the gateway writes them, with its lines' CR LF.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1);
        lines
            .filter_map(|line| line.split_once(": "))
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
            .collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, ahead: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Says this, if anybody still listens.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Says the same again and again, with a pause behind each time, until an answer begins or nobody listens. How many
    /// bytes were taken, and the status line's beginning, if one came.
    pub(crate) async fn repeat(&mut self, piece: &[u8], pause: Duration) -> (usize, Option<[u8; 12]>) {
        let (mut reader, mut writer) = self.stream.split();
        let (taken, mut head) = (Cell::new(0), [0; 12]);
        let write = async {
            while let Ok(n) = writer.write(piece).await {
                taken.set(taken.get() + n);
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        };
        let answered =
            tokio::select! { () = write => false, read = reader.read_exact(&mut head) => read.is_ok() };
        (taken.get(), answered.then_some(head))
    }

    /// Says that nothing more will come.
    pub(crate) async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// A GET, and its answer.
    pub(crate) async fn get(&mut self, target: &str, fields: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n")).await;
        self.answer("GET").await
    }

    /// Any request, and its answer.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        let method = request.as_ref().split(|&b| b == b' ').next().unwrap();
        let method = String::from_utf8_lossy(method).into_owned();
        self.send(request).await;
        self.answer(&method).await
    }

    /// The next answer, to a request of this method. A connection that ended instead gives status 0.
    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        let mut answer = self.any_answer(method).await;
        while (100..200).contains(&answer.status) {
            answer = self.any_answer(method).await;
        }
        answer
    }

    /// The next answer, be it an interim one.
    pub(crate) async fn any_answer(&mut self, method: &str) -> Answer {
        let Some(end) = self.until(b"\r\n\r\n").await else {
            return Answer {
                status: 0,
                head: String::from_utf8_lossy(&self.ahead).into(),
                body: vec![],
                complete: false,
            };
        };
        let head: String = self.ahead.drain(..end).map(char::from).collect();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new(), complete: true };
        if method == "HEAD" || (100..200).contains(&status) || status == 204 || status == 304 {
            return answer;
        }
        if answer.header("transfer-encoding") == ["chunked"] {
            (answer.body, answer.complete) = self.chunks().await;
        } else if let Some(length) = answer.header("content-length").first() {
            let length: usize = length.parse().unwrap();
            answer.complete = self.fill(length).await;
            answer.body = self.ahead.drain(..length.min(self.ahead.len())).collect();
        } else {
            answer.complete = self.ended().await;
            answer.body = std::mem::take(&mut self.ahead);
        }
        answer
    }

    async fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(end) = self.until(b"\r\n").await else { return (body, false) };
            let line = String::from_utf8(self.ahead.drain(..end).collect()).unwrap();
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
            if size == 0 {
                // Trailers, if any, become part of the body: a test that has some looks for them there.
                while let Some(end) = self.until(b"\r\n").await {
                    let line: Vec<u8> = self.ahead.drain(..end).collect();
                    if line == b"\r\n" {
                        return (body, true);
                    }
                    body.extend(line);
                }
                return (body, false);
            }
            let whole = self.fill(size + 2).await;
            let there = (size + 2).min(self.ahead.len());
            body.extend(self.ahead.drain(..there).take(size));
            if !whole {
                return (body, false);
            }
        }
    }

    /// Whether the connection ended, and cleanly.
    pub(crate) async fn ended(&mut self) -> bool {
        loop {
            match self.read().await {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Everything until the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        self.ended().await;
        String::from_utf8_lossy(&std::mem::take(&mut self.ahead)).into()
    }

    /// What comes until the end of the connection, or for this many milliseconds.
    pub(crate) async fn rest_within(&mut self, milliseconds: u64) -> String {
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), self.ended()).await;
        String::from_utf8_lossy(&std::mem::take(&mut self.ahead)).into()
    }

    /// Reads until `mark` has come; where it ends.
    pub(crate) async fn until(&mut self, mark: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = self.ahead.windows(mark.len()).position(|w| w == mark) {
                return Some(at + mark.len());
            }
            if !matches!(self.read().await, Ok(1..)) {
                return None;
            }
        }
    }

    /// Takes what was read, up to where [`Self::until`] said.
    pub(crate) fn taken(&mut self, end: usize) -> Vec<u8> {
        self.ahead.drain(..end).collect()
    }

    async fn fill(&mut self, length: usize) -> bool {
        while self.ahead.len() < length {
            if !matches!(self.read().await, Ok(1..)) {
                return false;
            }
        }
        true
    }

    async fn read(&mut self) -> std::io::Result<usize> {
        let mut buffer = vec![0; 16 * 1024];
        let n = self.stream.read(&mut buffer).await?;
        self.ahead.extend_from_slice(&buffer[..n]);
        Ok(n)
    }
}
