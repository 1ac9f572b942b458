//! DNS through the gateway, between scripted servers and clients.

mod answers;
mod cache;
mod choice;
mod failure;
mod limits;
mod mangled;
mod own;
mod proxied;
mod relay;
mod secure;
mod stream;
mod subnet;
mod upstream;

use std::io::Write;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sekisho_tests::{
    DnsReply, DnsServer, Rig, dns_answer, dns_query, framed, loopback, numbered, read_framed, until,
};

const A: u16 = 1;
const SOA: u16 = 6;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const IXFR: u16 = 251;
const AXFR: u16 = 252;

const NOERROR: u8 = 0;
const FORMERR: u8 = 1;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

/// What a test adds to each table of the configuration.
#[derive(Clone, Copy, Debug, Default)]
struct Words<'a> {
    vip: &'a str,
    dns: &'a str,
    pool: &'a str,
    pool_dns: &'a str,
}

/// A gateway with one VIP over UDP and TCP.
struct Gate {
    rig: Rig,
    address: SocketAddr,
}

impl Gate {
    fn start(servers: &[&DnsServer], words: Words<'_>) -> Self {
        let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address()).collect();
        let address = loopback();
        let rig = Rig::start(&configuration(&address.to_string(), &addresses, words));
        Self { rig, address }
    }

    fn plain(server: &DnsServer) -> Self {
        Self::start(&[server], Words::default())
    }

    fn udp(&self) -> Client {
        Client::at(self.address, [127, 0, 0, 1].into())
    }

    fn udp_from(&self, from: [u8; 4]) -> Client {
        Client::at(self.address, from.into())
    }

    fn tcp(&self) -> Stream {
        Stream::at(TcpStream::connect(self.address).unwrap())
    }

    fn tcp_from(&self, from: &str) -> Stream {
        Stream::at(super::connect_from(from, self.address))
    }
}

/// Servers are called s0, s1, …
fn configuration(listen: &str, servers: &[SocketAddr], words: Words<'_>) -> String {
    let Words { vip, dns, pool, pool_dns } = words;
    format!(
        "[gateway]\nworkers = 2\n\
         [vip.v]\nlisten = '{listen}'\nprotocol = 'dns'\npool = 'p'\n{vip}\n\
         [vip.v.dns]\n{dns}\n\
         [pool.p]\nservers = {{ {} }}\n{pool}\n\
         [pool.p.dns]\n{pool_dns}\n",
        numbered(servers.iter().copied())
    )
}

/// A client over UDP.
struct Client(UdpSocket);

impl Client {
    fn at(to: SocketAddr, from: IpAddr) -> Self {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        // Connected: what comes from another address than the one that was asked is not seen.
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn send(&self, message: &[u8]) {
        self.0.send(message).unwrap();
    }

    fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 65_536];
        let length = self.0.recv(&mut buffer).expect("an answer");
        buffer[..length].to_vec()
    }

    fn ask(&self, message: &[u8]) -> Vec<u8> {
        self.send(message);
        self.receive()
    }

    /// That nothing comes for what was sent before: what comes is the answer to the next question. It is asked from the
    /// same port, so the same worker has dealt with the other one before.
    fn nothing_but(&self, next: &[u8], answer: &[u8]) {
        assert_eq!(self.ask(next), answer);
    }
}

/// A client over TCP.
struct Stream(TcpStream);

impl Stream {
    fn at(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    fn send(&mut self, message: &[u8]) {
        self.0.write_all(&framed(message)).unwrap();
    }

    fn receive(&mut self) -> Vec<u8> {
        read_framed(&mut self.0).expect("an answer")
    }

    fn ask(&mut self, message: &[u8]) -> Vec<u8> {
        self.send(message);
        self.receive()
    }

    /// No further queries; answers may still come.
    fn finish(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// That the gateway closes it without another word.
    fn closes(&mut self) {
        assert_eq!(read_framed(&mut self.0), None);
    }
}

/// Queries that a script keeps to answer them later.
type Held = Arc<Mutex<Vec<(Vec<u8>, DnsReply)>>>;

/// Whatever does not come within this time does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A query like `query` with an OPT of these flags and options.
fn with_opt(mut query: Vec<u8>, payload: u16, flags: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    query[11] += 1;
    query.extend([0, 0, 41]);
    query.extend(payload.to_be_bytes());
    query.extend([0, 0]);
    query.extend(flags.to_be_bytes());
    let data: Vec<u8> = options
        .iter()
        .flat_map(|(code, data)| {
            let head = [code.to_be_bytes(), (data.len() as u16).to_be_bytes()].concat();
            [&head[..], data].concat()
        })
        .collect();
    query.extend((data.len() as u16).to_be_bytes());
    query.extend(data);
    query
}

const DO: u16 = 0x8000;

/// The octets of an answer's OPT that ends it, from its options on; none if it has none. Only for messages whose last
/// record is the OPT and whose other records end with something else.
fn options(message: &[u8], query: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    // Own answers are a header, the question and perhaps the OPT.
    let end = question_end(query);
    let opt = message.get(end..).filter(|opt| opt.starts_with(&[0, 0, 41]))?;
    let mut data = &opt[11..];
    let mut options = Vec::new();
    while let Some((&[a, b, c, d], rest)) = data.split_first_chunk() {
        let (value, rest) = rest.split_at(usize::from(u16::from_be_bytes([c, d])));
        options.push((u16::from_be_bytes([a, b]), value.to_vec()));
        data = rest;
    }
    Some(options)
}

/// The code of the extended error in an own answer.
fn extended_error(message: &[u8], query: &[u8]) -> Option<u16> {
    let options = options(message, query)?;
    let (_, data) = options.iter().find(|(code, _)| *code == 15)?;
    Some(u16::from_be_bytes([data[0], data[1]]))
}

/// Where the question of a message ends.
fn question_end(message: &[u8]) -> usize {
    let mut end = 12;
    while message[end] != 0 {
        end += 1 + usize::from(message[end]);
    }
    end + 5
}

fn rcode(message: &[u8]) -> u8 {
    message[3] & 0x0f
}

fn truncated(message: &[u8]) -> bool {
    message[2] & 2 != 0
}

/// The text of a scripted answer: the last octets of the message.
fn text(message: &[u8]) -> &str {
    let record = question_end(message) + 12;
    std::str::from_utf8(&message[record + 1..]).unwrap()
}

/// The TTL of the first record behind the question.
fn ttl(message: &[u8]) -> u32 {
    let at = question_end(message) + 6;
    u32::from_be_bytes(message[at..at + 4].try_into().unwrap())
}

/// An answer whose one record has so many octets of data.
fn large(query: &[u8], octets: usize) -> Vec<u8> {
    let mut answer = dns_answer(query, 60, "");
    answer.truncate(answer.len() - 3);
    answer.extend((octets as u16).to_be_bytes());
    answer.resize(answer.len() + octets, 0xa5);
    answer
}

/// A server that answers everything with `text`, over UDP and TCP.
fn naming(text: &'static str) -> DnsServer {
    DnsServer::naming(text)
}

fn query(id: u16, name: &str) -> Vec<u8> {
    dns_query(id, name, TXT)
}
