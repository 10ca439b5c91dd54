//! `leadhook inbox`

#[cfg(feature = "inbox")]
mod change;
#[cfg(feature = "inbox")]
mod database;
#[cfg(feature = "inbox")]
mod person;
#[cfg(feature = "inbox")]
mod rows;

use std::ffi::OsString;

use chrono::{DateTime, Utc};
use clap::{Subcommand, ValueEnum};

/// Operate an inbox of the crate leadhook-inbox
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs the feature `inbox`: cargo install leadhook-cli --features inbox

DATABASE is a SQLite file or a postgres:// URL. Without it, the environment variable DATABASE_URL is read, which
keeps a password out of the process list. No URL is printed. The command neither creates nor migrates an inbox.

Exit status: 0 done, 1 nothing matched, 64 usage error or not an inbox, 69 the database can't be reached or failed

Example: leadhook inbox stats inbox.db")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Stats(Stats),
    List(List),
    Show(Show),
    Replay(Replay),
    Erase(Erase),
    Person(Person),
}

/// Where the inbox is, and how to print.
#[derive(Debug, clap::Args)]
struct Place {
    /// A SQLite file or a postgres:// URL [default: the environment variable `DATABASE_URL`]
    database: Option<OsString>,
    /// A pooler in transaction mode, such as PgBouncer, is in front of PostgreSQL
    #[arg(long)]
    pooler: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Print the figures of each source that has waiting or dead rows
#[derive(Debug, clap::Args)]
#[command(after_help = "\
OLDEST DUE is how long the oldest due row has been due. Alert on it, and on dead rows. With --json, each
source is one line, and `oldest_due` is in seconds.

Exit status: 0 done, 64 usage error or not an inbox, 69 the database can't be reached or failed

Example: leadhook inbox stats inbox.db")]
struct Stats {
    #[command(flatten)]
    place: Place,
}

/// List rows, in the order of their keys
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No personal value is listed, except that a lead's id may be one. With --json, each row is one line.

Exit status: 0 done, 1 no row matches the options, 64 usage error or not an inbox,
69 the database can't be reached or failed

Example: leadhook inbox list inbox.db --state dead --source scoreapp")]
struct List {
    #[command(flatten)]
    place: Place,
    /// List up to this many rows
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Begin after the row with this key
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// List all rows
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    filters: Filters,
}

/// Print a row, and its body if you ask for it
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "leadhook inbox show [OPTIONS] [DATABASE] <KEY>",
    after_help = "\
With --json, prints one object. The body is its field `body`, or `body_base64` if it is not UTF-8.

Exit status: 0 done, 1 there is no such row, 64 usage error, not an inbox or an encrypted body,
69 the database can't be reached or failed

Example: leadhook inbox show inbox.db 5f2c… --body"
)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// The key, as `list` prints it
    key: Option<String>,
    /// Print the body, which holds personal data
    #[arg(long)]
    body: bool,
}

/// Make done or dead rows due at once, as if they had just been accepted
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Shows what would be replayed, and does it with --yes. Only dead rows are replayed unless --state or --key is given.
Rows that wait already and rows without a body are passed over. Rows are changed in batches of 500. After Ctrl-C,
what was changed stays changed, and the same command goes on with the rest.

Exit status: 0 done, or shown without --yes, 1 no row can be replayed, 64 usage error or not an inbox,
69 the database can't be reached or failed, 130 stopped by Ctrl-C

Example: leadhook inbox replay inbox.db --source scoreapp --error crm --yes")]
struct Replay {
    #[command(flatten)]
    change: Change,
}

/// Erase bodies, and keep the keys
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Shows what would be erased, and does it with --yes. At least one option must say which rows. Duplicates of an
erased event stay duplicates, and a row that waits is dead afterwards. Rows are changed in batches of 500. After
Ctrl-C, what was erased stays erased, and the same command goes on with the rest. Nothing of the bodies is left in
SQLite's files. PostgreSQL overwrites them some time after the next VACUUM. Backups are not touched.

Exit status: 0 done, or shown without --yes, 1 no row matches, 64 usage error or not an inbox,
69 the database can't be reached or failed, 130 stopped by Ctrl-C

Example: leadhook inbox erase inbox.db --lead lead_7 --yes")]
struct Erase {
    #[command(flatten)]
    change: Change,
}

/// Find, export or erase what is stored about a person
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "leadhook inbox person [OPTIONS] [DATABASE] <EMAIL>",
    after_help = "\
Prints how many rows and bodies each source has of the person, and where more may be stored: the sources that store
no subjects are not searched, rows stored under a missing subject key are not found, and backups are not searched.
Rows whose event has no e-mail address or can't be read are not found either. A shared mailbox is one person here.
No error contains EMAIL, but the process list and the shell's history do.

With --json, prints one object with `sources`, `rows`, `not_searched` and `missing_keys`. With --export, each row is
one line of JSON. Its body is the field `body`, or `body_base64` if it is not UTF-8. `body` is null if the body was
erased or pruned. This command has no cipher, so an encrypted body is missing and `body_error` says so.

With --erase, bodies, leads' ids and subjects are erased and keys are kept, so duplicates stay duplicates, and a row
that waits is dead afterwards. Rows are changed in batches of 500. After Ctrl-C, what was erased stays erased, and
--yes takes the number of rows that are left. Backups are not touched.

Exit status: 0 done, or shown without --yes, 1 nothing is found, or there are not ROWS rows,
64 usage error or not an inbox, 69 the database can't be reached or failed, 130 stopped by Ctrl-C

Example: leadhook inbox person inbox.db ann@example.com --erase --yes 3"
)]
struct Person {
    #[command(flatten)]
    place: Place,
    /// The person's e-mail address. White space around it and upper case do not matter.
    email: Option<String>,
    /// Print the rows with their bodies, which hold personal data
    #[arg(long, conflicts_with = "erase")]
    export: bool,
    /// Erase the rows' bodies. Without --yes, shows what would be erased.
    #[arg(long)]
    erase: bool,
    /// Do it, if there are this many rows
    #[arg(long, value_name = "ROWS", requires = "erase")]
    yes: Option<u64>,
    /// A subject key of the application, and the environment variable that holds its bytes. Repeat it for previous
    /// keys, the current one first.
    #[arg(long, value_name = "ID=VARIABLE")]
    subject_key: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Change {
    #[command(flatten)]
    place: Place,
    /// Do it, instead of showing what would be done
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    filters: Filters,
}

/// Which rows. All conditions must hold.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Which rows (all conditions must hold)")]
struct Filters {
    /// Rows in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Rows of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Rows that are dead for this reason
    #[arg(long, value_enum)]
    reason: Option<Reason>,
    /// Rows whose last attempt failed with this label
    #[arg(long, value_name = "LABEL")]
    error: Option<String>,
    /// Events of this name, such as lead.won
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Events of the lead with this id of the provider
    #[arg(long, value_name = "ID")]
    lead: Option<String>,
    /// The row with this key
    #[arg(long, value_name = "KEY", conflicts_with = "state")]
    key: Option<String>,
    /// Rows that were accepted before this time, such as 2026-11-29T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    accepted_before: Option<DateTime<Utc>>,
    /// Rows that became done or dead before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    settled_before: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Waiting,
    #[value(alias = "in_progress")]
    InProgress,
    Done,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reason {
    Failed,
    Rejected,
    Abandoned,
    Unreadable,
    Erased,
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| "expected a time such as 2026-11-29T12:00:00Z".into())
}

#[cfg(not(feature = "inbox"))]
impl Arguments {
    #[expect(clippy::unused_self, reason = "with the feature, it is used")]
    pub(crate) fn run(self) -> Result<u8, crate::failure::Failure> {
        Err(crate::failure::Failure::Usage(
            "`inbox` needs the feature `inbox`: cargo install leadhook-cli --features inbox".into(),
        ))
    }
}

#[cfg(feature = "inbox")]
mod operate {
    use std::ffi::OsStr;

    use leadhook_inbox::{Backend, Filter, Inbox, Key};

    use super::{
        Action, Arguments, Filters, Person, Place, Reason, Show, State,
        change::{self, Kind},
        database::{self, Database},
        person, rows,
    };
    use crate::failure::Failure;

    impl Arguments {
        pub(crate) fn run(self) -> Result<u8, Failure> {
            self.action.check()?;
            let place = self.action.place();
            let name = match &self.action {
                Action::Show(arguments) => arguments.names()?.0,
                Action::Person(arguments) => arguments.names()?.0,
                _ => place.database.as_deref(),
            };
            let database = Database::named(name, place.pooler)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                match &database {
                    Database::Sqlite(file) => self.action.run(database::sqlite(file).await?).await,
                    Database::Postgres { url, pooler } => {
                        self.action
                            .run(database::postgres(url, *pooler).await?)
                            .await
                    }
                }
            })
        }
    }

    impl Action {
        fn place(&self) -> &Place {
            match self {
                Self::Stats(arguments) => &arguments.place,
                Self::List(arguments) => &arguments.place,
                Self::Show(arguments) => &arguments.place,
                Self::Replay(arguments) => &arguments.change.place,
                Self::Erase(arguments) => &arguments.change.place,
                Self::Person(arguments) => &arguments.place,
            }
        }

        /// Finds wrong arguments before the database is opened.
        fn check(&self) -> Result<(), Failure> {
            match self {
                Self::Stats(_) => Ok(()),
                Self::List(arguments) => {
                    arguments.filters.filter()?;
                    arguments.after.as_deref().map(key).transpose().map(drop)
                }
                Self::Show(arguments) => arguments.names().map(drop),
                Self::Person(arguments) => {
                    arguments.names()?;
                    arguments.keys().map(drop)
                }
                Self::Replay(arguments) => {
                    let filters = &arguments.change.filters;
                    if matches!(filters.state, Some(State::Waiting | State::InProgress)) {
                        return Err(Failure::Usage(
                            "rows that wait are handled anyway; --state takes done or dead".into(),
                        ));
                    }
                    filters.filter().map(drop)
                }
                Self::Erase(arguments) => {
                    let filters = &arguments.change.filters;
                    if filters.is_empty() {
                        return Err(Failure::Usage(
                            "say which rows to erase, such as --lead ID, --key KEY or --state dead"
                                .into(),
                        ));
                    }
                    filters.filter().map(drop)
                }
            }
        }

        async fn run<B: Backend>(&self, inbox: Inbox<B>) -> Result<u8, Failure> {
            let status = match self {
                Self::Stats(arguments) => rows::stats(&inbox, arguments).await,
                Self::List(arguments) => rows::list(&inbox, arguments).await,
                Self::Show(arguments) => rows::show(&inbox, arguments).await,
                Self::Replay(arguments) => {
                    change::run(&inbox, Kind::Replay, &arguments.change).await
                }
                Self::Erase(arguments) => change::run(&inbox, Kind::Erase, &arguments.change).await,
                Self::Person(arguments) => person::run(&inbox, arguments).await,
            };
            inbox.close().await;
            status
        }
    }

    impl Show {
        /// Returns the database, if it is named, and the key.
        pub(super) fn names(&self) -> Result<(Option<&OsStr>, Key), Failure> {
            let database = self.place.database.as_deref();
            match (&self.key, database.map(OsStr::to_str)) {
                (Some(text), _) => Ok((database, key(text)?)),
                // The only argument is the key.
                (None, text) => Ok((None, key(text.flatten().unwrap_or_default())?)),
            }
        }
    }

    impl Person {
        /// Returns the database, if it is named, and the address.
        pub(super) fn names(&self) -> Result<(Option<&OsStr>, &str), Failure> {
            let database = self.place.database.as_deref();
            let (database, email) = match (&self.email, database) {
                (Some(email), _) => (database, Some(&**email)),
                // The only argument is the address.
                (None, only) => (None, only.and_then(OsStr::to_str)),
            };
            // A database whose address was forgotten must not be taken for a person without rows.
            match email {
                Some(email) if email.contains('@') && !email.contains("://") => {
                    Ok((database, email))
                }
                _ => Err(Failure::Usage(
                    "not an e-mail address; expected [DATABASE] EMAIL".into(),
                )),
            }
        }
    }

    impl Filters {
        pub(super) fn is_empty(&self) -> bool {
            let Self {
                state,
                source,
                reason,
                error,
                event,
                lead,
                key,
                accepted_before,
                settled_before,
            } = self;
            let texts = [source, error, event, lead, key];
            state.is_none()
                && reason.is_none()
                && texts.iter().all(|text| text.is_none())
                && accepted_before.is_none()
                && settled_before.is_none()
        }

        pub(super) fn filter(&self) -> Result<Filter, Failure> {
            let mut filter = match (&self.key, self.state) {
                (Some(text), _) => Filter::key(key(text)?),
                (None, Some(state)) => Filter::state(state.into()),
                (None, None) => Filter::all(),
            };
            if let Some(source) = &self.source {
                filter = filter.source(source);
            }
            if let Some(reason) = self.reason {
                filter = filter.reason(reason.into());
            }
            if let Some(label) = &self.error {
                filter = filter.error(label);
            }
            if let Some(name) = &self.event {
                filter = filter.event(name);
            }
            if let Some(id) = &self.lead {
                filter = filter.lead_id(id);
            }
            if let Some(time) = self.accepted_before {
                filter = filter.accepted_before(time);
            }
            if let Some(time) = self.settled_before {
                filter = filter.settled_before(time);
            }
            Ok(filter)
        }
    }

    /// Reads a key. The text is not quoted, because it may be a URL in the wrong place.
    pub(super) fn key(text: &str) -> Result<Key, Failure> {
        text.parse().map_err(|_| {
            Failure::Usage("not a key; expected the 64 hex digits that `list` prints".into())
        })
    }

    impl From<State> for leadhook_inbox::State {
        fn from(state: State) -> Self {
            match state {
                State::Waiting => Self::Waiting,
                State::InProgress => Self::InProgress,
                State::Done => Self::Done,
                State::Dead => Self::Dead,
            }
        }
    }

    impl From<Reason> for leadhook_inbox::Reason {
        fn from(reason: Reason) -> Self {
            match reason {
                Reason::Failed => Self::Failed,
                Reason::Rejected => Self::Rejected,
                Reason::Abandoned => Self::Abandoned,
                Reason::Unreadable => Self::Unreadable,
                Reason::Erased => Self::Erased,
            }
        }
    }
}
