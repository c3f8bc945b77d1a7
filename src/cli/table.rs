//! Tables for terminals.

use std::io::{self, Write};

/// A table that is printed page by page: columns are as wide as the widest cell so far.
pub(super) struct Table {
    head: Vec<String>,
    widths: Vec<usize>,
    is_begun: bool,
}

impl Table {
    /// A table with these column names.
    pub(super) fn new(head: &[&str]) -> Self {
        let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
        Self { widths: head.iter().map(|cell| cell.chars().count()).collect(), head, is_begun: false }
    }

    /// Prints `rows`, after the head when these are the first ones.
    pub(super) fn print(&mut self, out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if !rows.is_empty() && !self.is_begun {
            self.is_begun = true;
            writeln!(out, "{}", self.line(&self.head))?;
        }
        for row in rows {
            writeln!(out, "{}", self.line(row))?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String]) -> String {
        let padded: Vec<String> =
            cells.iter().zip(&self.widths).map(|(cell, &width)| format!("{:<width$}", plain(cell))).collect();
        padded.join("  ").trim_end().to_owned()
    }
}

/// `text` without control characters: what people typed must not steer an operator's terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Prints `rows` under `head`, each column as wide as its widest cell.
pub(super) fn print(out: &mut impl Write, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    Table::new(head).print(out, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns() {
        let mut out = Vec::new();
        print(&mut out, &["A", "LONG"], &[vec!["wide cell".into(), "x".into()]]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "A          LONG\nwide cell  x\n");
    }

    #[test]
    fn a_second_page_continues_the_first_and_steers_no_terminal() {
        let (mut out, mut table) = (Vec::new(), Table::new(&["A", "B"]));
        table.print(&mut out, &[vec!["long".into(), "x".into()]]).unwrap();
        table.print(&mut out, &[vec!["s".into(), "\u{1b}[2J".into()]]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "A     B\nlong  x\ns     \u{fffd}[2J\n");
    }
}
