//! Datagrams with an id, in a protocol made up for these tests: two bytes of id, one that says what it is, and text.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sekisho_api::settings::Section;
use sekisho_api::{
    Answer, Asked, Delivery, Descriptor, Exchange, Facts, Fingerprint, Forward, Handler, IdPlace, Protocol,
    Request, Route, Transport, Unavailable, VipContext,
};
use sekisho_tests::{Rig, until};

/// A question that may be asked twice.
const ASK: u8 = b'?';
/// A question that may not.
const ONCE: u8 = b'1';
/// An answer: the question, an equals sign, the server's name.
const ANSWER: u8 = b'=';
/// What the gateway says where there is no server.
const REFUSAL: u8 = b'!';

const ID: IdPlace = IdPlace { offset: 0, width: 2 };

#[derive(Debug)]
struct Riddle;

impl Protocol for Riddle {
    fn descriptor(&self) -> Descriptor {
        Descriptor { name: "riddle", summary: "made up", transport: Transport::Udp, keys: &[] }
    }

    fn configure(&self, _: &mut Section<'_>, _: &VipContext<'_>) -> Option<Handler> {
        Some(Handler::Exchange(Arc::new(Riddle)))
    }
}

impl Exchange for Riddle {
    fn request(&self, datagram: &[u8], _: &Facts, _: Instant, _: &mut [u8]) -> Request {
        match datagram {
            [_, _, kind @ (ASK | ONCE), question @ ..] => Request::Forward(Forward {
                route: Route::new(),
                id: ID,
                fingerprint: fingerprint(question),
                memo: [0; 2],
                written: None,
                repeatable: *kind == ASK,
                share: None,
            }),
            _ => Request::Ignore("no-riddle"),
        }
    }

    fn answer(&self, datagram: &[u8], asked: &Asked<'_>, _: Instant, _: &mut [u8]) -> Answer {
        let [_, _, ANSWER, text @ ..] = datagram else { return Answer::Stray };
        match text.split(|&byte| byte == b'=').next() {
            Some(question) if fingerprint(question) == asked.fingerprint => {
                Answer::Deliver(Delivery { id: ID, written: None })
            }
            _ => Answer::Stray,
        }
    }

    fn id(&self, datagram: &[u8]) -> Option<u32> {
        ID.read(datagram)
    }

    fn refuse(
        &self,
        request: &[u8],
        _: &Facts,
        why: Unavailable,
        _: Instant,
        out: &mut [u8],
    ) -> Option<usize> {
        let refusal = [request.get(..2)?, &[REFUSAL], why.name().as_bytes()].concat();
        out.get_mut(..refusal.len())?.copy_from_slice(&refusal);
        Some(refusal.len())
    }
}

fn fingerprint(question: &[u8]) -> Fingerprint {
    Fingerprint(question.iter().fold(7, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))))
}

/// How a server behaves.
#[derive(Clone, Copy)]
enum Manner {
    Answers,
    /// Says something else under the same id first.
    LiesFirst,
    Silent,
}

/// A server of riddles; it ends with the process.
struct Oracle {
    address: SocketAddr,
    /// The ids that it was asked under.
    ids: Arc<Mutex<Vec<[u8; 2]>>>,
}

impl Oracle {
    fn start(name: &'static str, manner: Manner) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, ids) = (socket.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        std::thread::spawn({
            let ids = ids.clone();
            move || {
                let mut buffer = [0; 65_536];
                while let Ok((n, gateway)) = socket.recv_from(&mut buffer) {
                    let (id, question) = ([buffer[0], buffer[1]], &buffer[3..n]);
                    ids.lock().unwrap().push(id);
                    let say = |question: &[u8]| {
                        let answer = [&id, &[ANSWER][..], question, b"=", name.as_bytes()].concat();
                        socket.send_to(&answer, gateway).unwrap();
                    };
                    match manner {
                        Manner::Answers => say(question),
                        Manner::LiesFirst => {
                            say(b"another question");
                            say(question);
                        }
                        Manner::Silent => {}
                    }
                }
            }
        });
        Self { address, ids }
    }

    fn asked(&self) -> usize {
        self.ids.lock().unwrap().len()
    }
}

/// An address that refuses: its port was just given back.
fn nobody() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn configuration(listen: &str, vip: &str, servers: &[SocketAddr]) -> String {
    let list: Vec<String> = servers.iter().enumerate().map(|(i, s)| format!("s{i} = '{s}'")).collect();
    format!(
        "[vip.v]\nlisten = '{listen}'\nprotocol = 'riddle'\npool = 'p'\n{vip}\n\
         [pool.p]\nservers = {{ {} }}\n",
        list.join(", ")
    )
}

fn rig(vip: &str, servers: &[SocketAddr]) -> Rig {
    Rig::start_with(&configuration("127.0.0.1:0", vip, servers), sekisho::builtin().with(Riddle))
}

fn client() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn send(client: &UdpSocket, rig: &Rig, id: [u8; 2], kind: u8, question: &str) {
    client.send_to(&[&id, &[kind][..], question.as_bytes()].concat(), rig.address("v")).unwrap();
}

/// The next datagram: id, kind and text.
fn receive(client: &UdpSocket) -> ([u8; 2], u8, String) {
    let mut buffer = [0; 65_536];
    let (n, _) = client.recv_from(&mut buffer).unwrap();
    ([buffer[0], buffer[1]], buffer[2], String::from_utf8(buffer[3..n].to_vec()).unwrap())
}

#[test]
fn client_gets_its_own_id_back_and_the_server_sees_another() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (rig, client) = (rig("", &[oracle.address]), client());
    for round in 0..20_u8 {
        send(&client, &rig, [7, 7], ASK, &format!("q{round}"));
        assert_eq!(receive(&client), ([7, 7], ANSWER, format!("q{round}=one")));
    }
    let ids: HashSet<[u8; 2]> = oracle.ids.lock().unwrap().iter().copied().collect();
    assert!(ids.len() > 15, "ids towards the server can be foretold: {ids:?}");
    assert_eq!(rig.line(|_| true)["end"], "done");
}

#[test]
fn wrong_answer_is_ignored_and_the_right_one_behind_it_is_not() {
    let oracle = Oracle::start("one", Manner::LiesFirst);
    let (rig, client) = (rig("", &[oracle.address]), client());
    for question in ["q1", "q2"] {
        send(&client, &rig, [1, 2], ASK, question);
        assert_eq!(receive(&client), ([1, 2], ANSWER, format!("{question}=one")));
    }
}

#[test]
fn question_to_a_closed_port_goes_to_another_server_if_it_may_be_asked_twice() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (rig, client) = (rig("", &[nobody(), oracle.address]), client());
    for round in 0..10 {
        send(&client, &rig, [3, round], ASK, "q");
        assert_eq!(receive(&client), ([3, round], ANSWER, "q=one".into()));
    }
}

#[test]
fn question_that_may_be_asked_once_is_refused_where_its_server_refuses() {
    let (rig, client) = (rig("", &[nobody()]), client());
    send(&client, &rig, [4, 5], ONCE, "q");
    assert_eq!(receive(&client), ([4, 5], REFUSAL, "connect-failed".into()));
    let line = rig.line(|_| true);
    assert_eq!(line["end"], "connect-failed", "{line}");
}

#[test]
fn question_without_an_answer_in_time_is_refused_and_gives_its_lease_back() {
    let oracle = Oracle::start("one", Manner::Silent);
    let (rig, client) = (rig("timeouts = { response = '300ms' }", &[oracle.address]), client());
    send(&client, &rig, [6, 7], ASK, "q");
    assert_eq!(receive(&client), ([6, 7], REFUSAL, "connect-failed".into()));
    assert_eq!(rig.line(|_| true)["end"], "response-timeout");
    let scheduler = rig.gateway().scheduler();
    assert_eq!(scheduler.pool("p").unwrap().server("s0").unwrap().active(), 0);
}

#[test]
fn stopping_gateway_lets_a_question_have_its_answer() {
    let oracle = Oracle::start("one", Manner::Silent);
    let (mut rig, client) = (rig("timeouts = { response = '1s' }", &[oracle.address]), client());
    send(&client, &rig, [8, 9], ASK, "q");
    until("the server is asked", || (oracle.asked() == 1).then_some(()));
    let gateway = rig.stop();
    assert_eq!(receive(&client), ([8, 9], REFUSAL, "connect-failed".into()));
    gateway.wait();
}

#[test]
fn address_that_went_is_free_and_can_come_back() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (here, there) = ("127.0.3.20:7340", "127.0.3.20:7341");
    let with = |listen| configuration(listen, "timeouts = { response = '300ms' }", &[oracle.address]);
    let rig = Rig::start_with(&with(here), sekisho::builtin().with(Riddle));
    let client = client();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    for listen in [there, here, there, here] {
        // A socket that closes may take a datagram with it.
        until("an answer", || {
            send(&client, &rig, [1, 1], ASK, "q");
            client.recv(&mut [0; 64]).ok()
        });
        rig.reload(&with(listen)).unwrap();
    }
    rig.reload(&with(there)).unwrap();
    until("nobody has the address any more", || UdpSocket::bind(here).ok());
}
