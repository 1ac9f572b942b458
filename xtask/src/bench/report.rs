//! The table on the terminal, and the page `docs/performance.md`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::load::Goal;
use super::results::{Figure, Results, Row};
use super::{Outcome, failed, scratch};

/// Prints the table.
pub(super) fn print(results: &Results) -> Outcome {
    let mut text = String::new();
    for family in Family::ALL {
        if let Some(table) = figures(results, family) {
            aligned(&mut text, &table);
            text.push('\n');
        }
    }
    if !results.judged {
        text.push_str("The figures of a quick run mean nothing.\n");
    }
    for (load, table) in latencies(results) {
        let _ = writeln!(text, "\nLatency under {load}:");
        aligned(&mut text, &table);
    }
    if let Some(table) = system_calls(results) {
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
    page.push_str("CPU time per unit of work, beside peers that do the same job. Lower is better.\n\n");
    for family in Family::ALL {
        if let Some(table) = figures(results, family) {
            markdown(&mut page, &table);
            page.push('\n');
        }
    }
    page.push_str(
        "Each cell: the ratio to HAProxy (DNS: to dnsdist, IMAP: to nginx), the median in the unit of the row, and the \
         smallest and largest sample. Where there is more: units per second, and what was lost over all samples. ",
    );
    page.push_str(
        "A ratio within 0.05 of 1 is noise. `~` marks figures taken while others used the machine.\n",
    );
    for (load, table) in latencies(results) {
        let _ =
            writeln!(page, "\nLatency under `{load}`, counted from the moment at which each unit was due:\n");
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
         core; the clients and the two servers behind are in the benchmark itself, on {cores}. Under the DNS loads a \
         subject may use all cores: dnsdist has one listener, and so one thread for questions and one for answers; \
         Sekisho has two workers; one Knot DNS is behind, dnsperf and h2load (in `dns-udp-rate`, the benchmark \
         itself) ask. The subjects take \
         turns, in an order that changes with the round; samples: {rounds} of {window:.1} s each (memory: two \
         at the most, each of a fresh process). Samples with more than 0.25 cores of foreign load are taken again, then left \
         out. All do the same job: two servers, a cookie inserted and honoured, X-Forwarded-For, connections to the \
         servers kept, deadlines on, no access log; `sekisho-watched` alone has one, metrics, and a \
         probe each second. Before each load every subject is checked to do it; during the \
         load every client insists on its server and on whole bodies. nginx has no persistence of its own: a `map` \
         on the cookie and `add_header` take its place. Under the mail loads the servers are scripted, and say what \
         Dovecot says; users are led to them by a hash of the name, which Sekisho makes itself, Dovecot's proxy with a \
         variable in a static passdb, nginx by asking an `auth_http` service that the benchmark is, too, and whose CPU \
         time is not counted. Dovecot's figures are of all its processes. For Remote Desktop HAProxy has the \
         configuration of the usual guides: `rdp_cookie` in a stick table, least connections. Memory is the growth of the proportional set size over \
         {idle} connections after a pause. Handshakes are full ones, TLS 1.3 with ECDSA P-256 and X25519.",
        machine = results.machine,
        rounds = results.rounds,
        window = results.window.as_secs_f64(),
        idle = results.idle_connections,
    )
}

/// Loads that share a table, because they share their peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// HTTP, layer 4 and Remote Desktop.
    Web,
    /// IMAP.
    Mail,
    /// DNS.
    Dns,
}

impl Family {
    const ALL: [Self; 3] = [Self::Web, Self::Mail, Self::Dns];

    /// The subject that the others are compared with.
    fn base(self) -> &'static str {
        match self {
            Self::Web => "haproxy",
            Self::Mail => "nginx",
            Self::Dns => "dnsdist",
        }
    }

    fn has(self, row: &Row) -> bool {
        let front = row.load.work.front();
        self == match front {
            _ if front.is_dns() => Self::Dns,
            _ if front.is_mail() => Self::Mail,
            _ => Self::Web,
        }
    }
}

/// The loads of a family, with the subjects that take any of them.
fn figures(results: &Results, family: Family) -> Option<Table> {
    let rows: Vec<&Row> = results.rows.iter().filter(|row| family.has(row)).collect();
    let taken = |place: usize| rows.iter().any(|row| row.figure(Some(place)).is_some());
    let places: Vec<usize> = (0..results.subjects.len()).filter(|&place| taken(place)).collect();
    if places.is_empty() {
        return None;
    }
    let mut head = vec!["load".to_owned(), "unit".to_owned()];
    let names = results.subjects.iter().enumerate().filter(|(place, _)| places.contains(place));
    head.extend(names.map(|(_, (name, _))| (*name).to_owned()));
    head.push("Sekisho must reach".to_owned());
    let mut table = vec![head];
    for row in rows {
        let base = row.figure(results.place(family.base()));
        let mut line = vec![row.load.name.to_owned(), row.load.unit.to_owned()];
        let cells = places.iter().map(|&place| row.figure(Some(place)));
        line.extend(cells.map(|figure| figure.map_or("–".to_owned(), |f| cell(f, base))));
        line.push(goals(results, row));
        table.push(line);
    }
    Some(table)
}

fn cell(figure: &Figure, base: Option<&Figure>) -> String {
    let ratio =
        base.and_then(|base| figure.ratio(base)).map_or(String::new(), |ratio| format!("{ratio:.2} · "));
    let mark = if figure.disturbed { "~" } else { "" };
    let [median, least, most] = [figure.median, figure.least, figure.most].map(short);
    let speed = figure.per_second.map(|speed| format!(" · {speed:.0}/s")).unwrap_or_default();
    let lost = if figure.lost > 0 { format!(" · {} lost", figure.lost) } else { String::new() };
    format!("{ratio}{mark}{median} ({least}–{most}){speed}{lost}")
}

/// Three digits or so.
fn short(value: f64) -> String {
    if value.abs() < 99.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn goals(results: &Results, row: &Row) -> String {
    let own = row.figure(results.place("sekisho")).filter(|_| results.judged);
    let beside = |peer: &str, value: &dyn Fn(&Figure, &Figure) -> Option<f64>| {
        own.zip(row.figure(results.place(peer))).and_then(|(own, peer)| value(own, peer))
    };
    let said = row.load.goals.iter().map(|goal| {
        let (words, reached) = match *goal {
            Goal::Ratio(peer, most) => {
                let ratio = beside(peer, &Figure::ratio);
                (format!("≤ {most:.2} × {peer}"), ratio.map(|ratio| (ratio, ratio <= most)))
            }
            Goal::Absolute(most) => (format!("≤ {most}"), own.map(|own| (own.median, own.median <= most))),
            Goal::Throughput(peer, least) => {
                let ratio = beside(peer, &|own, peer| Some(own.per_second? / peer.per_second?));
                (
                    format!("answers per second ≥ {least:.2} × {peer}"),
                    ratio.map(|ratio| (ratio, ratio >= least)),
                )
            }
            Goal::Tail(peer, most) => {
                let ratio = beside(peer, &|own, peer| Some(own.latency?.p99 / peer.latency?.p99));
                (format!("p99 ≤ {most:.2} × {peer}"), ratio.map(|ratio| (ratio, ratio <= most)))
            }
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            Goal::Lossless => ("0 lost".to_owned(), own.map(|own| (own.lost as f64, own.lost == 0))),
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

/// A table for each load under which latency was measured.
fn latencies(results: &Results) -> Vec<(&'static str, Table)> {
    let rows = results.rows.iter().filter_map(|row| {
        let mut table = vec![["subject", "p50 ms", "p90 ms", "p99 ms"].map(str::to_owned).to_vec()];
        for ((name, _), figure) in results.subjects.iter().zip(&row.figures) {
            if let Some(latency) = figure.and_then(|figure| figure.latency) {
                let quantiles = [latency.p50, latency.p90, latency.p99].map(|value| format!("{value:.2}"));
                table.push([vec![(*name).to_owned()], quantiles.to_vec()].concat());
            }
        }
        (table.len() > 1).then_some((row.load.name, table))
    });
    rows.collect()
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
