//! Requests as spans, at a collector of OpenTelemetry.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use sekisho_tests::{HttpServer, Rig};
use serde_json::Value;

use super::{connect_from, https, request};

/// Takes one batch and gives its spans.
fn collected(collector: &TcpListener) -> Vec<Value> {
    let mut stream = collector.accept().unwrap().0;
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    let body = loop {
        let length = stream.read(&mut buffer).unwrap();
        text.extend_from_slice(&buffer[..length]);
        let whole = String::from_utf8_lossy(&text);
        let body =
            whole.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
        if let Some(body) = body {
            break body;
        }
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
    body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
}

#[test]
fn sampled_request_is_a_span_at_the_collector_and_others_are_not() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = [HttpServer::start("one")];
    let rig = Rig::start(&format!(
        "[gateway]\ntraces = 'http://{}'\n\
         [vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n\
         http = {{ trace-context = 'pass', trace-spans = true }}\n\
         [pool.web]\nservers = {{ {} }}\n",
        collector.local_addr().unwrap(),
        https(&servers)
    ));
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut ask = |more: &str| {
        request(&mut client, &format!("GET /a?secret=1 HTTP/1.1\r\nHost: a.example\r\n{more}\r\n"));
    };
    ask("");
    ask(&format!("traceparent: 00-{trace}-00f067aa0ba902b7-00\r\n"));
    ask(&format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n"));
    let spans = collected(&collector);
    let [span, attempt] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&span["traceId"], &span["parentSpanId"]), (&trace.into(), &"00f067aa0ba902b7".into()));
    assert_eq!(span["name"], "GET");
    assert_eq!((&attempt["traceId"], &attempt["parentSpanId"]), (&trace.into(), &span["spanId"]));
    assert_eq!(attempt["attributes"][0]["value"]["stringValue"], "one");
    let number = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(number("startTimeUnixNano") <= number("endTimeUnixNano"));
    let attribute = |key: &str| {
        let attributes = span["attributes"].as_array().unwrap();
        attributes.iter().find(|attribute| attribute["key"] == key).unwrap()["value"].clone()
    };
    assert_eq!(attribute("url.path")["stringValue"], "/a");
    assert_eq!(attribute("server.address")["stringValue"], "a.example");
    assert_eq!(attribute("http.response.status_code")["intValue"], "200");
    assert!(!span.to_string().contains("secret"), "{span}");
}
