//! What stands where a store should be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// It speaks something else.
    Web,
    /// It claims endless replies.
    Endless,
    /// It says nothing.
    Silent,
    /// It is the store behind it, a few bytes at a time.
    Slow(SocketAddr),
    /// It is the store behind it, and cuts every one of its first connections after so many bytes of the gateway.
    Cutting { store: SocketAddr, after: usize, times: usize },
}

/// Listens until it is dropped.
#[derive(Debug)]
pub(super) struct Fake {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    pub(super) fn start(address: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (count, ended) = (connections.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                let number = count.fetch_add(1, Ordering::AcqRel);
                let ended = ended.clone();
                std::thread::spawn(move || serve(stream.unwrap(), manner, number, &ended));
            }
        });
        Self { address, connections, stop, thread: Some(thread) }
    }

    /// As gateways are told where it is.
    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// How often it was connected to.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(mut stream: TcpStream, manner: Manner, number: usize, ended: &AtomicBool) {
    let said: &[u8] = match manner {
        Manner::Web => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        Manner::Endless => b"*2\r\n$16000\r\n",
        Manner::Silent => b"",
        Manner::Slow(store) => {
            return relay(stream, store, Some(Duration::from_millis(2)), usize::MAX, ended);
        }
        Manner::Cutting { store, after, times } => {
            let after = if number < times { after } else { usize::MAX };
            return relay(stream, store, None, after, ended);
        }
    };
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let _ = stream.write_all(said);
    let mut piece = [0; 4096];
    while !ended.load(Ordering::Acquire) {
        if matches!(manner, Manner::Endless) && stream.write_all(&piece).is_err() {
            return;
        }
        if matches!(stream.read(&mut piece), Ok(0)) {
            return;
        }
    }
}

/// Carries bytes both ways; those to the gateway slowly, if so wished. Ends after so many bytes from the gateway.
fn relay(client: TcpStream, store: SocketAddr, pause: Option<Duration>, after: usize, ended: &AtomicBool) {
    let Ok(server) = TcpStream::connect(store) else { return };
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut left = after;
            let mut piece = [0; 512];
            while let Ok(read @ 1..) = from_client.read(&mut piece) {
                let passed = read.min(left);
                left -= passed;
                if to_server.write_all(&piece[..passed]).is_err() || left == 0 {
                    break;
                }
            }
            let _ = from_client.shutdown(std::net::Shutdown::Both);
            let _ = to_server.shutdown(std::net::Shutdown::Both);
        });
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = from_server.read(&mut piece) {
            for few in piece[..read].chunks(if pause.is_some() { 40 } else { read }) {
                if ended.load(Ordering::Acquire) || to_client.write_all(few).is_err() {
                    break;
                }
                pause.into_iter().for_each(std::thread::sleep);
            }
        }
        let _ = to_client.shutdown(std::net::Shutdown::Both);
        let _ = from_server.shutdown(std::net::Shutdown::Both);
    });
}
