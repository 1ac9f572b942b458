//! Probes against small servers, and what the scheduler hears of them.

use std::net::SocketAddr;

use sekisho_api::bytes::Bytes;
use sekisho_api::{Probe, ProbeInput, ProbeOver, ProbeRun, ProbeStep, ProbeTls};
use sekisho_scheduler::{Admin, AllDown, FlapSpec, HealthSpec, Method, PassiveSpec, PoolSpec};
use sekisho_scheduler::{QueueSpec, Scheduler, Secret, ServerSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::*;

/// Says `PING`, waits for a line and wants it to be `PONG`; with `STARTTLS` before, if it should.
#[derive(Clone, Debug)]
struct Ping {
    over: ProbeOver,
    tls: ProbeTls,
    start_tls: bool,
    secured: bool,
}

const PING: Ping = Ping { over: ProbeOver::Stream, tls: ProbeTls::AsPool, start_tls: false, secured: false };

impl Probe for Ping {
    fn tls(&self) -> ProbeTls {
        self.tls
    }
    fn over(&self) -> ProbeOver {
        self.over
    }
    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        Box::new(self.clone())
    }
}

impl ProbeRun for Ping {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        match input {
            ProbeInput::Datagrams => ProbeStep::Send(0, Bytes::from_static(b"PING\n")),
            ProbeInput::Connected(tls) => {
                self.secured = tls.is_some();
                let word = if self.start_tls && !self.secured { "STARTTLS\n" } else { "PING\n" };
                ProbeStep::Send(0, Bytes::from_static(word.as_bytes()))
            }
            ProbeInput::Bytes(bytes) => match bytes.iter().position(|&b| b == b'\n') {
                None => ProbeStep::NeedMore,
                Some(end) if bytes[..end] == *b"GO" && !self.secured => ProbeStep::StartTls(end + 1),
                Some(end) if bytes[..end] == *b"AGAIN" => {
                    ProbeStep::Send(end + 1, Bytes::from_static(b"PING\n"))
                }
                Some(end) if bytes[..end] == *b"PONG" => ProbeStep::Up,
                Some(end) => ProbeStep::Down(String::from_utf8_lossy(&bytes[..end]).into_owned()),
            },
            ProbeInput::Ended => ProbeStep::NeedMore,
        }
    }
}

async fn verdict(ping: Ping, address: SocketAddr) -> Result<(), String> {
    let spec = ProbeSpec { kind: "ping", probe: Arc::new(ping), port: Some(address.port()) };
    probe::probe(&spec, &target(SocketAddr::new(address.ip(), 1))).await
}

fn run_test(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), future).await.expect("ended in time");
    });
}

/// A server for one connection that says these pieces, each after something was read, then closes.
async fn saying(pieces: &'static [&'static str]) -> (SocketAddr, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for piece in pieces {
            let _ = stream.read(&mut [0; 64]).await;
            stream.write_all(piece.as_bytes()).await.unwrap();
        }
    };
    (address, serve)
}

#[test]
fn probe_hears_what_the_server_says_until_its_verdict() {
    run_test(async {
        for (pieces, expected) in [
            (&["PONG\n"][..], Ok(())),
            (&["AGAIN\n", "PONG\n"], Ok(())),
            (&["AGAIN\nPONG\n"], Ok(())),
            (&["busy\n"], Err("busy".to_owned())),
            (&["PO"], Err("the server closed the connection".to_owned())),
        ] {
            let (address, serve) = saying(pieces).await;
            let (verdict, ()) = tokio::join!(verdict(PING, address), serve);
            assert_eq!(verdict, expected, "{pieces:?}");
        }
    });
}

#[test]
fn server_that_is_not_there_is_named_so() {
    run_test(async {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(verdict(PING, address).await, Err("no connection: connection refused".to_owned()));
    });
}

#[test]
fn server_that_never_stops_talking_is_down() {
    run_test(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        };
        let (verdict, ()) = tokio::join!(verdict(PING, address), serve);
        assert_eq!(verdict, Err("the answer is longer than 64 KiB".to_owned()));
    });
}

#[test]
fn datagram_probe_gets_each_datagram_by_itself_and_the_refusal_of_a_closed_port() {
    run_test(async {
        let ping = Ping { over: ProbeOver::Datagrams, ..PING };
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let serve = async {
            let (_, peer) = socket.recv_from(&mut [0; 64]).await.unwrap();
            for answer in ["half a line", "PONG\n"] {
                socket.send_to(answer.as_bytes(), peer).await.unwrap();
            }
        };
        let (up, ()) = tokio::join!(verdict(ping.clone(), address), serve);
        assert_eq!(up, Ok(()));
        drop(socket);
        assert_eq!(verdict(ping, address).await, Err("no answer: connection refused".to_owned()));
    });
}

#[test]
fn probe_of_a_server_that_expects_the_proxy_header_begins_with_one_that_names_nobody() {
    run_test(async {
        for (version, header) in [
            (ProxyVersion::V1, &b"PROXY UNKNOWN\r\n"[..]),
            (ProxyVersion::V2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            for port in [None, Some(address.port())] {
                let target = Target { proxy_protocol: Some(version), ..target(address) };
                let spec = ProbeSpec { kind: "ping", probe: Arc::new(PING), port };
                // A port of the probe's own is not the one that traffic and its header go to.
                let expected = [if port.is_none() { header } else { b"" }, b"PING\n"].concat();
                let serve = async {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut said = vec![0; expected.len()];
                    stream.read_exact(&mut said).await.unwrap();
                    stream.write_all(b"PONG\n").await.unwrap();
                    said
                };
                let (verdict, said) = tokio::join!(probe::probe(&spec, &target), serve);
                assert_eq!((verdict, said), (Ok(()), expected));
            }
        }
    });
}

#[test]
fn each_datagram_of_a_probe_has_a_header_of_its_own() {
    run_test(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let target =
            Target { proxy_protocol: Some(ProxyVersion::V2), ..target(socket.local_addr().unwrap()) };
        let ping = Ping { over: ProbeOver::AsPool, ..PING };
        let spec = ProbeSpec { kind: "ping", probe: Arc::new(ping), port: None };
        let serve = async {
            for answer in ["AGAIN\n", "PONG\n"] {
                let mut room = [0; 64];
                let (length, peer) = socket.recv_from(&mut room).await.unwrap();
                assert_eq!(&room[..length], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0PING\n");
                socket.send_to(answer.as_bytes(), peer).await.unwrap();
            }
        };
        let (verdict, ()) = tokio::join!(probe::probe(&spec, &target), serve);
        assert_eq!(verdict, Ok(()));
    });
}

#[test]
fn probe_that_goes_as_the_pool_does_takes_a_stream_where_traffic_has_no_other_way() {
    run_test(async {
        let (address, serve) = saying(&["PONG\n"]).await;
        let target = Target { streams_only: true, ..target(address) };
        let ping = Ping { over: ProbeOver::AsPool, ..PING };
        let spec = ProbeSpec { kind: "ping", probe: Arc::new(ping), port: None };
        let (verdict, ()) = tokio::join!(probe::probe(&spec, &target), serve);
        assert_eq!(verdict, Ok(()));
    });
}

/// Probes every hundredth of a second; one outcome is enough.
pub(crate) fn health_spec() -> HealthSpec {
    HealthSpec {
        active: true,
        interval: Duration::from_millis(10),
        fast_interval: Duration::from_millis(10),
        timeout: Duration::from_secs(5),
        fall: 1,
        rise: 1,
        jitter: 0.0,
        passive: PassiveSpec { suspect_after: 0, down_after: 0, retry_after: Duration::from_secs(1) },
        flap: FlapSpec { changes: 0, window: Duration::from_secs(1), hold: Duration::from_secs(1) },
        outlier: None,
    }
}

/// A target in a pool of its own.
fn target(address: SocketAddr) -> Target {
    let spec = PoolSpec {
        name: "pool".into(),
        method: Method::RoundRobin,
        servers: vec![ServerSpec {
            name: "app1".into(),
            address,
            weight: 1,
            max_connections: None,
            group: 0,
            admin: Admin::Ready,
        }],
        all_down: AllDown::Refuse,
        on_down: sekisho_scheduler::OnDown::Next,
        queue: QueueSpec { capacity: 0, timeout: Duration::ZERO },
        slow_start: Duration::ZERO,
        health: health_spec(),
        seed: 1,
    };
    let secret = Secret::new(&[7; 32]).unwrap();
    let scheduler = Scheduler::build(vec![spec], Vec::new(), &secret, 1, None, Instant::now());
    Target {
        pool: "pool".into(),
        server: Arc::clone(scheduler.pool("pool").unwrap().server("app1").unwrap()),
        probe: Some(ProbeSpec { kind: "ping", probe: Arc::new(PING), port: None }),
        timeout: health_spec().timeout,
        connector: None,
        start_tls: false,
        streams_only: false,
        proxy_protocol: None,
    }
}

/// Runs the prober until the server's health is as expected.
async fn until(target: &Target, expected: Health) {
    let local = tokio::task::LocalSet::new();
    let targets = vec![target.clone()];
    local.spawn_local(run(move || targets.clone(), Arc::default()));
    let reached = async {
        while target.server.health() != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    local.run_until(reached).await;
}

#[test]
fn server_goes_down_and_comes_up_as_its_probes_say() {
    run_test(async {
        // An address of its own: nobody else takes the port while it is free.
        let listener = TcpListener::bind("127.0.88.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let target = target(address);
        until(&target, Health::Down).await;
        let why = target.server.last_probe().unwrap().result.ok.unwrap_err();
        assert_eq!(why, "no connection: connection refused");
        let listener = TcpListener::bind(address).await.unwrap();
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 64]).await;
                let _ = stream.write_all(b"PONG\n").await;
            }
        };
        tokio::select! {
            () = until(&target, Health::Up) => {}
            () = serve => {}
        }
    });
}

#[test]
fn server_that_does_not_answer_in_time_is_down() {
    run_test(async {
        // Accepts by its backlog, and nobody ever answers.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target { timeout: Duration::from_millis(20), ..target(listener.local_addr().unwrap()) };
        until(&target, Health::Down).await;
        assert_eq!(target.server.last_probe().unwrap().result.ok.unwrap_err(), "no answer within 20ms");
    });
}

#[test]
fn probe_that_is_cut_off_is_reported_so_that_the_next_one_can_begin() {
    run_test(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = target(listener.local_addr().unwrap());
        let local = tokio::task::LocalSet::new();
        let targets = vec![target.clone()];
        local.spawn_local(run(move || targets.clone(), Arc::default()));
        local.run_until(async { listener.accept().await.unwrap() }).await;
        assert!(target.server.last_probe().is_none());
        drop(local);
        assert_eq!(target.server.last_probe().unwrap().result.ok.unwrap_err(), "the probe was cut off");
    });
}

mod tls {
    use super::*;
    use crate::scratch::Scratch;
    use crate::tls::Acceptor;
    use sekisho_config::{CertificateFiles, ClientAuth, ClientTls, TlsVersion};

    fn acceptor(scratch: &Scratch) -> Acceptor {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let path = scratch.write("a.pem", certificate.pem() + &key.serialize_pem());
        let settings = ClientTls {
            mode: sekisho_config::TlsMode::Implicit,
            certificates: vec![CertificateFiles { certificate: path.clone(), key: path }],
            min_version: TlsVersion::V1_2,
            alpn: Vec::new(),
            client_auth: ClientAuth::None,
            strict_names: false,
            tickets: true,
        };
        Acceptor::new(&settings, &[], None).unwrap()
    }

    #[test]
    fn probe_that_wants_tls_gets_it_at_once_or_on_its_word() {
        let scratch = Scratch::new();
        let acceptor = acceptor(&scratch);
        run_test(async {
            for start_tls in [false, true] {
                let ping = Ping {
                    start_tls,
                    tls: if start_tls { ProbeTls::Never } else { ProbeTls::Always },
                    ..PING
                };
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let serve = async {
                    let (mut tcp, _) = listener.accept().await.unwrap();
                    if start_tls {
                        let mut word = [0; 9];
                        tcp.read_exact(&mut word).await.unwrap();
                        assert_eq!(&word, b"STARTTLS\n");
                        tcp.write_all(b"GO\n").await.unwrap();
                    }
                    let mut tls = acceptor.accept(tcp).await.unwrap();
                    let mut word = [0; 5];
                    tls.read_exact(&mut word).await.unwrap();
                    assert_eq!(&word, b"PING\n");
                    tls.write_all(b"PONG\n").await.unwrap();
                    tls.flush().await.unwrap();
                };
                let (verdict, ()) = tokio::join!(verdict(ping, address), serve);
                assert_eq!(verdict, Ok(()));
            }
        });
    }

    #[test]
    fn server_that_speaks_no_tls_where_the_probe_does_is_down() {
        run_test(async {
            let (address, serve) = saying(&["220 hello, this is no TLS\r\n"]).await;
            let ping = Ping { tls: ProbeTls::Always, ..PING };
            let (verdict, ()) = tokio::join!(verdict(ping, address), serve);
            assert!(verdict.unwrap_err().starts_with("TLS failed: "));
        });
    }
}
