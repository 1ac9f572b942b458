//! What a VIP, or a rule, says of further tries: its key `retry`.

use std::time::Duration;

use http::Method;
use sekisho_api::settings::{Found, Problem, Section};

use super::Cause;
use super::budget::Allowance;
use super::counts::Counts;

/// Whether and when requests of a VIP are tried again.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    /// `None`: as without the key.
    plan: Option<Box<Plan>>,
    counts: Counts,
}

/// The keys.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    on: [bool; Cause::NAMES.len()],
    statuses: Box<[u16]>,
    any_5xx: bool,
    attempts: Option<u32>,
    methods: Box<[Method]>,
    per_try: Option<Duration>,
    /// The most bytes of a body that are kept for another try.
    pub(super) replay: usize,
    pub(super) allowance: Allowance,
}

impl Retry {
    /// Reads `retry`; what is wrong is recorded in the section.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self { plan: Plan::read(section), counts: Counts::default() }
    }

    /// The VIP's own keys, if there are any.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// What came of it, whoever's plan it was.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A server that could not be connected is replaced.
    pub(crate) fn replaced(&self) {
        self.counts.made(Cause::ConnectFailure);
    }
}

impl Plan {
    /// Reads `retry`, where it is there; what is wrong is recorded in the section.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Box<Self>> {
        section.table("retry").map(|table| Box::new(plan(table)))
    }

    /// The most servers to try for one request, if that is not the VIP's own number.
    pub(crate) fn attempts(&self) -> Option<u32> {
        self.attempts
    }

    /// How long a server may take to answer while there may be another try.
    pub(crate) fn per_try(&self) -> Option<Duration> {
        self.per_try
    }

    /// Whether requests of this method may be tried again.
    pub(super) fn admits(&self, method: &Method) -> bool {
        method.is_idempotent() || self.methods.contains(method)
    }

    /// Whether this is worth another try.
    pub(crate) fn is_on(&self, cause: Cause) -> bool {
        match cause {
            Cause::Status(status) => {
                (self.any_5xx && status.is_server_error()) || self.statuses.contains(&status.as_u16())
            }
            other => self.on.get(other.place()).is_some_and(|on| *on),
        }
    }
}

fn plan(mut section: Section<'_>) -> Plan {
    let timeouts = SHORTEST..=LONGEST;
    let mut plan = Plan {
        on: [false; Cause::NAMES.len()],
        statuses: Box::default(),
        any_5xx: false,
        attempts: section.optional_integer("attempts", 1..=16).map(|most| most as u32),
        methods: methods(&mut section),
        per_try: section.optional_duration("per-try-timeout", timeouts),
        replay: usize::try_from(section.size("replay-body", 0, 0..=REPLAY)).unwrap_or(0),
        allowance: Allowance {
            share: section.percent("budget", BUDGET, 0..=100),
            floor: section.integer("budget-floor", FLOOR, 0..=10_000),
        },
    };
    causes(&mut section, &mut plan);
    if plan.per_try.is_some() && !plan.is_on(Cause::Timeout) {
        let message = "`per-try-timeout` without `\"timeout\"` in `on`";
        let problem =
            Problem::new(section.place("per-try-timeout"), message, "no other server would be tried");
        section.problem(problem.help("add \"timeout\" to `on`, or set `response-timeout` of the VIP"));
    }
    section.finish();
    plan
}

/// `on`: what is worth another try.
fn causes(section: &mut Section<'_>, plan: &mut Plan) {
    let mut statuses = Vec::new();
    let words = section.texts("on");
    // Without the key, what can hardly have had an effect.
    plan.on = std::array::from_fn(|place| words.is_none() && place == Cause::EmptyAnswer.place());
    for word in words.unwrap_or_default() {
        let named = WORDS.iter().find(|(name, _)| *name == word.value);
        match (named, word.value.parse::<u16>()) {
            (Some((_, Some(cause))), _) => {
                plan.on.get_mut(cause.place()).into_iter().for_each(|on| *on = true);
            }
            (Some((_, None)), _) => plan.any_5xx = true,
            (None, Ok(status @ 400..=599)) => statuses.push(status),
            (None, _) => section.problem(unknown(&word)),
        }
    }
    plan.statuses = statuses.into();
}

fn unknown(word: &Found<&str>) -> Problem {
    let message = format!("unknown value `{}` in `on`", word.value);
    let words: Vec<&str> = WORDS.iter().map(|(name, _)| *name).collect();
    Problem::new(word.span.clone(), message, "not known here")
        .help(format!("one of: {}, or a status from 400 to 599", words.join(", ")))
}

fn methods(section: &mut Section<'_>) -> Box<[Method]> {
    let mut methods = Vec::new();
    for word in section.texts("methods").unwrap_or_default() {
        match Method::from_bytes(word.value.as_bytes()) {
            Ok(method) if word.value == word.value.to_ascii_uppercase() => methods.push(method),
            _ => {
                let message = format!("`{}` is no method", word.value);
                let problem = Problem::new(word.span, message, "methods are written in capitals");
                section.problem(problem.help("for example \"POST\""));
            }
        }
    }
    methods.into()
}

/// The words of `on`; none: every status of the class 5xx.
const WORDS: [(&str, Option<Cause>); 5] = [
    ("connect-failure", Some(Cause::ConnectFailure)),
    ("empty-answer", Some(Cause::EmptyAnswer)),
    ("malformed-answer", Some(Cause::MalformedAnswer)),
    ("timeout", Some(Cause::Timeout)),
    ("5xx", None),
];
/// As Envoy and Finagle: a broken pool is asked a fifth more.
const BUDGET: u64 = 20;
/// As Finagle: few enough to spare a server, enough for a quiet site.
const FLOOR: u64 = 10;
/// What is kept of a body is memory of the gateway's.
const REPLAY: u64 = 1024 * 1024;
/// As the VIP's other timeouts.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use sekisho_api::settings::{Node, Problems, Table, Value};

    use super::*;

    fn text(value: &str) -> Node {
        Node { span: 0..0, value: Value::Text(value.to_owned()) }
    }

    fn list(words: &[&str]) -> Node {
        Node { span: 0..0, value: Value::List(words.iter().map(|word| text(word)).collect()) }
    }

    fn read(entries: Vec<(&str, Node)>) -> (Plan, Vec<String>) {
        let entries = entries.into_iter().map(|(key, node)| (key.to_owned(), 0..0, node)).collect();
        let (table, problems) = (Table { entries }, Problems::new());
        let plan = plan(Section::new(&table, 0..0, &problems));
        (plan, problems.into_vec().into_iter().map(|problem| problem.message).collect())
    }

    fn status(code: u16) -> Cause {
        Cause::Status(StatusCode::from_u16(code).unwrap())
    }

    #[test]
    fn causes_are_words_statuses_or_the_class_of_server_errors() {
        let (plan, problems) = read(vec![("on", list(&["timeout", "503", "429"]))]);
        assert!(problems.is_empty());
        assert!(plan.is_on(Cause::Timeout) && plan.is_on(status(503)) && plan.is_on(status(429)));
        assert!(!plan.is_on(Cause::EmptyAnswer) && !plan.is_on(status(500)) && !plan.is_on(status(200)));
        let (plan, _) = read(vec![("on", list(&["5xx"]))]);
        assert!(plan.is_on(status(500)) && plan.is_on(status(599)) && !plan.is_on(status(429)));
        let (plan, _) = read(vec![]);
        assert!(
            plan.is_on(Cause::EmptyAnswer) && !plan.is_on(Cause::MalformedAnswer) && !plan.is_on(status(503))
        );
    }

    #[test]
    fn what_is_no_cause_or_method_is_said() {
        let (_, problems) =
            read(vec![("on", list(&["200", "4xx", "sometimes"])), ("methods", list(&["post"]))]);
        assert_eq!(problems.len(), 4);
        let (_, problems) = read(vec![("on", list(&["503"])), ("per-try-timeout", text("1s"))]);
        assert_eq!(problems, ["`per-try-timeout` without `\"timeout\"` in `on`"]);
    }

    #[test]
    fn only_idempotent_methods_are_admitted_unless_others_are_named() {
        let (plan, _) = read(vec![]);
        assert!([Method::GET, Method::PUT, Method::DELETE].iter().all(|method| plan.admits(method)));
        assert!(![Method::POST, Method::PATCH].iter().any(|method| plan.admits(method)));
        let (plan, _) = read(vec![("methods", list(&["POST"]))]);
        assert!(plan.admits(&Method::POST) && !plan.admits(&Method::PATCH));
    }
}
