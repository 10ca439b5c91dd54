//! Output for people: colours on a terminal, and nothing that a server or body could make it do.

use std::{env, io::IsTerminal};

pub(crate) const BOLD: &str = "1";
pub(crate) const GREEN: &str = "32";
pub(crate) const YELLOW: &str = "33";
pub(crate) const RED: &str = "1;31";

/// Paints a text if standard output is a terminal and `NO_COLOR` is not set.
pub(crate) fn paint(text: &str, colour: &str) -> String {
    let colours = std::io::stdout().is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if colours {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.into()
    }
}

/// Replaces control characters other than a line feed or a tab.
pub(crate) fn plain(text: &str) -> String {
    let is_unsafe = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.replace(is_unsafe, "\u{FFFD}")
}

/// A table whose columns are aligned. It can be printed in parts, which share the widths so far.
#[cfg(feature = "inbox")]
pub(crate) struct Table {
    head: Vec<Cell>,
    widths: Vec<usize>,
    rows: Vec<Vec<Cell>>,
    is_begun: bool,
}

/// A part of a [`Table`], on one line.
#[cfg(feature = "inbox")]
pub(crate) struct Cell {
    text: String,
    colour: &'static str,
    is_number: bool,
}

#[cfg(feature = "inbox")]
impl Cell {
    pub(crate) fn text(text: &str) -> Self {
        Self {
            text: plain(text).replace(['\n', '\t'], " "),
            colour: "",
            is_number: false,
        }
    }

    pub(crate) fn number(number: u64) -> Self {
        Self {
            is_number: true,
            ..Self::text(&number.to_string())
        }
    }

    pub(crate) fn painted(mut self, colour: &'static str) -> Self {
        self.colour = colour;
        self
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

#[cfg(feature = "inbox")]
impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let head: Vec<Cell> = head
            .iter()
            .map(|text| Cell::text(text).painted(BOLD))
            .collect();
        Self {
            widths: head.iter().map(Cell::width).collect(),
            head,
            rows: Vec::new(),
            is_begun: false,
        }
    }

    pub(crate) fn add(&mut self, row: Vec<Cell>) {
        for (width, cell) in self.widths.iter_mut().zip(&row) {
            *width = cell.width().max(*width);
        }
        self.rows.push(row);
    }

    /// Returns the rows that were added since, after the head if it was not printed yet.
    pub(crate) fn print(&mut self) -> String {
        let mut lines = String::new();
        let rows = std::mem::take(&mut self.rows);
        // A number stands below the end of its heading.
        for (head, cell) in self.head.iter_mut().zip(rows.first().into_iter().flatten()) {
            head.is_number = cell.is_number;
        }
        let head = (!self.is_begun && !rows.is_empty()).then_some(&self.head);
        self.is_begun |= !rows.is_empty();
        for row in head.into_iter().chain(&rows) {
            let last = row.len().saturating_sub(1);
            for (index, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
                let space = " ".repeat(width - cell.width());
                let text = match cell.colour {
                    "" => cell.text.clone(),
                    colour => paint(&cell.text, colour),
                };
                match (cell.is_number, index == last) {
                    (true, _) => lines.extend([space.as_str(), text.as_str()]),
                    (false, true) => lines.push_str(&text),
                    (false, false) => lines.extend([text.as_str(), space.as_str()]),
                }
                lines.push_str(if index == last { "\n" } else { "  " });
            }
        }
        lines
    }
}
