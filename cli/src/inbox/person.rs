//! What is stored about somebody: counts, exports and erases it. No error contains the address.

use std::{
    env,
    io::{self, Write},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use leadhook_inbox::{Backend, Error, Exported, Inbox, Page, PersonSource, StoredRow, SubjectKey};
use serde::Serialize;

use super::{
    Person,
    change::{End, Kind, STOPPED, counted, make},
    database::{failed, usage},
    rows::json,
};
use crate::{
    failure::Failure,
    terminal::{Cell, GREEN, Table, YELLOW, paint, plain},
};

/// Rows that are exported at once. Their bodies are in memory.
const EXPORTED: u32 = 50;

type Found<B> = leadhook_inbox::Person<B>;

#[derive(Serialize)]
struct Report<'a> {
    sources: &'a [PersonSource],
    rows: u64,
    not_searched: &'a [String],
    missing_keys: &'a [String],
    #[serde(flatten)]
    erasure: Option<Erasure>,
}

#[derive(Serialize)]
struct Erasure {
    action: &'static str,
    changed: u64,
    /// Whether all of it was done.
    complete: bool,
}

/// A row with its body. `body` is null if it was erased or pruned.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    row: &'a StoredRow,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Serialize)]
enum Body<'a> {
    #[serde(rename = "body")]
    Text(Option<&'a str>),
    #[serde(rename = "body_base64")]
    Bytes(String),
    #[serde(rename = "body_error")]
    Encrypted(&'static str),
}

pub(super) async fn run<B: Backend>(inbox: &Inbox<B>, arguments: &Person) -> Result<u8, Failure> {
    let inbox = &arguments.with_keys(inbox).await?;
    let (_, email) = arguments.names()?;
    let found = inbox.person(email).await;
    let found = found.map_err(|error| failed(&error))?;
    if arguments.export {
        return export(&found).await;
    }
    let mut batches = None;
    if let Some(confirmed) = arguments.yes {
        match found.erase(confirmed) {
            Ok(confirmed) => batches = Some(confirmed),
            Err(error @ Error::OtherCount { .. }) => {
                writeln!(io::stderr(), "leadhook: {error}")?;
                return Ok(1);
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    let is_json = arguments.place.json;
    if !is_json {
        print(&found)?;
    }
    let is_confirmed = batches.is_some();
    let (changed, end) = match batches {
        // Also if no row is left: an erasure that was cut short may have left bodies in SQLite's log.
        Some(batches) => make(inbox, Kind::Erase, batches, found.filter(), found.rows()).await?,
        None => (0, End::Complete),
    };
    if is_json {
        json(&Report {
            sources: found.sources(),
            rows: found.rows(),
            not_searched: found.not_searched(),
            missing_keys: found.missing_keys(),
            erasure: arguments.erase.then_some(Erasure {
                action: "erase",
                changed,
                complete: is_confirmed && matches!(end, End::Complete),
            }),
        })?;
    } else if arguments.erase {
        say(&found, is_confirmed, changed, &end)?;
    }
    match end {
        End::Failed(error) => Err(failed(&error)),
        End::Stopped => Ok(STOPPED),
        End::Complete => status(&found),
    }
}

/// Prints each row and its body on a line, and what the rows lack on standard error.
async fn export<B: Backend>(found: &Found<B>) -> Result<u8, Failure> {
    let mut page = Page::first(EXPORTED);
    let mut encrypted = 0;
    loop {
        let rows = found.export(page).await.map_err(|error| failed(&error))?;
        for Exported { row, body, .. } in &rows {
            let body = match body {
                Ok(None) => Body::Text(None),
                Ok(Some(bytes)) => match std::str::from_utf8(bytes) {
                    Ok(text) => Body::Text(Some(text)),
                    Err(_) => Body::Bytes(STANDARD.encode(bytes)),
                },
                Err(_) => {
                    encrypted += 1;
                    Body::Encrypted("the body is encrypted, and only the application has the key")
                }
            };
            json(&Line { row, body })?;
        }
        match rows.last() {
            Some(last) => page = Page::after(last.row.key, EXPORTED),
            None => break,
        }
    }
    let mut errors = io::stderr();
    match encrypted {
        0 => {}
        1 => writeln!(
            errors,
            "leadhook: 1 body is encrypted; export it with the application, which has the key"
        )?,
        count => writeln!(
            errors,
            "leadhook: {count} bodies are encrypted; export them with the application, which has the key"
        )?,
    }
    for gap in gaps(found) {
        writeln!(errors, "leadhook: {gap}")?;
    }
    writeln!(errors, "leadhook: backups are not searched")?;
    status(found)
}

fn print<B: Backend>(found: &Found<B>) -> Result<(), Failure> {
    let mut table = Table::new(&["SOURCE", "ROWS", "BODIES"]);
    for source in found.sources() {
        table.add(vec![
            Cell::text(&source.source),
            Cell::number(source.rows),
            Cell::number(source.bodies),
        ]);
    }
    let mut output = io::stdout();
    write!(output, "{}", table.print())?;
    for gap in gaps(found) {
        writeln!(output, "{}", paint(&gap, YELLOW))?;
    }
    Ok(writeln!(output, "backups are not searched")?)
}

/// Says where more may be stored about the person.
fn gaps<B: Backend>(found: &Found<B>) -> Vec<String> {
    let mut gaps = Vec::new();
    if !found.not_searched().is_empty() {
        let sources = names(found.not_searched());
        gaps.push(format!(
            "not searched: {sources}; these sources store no subjects, or did not at some time"
        ));
    }
    if !found.missing_keys().is_empty() {
        let keys = names(found.missing_keys());
        gaps.push(format!(
            "missing subject keys: {keys}; what was stored under them is not found without --subject-key"
        ));
    }
    gaps
}

fn names(names: &[String]) -> String {
    plain(&names.join(", ")).replace(['\n', '\t'], " ")
}

fn say<B: Backend>(
    found: &Found<B>,
    is_confirmed: bool,
    changed: u64,
    end: &End,
) -> Result<(), Failure> {
    let rows = found.rows();
    let left = rows.saturating_sub(changed);
    let of_all = format!(
        "{changed} of {} erased; go on with --yes {left}",
        counted(rows)
    );
    let line = match end {
        End::Stopped => paint(&format!("stopped: {of_all}"), YELLOW),
        End::Failed(_) => paint(&format!("failed: {of_all}"), YELLOW),
        End::Complete if rows == 0 => return Ok(()),
        End::Complete if !is_confirmed => {
            let rows_of = counted(rows);
            let line = format!("{rows_of} would be erased; to erase, add --yes {rows}");
            paint(&line, YELLOW)
        }
        // Rows that came or went meanwhile are not in the counts of the sources.
        End::Complete if changed != rows => paint(&format!("{} erased", counted(changed)), GREEN),
        End::Complete => {
            let sources = found.sources().iter();
            let sources: Vec<_> = sources
                .map(|source| format!("{} of {}", source.rows, source.source))
                .collect();
            let line = format!("{} erased: {}", counted(changed), names(&sources));
            paint(&line, GREEN)
        }
    };
    Ok(writeln!(io::stdout(), "{line}")?)
}

fn status<B: Backend>(found: &Found<B>) -> Result<u8, Failure> {
    if found.rows() == 0 {
        writeln!(io::stderr(), "leadhook: no row about this person is found")?;
        return Ok(1);
    }
    Ok(0)
}

impl Person {
    /// Returns the ids of the keys, and the keys.
    pub(super) fn keys(&self) -> Result<Vec<(&str, SubjectKey)>, Failure> {
        self.subject_key.iter().map(|text| key(text)).collect()
    }

    /// Returns the inbox with the keys, of which each must have been used: the inbox would store the id of another
    /// one, and this command creates nothing.
    async fn with_keys<B: Backend>(&self, inbox: &Inbox<B>) -> Result<Inbox<B>, Failure> {
        let keys = self.keys()?;
        if keys.is_empty() {
            return Ok(inbox.clone());
        }
        // Without keys of its own, an inbox lacks all that were used.
        let nobody = inbox.person("").await.map_err(|error| failed(&error))?;
        let used = nobody.missing_keys();
        for (id, _) in &keys {
            if !used.iter().any(|used| used == id) {
                let used = match used {
                    [] => "it has none".into(),
                    used => format!("it has {}", names(used)),
                };
                return Err(usage(format!(
                    "the inbox has no subject key {id:?}; {used}"
                )));
            }
        }
        let mut keys = keys.into_iter().map(|(_, key)| key);
        Ok(match keys.next() {
            None => inbox.clone(),
            Some(current) => {
                let previous: Vec<_> = keys.collect();
                inbox.clone().with_subject_keys(current, &previous)
            }
        })
    }
}

/// Reads `ID=VARIABLE`. The variable is not quoted, because the key itself may stand in its place.
fn key(text: &str) -> Result<(&str, SubjectKey), Failure> {
    // A variable's name has no `=`.
    let (id, variable) = text
        .rsplit_once('=')
        .filter(|(id, variable)| !id.is_empty() && !variable.is_empty())
        .ok_or_else(|| usage("--subject-key takes ID=VARIABLE"))?;
    let value = env::var_os(variable).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| {
        usage(format!(
            "the subject key {id:?} has no value; name an environment variable that holds it"
        ))
    })?;
    Ok((id, SubjectKey::new(id, value.as_encoded_bytes())))
}
