//! A server that says who it is and whom it sees, and takes and gives bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use super::super::machine::Machine;

/// Answers over TCP and UDP at the same port until it is dropped.
pub(super) struct Server {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(machine: &Machine, port: u16, name: &str) -> Self {
        let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let end = Arc::new(AtomicBool::new(false));
        let (tcp, udp) = machine.inside(|| (TcpListener::bind(at).unwrap(), UdpSocket::bind(at).unwrap()));
        let (named, ended) = (name.to_owned(), end.clone());
        let streams = std::thread::spawn(move || streams(&tcp, &named, &ended));
        let (named, ended) = (name.to_owned(), end.clone());
        let datagrams = std::thread::spawn(move || datagrams(&udp, &named, &ended));
        Self { end, threads: vec![streams, datagrams] }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| _ = thread.join());
    }
}

fn streams(listener: &TcpListener, name: &str, end: &AtomicBool) {
    listener.set_nonblocking(true).unwrap();
    while !end.load(Relaxed) {
        match listener.accept() {
            Ok((stream, from)) => {
                stream.set_nonblocking(false).unwrap();
                // Whoever is cut off or goes away is of no interest: the client's side is what is judged.
                let name = name.to_owned();
                std::thread::spawn(move || _ = answer(stream, from, &name));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// `who` gets name and address, `get N` so many bytes, and `put N` the sum of so many.
fn answer(mut stream: TcpStream, from: SocketAddr, name: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let number = || line.trim().split(' ').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    match line.get(..3) {
        Some("get") => {
            for block in blocks(number()) {
                stream.write_all(&block)?;
                // As a line of some 30 MB a second: both ends are busy while something happens between them.
                std::thread::sleep(Duration::from_micros(500));
            }
            Ok(())
        }
        Some("put") => {
            let sum = sum(&mut reader, number())?;
            stream.write_all(sum.to_string().as_bytes())
        }
        _ => stream.write_all(format!("{name} {}", from.ip().to_canonical()).as_bytes()),
    }
}

fn datagrams(socket: &UdpSocket, name: &str, end: &AtomicBool) {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    while !end.load(Relaxed) {
        if let Ok((_, from)) = socket.recv_from(&mut [0; 64]) {
            let _ = socket.send_to(format!("{name} {}", from.ip().to_canonical()).as_bytes(), from);
        }
    }
}

/// So many bytes that are the same every time, and nowhere alike. They are made a word at a time: what is compared is
/// the gateways' work, and the machine's processors are theirs.
pub(super) fn blocks(length: u64) -> impl Iterator<Item = Vec<u8>> {
    let (mut state, mut left) = (0_u64, length);
    std::iter::from_fn(move || {
        let size = left.min(BLOCK as u64);
        left -= size;
        let mut block = vec![0; size as usize];
        for word in block.chunks_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            word.copy_from_slice(&(state ^ state >> 29).to_le_bytes()[..word.len()]);
        }
        (size > 0).then_some(block)
    })
}

/// What so many bytes amount to, whatever pieces they come in. Others than those of [`blocks`] amount to something else.
pub(super) fn sum(reader: &mut impl Read, length: u64) -> std::io::Result<u64> {
    let (mut sum, mut left, mut buffer) = (0_u64, length, vec![0; BLOCK]);
    while left > 0 {
        let size = left.min(BLOCK as u64);
        let block = &mut buffer[..size as usize];
        reader.read_exact(block)?;
        for word in block.chunks(8) {
            let mut whole = [0; 8];
            whole[..word.len()].copy_from_slice(word);
            sum = (sum ^ u64::from_le_bytes(whole)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
        left -= size;
    }
    Ok(sum)
}

/// What is made, sent and looked at at a time.
const BLOCK: usize = 16 * 1024;
