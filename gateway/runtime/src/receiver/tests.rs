//! Receivers that are there, away, slow, and back again.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::sync_channel;

use sekisho_config::{Facility, SyslogAddress};

use super::*;
use crate::scratch::Scratch;

const PATIENCE: Duration = Duration::from_secs(30);

fn syslog(address: SyslogAddress) -> LogTo {
    LogTo::Syslog { address, facility: Facility::default(), tag: "lb1".to_owned() }
}

fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Checks the head of a message (RFC 5424, section 6.2) and gives the rest.
fn message(packet: &[u8], priority: &str) -> String {
    let text = String::from_utf8(packet.to_vec()).unwrap();
    let fields: Vec<&str> = text.splitn(8, ' ').collect();
    let [head, time, host, tag, process, id, data, message] = fields[..] else { panic!("{text}") };
    assert_eq!(head, format!("<{priority}>1"));
    assert!(time.len() == 24 && time.ends_with('Z') && !host.is_empty(), "{text}");
    assert_eq!((tag, process, id, data), ("lb1", &*std::process::id().to_string(), "-", "-"));
    message.to_owned()
}

#[test]
fn syslog_over_udp_is_a_datagram_for_each_line() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let log = LogReceiver::open(&syslog(SyslogAddress::Udp(receiver.local_addr().unwrap()))).unwrap();
    log.sender().lines(b"one 1\ntwo\n".to_vec(), 2);
    log.sender().event(Severity::Error, b"three\nlines\n".to_vec());
    let mut buffer = [0; 9000];
    let mut next = || {
        let length = receiver.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    };
    assert_eq!(message(&next(), "30"), "one 1");
    assert_eq!(message(&next(), "30"), "two");
    assert_eq!(message(&next(), "27"), "three\nlines");
    // What no receiver takes is cut.
    log.sender().event(Severity::Debug, vec![b'x'; 60_000]);
    assert_eq!(next().len(), 8 << 10);
    log.close();
}

#[test]
fn syslog_over_tcp_counts_octets_and_finds_a_receiver_that_was_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let log = LogReceiver::open(&syslog(SyslogAddress::Tcp(address))).unwrap();
    let sender = log.sender();
    sender.lines(b"lost\n".to_vec(), 1);
    eventually("a line is lost", || sender.lost() == 1);
    let listener = TcpListener::bind(address).unwrap();
    eventually("a line is written", || {
        sender.lines(b"kept\n".to_vec(), 1);
        std::thread::sleep(Duration::from_millis(50));
        sender.written() > 0
    });
    log.close();
    let mut text = String::new();
    let mut stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_to_string(&mut text).unwrap();
    let (length, rest) = text.split_once(' ').unwrap();
    let first = &rest[..length.parse().unwrap()];
    assert_eq!(message(first.as_bytes(), "30"), "kept");
}

#[test]
fn receiver_that_closed_its_connection_gets_the_next_line_over_another() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let log = LogReceiver::open(&syslog(SyslogAddress::Tcp(listener.local_addr().unwrap()))).unwrap();
    for line in ["one", "two", "three"] {
        log.sender().lines(format!("{line}\n").into_bytes(), 1);
        let mut accepted = None;
        eventually("a connection for the line", || {
            accepted = listener.accept().ok();
            accepted.is_some()
        });
        let (mut stream, _) = accepted.unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap();
        let (_, packet) = std::str::from_utf8(&buffer[..length]).unwrap().split_once(' ').unwrap();
        assert_eq!(message(packet.as_bytes(), "30"), line);
    }
    assert_eq!(log.sender().lost(), 0);
    log.close();
}

#[test]
fn journal_gets_fields_and_the_length_of_what_has_several_lines() {
    let scratch = Scratch::new();
    let path = scratch.path().join("journal");
    let receiver = UnixDatagram::bind(&path).unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let log = LogReceiver::open(&LogTo::Journald { socket: path, tag: "lb1".to_owned() }).unwrap();
    log.sender().lines(b"one=1\n".to_vec(), 1);
    log.sender().event(Severity::Warning, b"two\nlines\n".to_vec());
    let mut buffer = [0; 4096];
    let mut next = || {
        let length = receiver.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let sender = format!("SYSLOG_IDENTIFIER=lb1\nSYSLOG_PID={}\n", std::process::id());
    assert_eq!(next(), format!("MESSAGE=one=1\nPRIORITY=6\n{sender}"));
    assert_eq!(next(), format!("MESSAGE\n\u{9}\0\0\0\0\0\0\0two\nlines\nPRIORITY=4\n{sender}"));
    log.close();
}

#[test]
fn unix_receiver_that_does_not_read_holds_nobody_up_and_its_loss_is_counted() {
    let scratch = Scratch::new();
    let path = scratch.path().join("log");
    // Bound, and never read.
    let _receiver = UnixDatagram::bind(&path).unwrap();
    let log = LogReceiver::open(&syslog(SyslogAddress::Unix(path))).unwrap();
    let sender = log.sender();
    eventually("lines are lost", || {
        sender.lines(b"line\n".repeat(1000), 1000);
        sender.lost() + sender.dropped() > 0
    });
    drop(log);
}

/// Notes how many lines had been written whenever something was told.
struct Told(Arc<Shared>, Arc<Mutex<Vec<u64>>>);

impl tracing::Subscriber for Told {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
        tracing::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.1.lock().push(self.0.written.load(Ordering::Relaxed));
    }
    fn enter(&self, _: &tracing::Id) {}
    fn exit(&self, _: &tracing::Id) {}
}

#[test]
fn dropped_lines_are_told_of_while_there_are_still_others_to_write() {
    let scratch = Scratch::new();
    let output = thread::Output::open(&LogTo::File(scratch.path().join("log"))).unwrap();
    let (queue, messages) = sync_channel(3);
    let shared = Arc::<Shared>::default();
    let sender = LogSender { queue, shared: shared.clone() };
    (0..4).for_each(|_| drop(sender.lines(b"line\n".to_vec(), 1)));
    drop(sender);
    let told = Arc::<Mutex<Vec<u64>>>::default();
    tracing::subscriber::with_default(Told(shared.clone(), told.clone()), || {
        thread::run(output, "log", &messages, &shared);
    });
    assert_eq!((&**told.lock(), shared.written.load(Ordering::Relaxed)), (&[1][..], 3));
}

#[test]
fn burst_of_single_messages_is_kept() {
    let scratch = Scratch::new();
    let path = scratch.path().join("log");
    let log = LogReceiver::open(&LogTo::File(path.clone())).unwrap();
    let sender = log.sender();
    (0..1000).for_each(|_| sender.event(Severity::Warning, b"down\n".to_vec()));
    log.close();
    assert_eq!((sender.dropped(), std::fs::read(path).unwrap().len()), (0, 5000));
}

#[test]
fn full_queue_drops_counts_and_gives_the_buffer_back() {
    let (queue, messages) = sync_channel(1);
    let sender = LogSender { queue, shared: Arc::default() };
    sender.lines(b"kept\n".to_vec(), 1);
    let buffer = sender.lines(Vec::from(*b"one\ntwo\n"), 2);
    assert!(buffer.is_empty() && buffer.capacity() >= 8);
    assert_eq!(sender.dropped(), 2);
    let Message::Lines(lines, 1) = messages.recv().unwrap() else { panic!("lines") };
    assert_eq!(lines, b"kept\n");
    sender.lines(b"again\n".to_vec(), 1);
    assert!(matches!(messages.recv(), Ok(Message::Lines(..))));
}

#[test]
fn collector_gets_one_document_for_a_batch_and_its_refusal_is_a_loss() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = LogTo::Otlp { address: listener.local_addr().unwrap(), path: "/v1/traces".to_owned() };
    let log = LogReceiver::open(&to).unwrap();
    let sender = log.sender();
    let answer = |status: &str| {
        let mut stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        while !text.ends_with("]}]}]}") {
            let length = stream.read(&mut buffer).unwrap();
            text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
        text
    };
    sender.lines(b"{\"a\":1}\n{\"b\":2}\n".to_vec(), 2);
    let request = answer("200 OK");
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(body.ends_with("\"spans\":[{\"a\":1},{\"b\":2}]}]}]}"), "{body}");
    sender.lines(b"{}\n".to_vec(), 1);
    answer("503 Service Unavailable");
    eventually("the span is lost", || sender.lost() == 1);
    assert_eq!(sender.written(), 2);
    log.close();
}
