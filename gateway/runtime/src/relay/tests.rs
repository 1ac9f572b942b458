use std::any::Any;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::*;
use crate::plain::PlainStream;

#[derive(Debug)]
struct Target {
    name: Arc<str>,
    moved: AtomicU64,
}

impl Server for Target {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 1))
    }
    fn id(&self) -> u64 {
        1
    }
    fn token(&self) -> &str {
        ""
    }
    fn observe(&self, observation: Observation, _: Instant) {
        if let Observation::Moved(bytes) = observation {
            self.moved.fetch_add(bytes, Ordering::Relaxed);
        }
    }
    fn reusable(&self) -> bool {
        true
    }
    fn release(&self, _: Option<Instant>) {}
    fn as_any(&self) -> &dyn Any {
        self
    }
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

struct Stage {
    client: TcpStream,
    server: TcpStream,
    /// The relay's own socket towards the server.
    to_server: std::net::TcpStream,
    shared: Rc<Shared>,
    target: Arc<Target>,
    relay: tokio::task::JoinHandle<Outcome>,
}

async fn stage(to_server: &[u8], to_client: &[u8]) -> Stage {
    let (client, inner_client) = pair().await;
    let (inner_server, server) = pair().await;
    let inner_server = inner_server.into_std().unwrap();
    let own = inner_server.try_clone().unwrap();
    let inner_server = TcpStream::from_std(inner_server).unwrap();
    let shared = Rc::new(Shared {
        ticker: Ticker::new(Instant::now()),
        buffers: Buffers::default(),
        pipes: Pipes::default(),
    });
    let target = Arc::new(Target { name: "one".into(), moved: AtomicU64::new(0) });
    let relay = Relay::new(
        shared.clone(),
        (Io::Plain(PlainStream::new(inner_client)), Io::Plain(PlainStream::new(inner_server))),
        (to_server.into(), to_client.into()),
        target.clone(),
        Patience {
            idle: Duration::from_secs(600),
            response: None,
            half_closed: Duration::from_secs(30),
            keepalive: Duration::from_secs(60),
        },
    );
    let relay = tokio::task::spawn_local(relay);
    Stage { client, server, to_server: own, shared, target, relay }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn what_the_conversation_had_read_is_sent_first() {
    run(async {
        let mut s = stage(b"early ", b"greeting ").await;
        s.client.write_all(b"late").await.unwrap();
        s.server.write_all(b"more").await.unwrap();
        let (mut up, mut down) = ([0; 10], [0; 13]);
        s.server.read_exact(&mut up).await.unwrap();
        s.client.read_exact(&mut down).await.unwrap();
        assert_eq!((&up, &down), (b"early late", b"greeting more"));
    });
}

#[test]
fn half_close_is_passed_on_and_the_other_direction_goes_on() {
    run(async {
        let mut s = stage(b"", b"").await;
        s.client.write_all(b"request").await.unwrap();
        s.client.shutdown().await.unwrap();
        let mut request = Vec::new();
        s.server.read_to_end(&mut request).await.unwrap();
        assert_eq!(request, b"request");
        s.server.write_all(b"answer").await.unwrap();
        s.server.shutdown().await.unwrap();
        let mut answer = Vec::new();
        s.client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
        let outcome = s.relay.await.unwrap();
        assert_eq!((outcome.end, outcome.received, outcome.sent), (End::Done, 7, 6));
        assert_eq!(s.target.moved.load(Ordering::Relaxed), 13);
    });
}

#[test]
fn bulk_goes_through_pipes_byte_for_byte_and_the_pipes_come_back() {
    run(async {
        let mut s = stage(b"", b"").await;
        let sent: Vec<u8> = (0..8_000_000_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
        let expected = sent.clone();
        let server = tokio::task::spawn_local(async move {
            s.server.write_all(&sent).await.unwrap();
            s.server.shutdown().await.unwrap();
            s.server
        });
        let mut received = Vec::new();
        s.client.read_to_end(&mut received).await.unwrap();
        assert!(received == expected, "{} bytes of {} came, or others", received.len(), expected.len());
        s.client.shutdown().await.unwrap();
        drop(server.await.unwrap());
        assert_eq!(s.relay.await.unwrap().sent, 8_000_000);
        let pipe = s.shared.pipes.take().unwrap();
        assert_eq!(pipe.inside(), 0);
    });
}

#[test]
fn server_that_answers_and_ends_at_once_is_heard_whole() {
    run(async {
        for size in [1, 43, 65_535, 65_536, 65_537, 1_000_000] {
            let mut s = stage(b"", b"").await;
            let answer: Vec<u8> = (0..size).map(|i: u32| (i ^ (i >> 8)) as u8).collect();
            let expected = answer.clone();
            let server = tokio::task::spawn_local(async move {
                s.server.write_all(&answer).await.unwrap();
                drop(s.server);
            });
            let mut heard = Vec::new();
            s.client.read_to_end(&mut heard).await.unwrap();
            assert!(heard == expected, "{} bytes of {size} came, or others", heard.len());
            server.await.unwrap();
            s.client.shutdown().await.unwrap();
            let outcome = s.relay.await.unwrap();
            assert_eq!((outcome.end, outcome.sent), (End::Done, u64::from(size)));
        }
    });
}

#[test]
fn reset_of_the_server_is_a_reset_for_the_client_and_no_clean_end() {
    run(async {
        let mut s = stage(b"", b"").await;
        s.server.write_all(b"half of an answer").await.unwrap();
        let mut half = [0; 17];
        s.client.read_exact(&mut half).await.unwrap();
        SockRef::from(&s.server).set_linger(Some(Duration::ZERO)).unwrap();
        drop(s.server);
        assert_eq!(s.client.read(&mut half).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(s.relay.await.unwrap().end, End::ServerLeft);
    });
}

#[test]
fn nothing_moving_for_the_idle_time_ends_the_relay_and_a_byte_keeps_it() {
    run(async {
        let mut s = stage(b"", b"").await;
        let start = s.shared.ticker.coarse();
        tokio::task::yield_now().await;
        s.shared.ticker.sweep(start + Duration::from_secs(599));
        s.client.write_all(b"x").await.unwrap();
        s.server.read_exact(&mut [0]).await.unwrap();
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        s.shared.ticker.sweep(start + Duration::from_secs(601));
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert!(!s.relay.is_finished());
        s.shared.ticker.sweep(start + Duration::from_secs(1200));
        assert_eq!(s.relay.await.unwrap().end, End::Expired(Deadline::Idle));
    });
}

#[test]
fn keepalive_is_turned_on_only_for_a_relay_that_lives_on() {
    run(async {
        let s = stage(b"", b"").await;
        let start = s.shared.ticker.coarse();
        tokio::task::yield_now().await;
        assert!(!SockRef::from(&s.to_server).keepalive().unwrap());
        s.shared.ticker.sweep(start + SETTLED);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert!(SockRef::from(&s.to_server).keepalive().unwrap());
        assert!(!s.relay.is_finished(), "the first look at the deadline is not the end");
    });
}

#[test]
fn side_that_ends_after_a_long_silence_still_gets_its_answer() {
    run(async {
        let mut s = stage(b"", b"").await;
        let start = s.shared.ticker.coarse();
        tokio::task::yield_now().await;
        s.shared.ticker.sweep(start + Duration::from_secs(100));
        s.client.shutdown().await.unwrap();
        assert_eq!(s.server.read(&mut [0]).await.unwrap(), 0);
        s.shared.ticker.sweep(start + Duration::from_secs(129));
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        s.server.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        s.client.read_exact(&mut answer).await.unwrap();
        drop(s.server);
        assert_eq!(s.relay.await.unwrap().end, End::Done);
    });
}

#[test]
fn client_that_does_not_read_stops_the_server_and_costs_one_buffer() {
    run(async {
        let mut s = stage(b"", b"").await;
        let mut written = 0;
        let chunk = vec![0; 64 * 1024];
        // Until every kernel buffer on the way is full: bounded by them, not by the relay.
        loop {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            match s.server.try_write(&chunk) {
                Ok(n) => written += n,
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if s.server.try_write(&chunk).is_err() {
                        break;
                    }
                }
            }
            assert!(written < 256 << 20, "the relay takes without end");
        }
        assert!(!s.relay.is_finished());
        let mut first = [0; 1];
        s.client.read_exact(&mut first).await.unwrap();
    });
}

#[test]
fn idle_relay_is_small() {
    // Two sockets, two directions, one deadline, the counts, a place in the roster. What is more costs every
    // connection of a mail farm.
    assert!(size_of::<Relay>() <= 336, "{} bytes", size_of::<Relay>());
}
