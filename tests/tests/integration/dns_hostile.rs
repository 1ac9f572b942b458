//! DNS between a client and a server that do not behave.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sekisho_tests::Rig;

/// A question that a server got: its id, and the port that it came from.
type Heard = (u16, u16, Vec<u8>);

/// A server that says `lies` for each datagram, and then the truth. It keeps what it was asked. Over TCP, where nobody
/// can put words into its mouth, it says the truth alone.
struct Liar {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Liar {
    fn start(lies: fn(&[u8]) -> Vec<Vec<u8>>) -> Self {
        let (socket, listener) = same_port();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (heard, stopping) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let address = socket.local_addr().unwrap();
        let datagrams = std::thread::spawn({
            let (heard, stopping) = (heard.clone(), stopping.clone());
            move || {
                let mut buffer = [0; 65_536];
                while !stopping.load(Ordering::SeqCst) {
                    let Ok((n, client)) = socket.recv_from(&mut buffer) else { continue };
                    let question = &buffer[..n];
                    let id = u16::from_be_bytes([question[0], question[1]]);
                    heard.lock().unwrap().push((id, client.port(), question.to_vec()));
                    for answer in lies(question).iter().chain([&truth(question)]) {
                        let _ = socket.send_to(answer, client);
                    }
                }
            }
        });
        let streams = std::thread::spawn({
            let stopping = stopping.clone();
            move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    std::thread::spawn(move || tell(stream.unwrap()));
                }
            }
        });
        Self { address, heard, stopping, threads: vec![datagrams, streams] }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Its own connection wakes the accept loop.
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A port for both, tried until one is free for both.
fn same_port() -> (UdpSocket, TcpListener) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (socket, listener);
        }
    }
}

/// Answers what comes on one connection until it ends.
fn tell(mut stream: TcpStream) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_err() {
            return;
        }
        let answer = truth(&question);
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        let _ = stream.write_all(&[&length, answer.as_slice()].concat());
    }
}

fn rig(server: &Liar) -> Rig {
    rig_with("", server)
}

/// With these keys of the gateway.
fn rig_with(gateway: &str, server: &Liar) -> Rig {
    Rig::start(&format!(
        "[gateway]\n{gateway}\n[vip.dns]\nlisten = '127.0.0.1:0'\nprotocol = 'dns'\npool = 'p'\n\
         [pool.p]\nservers = {{ one = '{}' }}\n",
        server.address
    ))
}

/// `number` in the name: each question is another.
fn question(id: u16, number: u32) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let label = format!("q{number}");
    message.push(u8::try_from(label.len()).unwrap());
    message.extend(label.as_bytes());
    message.extend(b"\x04test\x00\x00\x01\x00\x01");
    message
}

/// The question with QR set and one A record that repeats the id's bytes nowhere.
fn truth(question: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[7] = 1;
    answer.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
    answer
}

/// Five forgeries of the truth, each recognisable by its address.
fn forgeries(question: &[u8]) -> Vec<Vec<u8>> {
    let mut forged = truth(question);
    let last = forged.len() - 1;
    forged[last] = 66;
    let but = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut other = forged.clone();
        change(&mut other);
        other
    };
    vec![
        // Another id, another name, another type, no answer at all, cut within the question.
        but(&|message| message[1] ^= 1),
        but(&|message| message[13] ^= 1),
        but(&|message| {
            let kind = question.len() - 3;
            message[kind] = 28;
        }),
        but(&|message| message[2] &= 0x7f),
        but(&|message| message.truncate(question.len() - 2)),
    ]
}

fn client(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

#[test]
fn forged_answers_never_reach_a_client_and_never_cost_it_the_true_one() {
    let server = Liar::start(forgeries);
    let rig = rig(&server);
    let socket = client(rig.address("dns"));
    let mut buffer = [0; 1_024];
    for number in 0..1_000 {
        let id = u16::try_from(number % 7).unwrap();
        let question = question(id, number);
        socket.send(&question).unwrap();
        let size = socket.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..size], truth(&question), "question {number}");
    }
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut buffer).is_err(), "an answer came that nobody asked for");
}

#[test]
fn ids_and_ports_towards_a_server_show_no_pattern() {
    let server = Liar::start(|_| Vec::new());
    let rig = rig(&server);
    // Many, so that every worker has some.
    let clients: Vec<UdpSocket> = (0..32).map(|_| client(rig.address("dns"))).collect();
    for (number, client) in (0..2_000).zip(clients.iter().cycle()) {
        client.send(&question(7, number)).unwrap();
        client.recv(&mut [0; 512]).unwrap();
    }
    let heard = server.heard.lock().unwrap();
    let ports: HashSet<u16> = heard.iter().map(|(_, port, _)| *port).collect();
    assert!(ports.len() >= 8, "only {} source ports", ports.len());
    let steps: Vec<u16> = heard.windows(2).map(|pair| pair[1].0.wrapping_sub(pair[0].0)).collect();
    let mut same: HashMap<u16, usize> = HashMap::new();
    steps.iter().for_each(|step| *same.entry(*step).or_default() += 1);
    let most = same.values().max().unwrap();
    assert!(*most < 10, "ids advance by the same step {most} times of {}", steps.len());
}

#[test]
fn twenty_thousand_malformed_questions_harm_nobody_and_none_is_forwarded_that_cannot_be_read() {
    let server = Liar::start(|_| Vec::new());
    // One worker, which takes what comes in its order: see below.
    let rig = rig_with("workers = 1", &server);
    let (bad, good) = (client(rig.address("dns")), client(rig.address("dns")));
    let mut random = Random(0x5eed_5eed_5eed_5eed);
    let mut buffer = [0; 65_536];
    for number in 0..20_000 {
        let sent = mangled(&mut random, number);
        let _ = bad.send(&sent);
        // Now and then it waits for an answer of its own, so that what is under way fits into the server's socket:
        // what the kernel drops there is lost to everybody, and the gateway tells so with SERVFAIL.
        if number % 20 == 0 {
            let question = question(4, 1_000_000 + number);
            bad.send(&question).unwrap();
            loop {
                let size = bad.recv(&mut buffer).unwrap();
                if buffer[..size] == truth(&question) {
                    break;
                }
                assert!(
                    buffer[..size].get(2).is_some_and(|flags| flags & 0x80 != 0),
                    "what came is no answer"
                );
            }
        }
        if number % 100 == 0 {
            let question = question(3, number);
            good.send(&question).unwrap();
            let size = good.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..size], truth(&question), "after {number}");
        }
    }
    let heard = server.heard.lock().unwrap();
    assert!(heard.len() >= 1_200, "{}", heard.len());
    for (_, _, question) in heard.iter() {
        assert!(readable(question), "forwarded: {question:02x?}");
    }
}

/// A question that was cut, stretched, or had some bytes changed.
fn mangled(random: &mut Random, number: u32) -> Vec<u8> {
    let mut message = question(random.below(65_536) as u16, number);
    for _ in 0..=random.below(3) {
        match random.below(4) {
            0 => message.truncate(random.below(message.len() as u64 + 1) as usize),
            1 => message.extend(vec![random.below(256) as u8; random.below(600) as usize]),
            _ => {
                let length = message.len() as u64;
                if let Some(byte) = message.get_mut(random.below(length.max(1)) as usize) {
                    *byte = random.below(256) as u8;
                }
            }
        }
    }
    message
}

/// The least that a forwarded message must be: a header with QR clear and, of opcode QUERY, one whole question.
fn readable(message: &[u8]) -> bool {
    let Some(&[_, _, flags, _, high, low, ..]) = message.first_chunk::<12>() else { return false };
    if flags & 0x80 != 0 {
        return false;
    }
    if flags & 0x78 != 0 && [high, low] == [0, 0] {
        return true;
    }
    let mut at = 12;
    loop {
        match message.get(at) {
            Some(0) => break,
            Some(&length) if length < 64 => at += 1 + usize::from(length),
            _ => return false,
        }
    }
    (flags & 0x78 != 0 || [high, low] == [0, 1]) && at - 12 < 255 && message.len() >= at + 5
}

/// Marsaglia's xorshift: the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
