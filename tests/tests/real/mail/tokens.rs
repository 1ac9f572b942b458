//! Who knows whose a token is: the service that Dovecot asks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::dovecot::tokens;

/// Answers questions about tokens until it is dropped.
pub(super) struct Tokens {
    host: u8,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tokens {
    pub(super) fn start(host: u8) -> Self {
        let (listener, stopping) =
            (TcpListener::bind(tokens(host)).unwrap(), Arc::new(AtomicBool::new(false)));
        let stop = stopping.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let _ = stream.and_then(answer);
            }
        });
        Self { host, stopping, thread: Some(thread) }
    }

    /// The token of somebody.
    pub(super) fn of(&self, user: &str) -> String {
        format!("good.{user}")
    }
}

/// Reads a request with `of=TOKEN` in its path, and says whose that is.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => request.extend(&buffer[..read]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let token =
        request.split("of=").nth(1).and_then(|rest| rest.split(['&', ' ']).next()).unwrap_or_default();
    let user = token.strip_prefix("good.").and_then(|rest| rest.split('.').next());
    let body = match user {
        Some(user) => format!("{{\"active\": true, \"username\": \"{user}\"}}"),
        None => "{\"active\": false}".to_owned(),
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Its own connection wakes the loop.
        let _ = TcpStream::connect(tokens(self.host));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
