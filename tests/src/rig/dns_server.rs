//! A scripted DNS server over UDP and TCP, and the few messages that scripts need.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::listener::Listener;
use super::loopback;

/// What a query came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DnsOver {
    /// A datagram.
    Udp,
    /// A connection.
    Tcp,
}

/// A query as the server saw it.
#[derive(Clone, Debug)]
pub struct DnsSeen {
    /// What it came over.
    pub over: DnsOver,
    /// Where it came from.
    pub from: SocketAddr,
    /// All of it.
    pub message: Vec<u8>,
}

/// The way back to whoever asked; may be kept, and used as often as the script likes.
#[derive(Clone, Debug)]
pub struct DnsReply(Way);

#[derive(Clone, Debug)]
enum Way {
    Udp(Arc<UdpSocket>, SocketAddr),
    Tcp(Arc<TcpStream>),
}

impl DnsReply {
    /// Sends a message. Nobody may be there any more: that is not the server's business.
    pub fn send(&self, message: &[u8]) {
        match &self.0 {
            Way::Udp(socket, to) => drop(socket.send_to(message, to)),
            // One write: messages of several threads do not mix.
            Way::Tcp(stream) => drop((&**stream).write_all(&framed(message))),
        }
    }

    /// Closes the connection, if it is one.
    pub fn close(&self) {
        if let Way::Tcp(stream) = &self.0 {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

type Script = Arc<dyn Fn(&DnsSeen, &DnsReply) + Send + Sync>;

/// A DNS server on one address over UDP and TCP, whose script is run for each query in turn; each connection has a
/// turn of its own.
pub struct DnsServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<DnsSeen>>>,
    script: Script,
    running: Option<Running>,
}

struct Running {
    stopping: Arc<AtomicBool>,
    socket: Arc<UdpSocket>,
    thread: JoinHandle<()>,
    _listener: Listener,
}

impl DnsServer {
    /// A server on an address of its own that does what the script says.
    pub fn start(script: impl Fn(&DnsSeen, &DnsReply) + Send + Sync + 'static) -> Self {
        Self::start_at(loopback(), script)
    }

    /// The same on a given address.
    ///
    /// # Panics
    /// If the address is taken.
    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&DnsSeen, &DnsReply) + Send + Sync + 'static,
    ) -> Self {
        let mut server = Self { address, seen: Arc::default(), script: Arc::new(script), running: None };
        server.restart();
        server
    }

    /// A server that answers everything with a TXT record of its name, which holds for a minute.
    pub fn naming(name: &'static str) -> Self {
        Self::start(move |seen, reply| reply.send(&dns_answer(&seen.message, 60, name)))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<DnsSeen> {
        self.seen.lock().unwrap().clone()
    }

    /// How often it was asked so far.
    pub fn asked(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Closes its socket and its connections and listens no more.
    pub fn kill(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.stopping.store(true, Ordering::SeqCst);
        // Its own datagram wakes the loop.
        let waker = UdpSocket::bind((self.address.ip(), 0)).unwrap();
        while !running.thread.is_finished() {
            let _ = waker.send_to(&[], self.address);
            std::thread::yield_now();
        }
        running.thread.join().unwrap();
        drop(running.socket);
    }

    /// Listens where it did.
    pub fn restart(&mut self) {
        let stopping = Arc::new(AtomicBool::new(false));
        let socket = Arc::new(UdpSocket::bind(self.address).unwrap());
        let (seen, script) = (self.seen.clone(), self.script.clone());
        let listener = Listener::start(self.address, {
            let (seen, script) = (seen.clone(), script.clone());
            move |stream| serve(stream, &seen, &script)
        });
        let thread = std::thread::spawn({
            let (stopping, socket) = (stopping.clone(), socket.clone());
            move || {
                let mut buffer = vec![0; 65_536];
                while !stopping.load(Ordering::SeqCst) {
                    let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                    if length > 0 {
                        let message = buffer[..length].to_vec();
                        let way = DnsReply(Way::Udp(socket.clone(), from));
                        play(&seen, &script, &DnsSeen { over: DnsOver::Udp, from, message }, &way);
                    }
                }
            }
        });
        self.running = Some(Running { stopping, socket, thread, _listener: listener });
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<DnsSeen>>, script: &Script) {
    let Ok(from) = stream.peer_addr() else { return };
    let _ = stream.set_nodelay(true);
    let stream = Arc::new(stream);
    let way = DnsReply(Way::Tcp(stream.clone()));
    while let Some(message) = read_framed(&mut &*stream) {
        play(seen, script, &DnsSeen { over: DnsOver::Tcp, from, message }, &way);
    }
    way.close();
}

fn play(seen: &Mutex<Vec<DnsSeen>>, script: &Script, query: &DnsSeen, reply: &DnsReply) {
    seen.lock().unwrap().push(query.clone());
    script(query, reply);
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A message behind its length, as it travels over a stream.
///
/// # Panics
/// If it is longer than a stream can carry.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes()[..], message].concat()
}

/// The next message of a stream; `None` at its end.
pub fn read_framed(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

/// A name as it travels.
pub fn dns_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> =
        labels.flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes())).collect();
    wire.push(0);
    wire
}

/// A query with RD and without an OPT.
pub fn dns_query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend(dns_name(name));
    query.extend(kind.to_be_bytes());
    query.extend([0, 1]);
    query
}

/// The header and the question of the answer to `query`, without any records; what it says of itself is NOERROR.
pub fn dns_head(query: &[u8]) -> Vec<u8> {
    let mut end = 12;
    while query[end] != 0 {
        end += 1 + usize::from(query[end]);
    }
    let mut answer = query[..end + 5].to_vec();
    answer[2] |= 0x80;
    answer[3] = 0x80 | answer[3] & 0x10;
    answer[6..12].fill(0);
    answer
}

/// The answer to `query` with one record of the type TXT or, if that is not what was asked for, of the type asked for
/// with the same octets.
pub fn dns_answer(query: &[u8], ttl: u32, text: &str) -> Vec<u8> {
    let mut answer = dns_head(query);
    let kind = answer.len() - 4;
    answer[7] = 1;
    answer.extend([0xc0, 12, query[kind], query[kind + 1], 0, 1]);
    answer.extend(ttl.to_be_bytes());
    answer.extend((text.len() as u16 + 1).to_be_bytes());
    answer.push(text.len() as u8);
    answer.extend(text.bytes());
    answer
}
