//! `leadhook shape`

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io::{self, Write},
    path::PathBuf,
};

use serde::Serialize;

use crate::{
    failure::Failure,
    input::Input,
    json::{self, Node, Text, is_number},
    keys,
    provider::Reading,
    terminal::{BOLD, paint, plain},
};

/// Print what a body looks like, without a value in it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints the path, types, count and lengths of all values. What it prints is safe to post in an issue: keys
that no provider documents are `*` unless you ask for them.

  untyped       the typed event does not hold this value
  undocumented  no provider's documentation has this key

Exit status: 2 a body is not JSON or nested too deeply, 64 usage error or an unreadable file

Example: leadhook shape deliveries/*/body")]
pub(crate) struct Arguments {
    /// A body, a delivery saved by `leadhook listen`, or a raw HTTP request
    #[arg(required = true)]
    file: Vec<PathBuf>,
    /// Print undocumented keys, which can be personal
    #[arg(long)]
    keys: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Default, Serialize)]
struct Report {
    /// How many bodies of each event there are.
    events: BTreeMap<String, usize>,
    paths: BTreeMap<String, Values>,
}

/// The values at one path.
#[derive(Default, Serialize)]
struct Values {
    types: BTreeSet<&'static str>,
    count: usize,
    /// The lengths of texts in characters, of lists in items, and of numbers in digits.
    shortest: Option<usize>,
    longest: Option<usize>,
    untyped: bool,
    undocumented: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let documented = keys::documented();
        let mut report = Report::default();
        for file in &self.file {
            let body = Input::read(file)?.not_empty()?.body;
            if report.add(&body, &documented, self.keys).is_none() {
                writeln!(
                    io::stderr(),
                    "leadhook: {}: not JSON, or nested too deeply",
                    file.display()
                )?;
                return Ok(2);
            }
        }
        let mut output = io::stdout();
        if self.json {
            let json = serde_json::to_string(&report).map_err(io::Error::from)?;
            writeln!(output, "{json}")?;
        } else {
            write!(output, "{}", report.table())?;
        }
        Ok(0)
    }
}

/// Where a value is.
#[derive(Clone, Default)]
struct Place {
    /// With `*` for undocumented keys, unless they are asked for.
    shown: String,
    /// With all keys, as `Delivery::unread` writes it.
    whole: String,
    undocumented: bool,
}

struct Walk<'a> {
    documented: &'a HashSet<Text>,
    unread: &'a [String],
    keys: bool,
}

impl Walk<'_> {
    fn add(&self, node: &Node, place: &Place, paths: &mut BTreeMap<String, Values>) {
        let (kind, length) = match node {
            Node::Literal(literal) if is_number(literal) => ("number", Some(literal.len())),
            Node::Literal(literal) if literal == "null" => ("null", None),
            Node::Literal(_) => ("boolean", None),
            Node::Text(text) => ("text", Some(text.len())),
            Node::List(items) => ("list", Some(items.len())),
            Node::Object(_) => ("object", None),
        };
        let values = paths.entry(place.shown.clone()).or_default();
        values.types.insert(kind);
        values.count += 1;
        values.shortest = [values.shortest, length].into_iter().flatten().min();
        values.longest = values.longest.max(length);
        values.untyped |= self.unread.contains(&place.whole);
        values.undocumented |= place.undocumented;
        match node {
            Node::Literal(_) | Node::Text(_) => {}
            Node::List(items) => {
                let place = Place {
                    shown: format!("{}[]", place.shown),
                    whole: format!("{}[]", place.whole),
                    undocumented: false,
                };
                for item in items {
                    self.add(item, &place, paths);
                }
            }
            Node::Object(entries) => {
                for (key, value) in entries {
                    let undocumented = !self.documented.contains(key);
                    let whole = json::display(key);
                    let shown = if undocumented && !self.keys {
                        "*"
                    } else {
                        &whole
                    };
                    let dot = if place.whole.is_empty() { "" } else { "." };
                    let place = Place {
                        shown: format!(
                            "{}{dot}{}",
                            place.shown,
                            plain(shown).replace(['\n', '\t'], " ")
                        ),
                        whole: format!("{}{dot}{whole}", place.whole),
                        undocumented,
                    };
                    self.add(value, &place, paths);
                }
            }
        }
    }
}

/// Writes each index of a path as `[]`.
fn without_indices(path: &str) -> String {
    let mut parts = path.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| match part.split_once(']') {
        Some((index, rest)) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
            path + "[]" + rest
        }
        _ => path + "[" + part,
    })
}

impl Report {
    /// Adds a body, unless it is not JSON.
    fn add(&mut self, body: &[u8], documented: &HashSet<Text>, keys: bool) -> Option<()> {
        let node = json::parse(body)?;
        let reading = Reading::of(body);
        let event = reading.as_ref().map_or_else(
            || "unknown event".into(),
            |reading| format!("{} {}", reading.provider, reading.event),
        );
        *self.events.entry(event).or_default() += 1;
        let unread = reading.map(|reading| reading.unread).unwrap_or_default();
        let unread: Vec<String> = unread.iter().map(|path| without_indices(path)).collect();
        let walk = Walk {
            documented,
            unread: &unread,
            keys,
        };
        walk.add(&node, &Place::default(), &mut self.paths);
        Some(())
    }

    fn table(&self) -> String {
        let mut lines = Vec::new();
        for (event, count) in &self.events {
            lines.push(format!("{}  ×{count}", paint(event, BOLD)));
        }
        let width = self
            .paths
            .keys()
            .map(|path| path.chars().count())
            .max()
            .unwrap_or_default();
        for (path, values) in self.paths.iter().filter(|(path, _)| !path.is_empty()) {
            let types: Vec<&str> = values.types.iter().copied().collect();
            let length = match (values.shortest, values.longest) {
                (Some(shortest), Some(longest)) if shortest == longest => {
                    format!("length {shortest}")
                }
                (Some(shortest), Some(longest)) => format!("length {shortest}–{longest}"),
                _ => String::new(),
            };
            let mut marks = Vec::new();
            if values.untyped {
                marks.push("untyped");
            }
            if values.undocumented {
                marks.push("undocumented");
            }
            let line = format!(
                "{path:<width$}  {:<13}  ×{:<3}  {length:<14}  {}",
                types.join("|"),
                values.count,
                marks.join(" ")
            );
            lines.push(line.trim_end().into());
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Report;
    use crate::{
        json, keys,
        provider::Kind,
        redact::tests::{CANARIES, with_each_value},
    };

    #[test]
    fn no_canary_is_printed_wherever_it_is() {
        let documented = keys::documented();
        let mut tried = 0;
        for kind in Kind::PROVIDERS {
            for (name, body) in kind.samples() {
                let node = json::parse(body.as_bytes()).unwrap();
                for canary in CANARIES {
                    with_each_value(&node, canary, &mut |changed| {
                        tried += 1;
                        let mut report = Report::default();
                        let body = changed.to_bytes();
                        report.add(&body, &documented, false).unwrap();
                        let text = report.table() + &serde_json::to_string(&report).unwrap();
                        assert!(!text.to_lowercase().contains("canary"), "{name}: {text}");
                    });
                }
            }
        }
        assert!(tried > 1000);
    }
}
