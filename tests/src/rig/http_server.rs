//! An HTTP/1.1 server that says its name and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::listener::Listener;
use super::loopback;

/// What arrived: the head's lines and the body.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request line and the fields, as they came.
    pub head: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// The values of a field, in order.
    pub fn field(&self, name: &str) -> Vec<&str> {
        let fields = self.head.iter().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }
}

/// An HTTP/1.1 server that answers each request with its name, and `/slow` after two seconds. `/healthz` is
/// answered and not remembered. While it is broken, all else is answered 503.
#[derive(Debug)]
pub struct HttpServer {
    name: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    broken: Arc<AtomicBool>,
    listener: Listener,
}

impl HttpServer {
    /// A server on an address of its own.
    pub fn start(name: &'static str) -> Self {
        Self::start_at(name, loopback())
    }

    /// A server on a given address.
    ///
    /// # Panics
    /// If the address is taken.
    pub fn start_at(name: &'static str, address: SocketAddr) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let broken = Arc::new(AtomicBool::new(false));
        let (all, is_broken) = (seen.clone(), broken.clone());
        let listener = Listener::start(address, move |stream| _ = serve(name, stream, &all, &is_broken));
        Self { name, seen, broken, listener }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it was asked so far.
    ///
    /// # Panics
    /// If one of its threads did.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Breaks it, or mends it. Its health is not what breaks.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    /// Stops listening and closes what is open.
    pub fn kill(&mut self) {
        self.listener.kill();
    }

    /// Listens again where it did.
    pub fn restart(&mut self) {
        *self = Self::start_at(self.name, self.address());
    }
}

fn serve(
    name: &str,
    mut stream: TcpStream,
    all: &Mutex<Vec<Seen>>,
    broken: &AtomicBool,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let mut seen = Seen { head, body: Vec::new() };
        let length = seen.field("content-length").first().and_then(|n| n.parse().ok()).unwrap_or(0);
        seen.body.resize(length, 0);
        reader.read_exact(&mut seen.body)?;
        let request = seen.head.first().cloned().unwrap_or_default();
        if request.contains(" /slow ") {
            std::thread::sleep(std::time::Duration::from_secs(2));
        }
        let health = request.contains(" /healthz ");
        if !health {
            all.lock().unwrap().push(seen);
        }
        let fails = broken.load(Ordering::Relaxed) && !health;
        let status = if fails { "503 Service Unavailable" } else { "200 OK" };
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nx-server: {name}\r\n\r\n{name}",
            name.len()
        )?;
    }
}
