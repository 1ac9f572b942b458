//! The probe `dialogue`: send this, expect that.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::settings::{Found, Node, Problem, Section, Value, parse_bytes};
use sekisho_api::{Probe, ProbeInput, ProbeKind, ProbeRun, ProbeStep};

/// The most steps of a dialogue, and the most bytes of one step: a probe, not a client.
const MAX_STEPS: usize = 32;
const MAX_BYTES: usize = 4096;
/// How much of what a server said stands in the reason.
const SHOWN: usize = 64;

/// `dialogue`: a server that answers as expected, step by step, is well.
#[derive(Debug)]
pub(crate) struct DialogueProbe;

/// One step.
#[derive(Debug, PartialEq)]
enum Part {
    /// Send these.
    Send(Bytes),
    /// Read until this has come, and forget all to its end.
    Expect(Bytes),
    /// What comes next must begin with this.
    Begins(Bytes),
}

impl ProbeKind for DialogueProbe {
    fn name(&self) -> &'static str {
        "dialogue"
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        let Some(node) = options.node("steps") else {
            options.missing("steps", "write `steps = [{ expect = \"220\" }, { send = 'QUIT\\r\\n' }]`");
            return None;
        };
        let Value::List(items) = &node.value else {
            let problem =
                Problem::new(node.span.clone(), "`steps` must be a list of tables", node.value.kind());
            options.problem(problem);
            return None;
        };
        if items.is_empty() || items.len() > MAX_STEPS {
            let label = format!("1 to {MAX_STEPS} steps are allowed");
            options.problem(Problem::new(node.span.clone(), "`steps` has a wrong length", label));
            return None;
        }
        let parts: Vec<Option<Part>> = items.iter().map(|item| part(item, options)).collect();
        let parts = parts.into_iter().collect::<Option<Vec<Part>>>()?;
        Some(Arc::new(Dialogue(parts.into())))
    }
}

/// Reads one table: exactly one of `send`, `expect`, `begins`.
fn part(node: &Node, options: &Section<'_>) -> Option<Part> {
    let Value::Table(table) = &node.value else {
        let label = format!("this is {}", node.value.kind());
        options.problem(Problem::new(node.span.clone(), "a step must be a table", label));
        return None;
    };
    let mut section = Section::new(table, node.span.clone(), options.problems());
    let send = section.text("send").map(|text| (text, Part::Send as fn(Bytes) -> Part));
    let expect = section.text("expect").map(|text| (text, Part::Expect as fn(Bytes) -> Part));
    let begins = section.text("begins").map(|text| (text, Part::Begins as fn(Bytes) -> Part));
    section.finish();
    let mut given = [send, expect, begins].into_iter().flatten();
    let (Some((text, part)), None) = (given.next(), given.next()) else {
        let problem =
            Problem::new(node.span.clone(), "a step is one of `send`, `expect` and `begins`", "not one");
        options.problem(problem);
        return None;
    };
    read(&text, options).map(part)
}

fn read(text: &Found<&str>, options: &Section<'_>) -> Option<Bytes> {
    let reason = match parse_bytes(text.value) {
        Ok(bytes) if (1..=MAX_BYTES).contains(&bytes.len()) => return Some(bytes.into()),
        Ok(bytes) if bytes.is_empty() => "it is empty",
        Ok(_) => "it is longer than 4 KiB",
        Err(reason) => reason,
    };
    options.problem(Problem::new(text.span.clone(), "a step cannot be used", reason));
    None
}

/// A configured dialogue.
#[derive(Debug)]
struct Dialogue(Arc<[Part]>);

impl Probe for Dialogue {
    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        Box::new(Run { parts: self.0.clone(), at: 0 })
    }
}

#[derive(Debug)]
struct Run {
    parts: Arc<[Part]>,
    /// The step that is due.
    at: usize,
}

impl ProbeRun for Run {
    fn step(&mut self, input: ProbeInput<'_>) -> ProbeStep {
        let bytes = if let ProbeInput::Bytes(bytes) = input { bytes } else { &[] };
        match self.parts.get(self.at) {
            None => ProbeStep::Up,
            Some(Part::Send(words)) => {
                self.at += 1;
                ProbeStep::Send(0, words.clone())
            }
            Some(Part::Expect(words)) => {
                if let Some(found) = bytes.windows(words.len()).position(|window| window == words) {
                    self.at += 1;
                    return ProbeStep::Send(found + words.len(), Bytes::new());
                }
                wait(input, words)
            }
            Some(Part::Begins(words)) => {
                if bytes.starts_with(words) {
                    self.at += 1;
                    return ProbeStep::Send(words.len(), Bytes::new());
                }
                if words.starts_with(bytes) { wait(input, words) } else { refuse(bytes, words) }
            }
        }
    }
}

fn wait(input: ProbeInput<'_>, words: &[u8]) -> ProbeStep {
    match input {
        ProbeInput::Ended => {
            ProbeStep::Down(format!("it closed before it said \"{}\"", words.escape_ascii()))
        }
        _ => ProbeStep::NeedMore,
    }
}

fn refuse(bytes: &[u8], words: &[u8]) -> ProbeStep {
    let said = bytes.get(..SHOWN).unwrap_or(bytes).escape_ascii();
    ProbeStep::Down(format!("it said \"{said}\" instead of \"{}\"", words.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Problems, Table};

    use super::*;

    fn node(value: Value) -> Node {
        Node { span: 1..2, value }
    }

    fn table(entries: &[(&str, &str)]) -> Value {
        let entry =
            |(key, text): &(&str, &str)| ((*key).to_owned(), 0..1, node(Value::Text((*text).to_owned())));
        Value::Table(Table { entries: entries.iter().map(entry).collect() })
    }

    /// The probe of these steps, and what is wrong with them.
    fn configured(steps: Vec<Value>) -> (Option<Arc<dyn Probe>>, Vec<String>) {
        let steps = node(Value::List(steps.into_iter().map(node).collect()));
        let options = Table { entries: vec![("steps".to_owned(), 0..1, steps)] };
        let problems = Problems::new();
        let probe = DialogueProbe.configure(&mut Section::new(&options, 0..9, &problems));
        (probe, problems.into_vec().into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn a_server_that_keeps_to_the_dialogue_is_well_however_its_words_are_cut() {
        let (probe, problems) = configured(vec![
            table(&[("begins", "220")]),
            table(&[("expect", r"\n")]),
            table(&[("send", r"QUIT\r\n")]),
            table(&[("expect", "221")]),
        ]);
        assert!(problems.is_empty(), "{problems:?}");
        let probe = probe.unwrap();
        sekisho_testkit::probe(move || probe.open("one", ([192, 0, 2, 1], 25).into(), 0))
            .up("220 ready\r\n221 bye")
            .down("421 overloaded\r\n")
            .down("220 ready\r\n500")
            .down("22")
            .laws();
    }

    #[test]
    fn every_wrong_step_is_a_problem() {
        for (steps, message) in [
            (vec![], "`steps` has a wrong length"),
            (vec![Value::Flag(true)], "a step must be a table"),
            (vec![table(&[])], "a step is one of `send`, `expect` and `begins`"),
            (
                vec![table(&[("send", "a"), ("expect", "b")])],
                "a step is one of `send`, `expect` and `begins`",
            ),
            (vec![table(&[("sent", "a"), ("send", "b")])], "unknown key `sent`"),
            (vec![table(&[("send", r"\q")])], "a step cannot be used"),
            (vec![table(&[("expect", "")])], "a step cannot be used"),
        ] {
            assert_eq!(configured(steps).1, [message]);
        }
    }
}
