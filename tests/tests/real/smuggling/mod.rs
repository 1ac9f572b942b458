//! The vectors of `fixtures/http` with the binary, HAProxy and nginx in front of the same server: what each answers, and
//! what the server receives. `docs/http-strictness.md` is the outcome.

mod gateways;
mod recorder;
mod talk;

use std::fmt::Write as _;

use sekisho_testkit::Vector;
use sekisho_tests::root;

use gateways::Gateway;

/// The document.
const DOCUMENT: &str = "docs/http-strictness.md";

fn table(name: &str) -> Vec<Vector> {
    let text = std::fs::read_to_string(root().join("fixtures/http").join(name)).unwrap();
    Vector::table(&text).unwrap()
}

/// What a gateway made of all requests and all answers.
struct Column {
    version: String,
    requests: Vec<String>,
    answers: Vec<String>,
}

fn column(gateway: &Gateway, requests: &[Vector], answers: &[Vector]) -> Column {
    let said = |vector: &Vector| (vector.name.clone(), vector.bytes.clone());
    gateway.recorder().says(answers.iter().map(said).collect());
    Column {
        version: gateway.version(),
        requests: requests.iter().map(|vector| talk::request(gateway, &vector.bytes)).collect(),
        answers: answers
            .iter()
            .map(|vector| talk::answer(gateway, &vector.name, vector.note("asked")))
            .collect(),
    }
}

#[test]
fn every_vector_is_refused_or_read_in_one_way_and_the_document_says_so() {
    let (requests, answers) = (table("requests.txt"), table("answers.txt"));
    let gateways = [Gateway::sekisho(), Gateway::haproxy(), Gateway::nginx()];
    let columns: Vec<Column> = std::thread::scope(|scope| {
        let (requests, answers) = (&requests, &answers);
        let runs: Vec<_> =
            gateways.iter().map(|gateway| scope.spawn(move || column(gateway, requests, answers))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut problems = Vec::new();
    for (vectors, found) in [(&requests, &columns[0].requests), (&answers, &columns[0].answers)] {
        for (vector, found) in vectors.iter().zip(found) {
            if found != vector.note("expect") {
                problems.push(format!("{}: {found}; not {}", vector.name, vector.note("expect")));
            }
        }
    }
    assert!(problems.is_empty(), "{}\n{}", problems.join("\n"), gateways[0].log());
    // The peers are there to be looked at; that they work at all shows that the looking does.
    for (gateway, column) in gateways.iter().zip(&columns) {
        let whole = requests.iter().position(|vector| vector.name == "chunk-body-is-a-last-chunk").unwrap();
        assert_eq!(column.requests[whole], r#"POST / "0\r\n\r\n""#, "{}", gateway.version());
        let plain = answers.iter().position(|vector| vector.name == "cl-plain").unwrap();
        assert_eq!(column.answers[plain], "200 \"hello\"", "{}", gateway.version());
    }
    let text = document(&requests, &answers, &columns);
    let path = root().join(DOCUMENT);
    if std::env::var_os("SEKISHO_WRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let own = |text: &str| -> Vec<String> {
        let cells = text.lines().filter_map(|line| line.strip_prefix("| `"));
        cells.map(|line| line.split(" | ").take(3).collect::<Vec<_>>().join(" | ")).collect()
    };
    assert_eq!(own(&there), own(&text), "{DOCUMENT} is another; SEKISHO_WRITE=1 writes it");
}

fn document(requests: &[Vector], answers: &[Vector], columns: &[Column]) -> String {
    let mut text = String::from(HEAD);
    let versions: Vec<&str> = columns.iter().map(|column| column.version.as_str()).collect();
    let count = |which: fn(&Column) -> &Vec<String>, peer: usize| {
        let (own, theirs) = (which(&columns[0]), which(&columns[peer]));
        let refused = |cell: &str| ["400", "405", "414", "431", "501", "502", "nothing"].contains(&cell);
        own.iter().zip(theirs).filter(|(own, theirs)| refused(own) && !refused(theirs)).count()
    };
    let _ = writeln!(
        text,
        "Of {} requests, HAProxy passes on {} that Sekisho refuses, nginx {}; of {} answers, {} and {}.\n",
        requests.len(),
        count(|column| &column.requests, 1),
        count(|column| &column.requests, 2),
        answers.len(),
        count(|column| &column.answers, 1),
        count(|column| &column.answers, 2),
    );
    for (title, vectors, cells) in [
        ("Requests", requests, columns.iter().map(|column| &column.requests).collect::<Vec<_>>()),
        ("Answers of servers", answers, columns.iter().map(|column| &column.answers).collect()),
    ] {
        let _ = write!(
            text,
            "## {title}\n\n| vector | source | {} |\n|---|---|---|---|---|\n",
            versions.join(" | ")
        );
        for (at, vector) in vectors.iter().enumerate() {
            let _ = write!(text, "| `{}` | {}", vector.name, vector.note("source"));
            for column in &cells {
                let _ = write!(text, " | {}", cell(&column[at]));
            }
            text += " |\n";
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// A cell as Markdown: code, so that nothing in it means anything.
fn cell(found: &str) -> String {
    if found.is_empty() || found.bytes().all(|b| b.is_ascii_digit() || b == b' ' || b.is_ascii_lowercase()) {
        return found.to_owned();
    }
    let fence = if found.contains('`') { "``" } else { "`" };
    format!("{fence} {} {fence}", found.replace('|', "\\|")).replace("` ", "`").replace(" `", "`")
}

const HEAD: &str = "\
# HTTP strictness: one reading of every message

Each vector of `fixtures/http`, sent to Sekisho, HAProxy and nginx in front of the same
server. A client ends its side behind its bytes; the server closes behind an answer of the second table. Written by
`SEKISHO_WRITE=1 cargo test -p sekisho-tests --test main smuggling`; Sekisho's column is checked at every run of the
tests.

- **Requests**: the whole requests that the server received, with their bodies, in the order in which it did; then the
  statuses that the gateway gave by itself. `nothing`: neither. `/smuggled` is a request that stands where only one of
  the possible readings sees one. In parentheses: what in the bytes that reached the server is in doubt.
- **Answers**: the client's status and body; `cut`: it can see that the answer is not whole.

The peers run with what they do by default, but for connections kept to the server (nginx: HTTP/1.1 and the client's Host
to it). That a peer passes what Sekisho refuses is no fault by itself: whether it is one depends on what the server makes
of it.

";
