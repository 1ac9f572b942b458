//! A server whose answers can be checked: each body is a function of its number.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The body of this number and length.
pub(in crate::real) fn body(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

/// A server that answers `/NUMBER/LENGTH` with the body of that number, in chunks for odd numbers, and a POST with what
/// it got.
pub(in crate::real) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Server {
    pub(in crate::real) fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let _ = stream.set_nodelay(true);
                let mut open = serving.open.lock().unwrap();
                open.retain(|stream| stream.take_error().is_ok() && stream.peer_addr().is_ok());
                open.push(stream.try_clone().unwrap());
                drop(open);
                std::thread::spawn(move || {
                    let _ = serve(&stream);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// Stops listening and breaks off what is under way.
    pub(in crate::real) fn kill(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Its own connection wakes the loop.
        let _ = TcpStream::connect(self.address);
        thread.join().unwrap();
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(in crate::real) fn restart(&mut self) {
        if self.thread.is_none() {
            *self = Self::start(self.address);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let (mut line, mut first, mut length) = (String::new(), String::new(), 0usize);
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let text = line.trim_end();
            if first.is_empty() {
                text.clone_into(&mut first);
            } else if text.is_empty() {
                break;
            } else if let Some(value) = text.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut got = vec![0; length];
        reader.read_exact(&mut got)?;
        let mut path = first.split(' ').nth(1).unwrap_or_default().split('/').skip(1).map(str::parse::<u64>);
        let (number, size) = match (path.next(), path.next()) {
            (Some(Ok(number)), Some(Ok(size))) => (number, size as usize),
            _ => (0, 0),
        };
        let content = if first.starts_with("POST ") { got } else { body(number, size) };
        let mut said = Vec::with_capacity(content.len() + 200);
        if number % 2 == 0 {
            write!(said, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len())?;
            said.extend_from_slice(&content);
        } else {
            said.extend_from_slice(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for part in content.chunks(3000) {
                write!(said, "{:x}\r\n", part.len())?;
                said.extend_from_slice(part);
                said.extend_from_slice(b"\r\n");
            }
            said.extend_from_slice(b"0\r\n\r\n");
        }
        writer.write_all(&said)?;
    }
}
