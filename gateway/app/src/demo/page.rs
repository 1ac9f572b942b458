//! How the demo writes: titles, short paragraphs, tables, and claims that hold or do not.

use std::io::{self, Write};

use crate::table::Table;

/// The width of a paragraph, in characters.
const WIDTH: usize = 96;

/// Whether colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// The output is a terminal, and nobody asked for plain text.
    Terminal,
    /// Text alone.
    Plain,
}

/// What the demo has written so far, and how its claims fared.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    colours: Colours,
    held: usize,
    failed: usize,
    /// The last thing written was no claim: the next one stands apart from it.
    apart: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write, colours: Colours) -> Self {
        Self { out, colours, held: 0, failed: 0, apart: false }
    }

    /// Claims that held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Claims that did not hold.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// The title of a scene.
    pub(super) fn title(&mut self, text: &str) -> io::Result<()> {
        let painted = self.paint("1", text);
        let rule = "=".repeat(text.chars().count());
        writeln!(self.out, "\n{painted}\n{rule}")
    }

    /// A paragraph, wrapped between words.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        self.apart = true;
        writeln!(self.out)?;
        wrap(text, WIDTH).iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }

    /// A paragraph as it is, indented.
    pub(super) fn verbatim(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out)?;
        text.lines().try_for_each(|line| match line {
            "" => writeln!(self.out),
            line => writeln!(self.out, "  {line}"),
        })
    }

    /// One line as it is, without distance from the one before.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {text}")?;
        self.out.flush()
    }

    /// A table.
    pub(super) fn table<const COLUMNS: usize>(&mut self, table: &Table<COLUMNS>) -> io::Result<()> {
        self.apart = true;
        write!(self.out, "\n{table}")?;
        self.out.flush()
    }

    /// Something that must be so. `Err` says what was found instead.
    pub(super) fn claim(&mut self, text: &str, outcome: Result<(), String>) -> io::Result<()> {
        let (code, word, found) = match outcome {
            Ok(()) => {
                self.held += 1;
                ("32", "ok    ", None)
            }
            Err(found) => {
                self.failed += 1;
                ("1;31", "FAILED", Some(found))
            }
        };
        let word = self.paint(code, word);
        if std::mem::take(&mut self.apart) {
            writeln!(self.out)?;
        }
        let mut lines = wrap(text, WIDTH - 10).into_iter();
        writeln!(self.out, "  {word}  {}", lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| writeln!(self.out, "          {line}"))?;
        if let Some(found) = found {
            let found = format!("found: {found}");
            wrap(&found, WIDTH - 10).iter().try_for_each(|line| writeln!(self.out, "          {line}"))?;
        }
        self.out.flush()
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colours {
            Colours::Terminal => format!("\x1b[{code}m{text}\x1b[0m"),
            Colours::Plain => text.to_owned(),
        }
    }
}

impl std::fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page").field("held", &self.held).field("failed", &self.failed).finish_non_exhaustive()
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_page_is_text_without_control_characters() {
        let mut out = Vec::new();
        let mut page = Page::new(&mut out, Colours::Plain);
        page.title("HTTP").unwrap();
        page.say("Six browsers arrive.").unwrap();
        page.claim("each keeps its server", Ok(())).unwrap();
        page.claim("nobody else moved", Err("anna moved".to_owned())).unwrap();
        assert_eq!((page.held(), page.failed()), (1, 1));
        let expected = "
HTTP
====

Six browsers arrive.

  ok      each keeps its server
  FAILED  nobody else moved
          found: anna moved
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn paragraphs_wrap_between_words_and_long_words_stand_alone() {
        assert_eq!(wrap("aa bb cc dddddddd e", 5), ["aa bb", "cc", "dddddddd", "e"]);
    }
}
