//! Opens an existing inbox, and explains a failure without printing any part of the URL.

use std::{
    borrow::Cow,
    env,
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use leadhook_inbox::{Error, Inbox, Postgres, Sqlite};
use sqlx::{
    Connection, PgConnection, SqliteConnection,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::{failure::Failure, why::percent_decode};

const VARIABLE: &str = "DATABASE_URL";

const NO_URL: &str =
    "not a PostgreSQL URL; expected postgres://user@host/database, or the path of a SQLite file";

/// How long the search for the right database of a server may take.
const SUGGESTION_LIMIT: Duration = Duration::from_secs(3);

/// The first bytes of a SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";

pub(super) enum Database {
    Sqlite(PathBuf),
    Postgres { url: String, pooler: bool },
}

impl Database {
    /// Recognizes the database that the argument or the environment names.
    pub(super) fn named(argument: Option<&OsStr>, pooler: bool) -> Result<Self, Failure> {
        let name = match argument {
            Some(name) => name.to_owned(),
            None => env::var_os(VARIABLE).ok_or_else(|| {
                usage(format!(
                    "no database; name a SQLite file or a postgres:// URL, or set {VARIABLE}"
                ))
            })?,
        };
        if name.is_empty() {
            return Err(usage("the database's name is empty"));
        }
        let Some(text) = name.to_str() else {
            return Self::file(name.into(), pooler);
        };
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let url = text.into();
            return Ok(Self::Postgres { url, pooler });
        }
        // As sqlx writes it in DATABASE_URL.
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let path = path.split_once('?').map_or(path, |(path, _)| path);
            let path = percent_decode(path.as_bytes(), false);
            let path = String::from_utf8(path).map_err(|_| usage(NO_URL))?;
            return Self::file(path.into(), pooler);
        }
        Self::file(text.into(), pooler)
    }

    fn file(path: PathBuf, pooler: bool) -> Result<Self, Failure> {
        let text = path.to_string_lossy();
        // `Inbox` takes these for something else than a file, and nobody calls a file so.
        let is_url = text.contains("://") || text.starts_with("postgres:") || text == ":memory:";
        if is_url || (text.contains('@') && !path.exists()) {
            return Err(usage(NO_URL));
        }
        if pooler {
            return Err(usage("--pooler is for PostgreSQL, and this is a file"));
        }
        let metadata = match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let question = similar_file(&path)
                    .map(|name| format!("; did you mean {name}?"))
                    .unwrap_or_default();
                return Err(usage(format!("there is no such SQLite file{question}")));
            }
            Err(error) => return Err(unreadable(&error)),
            Ok(metadata) => metadata,
        };
        if metadata.is_dir() {
            return Err(usage("the database is a directory; name a SQLite file"));
        }
        if !is_sqlite(&path).map_err(|error| unreadable(&error))? {
            return Err(usage("the file is not a SQLite database"));
        }
        Ok(Self::Sqlite(path))
    }
}

/// Opens a file, which is neither created nor migrated.
pub(super) async fn sqlite(path: &Path) -> Result<Inbox<Sqlite>, Failure> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false);
    // The inbox's own check locks the file, which another application's file should not have to bear.
    match has_inbox(&options).await {
        Ok(true) => {}
        Ok(false) => return Err(failure(&Error::NotMigrated, "")),
        Err(error) => return Err(failure(&error.into(), "")),
    }
    let pool = SqlitePoolOptions::new().connect_lazy_with(options);
    let inbox = Inbox::with_pool(pool);
    match inbox.check().await {
        Ok(()) => Ok(inbox),
        Err(error) => {
            inbox.close().await;
            Err(failure(&error, ""))
        }
    }
}

async fn has_inbox(options: &SqliteConnectOptions) -> sqlx::Result<bool> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'leadhook_inbox_meta'";
    let tables: sqlx::Result<i64> = sqlx::query_scalar(tables).fetch_one(&mut connection).await;
    connection.close().await?;
    Ok(tables? > 0)
}

/// Connects to a server, where nothing is created or migrated.
pub(super) async fn postgres(url: &str, pooler: bool) -> Result<Inbox<Postgres>, Failure> {
    // This command accepts no deliveries, so it is not its business whether the server is durable.
    let mut inbox = Inbox::<Postgres>::at(url)
        .map_err(|error| failure(&error, url))?
        .trust_fsync_off();
    if pooler {
        inbox = inbox.behind_a_pooler();
    }
    match inbox.check().await {
        Ok(()) => Ok(inbox),
        Err(error) if is_code(&error, "3D000") => {
            let question = similar_database(url).await;
            let question = question.map(|name| format!("; did you mean {name}?"));
            Err(usage(format!(
                "the server has no such database{}",
                question.unwrap_or_default()
            )))
        }
        Err(error) => Err(failure(&error, url)),
    }
}

/// Says what failed. The server's texts quote names of the URL, and part of a password that has a `/` or `@` in
/// it is taken for such a name, so nothing of them is printed before the inbox is open.
fn failure(error: &Error, url: &str) -> Failure {
    let down = |text: &str| Failure::Database(text.into());
    let detail = |error: &sqlx::Error| match error {
        sqlx::Error::Database(_) if !url.is_empty() => String::new(),
        sqlx::Error::Database(error) => format!(": {}", error.message()),
        error => {
            let text = match error {
                sqlx::Error::Io(error) => error.to_string(),
                error => error.to_string(),
            };
            if quotes(&text, url) {
                String::new()
            } else {
                format!(": {text}")
            }
        }
    };
    match error {
        Error::Url | Error::Path => usage(NO_URL),
        Error::SeveralHosts => usage(error.to_string()),
        Error::NotMigrated if url.is_empty() => usage(
            "the file has no inbox; the application creates it when it starts, so is this the right file?",
        ),
        Error::NotMigrated => usage(
            "the database has no inbox; the application creates it when it starts, so is this the right database, \
             and the right schema (search_path)?",
        ),
        Error::SchemaTooOld { found, needed } => usage(format!(
            "the inbox has schema version {found}, and this command needs {needed}; start a newer version of the \
             application, which migrates it, or install an older version of this command"
        )),
        Error::SchemaTooNew { found, known } => usage(format!(
            "the inbox has schema version {found}, and this command knows {known}; install a newer version of this \
             command"
        )),
        Error::Cipher(_) => usage("the body is encrypted, and only the application has the key"),
        Error::OtherSubjectKey(id) => usage(format!(
            "the subject key {id:?} is not the one that was used under this id; its bytes must be those that the \
             application uses"
        )),
        Error::Pooler(_) => down(
            "the database is behind a pooler that gives each transaction another connection; add --pooler",
        ),
        Error::TooManyConnections(_) => down("PostgreSQL accepts no more connections"),
        Error::Tls(error) => Failure::Database(format!(
            "the connection can't be encrypted{}; to connect in clear text, add sslmode=disable to the URL",
            detail(error)
        )),
        Error::ReadOnly(error) => Failure::Database(format!(
            "the inbox can't be written to{}; even listing locks rows",
            detail(error)
        )),
        Error::Database(error) => match code(error).as_deref() {
            Some("28P01") => down("the server rejected the user name or password"),
            Some("28000") => down(
                "the server rejected the user, or a connection without TLS or from this machine (pg_hba.conf)",
            ),
            Some("25006") => down("the server is read-only; connect to the primary"),
            Some("42501") => down("the role lacks rights; grant them"),
            Some("57P03") => down("the server is starting up or shutting down"),
            Some("5" | "261" | "517" | "773") => {
                down("another process has locked the file; try again")
            }
            Some("26" | "11") => usage("the file is not a SQLite database, or it is damaged"),
            Some(code) => Failure::Database(format!(
                "the database failed with code {code}{}",
                detail(error)
            )),
            None => Failure::Database(format!("the database can't be reached{}", detail(error))),
        },
        error => Failure::Database(error.to_string()),
    }
}

/// Says why an operation of an open inbox failed.
pub(super) fn failed(error: &Error) -> Failure {
    failure(error, "")
}

/// Whether a text of the network or of TLS contains a part of a URL.
fn quotes(text: &str, url: &str) -> bool {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let parts = url.split([':', '/', '@', '?', '&', '=', '#', ',']);
    parts.filter(|part| !part.is_empty()).any(|part| {
        let decoded = percent_decode(part.as_bytes(), true);
        let decoded = String::from_utf8_lossy(&decoded);
        [Cow::Borrowed(part), decoded].iter().any(|part| {
            if part.chars().count() < 3 {
                text.contains(&format!("\"{part}\""))
            } else {
                text.contains(&**part)
            }
        })
    })
}

fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}

fn is_code(error: &Error, wanted: &str) -> bool {
    matches!(error, Error::Database(error) if code(error).as_deref() == Some(wanted))
}

pub(super) fn usage(text: impl Into<String>) -> Failure {
    Failure::Usage(text.into())
}

fn unreadable(error: &io::Error) -> Failure {
    usage(format!("the file can't be read: {error}"))
}

/// Whether a file begins like SQLite's. An empty one is a database without tables.
fn is_sqlite(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    let length = u64::try_from(MAGIC.len()).unwrap_or(0);
    File::open(path)?.take(length).read_to_end(&mut start)?;
    Ok(start.is_empty() || start == MAGIC)
}

/// Returns the SQLite file in the same directory whose name is most like a name.
fn similar_file(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let directory = path.parent()?;
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let files = directory.read_dir().ok()?.flatten().filter_map(|entry| {
        let path = entry.path();
        let is_candidate = path.is_file() && is_sqlite(&path).ok()?;
        is_candidate.then(|| entry.file_name().into_string().ok())?
    });
    most_similar(wanted, files)
}

/// Returns the database of a server whose name is most like the name in a URL.
async fn similar_database(url: &str) -> Option<String> {
    let options = PgConnectOptions::from_str(url).ok()?;
    let wanted = options.get_database()?.to_owned();
    let options = options
        .database("postgres")
        .extra_float_digits(None)
        .statement_cache_capacity(0);
    let names = async {
        let mut connection = PgConnection::connect_with(&options).await.ok()?;
        let sql = "SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate";
        let names = sqlx::query_scalar(sql).persistent(false);
        names.fetch_all(&mut connection).await.ok()
    };
    let names: Vec<String> = tokio::time::timeout(SUGGESTION_LIMIT, names).await.ok()??;
    most_similar(&wanted, names.into_iter())
}

/// Returns the name that is most like another one, if it is like it at all.
pub(super) fn most_similar(wanted: &str, names: impl Iterator<Item = String>) -> Option<String> {
    names
        .map(|name| (strsim::jaro(&name, wanted), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}
