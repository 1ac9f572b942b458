//! Conversations that go on with a server, in a protocol made up for these tests: the client says a line, the server
//! answers one, and both belong together then, or, after `stay`, are passed on piece by piece; after `hush` the server's
//! line is for the gateway alone.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use sekisho_api::settings::Section;
use sekisho_api::{
    Conversation, Converse, Descriptor, Facts, Fault, Handler, Input, Protocol, Step, Transport, VipContext,
};
use sekisho_tests::{Rig, until};

use super::connect_from;

#[derive(Debug)]
struct Parley;

#[derive(Debug, Default)]
struct Talk {
    stays: bool,
    passes: bool,
    hushes: bool,
    heard: bool,
}

impl Protocol for Parley {
    fn descriptor(&self) -> Descriptor {
        Descriptor { name: "parley", summary: "made up", transport: Transport::Tcp, keys: &[] }
    }

    fn configure(&self, _: &mut Section<'_>, _: &VipContext<'_>) -> Option<Handler> {
        Some(Handler::Conversation(Arc::new(Parley)))
    }
}

impl Converse for Parley {
    fn open(&self, _: &Facts) -> Box<dyn Conversation> {
        Box::new(Talk::default())
    }
}

impl Conversation for Talk {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        Ok(match input {
            Input::Open(_) => Step::NeedMore,
            Input::Client(bytes) | Input::Server(bytes) if self.passes && !bytes.is_empty() => {
                Step::Pass(bytes.len())
            }
            Input::Client(bytes) if self.heard && !bytes.is_empty() => Step::Relay,
            Input::Client(bytes) => match bytes.iter().position(|&byte| byte == b'\n') {
                Some(end) if !self.stays => {
                    self.stays = bytes.starts_with(b"stay");
                    self.hushes = bytes.starts_with(b"hush");
                    Step::Route(end + 1, Box::default())
                }
                _ => Step::Wait,
            },
            Input::Server(b"ok\n") if self.stays => {
                self.passes = true;
                Step::Pass(3)
            }
            Input::Server(b"ok\n") if self.hushes => {
                self.heard = true;
                Step::Drop(3)
            }
            Input::Server(b"ok\n") => Step::Relay,
            Input::Unavailable(_) | Input::Ended(_) | Input::Expired(_) => Step::Close,
            _ => Step::Wait,
        })
    }
}

/// A server that answers every connection with `words` and then echoes. It ends with the process.
fn server(words: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let _ = stream.write_all(words.as_bytes());
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    let _ = stream.write_all(&buffer[..n]).is_ok_and(|()| !words.is_empty());
                }
            });
        }
    });
    address
}

/// A server that answers every connection with `words` and then only listens. It ends with the process.
fn mute_after(words: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let _ = stream.write_all(words.as_bytes());
                while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
            });
        }
    });
    address
}

fn failures(rig: &Rig, server: &str) -> u64 {
    rig.gateway().scheduler().pool("p").unwrap().server(server).unwrap().failures()
}

fn rig(vip: &str, pool: &str, servers: &[SocketAddr], options: &str) -> Rig {
    let list: Vec<String> =
        servers.iter().enumerate().map(|(i, s)| format!("s{i} = {{ address = '{s}'{options} }}")).collect();
    let configuration = format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'parley'\npool = 'p'\n{vip}\n\
         [pool.p]\nmethod = 'first-available'\n{pool}\nservers = {{ {} }}\n",
        list.join(", ")
    );
    Rig::start_with(&configuration, sekisho::builtin().with(Parley))
}

fn client(rig: &Rig, line: &str) -> TcpStream {
    let mut client = connect_from("127.0.0.1", rig.address("v"));
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.write_all(line.as_bytes()).unwrap();
    client
}

#[test]
fn server_that_accepts_and_says_nothing_is_replaced_however_much_the_client_says() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = [mute.local_addr().unwrap(), server("ok\n")];
    let rig = rig("timeouts = { idle = '2s' }", "", &servers, "");
    let mut client = client(&rig, "stay\n");
    let mut drip = client.try_clone().unwrap();
    std::thread::spawn(move || {
        while drip.write_all(b".").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut answer = [0; 3];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ok\n");
    client.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(rig.line(|_| true)["attempts"], 2);
}

#[test]
fn server_that_is_silent_for_longer_than_the_response_timeout_is_replaced_before_anybody_is_idle() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = [mute.local_addr().unwrap(), server("ok\n")];
    let rig = rig("timeouts = { response = '1s', idle = '1h' }", "", &servers, "");
    let mut client = client(&rig, "go\n");
    let mut answer = [0; 3];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ok\n");
    drop(client);
    assert_eq!(rig.line(|_| true)["attempts"], 2);
    assert_eq!(failures(&rig, "s0"), 1);
}

#[test]
fn server_that_falls_silent_once_it_has_answered_ends_the_conversation_at_the_response_timeout() {
    let rig = rig("timeouts = { response = '1s', idle = '1h' }", "", &[mute_after("ok\n")], "");
    let mut client = client(&rig, "stay\n");
    client.read_exact(&mut [0; 3]).unwrap();
    client.write_all(b"more?").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(rig.line(|_| true)["end"], "response-timeout");
    assert_eq!(failures(&rig, "s0"), 1);
}

#[test]
fn server_that_was_asked_nothing_owes_no_response() {
    let vip = "timeouts = { response = '1s', idle = '2s' }";
    let rig = rig(vip, "", &[mute_after("ok\n")], "");
    let mut client = client(&rig, "stay\n");
    client.read_exact(&mut [0; 3]).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(rig.line(|_| true)["end"], "idle-timeout");
    assert_eq!(failures(&rig, "s0"), 0);
}

#[test]
fn relayed_server_that_answered_the_gateway_owes_no_first_byte() {
    let vip = "timeouts = { response = '1s', idle = '2s' }";
    let rig = rig(vip, "", &[mute_after("ok\n")], "");
    let mut client = client(&rig, "hush\nmore");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(rig.line(|_| true)["end"], "idle-timeout");
    assert_eq!(failures(&rig, "s0"), 0);
}

#[test]
fn silence_of_both_sides_is_idleness_and_no_fault_of_the_servers() {
    let rig = rig("timeouts = { idle = '2s' }", "", &[server("ok\n")], "");
    let mut client = client(&rig, "stay\n");
    client.read_exact(&mut [0; 3]).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(rig.line(|_| true)["end"], "idle-timeout");
    assert_eq!(failures(&rig, "s0"), 0);
}

#[test]
fn client_that_resets_leaves_the_queue_at_once() {
    let rig =
        rig("", "queue = { capacity = 10, timeout = '1h' }", &[server("ok\n")], ", max-connections = 1");
    let mut first = client(&rig, "go\n");
    first.read_exact(&mut [0; 3]).unwrap();
    let second = client(&rig, "go\n");
    let queued = || rig.gateway().scheduler().pool("p").unwrap().queued();
    until("it waits", || (queued() == 1).then_some(()));
    socket2::SockRef::from(&second).set_linger(Some(Duration::ZERO)).unwrap();
    drop(second);
    until("its place is free", || (queued() == 0).then_some(()));
    assert_eq!(rig.line(|_| true)["end"], "client-left");
}
