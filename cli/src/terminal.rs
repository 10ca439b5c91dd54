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
