//! One line of the file with the place of a problem in it.

use sekisho_api::settings::Span;
use unicode_width::UnicodeWidthChar;

/// A text and where its lines begin.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    // INVARIANT: ascending, the first is 0, each a character boundary.
    starts: Vec<usize>,
}

/// What a report shows of a line. Columns of `indent` and `carets` are those of a terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    /// The line's number, from 1.
    pub(super) line: usize,
    /// The problem's place in the line in characters, from 1, as editors count.
    pub(super) column: usize,
    /// The line: tabs as spaces, control characters replaced, cut to a window around the problem.
    pub(super) text: String,
    /// Columns before the carets.
    pub(super) indent: usize,
    /// How many carets, at least one.
    pub(super) carets: usize,
}

/// Columns of a tab; a tab is not expanded to a stop, so that the text after it does not move.
const TAB: usize = 4;

/// The most columns of a line that are shown, and how many of them stand before the problem.
const WINDOW: usize = 160;
const BEFORE: usize = 60;

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The line that `span` begins in; `None` if there is no text at all.
    pub(super) fn snippet(&self, span: &Span) -> Option<Snippet> {
        if self.text.is_empty() {
            return None;
        }
        let at = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let index = self.starts.partition_point(|&start| start <= at).saturating_sub(1);
        let start = *self.starts.get(index)?;
        let line = self.text.get(start..)?.lines().next().unwrap_or_default();
        let from = line.floor_char_boundary((at - start).min(line.len()));
        let to = line.ceil_char_boundary(span.end.saturating_sub(start).clamp(from, line.len()));
        let (before, marked, after) = (line.get(..from)?, line.get(from..to)?, line.get(to..)?);

        let mut text = String::new();
        if width(line) > WINDOW && width(before) > BEFORE {
            text.push('…');
            let mut room = BEFORE;
            let fits = |&(_, c): &(usize, char)| {
                let left = room.checked_sub(columns(c));
                room = left.unwrap_or(0);
                left.is_some()
            };
            let cut = before.char_indices().rev().take_while(fits).last().map_or(from, |(at, _)| at);
            shown(before.get(cut..)?, usize::MAX, &mut text);
        } else {
            shown(before, usize::MAX, &mut text);
        }
        let indent = width(&text);
        let room_left = WINDOW.saturating_sub(indent);
        let fitted = shown(marked, room_left, &mut text);
        let room = WINDOW.saturating_sub(width(&text));
        let whole = fitted && shown(after, room, &mut text);
        if !whole {
            text.push('…');
        }
        // At the end of a line that fills the window there is no room, and still one caret.
        let carets = width(marked).min(room_left).max(1);
        Some(Snippet { line: index + 1, column: before.chars().count() + 1, text, indent, carets })
    }
}

/// Appends `text` as it is shown, at most `room` columns; whether all of it fitted.
fn shown(text: &str, mut room: usize, out: &mut String) -> bool {
    for c in text.chars() {
        let Some(left) = room.checked_sub(columns(c)) else { return false };
        room = left;
        match c {
            '\t' => out.push_str(&" ".repeat(TAB)),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    true
}

fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    match c {
        '\t' => TAB,
        c if c.is_control() => 1,
        c => c.width().unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, marked: &str, expected: (usize, usize, &str, usize, usize)) {
        let at = text.find(marked).unwrap();
        let snippet = Lines::new(text).snippet(&(at..at + marked.len())).unwrap();
        let (line, column, text, indent, carets) = expected;
        let text = text.to_owned();
        assert_eq!(snippet, Snippet { line, column, text, indent, carets });
    }

    #[test]
    fn columns_count_characters_and_carets_count_cells() {
        check("a\nb = 'x'\n", "'x'", (2, 5, "b = 'x'", 4, 3));
        check("\tb = 'x'", "'x'", (1, 6, "    b = 'x'", 8, 3));
        check("'関所' = 'x'\r\n", "'x'", (1, 8, "'関所' = 'x'", 9, 3));
        check("'é' = 'ü'", "'ü'", (1, 7, "'é' = 'ü'", 6, 3));
    }

    #[test]
    fn control_characters_are_not_shown() {
        check("a = '\u{1b}[31m'", "a", (1, 1, "a = '\u{fffd}[31m'", 0, 1));
    }

    #[test]
    fn span_over_several_lines_is_marked_on_its_first() {
        check("a = [\n1,\n]", "[\n1,\n]", (1, 5, "a = [", 4, 1));
    }

    #[test]
    fn very_long_line_is_cut_around_the_problem() {
        let text = format!("{}x{}", "a".repeat(10_000), "b".repeat(10_000));
        let snippet = Lines::new(&text).snippet(&(10_000..10_001)).unwrap();
        assert_eq!((snippet.column, snippet.indent, snippet.carets), (10_001, BEFORE + 1, 1));
        assert!(width(&snippet.text) <= WINDOW + 1);
        assert_eq!(snippet.text.chars().nth(snippet.indent), Some('x'));
    }

    #[test]
    fn any_place_in_a_line_of_any_length_has_a_snippet() {
        for length in (1..2 * WINDOW + 10).step_by(3).chain([WINDOW - 1, WINDOW, WINDOW + 1]) {
            for text in ["a".repeat(length), "\t".repeat(length), "関".repeat(length)] {
                let lines = Lines::new(&text);
                for start in 0..=text.len() {
                    let snippet = lines.snippet(&(start..start + 1)).unwrap();
                    assert!(snippet.carets >= 1 && snippet.indent <= WINDOW, "{length} {start}");
                    assert!(width(&snippet.text) <= WINDOW + 2, "{length} {start}");
                }
            }
        }
    }

    #[test]
    fn problem_at_the_end_of_a_line_that_fills_the_window_is_marked() {
        let text = "a".repeat(WINDOW);
        let snippet = Lines::new(&text).snippet(&(WINDOW..WINDOW)).unwrap();
        assert_eq!((snippet.indent, snippet.carets), (WINDOW, 1));
    }

    #[test]
    fn any_span_in_any_text_has_a_snippet() {
        let text = "é\n\t関\r\n\nx";
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                assert!(Lines::new(text).snippet(&(start..end)).is_some());
            }
        }
        assert_eq!(Lines::new("").snippet(&(0..0)), None);
    }
}
