//! One table of the configuration, read key by key.

use std::cell::Cell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::node::{Node, Span, Table, Value};
use super::problem::{Problem, Problems};
use super::unit::{parse_duration, parse_size, show_duration, show_size};

/// A value that was found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// The most problems that get a "did you mean".
const REMEDIES: usize = 1000;

/// What a section reads where no table is written.
static EMPTY: Table = Table { entries: Vec::new() };

/// One table of the configuration. Every getter records the key as known and, where the value is unusable, a
/// problem; it then gives `None`, so that reading goes on and all problems are found at once.
#[derive(Debug)]
pub struct Section<'a> {
    table: &'a Table,
    span: Span,
    problems: &'a Problems,
    known: Vec<&'static str>,
    // Whether the keys are names that the operator chose.
    named: Cell<bool>,
}

impl<'a> Section<'a> {
    /// Begins reading `table`, which stands at `span` (its header or braces).
    pub fn new(table: &'a Table, span: Span, problems: &'a Problems) -> Self {
        Self { table, span, problems, known: Vec::new(), named: Cell::new(false) }
    }

    /// Begins reading a table that is not written: `span` is where its problems point.
    pub fn absent(span: Span, problems: &'a Problems) -> Self {
        Self::new(&EMPTY, span, problems)
    }

    /// Where the table stands.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Records a problem at `span`.
    pub fn problem(&self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The problems of the file, to begin a section of one's own.
    pub fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// The raw value of `key`.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
            self.problems.ask(key);
        }
        self.table.get(key)
    }

    /// Whether `key` is written, without asking for it.
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Where the value of `key` stands, or the table if it is not written.
    pub fn place(&self, key: &str) -> Span {
        self.table.get(key).map_or_else(|| self.span(), |node| node.span.clone())
    }

    /// Records that `key` must be there; `help` says what to write.
    pub fn missing(&self, key: &str, help: impl Into<String>) {
        let problem = Problem::new(self.span(), format!("`{key}` is missing"), "needed here");
        self.problems.push(problem.help(help));
    }

    /// All entries, for tables whose keys are names that the operator chose. They count as known.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Span, &'a Node)> + use<'a> {
        self.named.set(true);
        self.table.entries.iter().map(|(key, span, node)| (key.as_str(), span.clone(), node))
    }

    /// A string.
    pub fn text(&mut self, key: &'static str) -> Option<Found<&'a str>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => Some(Found { value: text.as_str(), span: node.span.clone() }),
            other => self.wrong(key, node, "a string", other),
        }
    }

    /// A string that parses as `T`; `what` says what was expected, e.g. `an address and port`.
    pub fn parsed<T: FromStr>(&mut self, key: &'static str, what: &str) -> Option<Found<T>>
    where
        T::Err: Display,
    {
        let text = self.text(key)?;
        match text.value.parse() {
            Ok(value) => Some(Found { value, span: text.span }),
            Err(error) => {
                let message = format!("`{key}` is not {what}");
                self.problems.push(Problem::new(text.span, message, error.to_string()));
                None
            }
        }
    }

    /// A duration within `range`, or `default`.
    pub fn duration(
        &mut self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.optional_duration(key, range).unwrap_or(default)
    }

    /// A duration within `range`, if the key is there.
    pub fn optional_duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        if let Some(Node { span, value: Value::Integer(number) }) = self.node(key) {
            let problem = Problem::new(span.clone(), format!("`{key}` has no unit"), "a number of what?");
            self.problems.push(problem.help(format!("write a unit: \"{number}s\" or \"{number}ms\"")));
            return None;
        }
        let text = self.text(key)?;
        match parse_duration(text.value) {
            Ok(value) if range.contains(&value) => Some(value),
            Ok(_) => {
                let label = format!(
                    "allowed are {} to {}",
                    show_duration(*range.start()),
                    show_duration(*range.end())
                );
                self.problems.push(Problem::new(text.span, format!("`{key}` is out of range"), label));
                None
            }
            Err(reason) => {
                self.problems.push(
                    Problem::new(text.span, format!("`{key}` is not a duration"), reason)
                        .help("write a number and a unit, such as \"500ms\", \"5s\", \"8h\""),
                );
                None
            }
        }
    }

    /// A size in bytes within `range`, or `default`.
    pub fn size(&mut self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        if let Some(Node { span, value: Value::Integer(number) }) = self.node(key) {
            let problem = Problem::new(span.clone(), format!("`{key}` has no unit"), "a number of what?");
            self.problems.push(problem.help(format!("write a unit: \"{number} B\" or \"{number} KiB\"")));
            return default;
        }
        let Some(text) = self.text(key) else { return default };
        match parse_size(text.value) {
            Ok(value) if range.contains(&value) => return value,
            Ok(_) => {
                let label =
                    format!("allowed are {} to {}", show_size(*range.start()), show_size(*range.end()));
                self.problems.push(Problem::new(text.span, format!("`{key}` is out of range"), label));
            }
            Err(reason) => {
                self.problems.push(
                    Problem::new(text.span, format!("`{key}` is not a size"), reason)
                        .help("write a number and a unit, such as \"64 KiB\""),
                );
            }
        }
        default
    }

    /// A whole number within `range`, or `default`.
    pub fn integer(&mut self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.optional_integer(key, range).unwrap_or(default)
    }

    /// A whole number within `range`, if the key is there.
    pub fn optional_integer(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let node = self.node(key)?;
        let Value::Integer(number) = &node.value else {
            return self.wrong(key, node, "a whole number", &node.value);
        };
        match u64::try_from(*number) {
            Ok(value) if range.contains(&value) => Some(value),
            _ => {
                let label = format!("allowed are {} to {}", range.start(), range.end());
                self.problems.push(Problem::new(
                    node.span.clone(),
                    format!("`{key}` is out of range"),
                    label,
                ));
                None
            }
        }
    }

    /// A share in whole percent within `range`, or `default`.
    pub fn percent(&mut self, key: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.optional_percent(key, range).unwrap_or(default)
    }

    /// A share in whole percent within `range`, written as `"20%"`, if the key is there.
    pub fn optional_percent(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        if let Some(Node { span, value: Value::Integer(number) }) = self.node(key) {
            let problem = Problem::new(span.clone(), format!("`{key}` has no unit"), "a number of what?");
            self.problems.push(problem.help(format!("write a share: \"{number}%\"")));
            return None;
        }
        let text = self.text(key)?;
        let number = text.value.strip_suffix('%').and_then(|number| number.trim_end().parse::<u64>().ok());
        let Some(number) = number else {
            let problem =
                Problem::new(text.span, format!("`{key}` is not a share"), "no whole number of percent");
            self.problems.push(problem.help("write a number and %, such as \"20%\""));
            return None;
        };
        if range.contains(&number) {
            return Some(number);
        }
        let label = format!("allowed are {}% to {}%", range.start(), range.end());
        self.problems.push(Problem::new(text.span, format!("`{key}` is out of range"), label));
        None
    }

    /// A number within `range`, whole or not, or `default`.
    pub fn number(&mut self, key: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let Some(node) = self.node(key) else { return default };
        let number = match &node.value {
            Value::Integer(number) => *number as f64,
            Value::Float(number) => *number,
            other => return self.wrong(key, node, "a number", other).unwrap_or(default),
        };
        if range.contains(&number) {
            return number;
        }
        let label = format!("allowed are {} to {}", range.start(), range.end());
        self.problems.push(Problem::new(node.span.clone(), format!("`{key}` is out of range"), label));
        default
    }

    /// `true` or `false`, or `default`.
    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(node) = self.node(key) else { return default };
        match &node.value {
            Value::Flag(flag) => *flag,
            other => self.wrong(key, node, "true or false", other).unwrap_or(default),
        }
    }

    /// One of several words.
    pub fn word<T: Clone>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(value.clone());
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let mut help = format!("one of: {}", names.join(", "));
        if let Some(near) = nearest(text.value, names.iter().copied()) {
            help = format!("did you mean `{near}`? {help}");
        }
        let message = format!("unknown value `{}` for `{key}`", text.value);
        self.problems.push(Problem::new(text.span, message, "not known here").help(help));
        None
    }

    /// A list of strings; a single string counts as a list of one.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<Found<&'a str>>> {
        let node = self.node(key)?;
        let one = |node: &'a Node| match &node.value {
            Value::Text(text) => Some(Found { value: text.as_str(), span: node.span.clone() }),
            _ => None,
        };
        match &node.value {
            Value::Text(_) => one(node).map(|found| vec![found]),
            Value::List(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    match one(item) {
                        Some(text) => texts.push(text),
                        None => _ = self.wrong::<()>(key, item, "a string", &item.value),
                    }
                }
                Some(texts)
            }
            other => self.wrong(key, node, "a list of strings", other),
        }
    }

    /// A table inside this one.
    pub fn table(&mut self, key: &'static str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Table(table) => Some(Section::new(table, node.span.clone(), self.problems)),
            other => self.wrong(key, node, "a table", other),
        }
    }

    /// A kind, written alone (`key = "name"`) or with keys of its own (`key = { kind = "name", … }`): its name, and
    /// the section to read those keys in.
    pub fn kind(&mut self, key: &'static str) -> Option<(Found<&'a str>, Section<'a>)> {
        let node = self.node(key)?;
        self.kind_of(key, node)
    }

    /// As [`Section::kind`], of one `node` found under `key`, such as an item of a list.
    pub fn kind_of(&mut self, key: &'static str, node: &'a Node) -> Option<(Found<&'a str>, Section<'a>)> {
        match &node.value {
            Value::Text(text) => {
                let name = Found { value: text.as_str(), span: node.span.clone() };
                Some((name, Section::absent(node.span.clone(), self.problems)))
            }
            Value::Table(table) => {
                let mut section = Section::new(table, node.span.clone(), self.problems);
                if !section.has("kind") {
                    section.missing("kind", format!("write `{key} = {{ kind = \"…\", … }}`"));
                    return None;
                }
                Some((section.text("kind")?, section))
            }
            other => self.wrong(key, node, "a string, or a table with `kind`", other),
        }
    }

    /// Ends reading: every key that nobody asked for is a problem, with the nearest known one as remedy.
    pub fn finish(self) {
        if self.named.get() {
            return;
        }
        for (key, span, _) in &self.table.entries {
            if self.known.contains(&key.as_str()) {
                continue;
            }
            let mut known = self.known.clone();
            known.sort_unstable();
            let mut problem = Problem::new(span.clone(), format!("unknown key `{key}`"), "not known here");
            // Looking for the nearest is work; nobody reads that many remedies.
            let near = nearest(key, known.iter().copied().filter(|_| self.problems.len() < REMEDIES));
            problem.help = match near {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None if known.is_empty() => Some("this table takes no keys".to_owned()),
                None => Some(format!("known here: {}", known.join(", "))),
            };
            self.problems.push(problem);
        }
    }

    fn wrong<T>(&self, key: &str, node: &Node, expected: &str, found: &Value) -> Option<T> {
        let message = format!("`{key}` must be {expected}");
        self.problems.push(Problem::new(node.span.clone(), message, format!("this is {}", found.kind())));
        None
    }
}

/// The candidate that `word` is most likely a slip of: at most a third of its letters apart.
pub fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let limit = (word.len() / 3).max(1);
    candidates.map(|c| (distance(word, c), c)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

/// Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, changes and swapped neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (at(&last, j + 1) + 1).min(at(&row, j) + 1).min(at(&last, j) + usize::from(x != y));
            if i > 0 && j > 0 && Some(&x) == b.get(j - 1) && a.get(i - 1) == Some(&y) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(&str, Value)]) -> Table {
        let entries = entries
            .iter()
            .enumerate()
            .map(|(i, (key, value))| {
                (
                    (*key).to_owned(),
                    i * 10..i * 10 + 3,
                    Node { span: i * 10 + 5..i * 10 + 9, value: value.clone() },
                )
            })
            .collect();
        Table { entries }
    }

    #[test]
    fn every_problem_is_found_at_once_and_in_the_order_of_the_file() {
        let table = table(&[
            ("intervall", Value::Text("5s".into())),
            ("fall", Value::Text("two".into())),
            ("path", Value::Integer(3)),
        ]);
        let problems = Problems::new();
        let mut section = Section::new(&table, 0..1, &problems);
        assert_eq!(section.integer("fall", 2, 1..=10), 2);
        assert_eq!(section.text("path"), None);
        let five = Duration::from_secs(5);
        assert_eq!(section.duration("interval", five, Duration::ZERO..=five), five);
        section.finish();
        let found = problems.into_vec();
        let messages: Vec<&str> = found.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(
            messages,
            ["unknown key `intervall`", "`fall` must be a whole number", "`path` must be a string"]
        );
        assert_eq!(found[0].help.as_deref(), Some("did you mean `interval`?"));
    }

    #[test]
    fn one_string_counts_as_a_list_of_one() {
        let table = table(&[("listen", Value::Text("[::]:80".into()))]);
        let problems = Problems::new();
        let listen = Section::new(&table, 0..1, &problems).texts("listen").unwrap();
        assert_eq!(listen.len(), 1);
    }

    #[test]
    fn keys_that_the_operator_chose_are_never_unknown() {
        let table = table(&[("any", Value::Integer(1)), ("name", Value::Integer(2))]);
        let problems = Problems::new();
        let section = Section::new(&table, 0..1, &problems);
        assert_eq!(section.entries().count(), 2);
        section.finish();
        assert!(problems.is_empty());
    }

    #[test]
    fn kind_stands_alone_or_in_a_table() {
        let inner = Table {
            entries: vec![("kind".to_owned(), 0..1, Node { span: 1..2, value: Value::Text("tcp".into()) })],
        };
        let table = table(&[("alone", Value::Text("tcp".into())), ("table", Value::Table(inner))]);
        let problems = Problems::new();
        let mut section = Section::new(&table, 0..1, &problems);
        for key in ["alone", "table"] {
            let (kind, options) = section.kind(key).unwrap();
            assert_eq!(kind.value, "tcp");
            options.finish();
        }
        assert!(problems.is_empty());
    }

    #[test]
    fn number_without_a_unit_is_told_which_units_there_are() {
        let table = table(&[("idle", Value::Integer(5)), ("buffer", Value::Integer(64))]);
        let problems = Problems::new();
        let mut section = Section::new(&table, 0..1, &problems);
        assert_eq!(section.optional_duration("idle", Duration::ZERO..=Duration::MAX), None);
        assert_eq!(section.size("buffer", 7, 0..=100), 7);
        let helps: Vec<_> = problems.into_vec().into_iter().filter_map(|problem| problem.help).collect();
        assert_eq!(helps, ["write a unit: \"5s\" or \"5ms\"", "write a unit: \"64 B\" or \"64 KiB\""]);
    }

    #[test]
    fn nearest_word_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("rpd", ["rdp", "imap"].into_iter()), Some("rdp"));
        assert_eq!(nearest("leastconn", ["least-connections"].into_iter()), None);
        assert_eq!(nearest("metod", ["method", "servers"].into_iter()), Some("method"));
    }
}
