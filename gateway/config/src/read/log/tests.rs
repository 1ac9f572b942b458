//! Receivers and forms, right and wrong.

use std::path::Path;

use super::format;
use crate::model::{LineFormat, LinePiece, LogField, LogFormat, LogTo, SyslogAddress};
use crate::{AccessLog, Registry, parse};

fn logs(text: &str) -> Result<Vec<AccessLog>, String> {
    let text = format!("[gateway]\naccess-log = {text}\n");
    match parse(&text, "gateway.toml", Path::new("/base"), &Registry::new()) {
        Ok(config) => Ok(config.gateway.access_logs),
        Err(report) => Err(report.to_string()),
    }
}

fn to(text: &str) -> LogTo {
    logs(text).unwrap_or_else(|report| panic!("{report}")).remove(0).to
}

#[test]
fn log_goes_where_its_table_says() {
    assert_eq!(to("'-'"), LogTo::Stdout);
    assert_eq!(to("{}"), LogTo::Stdout);
    assert_eq!(to("'a.log'"), LogTo::File("/base/a.log".into()));
    assert_eq!(to("{ path = '/var/a.log' }"), LogTo::File("/var/a.log".into()));
    let syslog = |text: &str| match to(text) {
        LogTo::Syslog { address, facility, tag } => (address, facility.number(), tag),
        other => panic!("{other:?}"),
    };
    let udp = SyslogAddress::Udp("192.0.2.1:514".parse().unwrap());
    assert_eq!(syslog("{ syslog = 'udp:192.0.2.1:514' }"), (udp, 3, "sekisho".to_owned()));
    let tcp = SyslogAddress::Tcp("[2001:db8::1]:601".parse().unwrap());
    let text = "{ syslog = 'tcp:[2001:db8::1]:601', facility = 'local3', tag = 'lb1' }";
    assert_eq!(syslog(text), (tcp, 19, "lb1".to_owned()));
    assert_eq!(syslog("{ syslog = 'unix:/dev/log' }").0, SyslogAddress::Unix("/dev/log".into()));
    let journal = |socket: &str| LogTo::Journald { socket: socket.into(), tag: "sekisho".to_owned() };
    assert_eq!(to("{ journald = true }"), journal("/run/systemd/journal/socket"));
    assert_eq!(to("{ journald = '/run/j' }"), journal("/run/j"));
}

#[test]
fn several_logs_have_forms_and_limits_of_their_own() {
    let all = logs("['a', { path = 'b', format = 'json', sample = 100 }, { journald = true, max-rate = 5 }]");
    let all: Vec<_> = all.unwrap().into_iter().map(|log| (log.format, log.sample, log.max_rate)).collect();
    let text = LineFormat::All(LogFormat::Text);
    let json = LineFormat::All(LogFormat::Json);
    assert_eq!(all, [(text.clone(), 1, None), (json, 100, None), (text, 1, Some(5))]);
}

#[test]
fn what_cannot_be_a_receiver_is_refused() {
    for (text, says) in [
        ("{ syslog = 'udp:localhost' }", "`udp:localhost` is no syslog receiver"),
        ("{ syslog = 'unix:log' }", "syslog"),
        ("{ syslog = '192.0.2.1:514' }", "syslog"),
        ("{ syslog = 'udp:192.0.2.1:514', facility = 'kern' }", "unknown value `kern`"),
        ("{ syslog = 'udp:192.0.2.1:514', tag = 'a b' }", "`tag`"),
        ("{ path = 'a', journald = true }", "a log goes to one place"),
        ("{ path = 'a', tag = 'x' }", "`tag` is for syslog and journald"),
        ("{ path = 'a', facility = 'user' }", "`facility` is syslog's"),
        ("{ journald = 'j' }", "`journald` must be"),
        ("['a', 'a']", "is written to twice"),
        (
            "[{ syslog = 'udp:192.0.2.1:514', tag = 'a' }, { syslog = 'udp:192.0.2.1:514' }]",
            "is written to twice",
        ),
        ("[{ journald = true }, { journald = '/run/j' }]", "is written to twice"),
        ("[1]", "must be a string or a table"),
        ("{ sample = 0 }", "out of range"),
        ("{ max-rate = 0 }", "out of range"),
    ] {
        let report = logs(text).unwrap_err();
        assert!(report.contains(says), "{text}: {report}");
    }
}

#[test]
fn own_form_is_text_with_fields_in_braces() {
    let text = |text: &str| LinePiece::Text(text.into());
    let pieces = format::of("{client} \"{target}\" {{{status}}}");
    let expected = [
        LinePiece::Field(LogField::Client),
        text(" \""),
        LinePiece::Field(LogField::Target),
        text("\" {"),
        LinePiece::Field(LogField::Status),
        text("}"),
    ];
    assert_eq!(pieces, expected);
}

#[test]
fn wrong_field_is_pointed_at() {
    let report = logs("{ format = '{client} {staus}' }").unwrap_err();
    assert!(report.contains("unknown field `staus`") && report.contains("gateway.toml:2:36"), "{report}");
    assert!(report.contains("did you mean `status`?"), "{report}");
    for (format, says) in [
        ("'{client'", "a brace of `format` is alone"),
        ("'client} {time}'", "a brace of `format` is alone"),
        ("\"{client}\\n\"", "a control character"),
        ("'apache'", "unknown value `apache`"),
        ("'{left_out}'", "unknown field"),
        ("'{}'", "unknown field"),
    ] {
        let report = logs(&format!("{{ format = {format} }}")).unwrap_err();
        assert!(report.contains(says), "{format}: {report}");
    }
}

#[test]
fn every_field_stands_in_the_table_of_the_documentation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/logs.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (_, table) = document.split_once("| field | what it is |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let names: Vec<&str> = table.lines().filter_map(|line| line.split('|').nth(1)).collect();
    let names: Vec<&str> = names.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert_eq!(names, LogField::ALL.iter().map(|field| field.name()).collect::<Vec<_>>());
}

#[test]
fn collector_is_a_url_without_a_name() {
    let traces = |text: &str| {
        let text = format!("[gateway]\ntraces = {text}\n");
        parse(&text, "gateway.toml", Path::new("/base"), &Registry::new()).map(|config| config.gateway.traces)
    };
    let log = traces("'http://[2001:db8::1]:4318/otlp'").unwrap().unwrap();
    assert_eq!(log.to.to_string(), "http://[2001:db8::1]:4318/otlp");
    assert_eq!((log.format, log.max_rate), (LineFormat::Span, Some(1000)));
    assert_eq!(
        traces("{ otlp = 'http://127.0.0.1:4318', max-rate = 7 }").unwrap().unwrap().max_rate,
        Some(7)
    );
    for text in ["'https://127.0.0.1:4318'", "'http://collector:4318'", "'http://127.0.0.1/'", "{}", "1"] {
        assert!(traces(text).is_err(), "{text}");
    }
}
