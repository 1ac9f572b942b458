//! Everything wrong with a configuration, as text that points at it.

mod snippet;

use std::fmt;

use sekisho_api::settings::{Problem, Span};
use snippet::{Lines, Snippet};

/// Everything wrong, or worth a warning, in one configuration.
///
/// `Display` renders it for a terminal or a log without colours, one block for each problem in the order of the
/// file:
///
/// ```text
/// error: unknown protocol `htpp`
///  --> gateway.toml:3:12
///   |
/// 3 | protocol = "htpp"
///   |            ^^^^^^ no protocol of this name is registered
///   = help: did you mean `http`? registered: http, tcp
///
/// 1 problem; nothing was changed
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    // INVARIANT: ascending by where they begin, the first at 0.
    sources: Vec<Source>,
    // INVARIANT: in the order of the file.
    findings: Vec<Finding>,
}

/// A text that problems stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    origin: String,
    text: String,
    /// Where the spans of its problems begin.
    start: usize,
}

/// Where a problem stands, for whoever has no use for a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// What the text is called.
    pub origin: String,
    /// The line, from 1; none where there is no text.
    pub line: Option<usize>,
    /// The character in it, from 1.
    pub column: Option<usize>,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably not as meant.
    Warning,
}

/// Whether a terminal's colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    #[default]
    Plain,
    /// ANSI escape sequences.
    Ansi,
}

/// A problem and how bad it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, and where.
    pub problem: Problem,
}

/// The most problems that are written out: whoever has more has one cause, and a log is no place for the rest.
const SHOWN: usize = 100;

impl Report {
    pub(crate) fn new(origin: &str, text: &str, errors: Vec<Problem>, warnings: Vec<Problem>) -> Self {
        let of = |severity| move |problem| Finding { severity, problem };
        let mut findings: Vec<Finding> = errors.into_iter().map(of(Severity::Error)).collect();
        findings.extend(warnings.into_iter().map(of(Severity::Warning)));
        findings.sort_by_key(|f| (f.problem.span.start, f.problem.span.end));
        let source = Source { origin: origin.to_owned(), text: text.to_owned(), start: 0 };
        Self { sources: vec![source], findings }
    }

    /// Where spans of a second text begin.
    pub(crate) fn behind(text: &str) -> usize {
        // A problem at the end of the first stays in the first.
        text.len() + 1
    }

    /// The same with a second text, whose problems' spans begin [`behind`](Self::behind) the first.
    pub(crate) fn with(mut self, origin: &str, text: &str) -> Self {
        let start = self.sources.last().map_or(0, |last| last.start + Self::behind(&last.text));
        self.sources.push(Source { origin: origin.to_owned(), text: text.to_owned(), start });
        self
    }

    /// Where a finding stands.
    pub fn spot(&self, finding: &Finding) -> Spot {
        let span = &finding.problem.span;
        let Some(source) = self.source(span) else {
            return Spot { origin: String::new(), line: None, column: None };
        };
        let snippet = Lines::new(&source.text).snippet(&source.own(span));
        let place = snippet.map(|snippet| (snippet.line, snippet.column));
        Spot { origin: source.origin.clone(), line: place.map(|p| p.0), column: place.map(|p| p.1) }
    }

    fn source(&self, span: &Span) -> Option<&Source> {
        self.sources.iter().rev().find(|source| source.start <= span.start)
    }

    /// The problems, in the order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|f| f.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Writes the report, with or without colours.
    pub fn render(&self, colour: Colour) -> String {
        self.written(Paint(colour), true)
    }

    /// Writes the report for a log: what is wrong and where, but not the lines themselves, which may hold secrets.
    pub fn without_lines(&self) -> String {
        self.written(Paint(Colour::Plain), false)
    }

    fn written(&self, paint: Paint, with_lines: bool) -> String {
        let lines: Vec<Lines<'_>> = self.sources.iter().map(|source| Lines::new(&source.text)).collect();
        let mut out = String::new();
        for finding in self.findings.iter().take(SHOWN) {
            let span = &finding.problem.span;
            let source = self.sources.iter().zip(&lines).rfind(|(source, _)| source.start <= span.start);
            if let Some((source, lines)) = source {
                finding.write(&mut out, &source.origin, &source.own(span), lines, with_lines, paint);
            }
        }
        if self.findings.len() > SHOWN {
            out.push_str(&format!("and {} more\n\n", self.findings.len() - SHOWN));
        }
        out.push_str(&self.summary());
        out
    }

    fn summary(&self) -> String {
        let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        let warnings = count(self.warnings(), "warning");
        match (self.errors(), self.warnings()) {
            (0, 0) => "no problems\n".to_owned(),
            (0, _) => format!("{warnings}\n"),
            (n, 0) => format!("{}; nothing was changed\n", count(n, "problem")),
            (n, _) => format!("{} and {warnings}; nothing was changed\n", count(n, "problem")),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Plain))
    }
}

impl std::error::Error for Report {}

impl Source {
    /// The span in this text alone.
    fn own(&self, span: &Span) -> Span {
        span.start.saturating_sub(self.start)..span.end.saturating_sub(self.start)
    }
}

impl Finding {
    fn write(
        &self,
        out: &mut String,
        origin: &str,
        span: &Span,
        lines: &Lines<'_>,
        with_lines: bool,
        paint: Paint,
    ) {
        let Problem { message, label, help, .. } = &self.problem;
        let (word, sgr) = match self.severity {
            Severity::Error => ("error", RED),
            Severity::Warning => ("warning", YELLOW),
        };
        out.push_str(&format!(
            "{}{}\n",
            paint.with(sgr, word),
            paint.with(BOLD, &format!(": {}", clean(message)))
        ));
        let margin = match lines.snippet(span) {
            Some(snippet) if !with_lines => {
                let Snippet { line, column, .. } = snippet;
                out.push_str(&format!(" --> {origin}:{line}:{column}\n  = {}\n", clean(label)));
                " ".to_owned()
            }
            Some(snippet) => {
                let number = snippet.line.to_string();
                let margin = " ".repeat(number.len());
                let bar = paint.with(BLUE, "|");
                let arrow = paint.with(BLUE, "-->");
                out.push_str(&format!("{margin}{arrow} {origin}:{number}:{}\n", snippet.column));
                out.push_str(&format!("{margin} {bar}\n"));
                let line = format!("{} {bar} {}", paint.with(BLUE, &number), snippet.text);
                out.push_str(&format!("{}\n", line.trim_end()));
                let indent = " ".repeat(snippet.indent);
                let carets = format!("{} {}", "^".repeat(snippet.carets), clean(label));
                out.push_str(&format!("{margin} {bar} {indent}{}\n", paint.with(sgr, &carets)));
                margin
            }
            // Nothing to point into: the file could not be read.
            None => {
                out.push_str(&format!(" {} {origin}\n", paint.with(BLUE, "-->")));
                out.push_str(&format!("  {} {}\n", paint.with(BLUE, "="), clean(label)));
                " ".to_owned()
            }
        };
        if let Some(help) = help {
            out.push_str(&format!("{margin} {} help: {}\n", paint.with(BLUE, "="), clean(help)));
        }
        out.push('\n');
    }
}

/// Messages quote the file; its control characters must not reach a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[derive(Clone, Copy)]
struct Paint(Colour);

impl Paint {
    fn with(self, sgr: &str, text: &str) -> String {
        match self.0 {
            Colour::Plain => text.to_owned(),
            Colour::Ansi => format!("\x1b[{sgr}m{text}\x1b[0m"),
        }
    }
}

// Select Graphic Rendition parameters (ECMA-48, section 8.3.117).
const BOLD: &str = "1";
const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;34";
