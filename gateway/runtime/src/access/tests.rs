//! Lines, batches, and a log that is moved away, full or slow.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime};

use sekisho_api::{
    Blame, End, Facts, KeyKind, Marks, Proxy, RequestLine, SpanMark, TlsFacts, Try, Unavailable, Why,
};
use sekisho_api::{Observation, Record, Server};
use sekisho_config::{LineFormat, LinePiece, LogField, LogFormat, LogTo};

use super::line::Form::{Json, Text};
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

fn formatted(mut form: Form, served: bool, request: Option<RequestLine<'_>>) -> String {
    let mut out = Vec::new();
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_042);
    let place = Place { vip: "web", pool: served.then_some("my pool") };
    with_record(served, request, |record| {
        form.line(&mut Clock::default(), now, &place, record, &mut out);
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
        span: None,
        tries: &[],
    },
};

#[test]
fn text_lines_have_names_in_a_fixed_order_and_quote_what_comes_from_the_network() {
    assert_eq!(
        formatted(Text, true, Some(REQUEST)),
        "2026-01-02T03:04:05.042Z vip=web id=00000000000004d2 client=192.0.2.7:50112 local=[2001:db8::1]:443 \
         tls=TLSv1.3 pool=\"my pool\" server=www1 why=persisted key=cookie attempts=1 answered_ms=1.250 took_ms=1000.402 \
         received=311 sent=0 end=done method=\"GET\" host=\"www.example.org\" \
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
            Text.line(&mut Clock::default(), SystemTime::UNIX_EPOCH, &place, &record, &mut out);
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
         \"received\":311,\"sent\":0,\"end\":\"done\",\"method\":\"GET\",\"host\":\"www.example.org\",\
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
        Json.line(&mut Clock::default(), SystemTime::UNIX_EPOCH, &place, &record, &mut out);
    });
    let line = String::from_utf8(out).unwrap();
    assert!(line.contains("\"why\":\"moved\",\"balance\":\"least-connections\",\"key\""));
    assert!(line.contains("\"end\":\"bad-request\"") && !line.contains("status"));
    assert!(line.len() < 5000);
}

fn settings(to: LogTo) -> sekisho_config::AccessLog {
    sekisho_config::AccessLog { to, format: LineFormat::All(LogFormat::Text), sample: 1, max_rate: None }
}

fn to_file(path: &std::path::Path) -> AccessLogs {
    AccessLogs::open(&[settings(LogTo::File(path.to_owned()))], None).unwrap()
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
fn copy_gets_json_without_any_log_and_may_leave() {
    let (copy, lines) = channel();
    let log = AccessLogs::open(&[], Some(copy)).unwrap();
    let mut writer = log.writer();
    assert!(writer.enabled());
    write(&mut writer, "web");
    let line = lines.recv().unwrap();
    assert!(line.starts_with("{\"time\":") && line.ends_with('}'));
    drop(lines);
    write(&mut writer, "web");
    assert!(!writer.enabled());
    assert!(!AccessLogs::open(&[], None).unwrap().writer().enabled());
}

#[test]
fn log_that_cannot_be_opened_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.path().join("missing/access.log");
    assert!(AccessLogs::open(&[settings(LogTo::File(path))], None).is_err());
}

#[test]
fn lines_are_formatted_without_allocating_once_the_buffer_has_grown() {
    let mut out = Vec::with_capacity(4096);
    let before = out.as_ptr();
    for _ in 0..3 {
        out.clear();
        with_record(true, Some(REQUEST), |record| {
            let place = Place { vip: "web", pool: Some("web") };
            Text.line(&mut Clock::default(), SystemTime::now(), &place, record, &mut out);
        });
    }
    assert_eq!(out.as_ptr(), before);
}

#[test]
fn own_form_has_the_operators_fields_and_a_dash_for_what_is_not_known() {
    let text = |text: &str| LinePiece::Text(text.into());
    let fields = [LogField::Client, LogField::Target, LogField::Status, LogField::Rule, LogField::Took];
    let pieces = fields.into_iter().flat_map(|field| [LinePiece::Field(field), text("|")]);
    let form = Form::new(&LineFormat::Own(pieces.collect()));
    assert_eq!(
        formatted(form.clone(), true, Some(REQUEST)),
        "192.0.2.7:50112|/a?b=\\\"c\\\"\\r\\nforged|200|api|1000.402|\n"
    );
    assert_eq!(formatted(form, false, None), "192.0.2.7:50112|-|-|-|1000.402|\n");
}

#[test]
fn own_form_can_have_every_field_that_the_other_forms_have() {
    let all = formatted(Json, true, Some(REQUEST));
    for field in LogField::ALL.iter().filter(|field| all.contains(field.in_json())) {
        let form = Form::new(&LineFormat::Own([LinePiece::Field(*field)].into()));
        let value = formatted(form, true, Some(REQUEST));
        assert!(value.len() > 2 || value == "1\n" || value == "0\n", "{field}: {value}");
    }
}

#[test]
fn sample_leaves_out_ordinary_lines_only() {
    let scratch = Scratch::new();
    let path = scratch.path().join("access.log");
    let log = sekisho_config::AccessLog { sample: 10, ..settings(LogTo::File(path.clone())) };
    let log = AccessLogs::open(&[log], None).unwrap();
    let (mut writer, watch) = (log.writer(), log.watch());
    for n in 0..100 {
        write(&mut writer, "ordinary");
        with_record(n % 50 != 0, None, |record| {
            let record = Record { end: End::Unavailable(Unavailable::AllDown), ..record.clone() };
            if n % 50 == 0 {
                writer.write(&Place { vip: "failed", pool: None }, &record);
            }
        });
    }
    let failing = RequestLine { status: 502, ..REQUEST };
    with_record(true, Some(failing), |record| writer.write(&Place { vip: "failed", pool: None }, record));
    writer.tick();
    log.close();
    let text = std::fs::read_to_string(path).unwrap();
    let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
    assert_eq!((count("vip=ordinary"), count("vip=failed")), (10, 3));
    let status = &watch.statuses()[0];
    assert_eq!((status.written, status.sampled, status.limited), (13, 90, 0));
}

#[test]
fn limit_of_a_second_is_kept_and_the_log_says_what_it_left_out() {
    let scratch = Scratch::new();
    let path = scratch.path().join("access.log");
    let log = sekisho_config::AccessLog { max_rate: Some(5), ..settings(LogTo::File(path.clone())) };
    let log = AccessLogs::open(&[log], None).unwrap();
    let (mut writer, watch) = (log.writer(), log.watch());
    let began = SystemTime::now();
    for _ in 0..1000 {
        write(&mut writer, "flood");
    }
    let seconds = 2 + began.elapsed().unwrap_or_default().as_secs();
    writer.tick();
    log.close();
    let text = std::fs::read_to_string(path).unwrap();
    let written = text.lines().filter(|line| line.contains("vip=flood")).count() as u64;
    assert!((5..=5 * seconds).contains(&written), "{written} lines in {seconds} s");
    let told = text.lines().last().unwrap().split_once(" left_out=").unwrap().1;
    assert_eq!((told.parse(), watch.statuses()[0].limited), (Ok(1000 - written), 1000 - written));
}

#[test]
fn span_is_what_collectors_read_and_has_no_query() {
    let span = Some(SpanMark { id: "00f067aa0ba902b7", parent: Some("53995c3f42cd8ad8") });
    let marks = Marks { trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"), span, ..Marks::default() };
    let request = RequestLine { marks, status: 502, ..REQUEST };
    let line = formatted(Form::Span, true, Some(request));
    let begin = "{\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"spanId\":\"00f067aa0ba902b7\",\
                 \"parentSpanId\":\"53995c3f42cd8ad8\",\"name\":\"GET\",\"kind\":2,\
                 \"startTimeUnixNano\":\"1767323044041598000\",\"endTimeUnixNano\":\"1767323045042000000\",\
                 \"attributes\":[{\"key\":\"sekisho.vip\",\"value\":{\"stringValue\":\"web\"}},";
    assert!(line.starts_with(begin), "{line}");
    for attribute in [
        "{\"key\":\"url.path\",\"value\":{\"stringValue\":\"/a\"}}",
        "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"502\"}}",
        "{\"key\":\"network.protocol.version\",\"value\":{\"stringValue\":\"1.1\"}}",
        "{\"key\":\"sekisho.answered_ms\",\"value\":{\"doubleValue\":1.250}}",
    ] {
        assert!(line.contains(attribute), "{attribute}: {line}");
    }
    assert!(line.ends_with("}}],\"status\":{\"code\":2}}\n"), "{line}");
    assert_eq!(formatted(Form::Span, true, Some(REQUEST)), "");
}

#[test]
fn servers_that_a_request_was_tried_on_are_spans_below_its_own() {
    let one = |id: &[u8; 16], began, ended, status, failure| Try {
        id: *id,
        server: "www1".into(),
        began: Duration::from_millis(began),
        ended: Duration::from_millis(ended),
        status,
        failure,
    };
    let tries =
        [one(b"1111111111111111", 1, 3, 0, Some("refused")), one(b"2222222222222222", 3, 1000, 200, None)];
    let span = Some(SpanMark { id: "00f067aa0ba902b7", parent: None });
    let marks =
        Marks { trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"), span, tries: &tries, ..Marks::default() };
    let text = formatted(Form::Span, true, Some(RequestLine { marks, ..REQUEST }));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains("\"spanId\":\"00f067aa0ba902b7\",\"name\""), "{text}");
    let begin = "{\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"spanId\":";
    let below = ",\"parentSpanId\":\"00f067aa0ba902b7\",\"name\":\"GET\",\"kind\":3,";
    let server = "\"attributes\":[{\"key\":\"sekisho.server\",\"value\":{\"stringValue\":\"www1\"}},";
    assert_eq!(
        lines[1..],
        [
            format!(
                "{begin}\"1111111111111111\"{below}\"startTimeUnixNano\":\"1767323044042598000\",\
                 \"endTimeUnixNano\":\"1767323044044598000\",{server}\
                 {{\"key\":\"error.type\",\"value\":{{\"stringValue\":\"refused\"}}}}],\"status\":{{\"code\":2}}}}"
            ),
            format!(
                "{begin}\"2222222222222222\"{below}\"startTimeUnixNano\":\"1767323044044598000\",\
                 \"endTimeUnixNano\":\"1767323045041598000\",{server}\
                 {{\"key\":\"http.response.status_code\",\"value\":{{\"intValue\":\"200\"}}}},\
                 {{\"key\":\"http.request.resend_count\",\"value\":{{\"intValue\":\"1\"}}}}]}}"
            ),
        ]
    );
}

#[test]
fn every_setting_of_logs_that_a_reload_leaves_as_it_is_is_named() {
    let gateway = |text: &str| {
        let text = format!("[gateway]\n{text}\n");
        let registry = sekisho_config::Registry::new();
        sekisho_config::parse(&text, "a.toml", std::path::Path::new("/"), &registry).unwrap().gateway
    };
    for (text, expected) in [
        ("", &[][..]),
        ("drain-timeout = '1s'", &[]),
        ("log = 'debug'\nlog-format = 'json'\nlog-to = 'b'", &["log", "log-format", "log-to"]),
        ("access-log = { path = '-', max-rate = 7 }", &["access-log"]),
        ("traces = 'http://127.0.0.1:4318'", &["traces"]),
    ] {
        assert_eq!(fixed(&gateway(""), &gateway(text)).collect::<Vec<_>>(), expected, "{text}");
    }
}
