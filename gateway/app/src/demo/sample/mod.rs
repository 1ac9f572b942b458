//! Sample servers: each on a thread of its own, says its name, can be killed and started again.

mod desktops;
mod lines;
mod mailboxes;
mod names;
mod website;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

use super::DemoError;
use super::certificate::Certificate;

/// What a sample server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// HTTP/1.1: a page that names the server.
    Website,
    /// Lines of text: a greeting, then every line comes back with the server's name before it.
    Lines,
    /// Remote Desktop as far as TLS, with a certificate that names the server.
    Desktops,
    /// IMAP as far as the list of mailboxes, which names the server.
    Mailboxes,
    /// DNS over UDP and TCP: the answer to every TXT question is the server's name.
    Names,
}

/// A server that the demo balances onto.
#[derive(Debug)]
pub(super) struct Sample {
    name: Rc<str>,
    kind: Kind,
    address: SocketAddr,
    /// A Remote Desktop server's.
    certificate: Option<Certificate>,
    /// Keeps the port for this server while it is dead.
    _reservation: Reservation,
    running: Option<Running>,
}

/// Dropping it kills the server, as a power cut would: its listener and all its connections are gone.
#[derive(Debug)]
struct Running {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sample {
    /// Starts a server on a free port of 127.0.0.1.
    pub(super) fn start(name: &str, kind: Kind) -> Result<Self, DemoError> {
        let certificate = match kind {
            Kind::Desktops => Some(Certificate::make(name)?),
            Kind::Website | Kind::Lines | Kind::Mailboxes | Kind::Names => None,
        };
        let failed = |error| DemoError::Sample { name: name.to_owned(), error };
        let reservation = Reservation::new().map_err(failed)?;
        let (name, address) = (Rc::from(name), reservation.address);
        let mut sample = Self { name, kind, address, certificate, _reservation: reservation, running: None };
        sample.revive()?;
        Ok(sample)
    }

    /// What a client of Remote Desktop knows it by.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    pub(super) fn name(&self) -> &Rc<str> {
        &self.name
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it and every connection to it. Nothing is said to anybody.
    pub(super) fn kill(&mut self) {
        self.running = None;
    }

    /// Starts it again, on the same port.
    pub(super) fn revive(&mut self) -> Result<(), DemoError> {
        if self.running.is_none() {
            let tls = self.certificate.as_ref().map(Certificate::server).transpose()?.map(TlsAcceptor::from);
            let failed = |error| DemoError::Sample { name: self.name.to_string(), error };
            self.running = Some(self.run(tls).map_err(failed)?);
        }
        Ok(())
    }

    fn run(&self, tls: Option<TlsAcceptor>) -> io::Result<Running> {
        let listener = socket(self.address, Type::STREAM)?;
        listener.listen(128)?;
        listener.set_nonblocking(true)?;
        let datagrams = match self.kind {
            Kind::Names => Some(socket(self.address, Type::DGRAM)?),
            Kind::Website | Kind::Lines | Kind::Desktops | Kind::Mailboxes => None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (stop, stopped) = oneshot::channel();
        let (name, kind) = (self.name.to_string(), self.kind);
        let serve = move || {
            let served = LocalSet::new();
            served.block_on(&runtime, async {
                let Ok(listener) = TcpListener::from_std(listener.into()) else { return };
                tokio::select! {
                    _ = stopped => {}
                    () = accept(&listener, Rc::from(name.as_str()), kind, tls) => {}
                    () = hear(datagrams, &name) => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name(format!("demo-{}", self.name)).spawn(serve)?;
        Ok(Running { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in a sample server was printed already and shows in the claims.
            _ = thread.join();
        }
    }
}

/// A port of 127.0.0.1 that nobody else is given. As long as no server is there, it refuses.
#[derive(Debug)]
struct Reservation {
    address: SocketAddr,
    /// Bound and never listening.
    _stream: Socket,
    /// Connected elsewhere, so that no datagram is for it.
    _datagrams: Socket,
}

impl Reservation {
    fn new() -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let stream = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Type::STREAM)?;
            let address = stream.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
            match socket(address, Type::DGRAM) {
                Ok(datagrams) => {
                    datagrams.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, DISCARD)).into())?;
                    return Ok(Self { address, _stream: stream, _datagrams: datagrams });
                }
                // The number is somebody's for UDP.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < 32 => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reusable, so that a server comes back on its reserved port at once.
fn socket(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Answers datagrams, if the server takes any.
async fn hear(socket: Option<Socket>, name: &str) {
    let heard = async {
        let Some(socket) = socket else { return std::future::pending().await };
        socket.set_nonblocking(true)?;
        names::datagrams(&UdpSocket::from_std(socket.into())?, name).await
    };
    // As with `accept`: the probes see that it ended.
    _ = heard.await;
}

async fn accept(listener: &TcpListener, name: Rc<str>, kind: Kind, tls: Option<TlsAcceptor>) {
    // An error of `accept` itself (no file descriptors left) ends the server, which the probes then see.
    while let Ok((stream, _)) = listener.accept().await {
        tokio::task::spawn_local(serve(stream, name.clone(), kind, tls.clone()));
    }
}

async fn serve(mut stream: TcpStream, name: Rc<str>, kind: Kind, tls: Option<TlsAcceptor>) {
    // A client that leaves is nothing to report.
    _ = match kind {
        Kind::Website => website::serve(&mut stream, &name).await,
        Kind::Lines => lines::serve(&mut stream, &name).await,
        Kind::Desktops => desktops::serve(stream, tls).await,
        Kind::Mailboxes => mailboxes::serve(&mut stream, &name).await,
        Kind::Names => names::serve(&mut stream, &name).await,
    };
}

/// The port of a service that nobody offers (RFC 863).
const DISCARD: u16 = 9;

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn killed_server_drops_its_connections_and_refuses_new_ones_until_it_is_back() {
        let mut sample = Sample::start("s1", Kind::Lines).unwrap();
        let mut connected = BufReader::new(TcpStream::connect(sample.address()).unwrap());
        connected.read_line(&mut String::new()).unwrap();
        sample.kill();
        assert!(connected.read(&mut [0; 8]).unwrap_or(0) == 0);
        let refused = TcpStream::connect(sample.address()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        sample.revive().unwrap();
        TcpStream::connect(sample.address()).unwrap();
    }
}
