//! One probe, from connecting to its verdict.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use sekisho_api::{ProbeInput, ProbeOver, ProbeRun, ProbeStep, ProbeTls, Stream, TlsFacts};
use sekisho_config::{ProbeSpec, ServerTls};
use sekisho_scheduler::ServerState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::Target;
use crate::io::Io;
use crate::plain::PlainStream;
use crate::proxy_header;
use crate::tls::Connector;

/// Probes a server once. `Err` says why it is not well, for the operator.
pub(super) async fn probe(spec: &ProbeSpec, target: &Target) -> Result<(), String> {
    let Target { server, connector, proxy_protocol, .. } = target;
    let connector = connector.as_ref();
    // Whoever expects the header on its port takes nothing else for its first bytes; another port is asked plainly.
    let proxy = proxy_protocol.filter(|_| spec.port.is_none()).map_or(&[][..], proxy_header::own);
    let mut address = server.address();
    if let Some(port) = spec.port {
        address.set_port(port);
    }
    let run = spec.probe.open(server.name(), address, super::random());
    let datagrams = match spec.probe.over() {
        ProbeOver::Stream => false,
        ProbeOver::Datagrams => true,
        ProbeOver::AsPool => !target.streams_only,
    };
    if datagrams {
        return datagram(run, server, address, proxy).await;
    }
    let wanted = spec.probe.tls();
    let tls = match wanted {
        ProbeTls::Never => None,
        ProbeTls::AsPool => connector.filter(|_| !target.start_tls),
        ProbeTls::Always => Some(connector.or(ANYONE.as_ref()).ok_or("TLS is not available")?),
    };
    let line = Line { server, address, proxy, connector: connector.or(ANYONE.as_ref()) };
    stream(run, line, tls.is_some()).await
}

/// TLS for probes that want it where the pool's traffic does not say how: any certificate will do.
static ANYONE: LazyLock<Option<Arc<Connector>>> = LazyLock::new(|| {
    let settings = ServerTls {
        mode: sekisho_config::TlsMode::Implicit,
        ca: None,
        server_name: None,
        hosts: std::collections::BTreeMap::new(),
        pins: Vec::new(),
        verify: false,
        certificate: None,
        alpn: Vec::new(),
    };
    Connector::new(&settings).ok().map(Arc::new)
});

/// What is needed to connect.
#[derive(Clone, Copy)]
struct Line<'a> {
    server: &'a ServerState,
    address: SocketAddr,
    /// What is sent before anything else.
    proxy: &'static [u8],
    connector: Option<&'a Arc<Connector>>,
}

impl Line<'_> {
    async fn connect(self, tls: bool) -> Result<Io, String> {
        let mut tcp =
            TcpStream::connect(self.address).await.map_err(|e| format!("no connection: {}", words(&e)))?;
        // A request in two writes must not wait for the server's delayed acknowledgement.
        let _ = tcp.set_nodelay(true);
        tcp.write_all(self.proxy).await.map_err(|error| format!("sending failed: {}", words(&error)))?;
        if tls { self.secure(tcp).await } else { Ok(Io::Plain(PlainStream::new(tcp))) }
    }

    /// The TLS that there is, and remembers of the server until when its certificate holds.
    fn shown(self, io: &Io) -> Option<&TlsFacts> {
        let facts = io.tls().map(|tls| &**tls);
        if let Some(at) = facts.and_then(|facts| facts.not_after) {
            self.server.set_certificate_expiry(at);
        }
        facts
    }

    async fn secure(self, tcp: TcpStream) -> Result<Io, String> {
        let connector = self.connector.ok_or("TLS is not available")?;
        let stream = connector.connect(tcp, self.server.name(), self.address).await;
        stream.map(|stream| Io::Tls(Box::new(stream))).map_err(|error| format!("TLS failed: {error}"))
    }
}

/// Lets the run speak over a stream.
async fn stream(mut run: Box<dyn ProbeRun>, line: Line<'_>, tls: bool) -> Result<(), String> {
    let mut io = line.connect(tls).await?;
    let mut buffer = Vec::new();
    let mut step = run.step(ProbeInput::Connected(line.shown(&io)));
    for _ in 0..STEPS {
        match step {
            ProbeStep::Up => return Ok(()),
            ProbeStep::Down(why) => return Err(why),
            ProbeStep::NeedMore => {}
            ProbeStep::Note(name, text) => {
                line.server.note(name, text);
                step = run.step(ProbeInput::Bytes(&buffer));
                continue;
            }
            ProbeStep::Send(n, bytes) => {
                consume(&mut buffer, n)?;
                let sent = async {
                    io.write_all(&bytes).await?;
                    io.flush().await
                };
                sent.await.map_err(|error| format!("sending failed: {}", words(&error)))?;
                if !buffer.is_empty() {
                    step = run.step(ProbeInput::Bytes(&buffer));
                    continue;
                }
            }
            ProbeStep::StartTls(n) => {
                consume(&mut buffer, n)?;
                // What came behind it was sent in clear and does not count.
                buffer.clear();
                io = match std::mem::replace(&mut io, Io::Closed) {
                    Io::Plain(plain) => line.secure(plain.into_inner()).await?,
                    _ => return Err("the probe starts TLS twice".to_owned()),
                };
                step = run.step(ProbeInput::Connected(line.shown(&io)));
                continue;
            }
        }
        step = match read(&mut io, &mut buffer).await? {
            0 => match run.step(ProbeInput::Ended) {
                ProbeStep::Up => return Ok(()),
                ProbeStep::Down(why) => return Err(why),
                _ => return Err("the server closed the connection".to_owned()),
            },
            _ => run.step(ProbeInput::Bytes(&buffer)),
        };
    }
    Err("the probe comes to no end".to_owned())
}

/// Lets the run speak over datagrams: each is shown by itself, and sent behind `proxy`.
async fn datagram(
    mut run: Box<dyn ProbeRun>,
    server: &ServerState,
    address: SocketAddr,
    proxy: &'static [u8],
) -> Result<(), String> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let open = async {
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await?;
        Ok::<_, io::Error>(socket)
    };
    let socket = open.await.map_err(|error| format!("no socket: {}", words(&error)))?;
    let (mut buffer, mut read) = (Vec::new(), 0);
    let mut step = run.step(ProbeInput::Datagrams);
    for _ in 0..STEPS {
        match step {
            ProbeStep::Up => return Ok(()),
            ProbeStep::Down(why) => return Err(why),
            ProbeStep::NeedMore => {}
            ProbeStep::Send(_, bytes) => {
                socket
                    .send(&[proxy, &bytes].concat())
                    .await
                    .map_err(|error| format!("sending failed: {}", words(&error)))?;
            }
            ProbeStep::StartTls(_) => return Err("the probe starts TLS on datagrams".to_owned()),
            ProbeStep::Note(name, text) => {
                server.note(name, text);
                step = run.step(ProbeInput::Bytes(buffer.get(..read).unwrap_or_default()));
                continue;
            }
        }
        buffer.resize(MOST, 0);
        // An ICMP message comes out here as an error.
        read = socket.recv(&mut buffer).await.map_err(|error| format!("no answer: {}", words(&error)))?;
        step = run.step(ProbeInput::Bytes(buffer.get(..read).unwrap_or_default()));
    }
    Err("the probe comes to no end".to_owned())
}

fn consume(buffer: &mut Vec<u8>, n: usize) -> Result<(), String> {
    if n > buffer.len() {
        return Err("the probe consumes more than there is".to_owned());
    }
    buffer.drain(..n);
    Ok(())
}

/// Reads more behind what is there; 0 at the end.
async fn read(io: &mut Io, buffer: &mut Vec<u8>) -> Result<usize, String> {
    let room = MOST.saturating_sub(buffer.len());
    if room == 0 {
        return Err("the answer is longer than 64 KiB".to_owned());
    }
    match io.take(room as u64).read_buf(buffer).await {
        Ok(n) => Ok(n),
        // Many servers end without a word of TLS; whether that is good enough is the probe's to say.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(format!("no answer: {}", words(&error))),
    }
}

/// What an operator calls it.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::BrokenPipe => "connection closed".to_owned(),
        io::ErrorKind::TimedOut => "connection timed out".to_owned(),
        io::ErrorKind::HostUnreachable => "no route to host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        _ => error.to_string(),
    }
}

/// The most that is kept of an answer.
const MOST: usize = 64 << 10;

/// The most steps of one run: 64 KiB byte by byte, and as many again.
const STEPS: usize = 128 << 10;
