//! Aligned tables of plain text.

use std::fmt;

/// A table whose columns are as wide as their widest cell. Nothing is ruled but the head.
#[derive(Clone, Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    head: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// An empty table with these column heads.
    pub(crate) fn new(head: [&'static str; COLUMNS]) -> Self {
        Self { head, rows: Vec::new() }
    }

    /// Adds a row. An empty cell is shown as `-`, so that no column looks shifted.
    pub(crate) fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }));
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = self.head.map(width);
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
        }
        line(f, widths, self.head.iter().copied())?;
        let rules = widths.map(|wide| "-".repeat(wide));
        line(f, widths, rules.iter().map(String::as_str))?;
        self.rows.iter().try_for_each(|row| line(f, widths, row.iter().map(String::as_str)))
    }
}

/// One line, indented by two. The last cell is not padded: no line ends in blanks.
fn line<'a, const COLUMNS: usize>(
    f: &mut fmt::Formatter<'_>,
    widths: [usize; COLUMNS],
    cells: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    for (column, (wide, cell)) in widths.into_iter().zip(cells).enumerate() {
        f.write_str("  ")?;
        if column + 1 == COLUMNS { f.write_str(cell)? } else { write!(f, "{cell:wide$}")? }
    }
    writeln!(f)
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_no_line_ends_in_blanks() {
        let mut table = Table::new(["VIP", "client", "server", "why"]);
        table.row(["web".into(), "anna".into(), "www1".into(), "round-robin chose it".into()]);
        table.row(["remote".into(), "zoë".into(), String::new(), "its cookie names it".into()]);
        let expected = "  VIP     client  server  why
  ------  ------  ------  --------------------
  web     anna    www1    round-robin chose it
  remote  zoë     -       its cookie names it
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn table_without_rows_is_its_head() {
        let table = Table::new(["name", "state"]);
        assert!(table.is_empty());
        assert_eq!(table.to_string(), "  name  state\n  ----  -----\n");
    }
}
