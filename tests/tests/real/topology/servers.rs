//! The servers: nginx, and what says over TCP and UDP whom it sees.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use sekisho_tests::{program, until};
use socket2::{Domain, Protocol, Socket, Type};

use super::super::machine::{Machine, Program};
use super::{Family, Folder};

/// A machine with nginx at port 80, at 81 where it expects a PROXY header, and at port 90 what names its client.
pub(super) struct Server {
    pub(super) machine: Machine,
    folder: Folder,
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    _nginx: Program,
}

impl Server {
    pub(super) fn start(name: &str, machine: Machine, number: usize) -> Self {
        let folder = Folder::new(name);
        let here = folder.path().display();
        let file = folder.write(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{ log_format who '$remote_addr $proxy_protocol_addr $http_x_forwarded_for';\n\
                 access_log {here}/access.log who; client_body_temp_path {here}/b; proxy_temp_path {here}/p;\n\
                 fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
                 default_type text/plain;\n\
                 server {{ listen 80; listen [::]:80; return 200 '$remote_addr;$http_x_forwarded_for'; }}\n\
                 server {{ listen 81 proxy_protocol; listen [::]:81 proxy_protocol; return 200 '$proxy_protocol_addr;'; }} }}\n"
            ),
        );
        let (nginx, place) = (program("nginx"), folder.path().to_str().unwrap());
        let words = [nginx.to_str().unwrap(), "-c", file.to_str().unwrap(), "-p", place];
        let nginx = machine.run_beside(&folder.path().join("nginx.out"), &words);
        until("nginx listens", || {
            machine.inside(|| std::net::TcpStream::connect(("127.0.0.1", 81))).ok().map(drop)
        });
        let end = Arc::new(AtomicBool::new(false));
        let tcp = machine.inside(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, 90)).unwrap());
        let ended = end.clone();
        let mut threads = vec![std::thread::spawn(move || say(&tcp, &ended))];
        let addresses =
            Family::BOTH.into_iter().flat_map(|family| [family.server(number), family.second(number)]);
        for address in addresses {
            let socket = machine.inside(|| datagrams(address.parse().unwrap()));
            let ended = end.clone();
            threads.push(std::thread::spawn(move || answer(&socket, &ended)));
        }
        Self { machine, folder, end, threads, _nginx: nginx }
    }

    /// What nginx has logged: the peer, whom a PROXY header named, and `X-Forwarded-For`.
    pub(super) fn log(&self) -> String {
        self.folder.read("access.log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| _ = thread.join());
    }
}

fn say(listener: &TcpListener, end: &AtomicBool) {
    listener.set_nonblocking(true).unwrap();
    while !end.load(Relaxed) {
        match listener.accept() {
            Ok((mut stream, from)) => {
                let _ = stream.set_nonblocking(false);
                let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                // Not before the client has said something: a probe says nothing.
                if matches!(stream.read(&mut [0; 1]), Ok(1)) {
                    let _ = stream.write_all(from.ip().to_canonical().to_string().as_bytes());
                }
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// A socket with an address of its own, which it answers from, and which may come later.
fn datagrams(address: IpAddr) -> UdpSocket {
    let at = SocketAddr::new(address, 90);
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP)).unwrap();
    match address {
        IpAddr::V4(_) => socket.set_freebind_v4(true).unwrap(),
        IpAddr::V6(_) => socket.set_freebind_v6(true).unwrap(),
    }
    socket.bind(&at.into()).unwrap();
    socket.into()
}

fn answer(socket: &UdpSocket, end: &AtomicBool) {
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    while !end.load(Relaxed) {
        if let Ok((_, from)) = socket.recv_from(&mut [0; 64]) {
            let _ = socket.send_to(from.ip().to_canonical().to_string().as_bytes(), from);
        }
    }
}
