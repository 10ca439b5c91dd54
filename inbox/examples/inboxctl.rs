//! Looks at an inbox, replays and erases its rows, from the command line.

use std::{env, error::Error, process::ExitCode};

use leadhook_inbox::{Backend, Filter, Inbox, Page, Postgres, Reason, Retention, Sqlite, StoredRow};

const USAGE: &str = "\
usage: inboxctl DATABASE COMMAND
  DATABASE  a file of SQLite's, or postgres://…
commands:
  stats                            the figures of each source
  dead   [--source S] [--reason R] dead rows; R: failed, rejected, abandoned, unreadable, erased
  show   KEY                       a row
  body   KEY                       a row's body, which holds personal data
  replay KEY | [--source S] [--reason R]
  erase  KEY                       the body, not the key
  prune                            what the workers prune once an hour
  migrate
  sql                              the schema's versions, for migration tools";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [database, command, arguments @ ..] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    let result = match database.starts_with("postgres") {
        true => match Inbox::<Postgres>::open(database).await {
            Ok(inbox) => run(&inbox, command, arguments).await,
            Err(error) => Err(error.into()),
        },
        false if *command != "migrate" && !std::path::Path::new(database).exists() => {
            Err("there is no such file".into())
        }
        false => match Inbox::<Sqlite>::open(database).await {
            Ok(inbox) => run(&inbox, command, arguments).await,
            Err(error) => Err(error.into()),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run<B: Backend>(
    inbox: &Inbox<B>,
    command: &str,
    arguments: &[&str],
) -> Result<(), Box<dyn Error>> {
    match (command, arguments) {
        ("stats", []) => {
            for source in inbox.stats().await? {
                println!(
                    "{}: {} waiting, {} in progress, {} dead, oldest due for {:?}",
                    source.source,
                    source.waiting,
                    source.in_progress,
                    source.dead,
                    source.oldest_due.unwrap_or_default(),
                );
            }
        }
        ("dead", filters) => {
            for row in inbox.rows(&dead(filters)?, Page::first(100)).await? {
                print(&row);
            }
        }
        ("show", [key]) => {
            let rows = inbox.rows(&Filter::key(key.parse()?), Page::first(1)).await?;
            print(rows.first().ok_or("there is no such row")?);
        }
        ("body", [key]) => {
            let body = inbox
                .body(key.parse()?)
                .await?
                .ok_or("there is no such body")?;
            println!("{}", String::from_utf8_lossy(&body));
        }
        ("replay", [key]) => {
            println!(
                "{} replayed",
                inbox.replay(&Filter::key(key.parse()?)).finish().await?
            );
        }
        ("replay", filters) => println!("{} replayed", inbox.replay(&dead(filters)?).finish().await?),
        ("erase", [key]) => println!("{} erased", inbox.erase(&Filter::key(key.parse()?)).finish().await?),
        ("prune", []) => println!("{:?}", inbox.prune(Retention::default()).await?),
        ("migrate", []) => inbox.migrate().await?,
        ("sql", []) => println!("{}", Inbox::<B>::migrations().join("\n")),
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

/// Dead rows, of a source or for a reason.
fn dead(filters: &[&str]) -> Result<Filter, Box<dyn Error>> {
    let mut select = Filter::dead();
    for filter in filters.chunks(2) {
        select = match filter {
            ["--source", source] => select.source(source),
            ["--reason", reason] => select.reason(match *reason {
                "failed" => Reason::Failed,
                "rejected" => Reason::Rejected,
                "abandoned" => Reason::Abandoned,
                "unreadable" => Reason::Unreadable,
                "erased" => Reason::Erased,
                _ => return Err(USAGE.into()),
            }),
            _ => return Err(USAGE.into()),
        };
    }
    Ok(select)
}

fn print(row: &StoredRow) {
    println!(
        "{} {} {:?} {} attempts={} abandoned={} duplicates={} accepted={} error={}",
        row.key,
        row.source,
        row.state,
        row.reason
            .map_or(String::new(), |reason| format!("{reason:?}")),
        row.attempts,
        row.abandoned,
        row.duplicates,
        row.accepted_at.to_rfc3339(),
        row.error.as_deref().unwrap_or("none"),
    );
}
