//! A wrong schema, URL or file is an error at start.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Error, Inbox, Job, Postgres, Retention, Sqlite};
use sqlx::{Connection, PgConnection, PgPool, SqlitePool, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::support::{
    database::{self, DROP, Database, Db},
    delivery, on_both, postgres as pg,
};

on_both![
    missing_tables_are_an_error,
    a_schema_of_the_future_is_an_error_unless_it_says_otherwise,
    workers_need_one_handler_for_each_source,
];

async fn missing_tables_are_an_error<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    database.run(DROP).await;
    let error = inbox.check().await.unwrap_err();
    assert!(matches!(error, Error::NotMigrated), "{error}");
    for sql in Inbox::<B>::migrations() {
        database.run(sql).await;
    }
    inbox.check().await.unwrap();
    source.accept(&delivery(1)).await.unwrap();

    database
        .run("UPDATE leadhook_inbox_meta SET version = 0")
        .await;
    let error = inbox.check().await.unwrap_err();
    assert!(
        matches!(error, Error::SchemaTooOld { found: 0, .. }),
        "{error}"
    );
}

async fn a_schema_of_the_future_is_an_error_unless_it_says_otherwise<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    // The next version, as a rolling deployment sees it: it adds, and this library can go on.
    let next = "ALTER TABLE leadhook_inbox ADD COLUMN next TEXT; UPDATE leadhook_inbox_meta SET version = 2";
    database.run(next).await;
    inbox.migrate().await.unwrap();
    inbox.check().await.unwrap();
    source.accept(&delivery(1)).await.unwrap();
    let workers = inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, B>| Ok(job.done()));
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 1);

    database
        .run("UPDATE leadhook_inbox_meta SET works_from = 2")
        .await;
    let error = inbox.check().await.unwrap_err();
    assert!(
        matches!(error, Error::SchemaTooNew { found: 2, known: 1 }),
        "{error}"
    );
    let workers = inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, B>| Ok(job.done()));
    let error = workers.start().await.unwrap_err();
    assert!(matches!(error, Error::SchemaTooNew { .. }), "{error}");
}

async fn workers_need_one_handler_for_each_source<B: Db>(database: Database<B>) {
    let workers = || database.inbox.workers();
    let handle = async |job: Job<GraphoidEvent, B>| Ok(job.done());
    let [a, b] = ["a", "b"].map(|name| database.inbox.source::<Graphoid>(name));
    let error = workers().start().await.unwrap_err();
    assert!(matches!(error, Error::NoHandler), "{error}");
    let error = workers()
        .on(&a, handle)
        .on(&b, handle)
        .on(&a, handle)
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::TwoHandlers(source) if source == "a"),
        "{error}"
    );
    // Graphoid retries for more than ten hours.
    let retention = Retention::default().with_keys(Duration::from_hours(10));
    let error = workers()
        .on(&a, handle)
        .retention(retention)
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::RetentionTooShort { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_an_error_that_says_what_to_do() {
    let database = database::sqlite().await;
    let options = SqliteConnectOptions::new()
        .filename(&database.url)
        .read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let error = Inbox::with_pool(pool).check().await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly(_)), "{error}");

    let Some(database) = database::postgres().await else {
        return;
    };
    database
        .run("CREATE ROLE reader LOGIN; GRANT SELECT ON leadhook_inbox, leadhook_inbox_meta TO reader")
        .await;
    let pool = PgPool::connect(&database.url.replace("tests@", "reader@")).await;
    let inbox = Inbox::with_pool(pool.unwrap());
    let missing = async || match inbox.check().await {
        Err(Error::MissingRights { missing }) => missing,
        other => format!("{other:?}"),
    };
    let error = missing().await;
    assert!(error.contains("leadhook_inbox: INSERT"), "{error}");
    assert!(!error.contains("leadhook_inbox: SELECT"), "{error}");
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON leadhook_inbox, leadhook_inbox_duplicate TO reader";
    database.run(grant).await;
    let error = missing().await;
    assert!(error.contains("leadhook_inbox_process: INSERT"), "{error}");
    assert!(!error.contains("leadhook_inbox: "), "{error}");
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON leadhook_inbox_process, leadhook_inbox_line, \
        leadhook_inbox_subject_key, leadhook_inbox_without_subjects, leadhook_inbox_paused TO reader";
    database.run(grant).await;
    inbox.check().await.unwrap();
}

/// The variable that names the file to open.
const FILE: &str = "LEADHOOK_INBOX_FILE";

#[tokio::test]
#[ignore = "not a test, but a program that one of them runs"]
async fn open_as_another_user() {
    if let Ok(file) = env::var(FILE) {
        Inbox::<Sqlite>::open(file).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_permission_is_an_error_that_says_what_to_do() {
    let directory = TempDir::new().unwrap();
    let set_mode =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set_mode(directory.path(), 0o755);
    // Root may write to everything, so a copy of this program runs as another user.
    let program = directory.path().join("it");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let is_root = fs::metadata(&program).unwrap().uid() == 0;
    let open = |file: &Path| {
        let mut command = Command::new(&program);
        command.args(["--ignored", "--exact", "schema::open_as_another_user"]);
        command.arg("--nocapture").env(FILE, file);
        if is_root {
            command.uid(65534).gid(65534);
        }
        let output = command.output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let rooms = [
        "open",
        "read-only file",
        "read-only directory",
        "empty read-only directory",
        "no database",
    ];
    for name in rooms {
        let room = directory.path().join(name);
        fs::create_dir(&room).unwrap();
        let file = room.join("inbox.db");
        if name != "empty read-only directory" {
            Sqlite::open(&file.display().to_string())
                .await
                .close()
                .await;
            set_mode(
                &file,
                if name == "read-only file" {
                    0o444
                } else {
                    0o666
                },
            );
        }
        if name == "no database" {
            fs::write(&file, "not a database ".repeat(100)).unwrap();
        }
        set_mode(
            &room,
            if name.contains("read-only directory") {
                0o555
            } else {
                0o777
            },
        );
        let (succeeded, error) = open(&file);
        assert_eq!(succeeded, name == "open", "{name}: {error}");
        assert!(
            succeeded || error.contains("directory where it may create"),
            "{name}: {error}"
        );
        set_mode(&room, 0o755); // to be removed
    }
}

#[tokio::test]
async fn a_wrong_url_is_an_error_that_does_not_quote_it() {
    for url in [
        "sqlite:inbox.db",
        "postgres://user:hunter2@host:port/x",
        "inbox.db",
    ] {
        let error = Inbox::<Postgres>::open(url).await.unwrap_err();
        assert!(matches!(error, Error::Url), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_lock_of_migrations_is_an_error_in_time() {
    let Some(database) = database::postgres().await else {
        return;
    };
    let mut console = PgConnection::connect(&database.url).await.unwrap();
    let lock = "SELECT pg_advisory_lock(7308604895)";
    sqlx::raw_sql(lock).execute(&mut console).await.unwrap();
    // Who has nothing to migrate does not wait.
    let asked = Instant::now();
    database.inbox.migrate().await.unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );

    database.run(DROP).await;
    let asked = Instant::now();
    let error = database.inbox.migrate().await.unwrap_err();
    assert!(matches!(error, Error::MigrationLocked), "{error}");
    assert!(
        asked.elapsed() < Duration::from_secs(12),
        "{:?}",
        asked.elapsed()
    );
    console.close().await.unwrap();
    database.inbox.migrate().await.unwrap();
    database.inbox.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_an_error_that_says_so() {
    let Some(server) = pg::Server::start(&["max_connections = 12"]) else {
        return;
    };
    let url = server.create_database().await;
    let mut others = Vec::new();
    while let Ok(other) = PgConnection::connect(&url).await {
        others.push(other);
    }
    let asked = Instant::now();
    let error = Inbox::<Postgres>::open(&url).await.unwrap_err();
    assert!(matches!(error, Error::TooManyConnections(_)), "{error}");
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
    drop(others);
    crate::support::until("there is room", async || {
        Inbox::<Postgres>::open(&url).await.is_ok()
    })
    .await;
}

/// The two say the same, each in its database's words.
#[test]
fn the_schemas_of_both_databases_are_one() {
    let words = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    for (sqlite, postgres) in Inbox::<Sqlite>::migrations()
        .iter()
        .zip(Inbox::<Postgres>::migrations())
    {
        let sqlite = [
            (
                "arrival         INTEGER PRIMARY KEY, ",
                "arrival BIGINT GENERATED ALWAYS AS IDENTITY, ",
            ),
            ("TEXT NOT NULL UNIQUE,", "TEXT NOT NULL PRIMARY KEY,"),
            (
                "INTEGER PRIMARY KEY AUTOINCREMENT",
                "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            ),
            ("INTEGER", "BIGINT"),
            ("BLOB", "BYTEA"),
            (") STRICT;", ");"),
            (
                "CHECK (length(key) = 64 AND key NOT GLOB '*[^0-9a-f]*')",
                "CHECK (key ~ '^[0-9a-f]{64}$')",
            ),
            (
                "hex(randomblob(32))",
                "replace(gen_random_uuid()::TEXT || gen_random_uuid()::TEXT, '-', '')",
            ),
        ]
        .iter()
        .fold((*sqlite).to_owned(), |sql, (one, other)| {
            assert!(sql.contains(one), "{one}");
            sql.replace(one, other)
        });
        assert_eq!(words(&sqlite), words(postgres));
    }
    assert_eq!(
        Inbox::<Sqlite>::migrations().len(),
        Inbox::<Postgres>::migrations().len()
    );
}
