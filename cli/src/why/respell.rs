//! JSON that was parsed and written again.

use std::cell::Cell;

use super::Finding;
use crate::json::{self, Escapes, Node, Numbers, Style};

/// The bytes that are written at most for one search, which keeps it under two seconds.
const BUDGET: usize = 32 * 1024 * 1024;

/// The layouts of JSON libraries, with their names.
const LAYOUTS: [(&str, &str, &str, Option<&str>); 6] = [
    ("compact", ",", ":", None),
    ("with spaces after commas and colons", ", ", ": ", None),
    ("with spaces after colons", ",", ": ", None),
    ("indented by 2", ",", ": ", Some("  ")),
    ("indented by 4", ",", ": ", Some("    ")),
    ("indented by tabs", ",", ": ", Some("\t")),
];

pub(super) fn cause(body: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let node = json::parse(body)?;
    let mut sorted = node.clone();
    sorted.sort();
    let found = Search {
        signs,
        left: Cell::new(BUDGET),
        limit: body.len().saturating_mul(8).saturating_add(64 * 1024),
    }
    .find(&[(&node, ""), (&sorted, ", with sorted keys")])?;
    Some(Finding::new(
        "body-reserialized",
        format!("the JSON was parsed and written again; the signed form is {found}"),
        "verify the raw bytes before a JSON parser reads them (in Express `express.raw`, in Flask \
         `request.get_data()`, in Laravel `$request->getContent()`)",
    ))
}

struct Search<'a, F> {
    signs: &'a F,
    left: Cell<usize>,
    limit: usize,
}

impl<F: Fn(&[u8]) -> bool> Search<'_, F> {
    fn find(&self, nodes: &[(&Node, &str)]) -> Option<String> {
        let (node, _) = *nodes.first()?;
        let characters = Characters::of(node);
        let mut escapes = vec![Escapes::None];
        if characters.unicode {
            escapes.extend([Escapes::Lower, Escapes::Upper]);
        }
        if characters.html {
            escapes.push(Escapes::Html);
        }
        let slashes: &[bool] = if characters.slash {
            &[false, true]
        } else {
            &[false]
        };
        for numbers in respellings(&node.numbers()) {
            for (node, order) in nodes {
                for &(layout, comma, colon, indent) in &LAYOUTS {
                    for &escape_slash in slashes {
                        for &escapes in &escapes {
                            let style = Style {
                                comma,
                                colon,
                                indent,
                                escape_slash,
                                escapes,
                                numbers,
                            };
                            if self.is_signed(node, style)? {
                                return Some(describe(layout, order, style));
                            }
                        }
                    }
                }
            }
        }
        None
    }

    /// Returns nothing if the budget is used up.
    fn is_signed(&self, node: &Node, style: Style) -> Option<bool> {
        let bytes = style.write(node, self.limit);
        let cost = bytes.as_ref().map_or(self.limit, Vec::len);
        self.left.set(self.left.get().checked_sub(cost)?);
        Some(bytes.is_some_and(|bytes| (self.signs)(&bytes)))
    }
}

/// Returns the ways in which the numbers may have been written, the likely ones first.
fn respellings(numbers: &[&str]) -> Vec<Numbers> {
    let can_change = |number: &&str| number.ends_with(".0") || !number.contains(['.', 'e', 'E']);
    let changeable: Vec<usize> = (0_usize..)
        .zip(numbers)
        .filter(|(_, number)| can_change(number))
        .map(|(index, _)| index)
        .filter(|&index| index < 64)
        .collect();
    let mut respellings = vec![Numbers::AsSent];
    if changeable.is_empty() {
        return respellings;
    }
    respellings.extend([Numbers::WithoutPointZero, Numbers::WithPointZero]);
    let mask = |index: &usize| 1_u64 << index;
    respellings.extend(changeable.iter().map(mask).map(Numbers::Respelled));
    for (position, first) in changeable.iter().enumerate() {
        let others = changeable.iter().skip(position + 1);
        respellings.extend(others.map(|second| Numbers::Respelled(mask(first) | mask(second))));
    }
    respellings
}

fn describe(layout: &str, order: &str, style: Style) -> String {
    let mut text = format!("{layout}{order}");
    if style.escape_slash {
        text.push_str(", with `\\/`");
    }
    text.push_str(match style.escapes {
        Escapes::None => "",
        Escapes::Lower => ", with `\\u00e9` for what is not ASCII",
        Escapes::Upper => ", with `\\u00E9` for what is not ASCII",
        Escapes::Html => ", with `\\u003c` for `<`",
    });
    if style.numbers != Numbers::AsSent {
        text.push_str(", with other numbers written as `1.0` or `1`");
    }
    text
}

/// Which characters in the texts can be spelled in several ways.
#[derive(Default)]
struct Characters {
    slash: bool,
    /// Control characters have digits, too, in either case.
    unicode: bool,
    html: bool,
}

impl Characters {
    fn of(node: &Node) -> Self {
        let mut characters = Self::default();
        characters.add(node);
        characters
    }

    fn add(&mut self, node: &Node) {
        match node {
            Node::Literal(_) => {}
            Node::Text(text) => self.add_text(text),
            Node::List(items) => items.iter().for_each(|item| self.add(item)),
            Node::Object(entries) => {
                for (key, value) in entries {
                    self.add_text(key);
                    self.add(value);
                }
            }
        }
    }

    fn add_text(&mut self, text: &[u32]) {
        self.slash |= text.contains(&0x2F);
        self.unicode |= text.iter().any(|code| !(0x20..0x7F).contains(code));
        self.html |= text
            .iter()
            .any(|code| [0x3C, 0x3E, 0x26, 0x2028, 0x2029].contains(code));
    }
}
