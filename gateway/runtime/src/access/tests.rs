//! Lines, batches, and a log that is moved away, full or slow.

use std::sync::mpsc::{channel, sync_channel};
use std::time::SystemTime;

use sekisho_api::{Blame, End, Facts, KeyKind, Marks, Proxy, RequestLine, TlsFacts, Unavailable, Why};
use sekisho_api::{Observation, Record, Server};
use sekisho_config::LogFormat::{Json, Text};

use super::*;
use crate::scratch::Scratch;

#[derive(Debug)]
struct Named(Arc<str>);

impl Server for Named {
    fn name(&self) -> &Arc<str> {
        &self.0
    }
    fn address(&self) -> std::net::SocketAddr {
        "127.0.0.1:80".parse().unwrap()
    }
    fn id(&self) -> u64 {
        1
    }
    fn token(&self) -> &str {
        ""
    }
    fn observe(&self, _: Observation, _: Instant) {}
    fn reusable(&self) -> bool {
        true
    }
    fn release(&self, _: Option<Instant>) {}
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Calls with a record of a connection that was served, or of one that was not.
fn with_record(served: bool, request: Option<RequestLine<'_>>, look: impl FnOnce(&Record<'_>)) {
    let server: Arc<dyn Server> = Arc::new(Named("www1".into()));
    let mut facts = Facts::plain("192.0.2.7:50112".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap());
    if served {
        facts.id = 0x4d2;
        facts.tls = Some(Arc::new(TlsFacts { version: "TLSv1.3", ..TlsFacts::default() }));
    }
    look(&Record {
        facts: &facts,
        server: served.then_some(&server),
        why: served.then_some(Why::Persisted(KeyKind::COOKIE)),
        key: served.then_some(KeyKind::COOKIE),
        known_by: None,
        began: Instant::now(),
        answered: served.then_some(Duration::from_micros(1250)),
        took: Duration::from_micros(1_000_402),
        received: 311,
        sent: 0,
        attempts: u32::from(served),
        end: if served { End::Done } else { End::Unavailable(Unavailable::AllDown) },
        request,
    });
}

fn formatted(format: LogFormat, served: bool, request: Option<RequestLine<'_>>) -> String {
    let mut out = Vec::new();
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_042);
    let place = Place { vip: "web", pool: served.then_some("my pool") };
    with_record(served, request, |record| {
        line::line(format, &mut clock::Clock::default(), now, &place, record, &mut out);
    });
    String::from_utf8(out).unwrap()
}

const REQUEST: RequestLine<'static> = RequestLine {
    method: "GET",
    host: "www.example.org",
    target: "/a?b=\"c\"\r\nforged",
    version: "HTTP/1.1",
    rule: Some("api"),
    status: 200,
    marks: Marks {
        request_id: Some("req \"1\""),
        trace_id: Some("4bf92f"),
        rate_limit: Some("each"),
        forwarded_for: None,
    },
};

#[test]
fn text_lines_have_names_in_a_fixed_order_and_quote_what_comes_from_the_network() {
    assert_eq!(
        formatted(Text, true, Some(REQUEST)),
        "2026-01-02T03:04:05.042Z vip=web id=00000000000004d2 client=192.0.2.7:50112 local=[2001:db8::1]:443 \
         tls=TLSv1.3 pool=\"my pool\" server=www1 why=persisted key=cookie attempts=1 answered_ms=1.250 took_ms=1000.402 \
         received=311 sent=0 end=done request=\"GET\" host=\"www.example.org\" \
         target=\"/a?b=\\\"c\\\"\\r\\nforged\" version=\"HTTP/1.1\" rule=api status=200 \
         request_id=\"req \\\"1\\\"\" trace_id=4bf92f rate_limit=each\n"
    );
    assert_eq!(
        formatted(Text, false, None),
        "2026-01-02T03:04:05.042Z vip=web client=192.0.2.7:50112 local=[2001:db8::1]:443 attempts=0 \
         took_ms=1000.402 received=311 sent=0 end=all-down\n"
    );
}

#[test]
fn whose_word_was_taken_for_the_clients_address_is_named() {
    let proxied = |request: Option<RequestLine<'_>>| {
        let mut out = Vec::new();
        with_record(false, request, |record| {
            let proxy = Proxy { address: "10.0.0.2:7".parse().unwrap(), unique_id: Some("a b".into()) };
            let facts = Facts { proxy: Some(Box::new(proxy)), ..record.facts.clone() };
            let (record, place) =
                (Record { facts: &facts, ..record.clone() }, Place { vip: "web", pool: None });
            line::line(Text, &mut clock::Clock::default(), SystemTime::UNIX_EPOCH, &place, &record, &mut out);
        });
        String::from_utf8(out).unwrap()
    };
    let line = proxied(None);
    assert!(line.contains(" peer=10.0.0.2:7 unique_id=\"a b\" believed=proxy-protocol local="), "{line}");
    let marks = Marks { forwarded_for: "2001:db8::7".parse().ok(), ..Marks::default() };
    let line = proxied(Some(RequestLine { marks, ..REQUEST }));
    assert!(line.contains(" forwarded_for=2001:db8::7 believed=x-forwarded-for local="), "{line}");
    assert!(!formatted(Text, true, Some(REQUEST)).contains("believed"));
}

#[test]
fn json_lines_have_the_same_names() {
    assert_eq!(
        formatted(Json, true, Some(REQUEST)),
        "{\"time\":\"2026-01-02T03:04:05.042Z\",\"vip\":\"web\",\"id\":\"00000000000004d2\",\
         \"client\":\"192.0.2.7:50112\",\"local\":\"[2001:db8::1]:443\",\"tls\":\"TLSv1.3\",\"pool\":\"my pool\",\"server\":\"www1\",\
         \"why\":\"persisted\",\"key\":\"cookie\",\"attempts\":1,\"answered_ms\":1.250,\"took_ms\":1000.402,\
         \"received\":311,\"sent\":0,\"end\":\"done\",\"request\":\"GET\",\"host\":\"www.example.org\",\
         \"target\":\"/a?b=\\\"c\\\"\\r\\nforged\",\"version\":\"HTTP/1.1\",\"rule\":\"api\",\"status\":200,\
         \"request_id\":\"req \\\"1\\\"\",\"trace_id\":\"4bf92f\",\"rate_limit\":\"each\"}\n"
    );
}

#[test]
fn method_that_chose_is_named_and_absurd_targets_are_cut() {
    let long = "ü".repeat(10_000);
    let mut out = Vec::new();
    with_record(true, Some(RequestLine { target: &long, status: 0, ..REQUEST }), |record| {
        let record = Record {
            why: Some(Why::Moved("least-connections")),
            end: End::Fault(Blame::Client, "bad-request"),
            ..record.clone()
        };
        let place = Place { vip: "web", pool: None };
        line::line(Json, &mut clock::Clock::default(), SystemTime::UNIX_EPOCH, &place, &record, &mut out);
    });
    let line = String::from_utf8(out).unwrap();
    assert!(line.contains("\"why\":\"moved\",\"method\":\"least-connections\",\"key\""));
    assert!(line.contains("\"end\":\"bad-request\"") && !line.contains("status"));
    assert!(line.len() < 5000);
}

fn to_file(path: &std::path::Path) -> AccessLog {
    let settings = sekisho_config::AccessLog { path: Some(path.to_owned()), format: Text };
    AccessLog::open(Some(&settings), None).unwrap()
}

fn write(writer: &mut AccessWriter, vip: &str) {
    with_record(true, None, |record| writer.write(&Place { vip, pool: None }, record));
}

/// Waits, bounded, until the file has so many lines; the writing thread is another one.
fn lines(path: &std::path::Path, count: usize) -> Vec<String> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.lines().count() >= count || Instant::now() > patience {
            return text.lines().map(str::to_owned).collect();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn everything_handed_on_is_written_before_the_log_closes() {
    let scratch = Scratch::new();
    let path = scratch.path().join("access.log");
    let log = to_file(&path);
    let mut writers = [log.writer(), log.writer()];
    for n in 0..1000 {
        write(&mut writers[n % 2], &format!("vip{n}"));
    }
    writers.iter_mut().for_each(AccessWriter::tick);
    log.close();
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().count(), 1000);
    for n in 0..1000 {
        assert!(text.contains(&format!("vip=vip{n} ")));
    }
}

#[test]
fn log_that_was_moved_away_is_opened_anew() {
    let scratch = Scratch::new();
    let (path, moved) = (scratch.path().join("access.log"), scratch.path().join("access.log.1"));
    let log = to_file(&path);
    let mut writer = log.writer();
    write(&mut writer, "one");
    writer.tick();
    lines(&path, 1);
    std::fs::rename(&path, &moved).unwrap();
    write(&mut writer, "two");
    writer.tick();
    assert_eq!(lines(&moved, 2).len(), 2);
    log.reopen();
    write(&mut writer, "three");
    writer.tick();
    assert!(lines(&path, 1)[0].contains("vip=three"));
    log.close();
    assert_eq!(std::fs::read_to_string(moved).unwrap().lines().count(), 2);
}

#[test]
fn full_queue_drops_lines_counts_them_and_waits_for_nobody() {
    let (queue, messages) = sync_channel(1);
    let shared = Arc::new(Shared::default());
    let mut writer = AccessWriter::new(Some((queue, Arc::clone(&shared))), Text, None);
    for vip in ["kept", "dropped", "dropped"] {
        write(&mut writer, vip);
        if vip == "kept" {
            writer.tick();
        }
    }
    writer.tick();
    assert_eq!(shared.dropped.load(Ordering::Relaxed), 2);
    let Message::Lines(lines) = messages.recv().unwrap() else { panic!("lines") };
    assert!(String::from_utf8(lines).unwrap().contains("vip=kept"));
    write(&mut writer, "again");
    writer.tick();
    let Message::Lines(lines) = messages.recv().unwrap() else { panic!("lines") };
    assert_eq!(lines.iter().filter(|&&b| b == b'\n').count(), 1);
}

#[test]
fn copy_gets_json_without_any_log_and_may_leave() {
    let (copy, lines) = channel();
    let log = AccessLog::open(None, Some(copy)).unwrap();
    let mut writer = log.writer();
    assert!(writer.enabled());
    write(&mut writer, "web");
    let line = lines.recv().unwrap();
    assert!(line.starts_with("{\"time\":") && line.ends_with('}'));
    drop(lines);
    write(&mut writer, "web");
    assert!(!writer.enabled());
    assert!(!AccessLog::open(None, None).unwrap().writer().enabled());
}

#[test]
fn log_that_cannot_be_opened_is_an_error() {
    let scratch = Scratch::new();
    let path = Some(scratch.path().join("missing/access.log"));
    assert!(AccessLog::open(Some(&sekisho_config::AccessLog { path, format: Text }), None).is_err());
}

#[test]
fn lines_are_formatted_without_allocating_once_the_buffer_has_grown() {
    let mut out = Vec::with_capacity(4096);
    let before = out.as_ptr();
    for _ in 0..3 {
        out.clear();
        with_record(true, Some(REQUEST), |record| {
            let place = Place { vip: "web", pool: Some("web") };
            line::line(Text, &mut clock::Clock::default(), SystemTime::now(), &place, record, &mut out);
        });
    }
    assert_eq!(out.as_ptr(), before);
}
