//! The table on the terminal, and the page `docs/performance.md`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::load::{Goal, Work};
use super::results::{Figure, Results, Row};
use super::{Outcome, failed, scratch};

/// Prints the table.
pub(super) fn print(results: &Results) -> Outcome {
    let mut text = String::new();
    aligned(&mut text, &figures(results));
    if !results.judged {
        text.push_str("\nThe figures of a quick run mean nothing.\n");
    }
    for table in [latencies(results), system_calls(results)].into_iter().flatten() {
        text.push('\n');
        aligned(&mut text, &table);
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(failed("cannot print the table"))
}

/// Writes the page; what stands between its marks for notes is kept.
pub(super) fn write_page(results: &Results) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no root")?;
    let folder = root.join("docs");
    std::fs::create_dir_all(&folder).map_err(failed("cannot make docs"))?;
    let path = folder.join("performance.md");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    scratch::write(&path, &page(results, notes(&old)))
}

type Table = Vec<Vec<String>>;

fn page(results: &Results, notes: &str) -> String {
    let mut page = String::from(
        "# Performance\n\n<!-- Written by `cargo xtask bench`; only the notes at the end are written by hand. -->\n\n",
    );
    let _ =
        writeln!(page, "CPU time per unit of work, beside peers that do the same job. Lower is better.\n");
    markdown(&mut page, &figures(results));
    page.push_str(
        "\nEach cell: the ratio to HAProxy, the median in the unit of the row, and the smallest and largest sample. ",
    );
    page.push_str(
        "A ratio within 0.05 of 1 is noise. `~` marks figures taken while others used the machine.\n",
    );
    if let Some(table) = latencies(results) {
        page.push_str(
            "\nLatency under `h1-rate`, counted from the moment at which each request was due:\n\n",
        );
        markdown(&mut page, &table);
    }
    if let Some(table) = system_calls(results) {
        page.push_str(
            "\nSystem calls of one `h1-small` request, counted by strace (which slows its subject):\n\n",
        );
        markdown(&mut page, &table);
    }
    page.push_str("\n## Loads\n\n");
    for Row { load, .. } in &results.rows {
        let _ = writeln!(page, "- `{}`: {}.", load.name, load.what);
    }
    let _ = write!(page, "\n## Method\n\n{}\n\n", method(results));
    for (name, version) in &results.subjects {
        let _ = writeln!(page, "- `{name}`: {version}");
    }
    let _ = writeln!(page, "\n## Notes\n\n{NOTES_BEGIN}\n{notes}{NOTES_END}");
    page
}

fn method(results: &Results) -> String {
    let cores = if results.shared_core { "the same core (there is only one)" } else { "another" };
    format!(
        "The machine: {machine}. The figure is user and system time of the subject's process tree from /proc, \
         divided by the requests, connections or megabytes (1,000,000 bytes) of the same moment; it hardly depends \
         on which part of a small machine is the bottleneck, as throughput does. Each subject has one worker on one \
         core; the clients and the two servers behind are in the benchmark itself, on {cores}. The subjects take \
         turns, in an order that changes with the round; samples: {rounds} of {window:.1} s each (memory: three \
         at the most, each of a fresh process). Samples with more than 0.25 cores of foreign load are taken again, then left \
         out. All do the same job: two servers, a cookie inserted and honoured, X-Forwarded-For, connections to the \
         servers kept, deadlines on, no access log. Before each load every subject is checked to do it; during the \
         load every client insists on its server and on whole bodies. nginx has no persistence of its own: a `map` \
         on the cookie and `add_header` take its place. Memory is the growth of the proportional set size over \
         {idle} connections after a pause. Handshakes are full ones, TLS 1.3 with ECDSA P-256 and X25519.",
        machine = results.machine,
        rounds = results.rounds,
        window = results.window.as_secs_f64(),
        idle = results.idle_connections,
    )
}

fn figures(results: &Results) -> Table {
    let mut head = vec!["load".to_owned(), "unit".to_owned()];
    head.extend(results.subjects.iter().map(|(name, _)| (*name).to_owned()));
    head.push("Sekisho must reach".to_owned());
    let mut table = vec![head];
    for row in &results.rows {
        let base = row.figure(results.place("haproxy"));
        let mut line = vec![row.load.name.to_owned(), row.load.unit.to_owned()];
        line.extend(
            row.figures.iter().map(|figure| figure.as_ref().map_or("–".to_owned(), |f| cell(f, base))),
        );
        line.push(goals(results, row));
        table.push(line);
    }
    table
}

fn cell(figure: &Figure, base: Option<&Figure>) -> String {
    let ratio =
        base.and_then(|base| figure.ratio(base)).map_or(String::new(), |ratio| format!("{ratio:.2} · "));
    let mark = if figure.disturbed { "~" } else { "" };
    let [median, least, most] = [figure.median, figure.least, figure.most].map(short);
    format!("{ratio}{mark}{median} ({least}–{most})")
}

/// Three digits or so.
fn short(value: f64) -> String {
    if value.abs() < 99.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn goals(results: &Results, row: &Row) -> String {
    let own = row.figure(results.place("sekisho")).filter(|_| results.judged);
    let said = row.load.goals.iter().map(|goal| {
        let (words, reached) = match *goal {
            Goal::Ratio(peer, most) => {
                let ratio = own.zip(row.figure(results.place(peer))).and_then(|(own, peer)| own.ratio(peer));
                (format!("≤ {most:.2} × {peer}"), ratio.map(|ratio| (ratio, ratio <= most)))
            }
            Goal::Absolute(most) => (format!("≤ {most}"), own.map(|own| (own.median, own.median <= most))),
        };
        match reached {
            Some((value, true)) => format!("{words}: yes, {value:.2}"),
            Some((value, false)) => format!("{words}: **no**, {value:.2}"),
            None => words,
        }
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { "–".to_owned() } else { said.join("; ") }
}

fn latencies(results: &Results) -> Option<Table> {
    let row = results.rows.iter().find(|row| matches!(row.load.work, Work::Rate { .. }))?;
    let mut table = vec![["subject", "p50 ms", "p90 ms"].map(str::to_owned).to_vec()];
    for ((name, _), figure) in results.subjects.iter().zip(&row.figures) {
        if let Some((middle, ninth)) = figure.and_then(|figure| figure.latency) {
            table.push(vec![(*name).to_owned(), format!("{middle:.2}"), format!("{ninth:.2}")]);
        }
    }
    Some(table)
}

fn system_calls(results: &Results) -> Option<Table> {
    if results.system_calls.is_empty() {
        return None;
    }
    let mut table = vec![["subject", "calls/request"].map(str::to_owned).to_vec()];
    table.extend(
        results.system_calls.iter().map(|(name, calls)| vec![(*name).to_owned(), format!("{calls:.2}")]),
    );
    Some(table)
}

fn markdown(text: &mut String, table: &Table) {
    for (number, line) in table.iter().enumerate() {
        let _ = writeln!(text, "| {} |", line.join(" | "));
        if number == 0 {
            let _ = writeln!(text, "|{}", "---|".repeat(line.len()));
        }
    }
}

fn aligned(text: &mut String, table: &Table) {
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| {
        table.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in table {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// What stands between the marks.
fn notes(page: &str) -> &str {
    let after = page.split_once(NOTES_BEGIN).map_or("", |(_, after)| after.trim_start_matches('\n'));
    after.split_once(NOTES_END).map_or("", |(notes, _)| notes)
}

const NOTES_BEGIN: &str = "<!-- notes: begin -->";
const NOTES_END: &str = "<!-- notes: end -->";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_survive_being_written_again() {
        let results = Results {
            subjects: Vec::new(),
            judged: true,
            machine: String::new(),
            shared_core: false,
            rounds: 1,
            window: std::time::Duration::from_secs(1),
            idle_connections: 1,
            rows: Vec::new(),
            system_calls: Vec::new(),
        };
        let first = page(&results, "Measured twice.\n");
        assert_eq!(notes(&first), "Measured twice.\n");
        assert_eq!(page(&results, notes(&first)), first);
        assert_eq!(notes("a page of somebody else"), "");
    }
}
