//! What is accepted is on the disk, whatever the pool's settings.

use std::{path::Path, process::Command, str::FromStr, sync::Arc};

use leadhook::Graphoid;
use leadhook_inbox::{Accepted, Error, Inbox, Postgres, Sqlite};
use reqwest::{Client, StatusCode};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tempfile::TempDir;

use crate::{
    server::{Server, event},
    support::{
        SOURCE,
        database::{self, Db},
        delivery, postgres, recording, until,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_without_a_journal_on_disk_is_rejected() {
    let directory = TempDir::new().unwrap();
    for mode in [SqliteJournalMode::Memory, SqliteJournalMode::Off] {
        let inbox = sqlite(&directory.path().join(format!("{mode:?}.db")), mode).await;
        let source = inbox.source::<Graphoid>(SOURCE);
        let error = inbox.migrate().await.unwrap_err();
        assert!(matches!(error, Error::NotDurable(_)), "{error}");
        for sql in Inbox::<Sqlite>::migrations() {
            Sqlite::run(inbox.pool(), sql).await.unwrap();
        }
        let error = inbox.check().await.unwrap_err();
        assert!(matches!(error, Error::NotDurable(_)), "{error}");
        let error = source.accept(&delivery(1)).await.unwrap_err();
        assert!(matches!(error, Error::NotDurable(_)), "{error}");
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM leadhook_inbox")
            .fetch_one(inbox.pool())
            .await
            .unwrap();
        assert_eq!(rows, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_memory_or_a_url_is_no_path() {
    for path in [
        "",
        ":memory:",
        "file:inbox.db",
        "sqlite::memory:",
        "sqlite://inbox.db",
        "postgres://host/db",
    ] {
        let error = Inbox::<Sqlite>::open(path).await.unwrap_err();
        assert!(matches!(error, Error::Path), "{path}: {error}");
        assert!(error.to_string().contains("Inbox::temporary()"), "{error}");
        assert!(path.is_empty() || !Path::new(path).exists(), "{path}");
    }
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await;
    let inbox = Inbox::with_pool(pool.unwrap());
    let error = inbox.migrate().await.unwrap_err();
    assert!(matches!(error, Error::Path), "{error}");
}

/// A pool of one connection with weak settings.
async fn sqlite(path: &Path, mode: SqliteJournalMode) -> Inbox<Sqlite> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(mode)
        .synchronous(SqliteSynchronous::Off);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options);
    Inbox::with_pool(pool.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_flushes_before_each_response() {
    flushes_before_each_response("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_flushes_although_the_pool_and_its_hook_say_not_to() {
    flushes_before_each_response("weak").await;
}

async fn flushes_before_each_response(pool: &str) {
    const DELIVERIES: usize = 20;
    let works = Command::new("strace")
        .args(["--output=/dev/null", "true"])
        .status();
    if !works.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: strace is not found, or not allowed (Debian: apt-get install strace)");
        return;
    }
    let database = database::sqlite().await;
    let directory = TempDir::new().unwrap();
    let trace = directory.path().join("trace");
    let mut strace = Command::new("strace");
    let calls = "--trace=fdatasync,fsync,sendto,writev";
    strace
        .args(["--daemonize", "--follow-forks", calls, "--output"])
        .arg(&trace);
    strace.arg(std::env::current_exe().unwrap());
    let mut command = Server::command_of(strace, &database.url);
    // Its workers write nothing.
    command
        .env("SERVE_HANDLER_OF", "another source")
        .env("SERVE_POOL", pool);
    let mut server = Server::start_as(command);
    let client = Client::new();
    for id in 0..DELIVERIES {
        let status = server.post(&client, &event(id, "", 0)).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    server.signal("-TERM");
    assert!(server.wait().success());
    let calls = || std::fs::read_to_string(&trace).unwrap();
    until("strace has written all", async || {
        calls().contains("+++ exited with 0 +++")
    })
    .await;

    let mut is_flushed = false;
    let mut responses = 0;
    for call in calls().lines() {
        if call.contains("sync(") {
            is_flushed = true;
        } else if call.contains("HTTP/1.1 200") {
            assert!(is_flushed, "a response without a flush before it");
            is_flushed = false;
            responses += 1;
        }
    }
    assert_eq!(responses, DELIVERIES);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_flushes_for_a_role_that_is_set_not_to() {
    // The background writer would flush soon after, so that nothing could be seen.
    let Some(server) = postgres::Server::start(&["wal_writer_delay = 10s", "autovacuum = off"])
    else {
        return;
    };
    let url = server.create_database().await;
    let weak = PgConnectOptions::from_str(&url)
        .unwrap()
        .options([("synchronous_commit", "off")]);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let weaken = sqlx::raw_sql("SET synchronous_commit = off");
                weaken.execute(connection).await.map(drop)
            })
        })
        .connect_with(weak)
        .await
        .unwrap();
    let inbox = Inbox::<Postgres>::with_pool(pool.clone());
    inbox.migrate().await.unwrap();
    inbox.check().await.unwrap();
    let source = inbox.source::<Graphoid>(SOURCE);
    Postgres::run(&pool, "CREATE TABLE noise (id INTEGER)")
        .await
        .unwrap();
    for id in 0..3 {
        Postgres::run(&pool, "INSERT INTO noise VALUES (1)")
            .await
            .unwrap();
        assert!(unflushed(&pool).await > 0, "this test sees nothing");
        assert_eq!(source.accept(&delivery(id)).await.unwrap(), Accepted::New);
        assert_eq!(unflushed(&pool).await, 0);
    }
    pool.close().await;
}

async fn unflushed(pool: &PgPool) -> i64 {
    let lag =
        "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn())::bigint";
    sqlx::query_scalar(lag).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_without_fsync_is_rejected() {
    let Some(server) = postgres::Server::start(&["fsync = off"]) else {
        return;
    };
    let server = Arc::new(server);
    let url = server.create_database().await;
    let error = Inbox::<Postgres>::open(&url).await.unwrap_err();
    assert!(matches!(error, Error::NotDurable(_)), "{error}");
    let inbox = Inbox::<Postgres>::with_pool(PgPool::connect(&url).await.unwrap());
    for sql in Inbox::<Postgres>::migrations() {
        Postgres::run(inbox.pool(), sql).await.unwrap();
    }
    let source = inbox.source::<Graphoid>(SOURCE);
    let error = source.accept(&delivery(1)).await.unwrap_err();
    assert!(matches!(error, Error::NotDurable(_)), "{error}");
    let error = recording(&inbox).start().await.unwrap_err();
    assert!(matches!(error, Error::NotDurable(_)), "{error}");

    // Some providers are durable in another way.
    let trusted = inbox.trust_fsync_off();
    trusted.check().await.unwrap();
    let source = trusted.source::<Graphoid>(SOURCE);
    assert_eq!(source.accept(&delivery(1)).await.unwrap(), Accepted::New);
}
