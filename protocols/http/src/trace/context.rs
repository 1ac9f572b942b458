//! The trace that a request belongs to: the W3C's *Trace Context*.
//!
//! Where the gateway reports no spans it is no span of a trace either: what it is told it passes on as it stands, and the
//! server sees the client's span as its parent. Where it does (`trace-spans`), the server sees the gateway's.
//!
//! Source: [Trace Context](https://www.w3.org/TR/trace-context/), sections 3.2 (`traceparent`), 3.3 (`tracestate`) and 4
//! (processing).

use http::{HeaderMap, HeaderName, HeaderValue};
use sekisho_api::SpanMark;
use sekisho_api::settings::{Problem, Section};

use super::hexadecimal;
use super::ids::{Ids, hexadecimal as digits};

/// What a VIP does about traces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    mode: Mode,
    /// How many of the traces that begin here are to be recorded, in 2^64th.
    sampled: u64,
    /// Whether the gateway is a span of its own.
    spans: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The client's trace goes on.
    Pass,
    /// It goes on, and one begins where there is none.
    Start,
    /// It goes on if it comes from a trusted network; otherwise one begins.
    Restart,
}

/// A valid `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    value: HeaderValue,
    /// It came from the client, and `tracestate` belongs to it.
    passed: bool,
    /// The gateway's span, which `value` has, and the client's, where it has one.
    span: Option<Option<HeaderValue>>,
    /// What the server that is tried next is told, where each of them is a span below the gateway's.
    told: Option<HeaderValue>,
}

impl Context {
    /// Reads `trace-context` and `trace-sample`.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let words = [
            ("off", None),
            ("pass", Some(Mode::Pass)),
            ("start", Some(Mode::Start)),
            ("restart", Some(Mode::Restart)),
        ];
        let mode = section.word("trace-context", &words).flatten();
        let sampled = sample(section).unwrap_or(u64::MAX);
        let spans = section.flag("trace-spans", false);
        if spans && mode.is_none() {
            let place = section.place("trace-spans");
            let problem = Problem::new(place, "`trace-spans` needs `trace-context`", "a span of no trace");
            section.problem(problem.help("add `trace-context = \"start\"` or \"pass\""));
        }
        Some(Self { mode: mode?, sampled, spans })
    }

    /// The trace of a request; `None`: it has none.
    pub(super) fn of(self, headers: &HeaderMap, trusted: bool, ids: &Ids) -> Option<Parent> {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        let valid = match (lines.next(), lines.next()) {
            (Some(value), None) if is_valid(value.as_bytes()) => Some(value),
            _ => None,
        };
        match (self.mode, valid) {
            (Mode::Pass | Mode::Start, Some(value)) => Some(self.go_on(value, ids).with_tries(ids)),
            (Mode::Restart, Some(value)) if trusted => Some(self.go_on(value, ids).with_tries(ids)),
            (Mode::Pass, None) => None,
            (Mode::Start | Mode::Restart, _) => self.begin(ids).map(|parent| parent.with_tries(ids)),
        }
    }

    /// The client's trace, in which the gateway may be a span between the client's and the server's (section 4.3).
    fn go_on(self, client: &HeaderValue, ids: &Ids) -> Parent {
        let own = self.spans.then(|| {
            let mut text = client.as_bytes().get(..LENGTH)?.to_vec();
            // Written in the version that is known here.
            text.get_mut(..2)?.copy_from_slice(b"00");
            text.get_mut(SPAN_ID)?.copy_from_slice(&digits::<16>(ids.draw() | 1 << 63));
            HeaderValue::from_bytes(&text).ok()
        });
        match own.flatten() {
            Some(value) => Parent { value, passed: true, span: Some(Some(client.clone())), told: None },
            None => Parent { value: client.clone(), passed: true, span: None, told: None },
        }
    }

    /// A trace that begins here.
    fn begin(self, ids: &Ids) -> Option<Parent> {
        let other = ids.draw();
        // A number of all zeros is none (section 3.2.2.3); one bit more is always set.
        let (trace, span) = (digits::<32>(ids.draw() | 1 << 127), digits::<16>(other | 1 << 63));
        let flags = if (other >> 64) as u64 <= self.sampled && self.sampled > 0 { b"01" } else { b"00" };
        let text = [b"00-", &trace[..], b"-", &span[..], b"-", flags].concat();
        Some(Parent {
            value: HeaderValue::from_bytes(&text).ok()?,
            passed: false,
            span: self.spans.then_some(None),
            told: None,
        })
    }
}

impl Parent {
    /// The number of the trace.
    pub(super) fn trace_id(&self) -> Option<&str> {
        self.value.to_str().ok()?.get(TRACE_ID)
    }

    /// The same, with a number for the first server, where tries are to be reported.
    fn with_tries(mut self, ids: &Ids) -> Self {
        if self.span().is_some() {
            self.renew(ids);
        }
        self
    }

    /// The next server is told a number of its own.
    pub(super) fn renew(&mut self, ids: &Ids) {
        let mut text = self.value.as_bytes().to_vec();
        if let Some(place) = text.get_mut(SPAN_ID) {
            place.copy_from_slice(&span_id(ids));
            self.told = HeaderValue::from_bytes(&text).ok();
        }
    }

    /// The number that the next server is told, where tries are to be reported.
    pub(super) fn told(&self) -> Option<[u8; 16]> {
        self.told.as_ref()?.as_bytes().get(SPAN_ID)?.try_into().ok()
    }

    /// The gateway's span, where it is one and the trace is recorded (section 3.2.2.5).
    pub(super) fn span(&self) -> Option<SpanMark<'_>> {
        let client = self.span.as_ref()?;
        let text = self.value.to_str().ok()?;
        let flags = u8::from_str_radix(text.get(FLAGS)?, 16).ok()?;
        let parent = client.as_ref().and_then(|client| client.to_str().ok()?.get(SPAN_ID));
        (flags & 1 == 1).then_some(SpanMark { id: text.get(SPAN_ID)?, parent })
    }
}

/// The number of a new span.
pub(super) fn span_id(ids: &Ids) -> [u8; 16] {
    digits::<16>(ids.draw() | 1 << 63)
}

/// Tells another server its own number.
pub(super) fn tell_again(headers: &mut HeaderMap, parent: &Parent) {
    if let Some(told) = &parent.told {
        headers.insert(TRACEPARENT, told.clone());
    }
}

/// Writes the trace of a request; without one both fields go (section 4.3).
pub(super) fn write(headers: &mut HeaderMap, parent: Option<&Parent>) {
    match parent {
        Some(Parent { value, passed, told, .. }) => {
            headers.insert(TRACEPARENT, told.as_ref().unwrap_or(value).clone());
            if !passed || !bounded(headers) {
                headers.remove(TRACESTATE);
            }
        }
        None => {
            headers.remove(TRACEPARENT);
            headers.remove(TRACESTATE);
        }
    }
}

/// Whether this is a `traceparent` (section 3.2). One of a version to come may be longer, after a further hyphen.
fn is_valid(value: &[u8]) -> bool {
    let part = |range| value.get::<std::ops::Range<usize>>(range).unwrap_or_default();
    let hyphens = [2, 35, 52].iter().all(|place| value.get(*place) == Some(&b'-'));
    let end = match value.get(LENGTH) {
        None => value.len() == LENGTH,
        Some(next) => part(0..2) != b"00" && *next == b'-',
    };
    let numbers = [part(0..2), part(TRACE_ID), part(SPAN_ID), part(53..LENGTH)];
    let zeros = |text: &[u8]| text.iter().all(|byte| *byte == b'0');
    hyphens
        && end
        && numbers.iter().all(|text| hexadecimal(text))
        && part(0..2) != b"ff"
        && !zeros(part(TRACE_ID))
        && !zeros(part(SPAN_ID))
}

/// Whether `tracestate` is as long as anybody has to pass on (section 3.3.1.5), with a good measure more, and has no more
/// members than it may (section 3.3.1.1).
fn bounded(headers: &HeaderMap) -> bool {
    let lines = || headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes);
    let members = lines().flat_map(|line| line.split(|&byte| byte == b','));
    let members = members.filter(|member| !member.trim_ascii().is_empty());
    lines().map(<[u8]>::len).sum::<usize>() <= LONGEST_STATE && members.take(MEMBERS + 1).count() <= MEMBERS
}

/// `trace-sample`: a share in per cent.
fn sample(section: &mut Section<'_>) -> Option<u64> {
    let text = section.text("trace-sample")?;
    let share = text.value.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match share {
        Some(share) if (0.0..=100.0).contains(&share) => Some((share / 100.0 * u64::MAX as f64) as u64),
        _ => {
            let problem = Problem::new(text.span, "`trace-sample` is no share", "not from 0% to 100%");
            section.problem(problem.help("such as \"1%\" or \"0.1%\""));
            None
        }
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const TRACE_ID: std::ops::Range<usize> = 3..35;
const SPAN_ID: std::ops::Range<usize> = 36..52;
const FLAGS: std::ops::Range<usize> = 53..55;
/// Of version 00.
const LENGTH: usize = 55;
const MEMBERS: usize = 32;
const LONGEST_STATE: usize = 2048;

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Node, Problems, Table, Value};

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn traceparent_is_what_the_recommendation_says_and_nothing_else() {
        assert!(is_valid(VALID.as_bytes()));
        for good in [&VALID.replacen("00-", "01-", 1), &format!("cc{}-what-else", &VALID[2..])] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "00",
            &VALID[..54],
            &format!("{VALID}0"),
            &format!("{VALID}-0"),
            &format!("cc{}.what", &VALID[2..]),
            &VALID.replacen("00-", "ff-", 1),
            &VALID.to_uppercase(),
            &VALID.replace("4bf92f", "4bf92g"),
            &VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &VALID.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &VALID.replace('-', "_"),
            &VALID.replace("-01", "-0x"),
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
        for end in 0..VALID.len() {
            assert!(!is_valid(&VALID.as_bytes()[..end]), "{end}");
        }
    }

    /// What the server sees: `traceparent`, or whether one was made, and `tracestate`.
    fn written(mode: Mode, trusted: bool, lines: &[(&'static str, &str)]) -> (String, usize) {
        let mut headers: HeaderMap = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let context = Context { mode, sampled: u64::MAX, spans: false };
        let parent = context.of(&headers, trusted, &Ids::default());
        write(&mut headers, parent.as_ref());
        let parents: Vec<_> = headers.get_all(TRACEPARENT).iter().map(|v| v.to_str().unwrap()).collect();
        assert!(
            parents.len() <= 1 && parents.iter().all(|parent| is_valid(parent.as_bytes())),
            "{parents:?}"
        );
        let parent = match parents.first() {
            None => "none",
            Some(parent) if lines.iter().any(|(_, value)| value == parent) => "passed",
            Some(parent) => {
                if parent.ends_with("-01") {
                    "made"
                } else {
                    "unsampled"
                }
            }
        };
        (parent.to_owned(), headers.get_all(TRACESTATE).iter().count())
    }

    #[test]
    fn valid_trace_goes_on_with_its_state_and_an_invalid_one_ends() {
        let state = ("tracestate", "a=1,b=2");
        let valid = &[("traceparent", VALID), state, ("tracestate", "c=3")][..];
        let invalid = &[("traceparent", "00-0-0-0"), state][..];
        let doubled = &[("traceparent", VALID), ("traceparent", VALID), state][..];
        for (mode, trusted, lines, expected) in [
            (Mode::Pass, false, valid, ("passed", 2)),
            (Mode::Start, false, valid, ("passed", 2)),
            (Mode::Restart, true, valid, ("passed", 2)),
            (Mode::Restart, false, valid, ("made", 0)),
            (Mode::Pass, true, invalid, ("none", 0)),
            (Mode::Pass, true, doubled, ("none", 0)),
            (Mode::Pass, true, &[state], ("none", 0)),
            (Mode::Start, true, invalid, ("made", 0)),
            (Mode::Start, true, doubled, ("made", 0)),
            (Mode::Start, true, &[], ("made", 0)),
        ] {
            let (parent, states) = written(mode, trusted, lines);
            assert_eq!((&*parent, states), expected, "{mode:?} {lines:?}");
        }
    }

    #[test]
    fn state_that_is_too_long_goes_and_the_trace_stays() {
        let many = vec!["a=1"; 33].join(",");
        let long = format!("a={}", "x".repeat(2048));
        for state in [&*many, &long] {
            let (parent, states) =
                written(Mode::Pass, false, &[("traceparent", VALID), ("tracestate", state)]);
            assert_eq!((&*parent, states), ("passed", 0));
        }
        let most = vec!["a=1"; 32].join(", ,");
        assert_eq!(written(Mode::Pass, false, &[("traceparent", VALID), ("tracestate", &most)]).1, 1);
    }

    #[test]
    fn as_many_traces_are_sampled_as_was_asked_for() {
        let ids = Ids::default();
        for (share, least, most) in [(0.0, 0, 0), (0.1, 800, 1200), (1.0, 10_000, 10_000)] {
            let sampled = (share * u64::MAX as f64) as u64;
            let context = Context { mode: Mode::Start, sampled, spans: false };
            let begun = (0..10_000).map(|_| context.begin(&ids).unwrap());
            let sampled = begun.filter(|parent| parent.value.as_bytes().ends_with(b"-01")).count();
            assert!((least..=most).contains(&sampled), "{sampled} at {share}");
        }
    }

    #[test]
    fn trace_is_known_by_its_number() {
        let parent = Parent { value: HeaderValue::from_static(VALID), passed: true, span: None, told: None };
        assert_eq!(parent.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    }

    #[test]
    fn gateway_is_a_span_between_the_clients_and_the_servers_where_that_is_asked_for() {
        let spans = Context { mode: Mode::Start, sampled: u64::MAX, spans: true };
        let ids = Ids::default();
        for version in ["00", "cc"] {
            let mut headers = HeaderMap::new();
            let text = VALID.replacen("00-", &format!("{version}-"), 1);
            headers.insert(TRACEPARENT, text.parse().unwrap());
            let mut parent = spans.of(&headers, false, &ids).unwrap();
            let span = parent.span().unwrap();
            assert_eq!(span.parent, Some("00f067aa0ba902b7"));
            assert_ne!(span.id, "00f067aa0ba902b7");
            write(&mut headers, Some(&parent));
            let told = headers[TRACEPARENT].to_str().unwrap();
            let first = parent.told().unwrap();
            let number = String::from_utf8(first.to_vec()).unwrap();
            assert_eq!(told, format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{number}-01"));
            assert!(is_valid(told.as_bytes()) && number != span.id);
            parent.renew(&ids);
            assert_ne!(parent.told(), Some(first), "each server has its own");
        }
        let begun = spans.of(&HeaderMap::new(), false, &ids).unwrap();
        assert_eq!(begun.span().unwrap().parent, None);
        let unrecorded = Context { sampled: 0, ..spans }.of(&HeaderMap::new(), false, &ids).unwrap();
        assert_eq!((unrecorded.span(), unrecorded.told()), (None, None));
        let off = Context { spans: false, ..spans }.of(&HeaderMap::new(), false, &ids).unwrap();
        assert_eq!(off.span(), None);
    }

    #[test]
    fn span_without_a_trace_is_a_mistake() {
        for (trace, expected) in [(None, &["`trace-spans` needs `trace-context`"][..]), (Some("pass"), &[])] {
            let node = |value| Node { span: 0..0, value };
            let spans = ("trace-spans".to_owned(), 0..0, node(Value::Flag(true)));
            let trace = trace
                .map(|word: &str| ("trace-context".to_owned(), 0..0, node(Value::Text(word.to_owned()))));
            let table = Table { entries: trace.into_iter().chain([spans]).collect() };
            let problems = Problems::new();
            Context::read(&mut Section::new(&table, 0..0, &problems));
            let messages: Vec<_> = problems.into_vec().into_iter().map(|problem| problem.message).collect();
            assert_eq!(messages, expected);
        }
    }
}
