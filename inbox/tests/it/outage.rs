//! Databases that are stopped, frozen, locked, full or exhausted.

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use leadhook::{Delivery, Grader, Graphoid, Provider, ScoreApp, graphoid::GraphoidEvent};
use leadhook_inbox::{Accepted, Error, Filter, Inbox, Job, Page, Sqlite, State};
use reqwest::{Client, StatusCode};
use sqlx::{
    PgPool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tempfile::TempDir;
use tokio::{task::JoinSet, time};

use crate::{
    server::{Server, event, post},
    support::{
        SOURCE,
        database::{self, Database, Db},
        delivery, postgres, until,
    },
};

/// Graphoid's limit, and some time for the request itself.
const LIMIT: Duration = Duration::from_millis(9_500);

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_or_frozen_postgres_gets_503_in_time() {
    let Some(server) = postgres::Server::start(&[]) else {
        return;
    };
    let postgres = Arc::new(server);
    let database = database::on(postgres.clone()).await;
    let client = Client::new();
    let server = Server::start(&database);

    let faults = ["frozen", "crashed", "stopped"];
    for (id, fault) in faults.into_iter().enumerate() {
        let body = event(id, "", 0);
        match fault {
            "frozen" => postgres.signal("-STOP"),
            "crashed" => postgres.stop("immediate"),
            _ => postgres.stop("fast"),
        }
        let asked = Instant::now();
        assert_eq!(
            server.post(&client, &body).await.unwrap(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert!(asked.elapsed() < LIMIT, "{fault}: {:?}", asked.elapsed());
        if fault == "frozen" {
            postgres.signal("-CONT");
        } else {
            postgres.launch();
        }
        // The provider retries; the frozen server may have stored the first delivery.
        until("the retry is accepted", async || {
            server.post(&client, &body).await.unwrap() == StatusCode::OK
        })
        .await;
    }
    until("all are done", async || {
        database.count("state = 'done'").await == 3
    })
    .await;
    assert_eq!(database.count("TRUE").await, 3);
    assert_eq!(database.effects().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_survive_restarts_of_postgres_under_load() {
    const EVENTS: usize = 300;
    const RESTARTS: usize = 6;
    let Some(server) = postgres::Server::start(&[]) else {
        return;
    };
    let postgres = Arc::new(server);
    let database = database::on(postgres.clone()).await;
    let servers = [Server::start(&database), Server::start(&database)];
    let next = Arc::new(AtomicUsize::new(0));
    let mut providers = JoinSet::new();
    for provider in 0..8 {
        let addresses = servers.each_ref().map(|server| server.address.clone());
        let next = next.clone();
        providers.spawn(async move {
            let client = Client::new();
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                if id >= EVENTS {
                    break;
                }
                let body = event(id, "", 0);
                while post(&client, &addresses[provider % 2], &body)
                    .await
                    .unwrap()
                    != StatusCode::OK
                {
                    time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    for restart in 0..RESTARTS {
        let threshold = EVENTS * (restart + 1) / (RESTARTS + 1);
        until("deliveries go on", async || {
            next.load(Ordering::Relaxed) >= threshold
        })
        .await;
        match restart % 3 {
            0 => {
                postgres.stop("immediate");
                postgres.launch();
            }
            1 => {
                postgres.stop("fast");
                postgres.launch();
            }
            // The server ends all connections and recovers by itself.
            _ => kill_a_backend(database.inbox.pool()).await,
        }
    }
    providers.join_all().await;
    let total = i64::try_from(EVENTS).unwrap();
    until("all are done", async || {
        let done = sqlx::query_scalar::<_, i64>(
            "SELECT count(*) FROM leadhook_inbox WHERE state = 'done'",
        );
        done.fetch_one(database.inbox.pool())
            .await
            .is_ok_and(|done| done == total)
    })
    .await;
    assert_eq!(database.effects().await, total);

    // Connections that the server closes are replaced.
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE pid <> pg_backend_pid() AND datname = current_database()";
    sqlx::raw_sql(terminate)
        .execute(database.inbox.pool())
        .await
        .unwrap();
    let client = Client::new();
    until("it is accepted", async || {
        servers[0]
            .post(&client, &event(EVENTS, "", 0))
            .await
            .unwrap()
            == StatusCode::OK
    })
    .await;
    until("it is done", async || {
        let done = sqlx::query_scalar::<_, i64>(
            "SELECT count(*) FROM leadhook_inbox WHERE state = 'done'",
        );
        done.fetch_one(database.inbox.pool())
            .await
            .is_ok_and(|done| done == total + 1)
    })
    .await;
}

async fn kill_a_backend(pool: &PgPool) {
    let backend = "SELECT pid FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1";
    until("a backend is killed", async || {
        let Ok(pid) = sqlx::query_scalar::<_, i32>(backend).fetch_one(pool).await else {
            return false; // it was just restarted
        };
        let kill = Command::new("kill").args(["-9", &pid.to_string()]).status();
        kill.unwrap().success()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_sqlite_gets_503_in_time_and_workers_return() {
    let database = database::sqlite().await;
    let client = Client::new();
    let server = Server::start(&database);
    let mut lock = database
        .inbox
        .pool()
        .begin_with("BEGIN EXCLUSIVE")
        .await
        .unwrap();
    let asked = Instant::now();
    let status = server.post(&client, &event(1, "", 0)).await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
    // The workers are shut out, too.
    time::sleep(Duration::from_secs(4)).await;
    sqlx::raw_sql("SELECT 1").execute(&mut *lock).await.unwrap();
    lock.rollback().await.unwrap();

    let status = server.post(&client, &event(1, "", 0)).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    until("it is done", async || {
        database.count("state = 'done'").await == 1
    })
    .await;
    assert_eq!(database.effects().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_is_in_nobodys_way() {
    let directory = TempDir::new().unwrap();
    let file = SqliteConnectOptions::new()
        .filename(directory.path().join("inbox.db"))
        .create_if_missing(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(file)
        .await
        .unwrap();
    let inbox = Inbox::<Sqlite>::with_pool(pool.clone());
    inbox.migrate().await.unwrap();
    let source = inbox.source::<Graphoid>(SOURCE);
    let _only = pool.acquire().await.unwrap();
    let workers = inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, Sqlite>| {
            Ok(job.done())
        });
    let workers = workers.start().await.unwrap();
    assert_eq!(source.accept(&delivery(1)).await.unwrap(), Accepted::New);
    until("it is done", async || {
        let filter = Filter::state(State::Done);
        inbox.rows(&filter, Page::first(2)).await.unwrap().len() == 1
    })
    .await;
    assert!(workers.health().is_ready());
    workers.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_shut_out_gets_an_error_in_time() {
    let database = database::sqlite().await;
    let inbox = &database.inbox;
    let (scoreapp, grader) = (inbox.source("scoreapp"), inbox.source("grader"));
    let lock = inbox.pool().begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let asked = Instant::now();
    let mut providers = JoinSet::new();
    for id in 0..100 {
        let (scoreapp, grader) = (scoreapp.clone(), grader.clone());
        providers.spawn(async move {
            let body = format!("{id}");
            if id % 2 == 0 {
                let accepted = scoreapp
                    .accept(&Delivery::<ScoreApp>::from_storage(body))
                    .await;
                (accepted, ScoreApp::RESPOND_WITHIN, asked.elapsed())
            } else {
                let accepted = grader.accept(&Delivery::<Grader>::from_storage(body)).await;
                (accepted, Grader::RESPOND_WITHIN, asked.elapsed())
            }
        });
    }
    let mut cause = 0;
    for (accepted, limit, elapsed) in providers.join_all().await {
        assert!(
            matches!(accepted, Err(Error::Timeout | Error::Database(_))),
            "{accepted:?}"
        );
        assert!(elapsed < limit + Duration::from_secs(1), "{elapsed:?}");
        cause += usize::from(matches!(accepted, Err(Error::Database(_))));
    }
    assert!(cause > 0, "nobody was told why");
    lock.rollback().await.unwrap();
    // Those who gave up are not in the way of the next one.
    let asked = Instant::now();
    let accepted = grader.accept(&Delivery::from_storage("next")).await;
    assert_eq!(accepted.unwrap(), Accepted::New);
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_gets_an_error_and_space_heals_it() {
    let disk = TempDir::new().unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
    if !mount
        .arg(disk.path())
        .output()
        .is_ok_and(|mount| mount.status.success())
    {
        eprintln!("SKIPPED: mounting a tmpfs needs root");
        return;
    }
    let _mounted = Mounted(&disk);
    let inbox = Sqlite::open(&disk.path().join("inbox.db").display().to_string()).await;
    let source = inbox.source::<Graphoid>(SOURCE);
    let filler = disk.path().join("filler");
    let mut accepted = 0;
    assert!(fs::write(&filler, vec![0; 1 << 20]).is_err()); // it holds all the space that was left
    let refused = loop {
        match source.accept(&delivery(accepted)).await {
            Ok(Accepted::New) => accepted += 1, // into pages that were allocated before
            other => break other,
        }
    };
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    fs::remove_file(&filler).unwrap();
    assert_eq!(
        source.accept(&delivery(accepted)).await.unwrap(),
        Accepted::New
    );
    let rows = Sqlite::count(inbox.pool(), "SELECT count(*) FROM leadhook_inbox").await;
    assert_eq!(rows, i64::try_from(accepted).unwrap() + 1);
    inbox.close().await;
}

struct Mounted<'a>(&'a TempDir);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}

/// The jobs end while the database is gone, and their results wait for it.
async fn an_outage_within_a_lease_takes_nothing<B: Db>(
    database: &Database<B>,
    outage: impl AsyncFnOnce(Duration),
) {
    let client = Client::new();
    let servers = [(); 2].map(|()| {
        let mut command = Server::command(&database.url);
        command.env("SERVE_LEASE", "6");
        Server::start_as(command)
    });
    for id in 0..6 {
        let body = event(id, "rest", i64::MAX);
        let status = servers[id % 2].post(&client, &body).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    until("all are claimed", async || {
        database.count("token IS NOT NULL").await == 6
    })
    .await;
    outage(Duration::from_secs(5)).await;
    until("all are done", async || {
        let done = "SELECT count(*) FROM leadhook_inbox WHERE state = 'done'";
        B::try_count(database.inbox.pool(), done)
            .await
            .is_ok_and(|done| done == 6)
    })
    .await;
    assert_eq!(database.count("attempts = 1 AND abandoned = 0").await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_postgres_within_a_lease_takes_nothing() {
    let Some(server) = postgres::Server::start(&[]) else {
        return;
    };
    let postgres = Arc::new(server);
    let database = database::on(postgres.clone()).await;
    an_outage_within_a_lease_takes_nothing(&database, async |time| {
        postgres.stop("fast");
        time::sleep(time).await;
        postgres.launch();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_sqlite_within_a_lease_takes_nothing() {
    let database = database::sqlite().await;
    let pool = database.inbox.pool();
    an_outage_within_a_lease_takes_nothing(&database, async |time| {
        let lock = pool.begin_with("BEGIN EXCLUSIVE").await.unwrap();
        time::sleep(time).await;
        lock.rollback().await.unwrap();
    })
    .await;
}
