//! Other software at the same tables: consoles, poolers, pools with settings of their own.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use leadhook::graphoid::GraphoidEvent;
use leadhook_inbox::{Accepted, Error, Inbox, Job, Postgres, Select};
use sqlx::{
    AssertSqlSafe, Connection, PgPool, SqliteConnection, pool::PoolOptions,
    postgres::PgConnectOptions,
};
use tempfile::TempDir;
use tokio::{task::JoinSet, time};

use crate::support::{
    SOURCE,
    database::{self, Database, Db},
    delivery, on_both, postgres as pg, recording, until,
};

on_both![
    rows_changed_by_hand_harm_no_others,
    one_connection_is_enough
];

async fn rows_changed_by_hand_harm_no_others<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let row = |id| format!("WHERE key = '{}'", delivery(id).key());
    for id in 0..6 {
        inbox.accept(SOURCE, &delivery(id)).await.unwrap();
    }
    database
        .run(&format!("UPDATE leadhook_inbox SET body = NULL {}", row(0)))
        .await;
    database
        .run(&format!("DELETE FROM leadhook_inbox {}", row(1)))
        .await;
    // What no worker could go on with is not let in.
    for wrong in [
        "key = 'by hand'",
        "key = UPPER(key)",
        "lease = 'by hand'",
        "state = 'done'",
        "state = 'done', settled_at = 0, lease = 'by hand', lease_until = 0",
        "state = 'unknown'",
        "due_at = NULL",
        "source = NULL",
    ] {
        let change = format!("UPDATE leadhook_inbox SET {wrong} {}", row(2));
        assert!(B::run(inbox.pool(), &change).await.is_err(), "{wrong}");
    }

    let (pool, rows) = (inbox.pool().clone(), [3, 4, 5].map(row));
    let workers = inbox
        .workers()
        .on(SOURCE, move |job: Job<GraphoidEvent, B>| {
            let (pool, rows) = (pool.clone(), rows.clone());
            async move {
                let changes = [
                    "DELETE FROM leadhook_inbox",
                    "UPDATE leadhook_inbox SET lease = NULL, lease_until = NULL",
                    "UPDATE leadhook_inbox SET state = 'dead', settled_at = 0, lease = NULL, lease_until = NULL",
                ];
                for (row, change) in rows.iter().zip(changes) {
                    if row.contains(&job.key().to_string()) && job.tries() == 1 {
                        B::run(&pool, &format!("{change} {row}")).await?;
                    }
                }
                let mut transaction = job.begin().await?;
                B::record(&mut transaction, job.key()).await?;
                job.commit(transaction).await
            }
        });
    // 0, 2, 3, 4 twice, 5
    assert_eq!(workers.run_until_idle().await.unwrap().tries, 6);
    assert_eq!(database.effects().await, 2);
    assert_eq!(database.count("state = 'done'").await, 2);
    assert_eq!(database.count("state = 'dead'").await, 2);
    assert_eq!(database.count("reason = 'unreadable'").await, 1);
}

async fn one_connection_is_enough<B: Db>(database: Database<B>) {
    let url = if database.url.starts_with('/') {
        format!("sqlite:{}", database.url)
    } else {
        database.url.clone()
    };
    let pool = PoolOptions::<B>::new().max_connections(1).connect(&url);
    let inbox = Inbox::with_pool(pool.await.unwrap());
    let workers = recording(&inbox).start().await.unwrap();
    let mut providers = JoinSet::new();
    for provider in 0..8 {
        let inbox = inbox.clone();
        providers.spawn(async move {
            for id in 0..10 {
                let delivery = delivery(10 * provider + id);
                inbox.accept(SOURCE, &delivery).await.unwrap();
            }
        });
    }
    providers.join_all().await;
    until("all are done", async || {
        database.count("state = 'done'").await == 80
    })
    .await;
    assert_eq!(database.effects().await, 80);
    assert_eq!(database.count("tries = 1").await, 80);
    assert_eq!(workers.shutdown(Duration::from_secs(10)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_in_sqlite_keeps_an_erasure_from_being_reported() {
    let database = database::sqlite().await;
    let inbox = &database.inbox;
    inbox.accept(SOURCE, &delivery(12_345)).await.unwrap();
    let is_in_files = || {
        ["", "-wal"].iter().any(|suffix| {
            let bytes = fs::read(format!("{}{suffix}", database.url)).unwrap();
            bytes.windows(10).any(|window| window == b"lead_12345")
        })
    };
    let mut console = SqliteConnection::connect(&database.url).await.unwrap();
    let read = "BEGIN; SELECT count(*) FROM leadhook_inbox";
    sqlx::raw_sql(read).execute(&mut console).await.unwrap();
    let select = Select::key(delivery(12_345).key());
    assert!(inbox.erase(&select).await.is_err());
    assert!(is_in_files());
    sqlx::raw_sql("COMMIT").execute(&mut console).await.unwrap();
    assert_eq!(inbox.erase(&select).await.unwrap(), 0); // it was already
    assert!(!is_in_files());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_locked_by_hand_holds_up_no_others() {
    const LEASE: Duration = Duration::from_millis(600);
    let Some(database) = database::postgres().await else {
        return;
    };
    let inbox = &database.inbox;
    let workers = inbox
        .workers()
        .on(SOURCE, async |job: Job<GraphoidEvent, Postgres>| {
            time::sleep(5 * LEASE).await;
            Ok(job.done())
        });
    let workers = workers.lease(LEASE).start().await.unwrap();
    for id in 0..2 {
        inbox.accept(SOURCE, &delivery(id)).await.unwrap();
    }
    until("both are taken", async || {
        database.count("lease IS NOT NULL").await == 2
    })
    .await;
    let mut console = sqlx::PgConnection::connect(&database.url).await.unwrap();
    let mut lock = console.begin().await.unwrap();
    let locked = delivery(0).key();
    let sql = format!("SELECT key FROM leadhook_inbox WHERE key = '{locked}' FOR UPDATE");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *lock)
        .await
        .unwrap();

    // More than there are connections.
    let mut duplicates = JoinSet::new();
    for _ in 0..40 {
        let inbox = inbox.clone();
        duplicates.spawn(async move { inbox.accept(SOURCE, &delivery(0)).await });
    }
    time::sleep(Duration::from_millis(200)).await;
    let asked = Instant::now();
    let accepted = inbox.accept("unhandled", &delivery(2)).await.unwrap();
    assert_eq!(accepted, Accepted::New);
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    for duplicate in duplicates.join_all().await {
        duplicate.unwrap_err();
    }
    let row = Select::key(delivery(1).key());
    until("the other is done", async || {
        inbox.rows(&row, 1).await.unwrap()[0].state == leadhook_inbox::State::Done
    })
    .await;
    let row = &inbox.rows(&row, 1).await.unwrap()[0];
    assert_eq!((row.tries, row.abandoned), (1, 0));
    lock.rollback().await.unwrap();
    drop(workers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_whose_transactions_fail_each_other_is_rejected() {
    let Some(database) = database::postgres().await else {
        return;
    };
    for level in ["serializable", "repeatable read"] {
        let options = PgConnectOptions::from_str(&database.url).unwrap();
        let options = options.options([("default_transaction_isolation", level)]);
        let inbox = Inbox::with_pool(PgPool::connect_with(options).await.unwrap());
        let error = recording(&inbox).start().await.unwrap_err();
        assert!(matches!(error, Error::Isolation { .. }), "{error}");
    }
}

/// A PgBouncer in front of a server. It is killed when it is dropped.
struct PgBouncer {
    process: Child,
    directory: TempDir,
}

impl PgBouncer {
    /// None, and a message, where PgBouncer is not installed.
    fn start(server: &pg::Server) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let place = directory.path().display();
        let settings = format!(
            "[databases]\n* = host={}\n[pgbouncer]\nlisten_addr =\nlisten_port = 5432\nauth_type = any\n\
             unix_socket_dir = {place}\npool_mode = session\nignore_startup_parameters = extra_float_digits\n",
            server.directory().display(),
        );
        // With `auth_type = any` it takes the user from here.
        let settings = settings.replace("* = ", "* = user=tests ");
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        // Debian has it outside of `PATH` for users.
        let debian = Path::new("/usr/sbin/pgbouncer");
        let program = if debian.exists() {
            debian
        } else {
            Path::new("pgbouncer")
        };
        let mut command = Command::new(program);
        if fs::metadata(&file).is_ok_and(|file| std::os::unix::fs::MetadataExt::uid(&file) == 0) {
            chown(directory.path(), Some(65534), Some(65534)).unwrap();
            command.uid(65534).gid(65534);
        }
        command.arg("--quiet").arg(file).stderr(Stdio::null());
        let Ok(process) = command.spawn() else {
            eprintln!("SKIPPED: pgbouncer is not found (Debian: apt-get install pgbouncer)");
            return None;
        };
        Some(Self { process, directory })
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pgbouncer_in_session_mode_will_do() {
    let Some(server) = pg::Server::start(&[]) else {
        return;
    };
    let server = Arc::new(server);
    let database = database::on(server.clone()).await;
    let Some(bouncer) = PgBouncer::start(&server) else {
        return;
    };
    let socket = server.directory().display().to_string();
    let url = database
        .url
        .replace(&socket, &bouncer.directory.path().display().to_string());
    until("it runs", async || PgPool::connect(&url).await.is_ok()).await;
    let inbox = <Postgres as Db>::open(&url).await;
    let workers = recording(&inbox).start().await.unwrap();
    for id in 0..100 {
        inbox.accept(SOURCE, &delivery(id)).await.unwrap();
    }
    until("all are done", async || {
        database.count("state = 'done'").await == 100
    })
    .await;
    assert_eq!(database.effects().await, 100);
    assert_eq!(workers.shutdown(Duration::from_secs(10)).await, 0);
}
