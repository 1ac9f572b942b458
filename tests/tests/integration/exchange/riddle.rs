//! A protocol made up for these tests, and servers that speak it: two bytes of id, one that says what it is, and text.

use std::collections::HashMap;
use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sekisho_api::settings::Section;
use sekisho_api::{
    Answer, Asked, BoxStream, Core, Delivery, Described, Descriptor, End, Exchange, Facts, Fingerprint,
    Forward, Handler, IdPlace, Protocol, Reply, Request, Route, Service, Transport, Unavailable, VipContext,
    Worker,
};

/// A question that may be asked twice.
pub(super) const ASK: u8 = b'?';
/// A question that may not.
pub(super) const ONCE: u8 = b'1';
/// A question that waits for the answer to an equal one.
pub(super) const SHARED: u8 = b's';
/// A question that reaches servers in capitals.
pub(super) const LOUD: u8 = b'w';
/// A question that the gateway answers itself.
pub(super) const OWN: u8 = b'o';
/// An answer: the question, an equals sign, the server's name.
pub(super) const ANSWER: u8 = b'=';
/// What a server says that cannot answer.
pub(super) const CANNOT: u8 = b'~';
/// What the gateway says where there is no server.
pub(super) const REFUSAL: u8 = b'!';

const ID: IdPlace = IdPlace { offset: 0, width: 2 };

/// The protocol.
#[derive(Debug)]
pub(super) struct Riddle {
    /// Whether it has streams beside its datagrams.
    pub(super) streams: bool,
}

impl Protocol for Riddle {
    fn descriptor(&self) -> Descriptor {
        let transport = if self.streams { Transport::Both } else { Transport::Udp };
        Descriptor { name: "riddle", summary: "made up", transport, keys: &[] }
    }

    fn configure(&self, _: &mut Section<'_>, _: &VipContext<'_>) -> Option<Handler> {
        let riddles = Arc::new(Riddles::default());
        Some(match self.streams {
            true => Handler::Pair(riddles, Arc::new(Streams)),
            false => Handler::Exchange(riddles),
        })
    }
}

#[derive(Debug, Default)]
struct Riddles {
    /// Answers to shared questions, but for those that begin with `secret`.
    heard: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

impl Exchange for Riddles {
    fn request(&self, datagram: &[u8], _: &Facts, _: Instant, out: &mut [u8]) -> Request {
        let [first, second, kind, question @ ..] = datagram else { return Request::Ignore("short") };
        let mut written = None;
        let mut meant = question.to_vec();
        match *kind {
            OWN => {
                out[..4].copy_from_slice(&[*first, *second, ANSWER, b'.']);
                return Request::Answer(4, "own");
            }
            LOUD => {
                meant.make_ascii_uppercase();
                let loud = [&[*first, *second, ASK], &meant[..]].concat();
                out[..loud.len()].copy_from_slice(&loud);
                written = Some(loud.len());
            }
            ASK | ONCE | SHARED => {}
            _ => return Request::Ignore("no-riddle"),
        }
        let fingerprint = fingerprint(&meant);
        Request::Forward(Forward {
            route: Route::new(),
            id: ID,
            fingerprint,
            memo: [0; 2],
            written,
            repeatable: *kind != ONCE,
            share: (*kind == SHARED).then_some(fingerprint.0),
        })
    }

    fn answer(&self, datagram: &[u8], asked: &Asked<'_>, _: Instant, _: &mut [u8]) -> Answer {
        let [_, _, kind @ (ANSWER | CANNOT), text @ ..] = datagram else { return Answer::Stray };
        let question = text.split(|&byte| byte == b'=').next().unwrap_or_default();
        if fingerprint(question) != asked.fingerprint {
            return Answer::Stray;
        }
        if asked.request[2] == SHARED && !question.starts_with(b"secret") {
            self.heard.lock().unwrap().insert(question.to_vec(), text.to_vec());
        }
        let delivery = Delivery { id: ID, written: None };
        if *kind == CANNOT { Answer::Another(delivery) } else { Answer::Deliver(delivery) }
    }

    fn id(&self, datagram: &[u8]) -> Option<u32> {
        ID.read(datagram)
    }

    fn known(&self, request: &[u8], _: &Facts, _: Instant, out: &mut [u8]) -> Option<usize> {
        let heard = self.heard.lock().unwrap();
        let answer = [&request[..2], &[ANSWER], &heard.get(&request[3..])?[..]].concat();
        out[..answer.len()].copy_from_slice(&answer);
        Some(answer.len())
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

    fn describe(&self, request: &[u8], answer: &[u8]) -> Option<Described> {
        let method = char::from(*request.get(2)?).to_string().into();
        let host = String::from_utf8_lossy(&request[3..]).into();
        Some(Described { method, host, status: answer.get(2).map_or(0, |kind| u16::from(*kind)) })
    }
}

fn fingerprint(question: &[u8]) -> Fingerprint {
    Fingerprint(question.iter().fold(7, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))))
}

/// The streams beside the datagrams: what is handed over is answered by nobody less than `stream`.
#[derive(Debug)]
struct Streams;

impl Service for Streams {
    fn worker(&self, _: Rc<dyn Core>) -> Rc<dyn Worker> {
        Rc::new(Streams)
    }
}

impl Worker for Streams {
    fn serve<'a>(self: Rc<Self>, _: BoxStream, _: Facts) -> Pin<Box<dyn Future<Output = End> + 'a>>
    where
        Self: 'a,
    {
        Box::pin(async { End::Done })
    }

    fn datagram(self: Rc<Self>, datagram: &[u8], _: &Facts, reply: Reply) {
        reply(&[&datagram[..2], &[ANSWER], &datagram[3..], b"=stream"].concat());
    }
}

/// How a server behaves.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    Answers,
    /// Says something else under the same id so many times first.
    LiesFirst(usize),
    /// A stranger answers from another port first.
    IsForged,
    AnswersTwice,
    /// Answers after so long.
    Waits(Duration),
    Cannot,
    Silent,
}

/// A server of riddles; it ends with the process, or after as many questions as it is given to live.
pub(super) struct Oracle {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
}

/// What a server was asked: what stood before the id, the id, the text, and who asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) datagram: Vec<u8>,
    pub(super) gateway: SocketAddr,
}

impl Oracle {
    pub(super) fn start(name: &'static str, manner: Manner) -> Self {
        Self::live(name, manner, usize::MAX)
    }

    /// A server that is gone after so many questions.
    pub(super) fn live(name: &'static str, manner: Manner, questions: usize) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        std::thread::spawn({
            let asked = asked.clone();
            move || {
                let mut buffer = [0; 65_536];
                for _ in 0..questions {
                    let (n, gateway) = socket.recv_from(&mut buffer).unwrap();
                    let datagram = buffer[..n].to_vec();
                    asked.lock().unwrap().push(Question { datagram, gateway });
                    reply(&socket, name, manner, &buffer[..n], gateway);
                }
            }
        });
        Self { address, asked }
    }

    /// Everything that it was asked.
    pub(super) fn questions(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn reply(socket: &UdpSocket, name: &str, manner: Manner, datagram: &[u8], gateway: SocketAddr) {
    // What a PROXY header says is shorter than the questions of these tests.
    let datagram = datagram.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n").map_or(datagram, |header| &header[16..]);
    let (id, question) = (&datagram[..2], &datagram[3..]);
    let answer = |kind, question: &[u8]| [id, &[kind], question, b"=", name.as_bytes()].concat();
    let say = |answer: &[u8]| {
        socket.send_to(answer, gateway).unwrap();
    };
    match manner {
        Manner::Answers => {}
        Manner::LiesFirst(times) => (0..times).for_each(|_| say(&answer(ANSWER, b"another question"))),
        Manner::IsForged => {
            let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
            stranger.send_to(&[id, &[ANSWER], question, b"=stranger"].concat(), gateway).unwrap();
        }
        Manner::AnswersTwice => say(&answer(ANSWER, question)),
        Manner::Waits(time) => std::thread::sleep(time),
        Manner::Cannot => return say(&answer(CANNOT, question)),
        Manner::Silent => return,
    }
    say(&answer(ANSWER, question));
}
