//! Drains stored jobs with a handler that does nothing, and prints how many are settled in a second.
//!
//! `cargo run --release --manifest-path inbox/benches/peers/Cargo.toml` drains 20,000 jobs (`JOBS`) on SQLite and on a
//! PostgreSQL server of its own, with the default settings of durability, at concurrency 8 and 64. Five rounds
//! (`ROUNDS`) take turns, and the table has medians. It takes about five minutes and needs an idle machine: a run whose
//! floor varies by more than a fifth is void.
//!
//! The floor is written by hand: it claims 64 rows and completes 64 rows of the inbox's own table, filled by the inbox,
//! in one transaction each. It has no limits, no handlers and no retries, so nothing can be faster with this table.
//!
//! The peers have the settings that their own documentation recommends for many small jobs:
//!
//! - apalis claims as many jobs at a time as it runs. Its completions are batched, and fenced by the worker's name.
//!   On SQLite it drains a tenth of the jobs, because all of them would take longer than the rest of the run.
//! - `graphile_worker` claims 100 jobs ahead. A completion deletes the job without a fence. "Batched" collects
//!   completions for 5 ms before it deletes them.
#![allow(clippy::cast_precision_loss, clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use apalis::prelude::*;
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use futures_util::stream;
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, WorkerContext as Context,
    WorkerOptions,
};
use inbox_peers::{Result, fill, median, postgres, setting};
use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Backend, Inbox, Job};
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, PgPool, Postgres, Sqlite, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time};

const CONCURRENCIES: [usize; 2] = [8, 64];
const FLOOR: &str = "floor";

#[tokio::main]
async fn main() -> Result<()> {
    let jobs = setting("JOBS", 20_000);
    let mut results = Results::default();
    let server = postgres::Server::start(&[]).ok_or("PostgreSQL is not installed")?;
    for round in 0..setting("ROUNDS", 5) {
        for concurrency in CONCURRENCIES {
            let mut note = |database, name, rate| {
                eprintln!("round {round}: {database}, {name} at {concurrency}: {rate:.0} /s");
                results.add(database, name, concurrency, rate);
            };
            for (name, way) in [
                (FLOOR, Way::Floor),
                ("leadhook-inbox", Way::Inbox),
                ("apalis-postgres", Way::Apalis),
                ("graphile_worker", Way::Graphile { is_batched: false }),
                (
                    "graphile_worker, batched",
                    Way::Graphile { is_batched: true },
                ),
            ] {
                let rate = on_postgres(&server, way, jobs, concurrency).await?;
                note("PostgreSQL", name, rate);
            }
            for (name, way) in [
                (FLOOR, Way::Floor),
                ("leadhook-inbox", Way::Inbox),
                ("apalis-sqlite", Way::Apalis),
            ] {
                let rate = on_sqlite(way, jobs, concurrency).await?;
                note("SQLite", name, rate);
            }
        }
    }
    results.print();
    Ok(())
}

/// Who drains.
#[derive(Clone, Copy)]
enum Way {
    Floor,
    Inbox,
    Apalis,
    Graphile { is_batched: bool },
}

/// Jobs per second, of each database, concurrency and name.
#[derive(Default)]
struct Results(BTreeMap<(&'static str, usize, &'static str), Vec<f64>>);

impl Results {
    fn add(&mut self, database: &'static str, name: &'static str, concurrency: usize, rate: f64) {
        let rates = self.0.entry((database, concurrency, name)).or_default();
        rates.push(rate);
    }

    fn print(mut self) {
        let mut is_void = false;
        let mut medians = BTreeMap::new();
        for (key, rates) in &mut self.0 {
            let median = median(rates); // sorts them
            medians.insert(*key, median);
            let spread = (rates[rates.len() - 1] - rates[0]) / median;
            let (database, concurrency, name) = key;
            if *name == FLOOR {
                let percent = spread * 100.0;
                println!("{database}, floor beside {concurrency}: varied by {percent:.0} %");
                is_void |= spread > 0.2;
            }
        }
        if is_void {
            println!("VOID: a floor varied by more than 20 %, so the machine was not idle");
        }
        println!("\n| database | concurrency | | settled /s | of the floor |");
        println!("|---|---|---|---|---|");
        for ((database, concurrency, name), median) in &medians {
            let ratio = median / medians[&(*database, *concurrency, FLOOR)];
            println!("| {database} | {concurrency} | {name} | {median:.0} | {ratio:.2} |");
        }
    }
}

/// Each way has a database of its own, which is dropped afterwards so that it is not vacuumed during the next one.
async fn on_postgres(
    server: &postgres::Server,
    way: Way,
    jobs: usize,
    concurrency: usize,
) -> Result<f64> {
    let url = server.create_database().await;
    let rate = match way {
        Way::Floor | Way::Inbox => {
            let inbox = Inbox::<Postgres>::open(&url).await?;
            fill(&inbox.source::<Graphoid>("graphoid"), jobs).await?;
            settle_down(inbox.pool()).await?;
            let rate = match way {
                Way::Floor => postgres_floor(inbox.pool(), jobs).await?,
                _ => ours(&inbox, jobs, concurrency).await?,
            };
            inbox.close().await;
            rate
        }
        Way::Apalis | Way::Graphile { .. } => {
            let connections = u32::try_from(concurrency)? + 6;
            let pool = PgPoolOptions::new().max_connections(connections);
            let pool = pool.connect(&url).await?;
            let rate = match way {
                Way::Graphile { is_batched } => {
                    graphile(&pool, jobs, concurrency, is_batched).await?
                }
                _ => apalis_postgres(&pool, jobs, concurrency).await?,
            };
            pool.close().await;
            rate
        }
    };
    let name = url.rsplit('/').find_map(|part| part.split_once('?'));
    let (name, _) = name.ok_or("a URL without a database")?;
    let admin = PgPool::connect(&server.url("postgres")).await?;
    let drop = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
    sqlx::raw_sql(drop).execute(&admin).await?;
    admin.close().await;
    Ok(rate)
}

async fn on_sqlite(way: Way, jobs: usize, concurrency: usize) -> Result<f64> {
    let directory = TempDir::new()?;
    let file = directory.path().join("jobs.db");
    if matches!(way, Way::Apalis) {
        return apalis_sqlite(&file, jobs / 10, concurrency).await;
    }
    let inbox = Inbox::<Sqlite>::open(&file).await?;
    fill(&inbox.source::<Graphoid>("graphoid"), jobs).await?;
    let rate = match way {
        Way::Floor => sqlite_floor(inbox.pool(), jobs).await?,
        _ => ours(&inbox, jobs, concurrency).await?,
    };
    inbox.close().await;
    Ok(rate)
}

/// What the server does by itself sooner or later, done before the clock starts.
async fn settle_down(pool: &PgPool) -> Result<()> {
    for command in ["VACUUM ANALYZE", "CHECKPOINT"] {
        sqlx::raw_sql(command).execute(pool).await?;
    }
    Ok(())
}

/// Waits until handlers have run this often and nothing is left, and returns the rate.
async fn drained<F: Future<Output = Result<bool>>>(
    jobs: usize,
    began: Instant,
    handled: &AtomicUsize,
    is_done: impl Fn() -> F,
) -> Result<f64> {
    while handled.load(Ordering::Relaxed) < jobs || !is_done().await? {
        time::sleep(Duration::from_millis(5)).await;
    }
    Ok(jobs as f64 / began.elapsed().as_secs_f64())
}

async fn ours<B: Backend>(inbox: &Inbox<B>, jobs: usize, concurrency: usize) -> Result<f64> {
    let handled = Arc::new(AtomicUsize::new(0));
    let count = handled.clone();
    let source = inbox.source::<Graphoid>("graphoid");
    let workers =
        inbox
            .workers()
            .concurrency(concurrency)
            .on(&source, move |job: Job<GraphoidEvent, B>| {
                count.fetch_add(1, Ordering::Relaxed);
                async move { Ok(job.done()) }
            });
    let began = Instant::now();
    let workers = workers.start().await?;
    let rate = drained(jobs, began, &handled, || async {
        Ok(inbox.stats().await?.is_empty())
    });
    let rate = rate.await?;
    workers.shutdown(Duration::from_secs(5)).await;
    Ok(rate)
}

/// A claim and a completion, each of which commits by itself.
macro_rules! floor {
    ($name:ident, $database:ty, $lock:literal) => {
        async fn $name(pool: &sqlx::Pool<$database>, jobs: usize) -> Result<f64> {
            let claim = concat!(
                "UPDATE leadhook_inbox SET process = 'floor', token = $1, attempts = attempts + 1 ",
                "WHERE key IN (SELECT key FROM leadhook_inbox ",
                "WHERE source = 'graphoid' AND state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0 ",
                "ORDER BY due_at LIMIT 64 ",
                $lock,
                ") RETURNING key, body"
            );
            let complete = "UPDATE leadhook_inbox SET state = 'done', settled_token = token, token = NULL, \
                process = NULL, settled_at = due_at WHERE process = 'floor' AND token = $1";
            let mut connection = pool.acquire().await?;
            let mut settled = 0;
            let began = Instant::now();
            for token in 0.. {
                let token = format!("{token:032}");
                let claim = sqlx::query(claim).bind(&token);
                if claim.fetch_all(&mut *connection).await?.is_empty() {
                    break;
                }
                let complete = sqlx::query(complete).bind(&token);
                settled += complete.execute(&mut *connection).await?.rows_affected();
            }
            let rate = jobs as f64 / began.elapsed().as_secs_f64();
            assert_eq!(settled, jobs as u64);
            Ok(rate)
        }
    };
}

floor!(postgres_floor, Postgres, "FOR UPDATE SKIP LOCKED");
floor!(sqlite_floor, Sqlite, "");

/// How often the handler of a peer has run.
static HANDLED: AtomicUsize = AtomicUsize::new(0);

async fn nothing(_: usize) -> std::result::Result<(), BoxDynError> {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

async fn apalis_postgres(pool: &PgPool, jobs: usize, concurrency: usize) -> Result<f64> {
    PostgresStorage::setup(pool).await?;
    let config = apalis_postgres::Config::default().batch_size(concurrency);
    let mut backend = PostgresStorage::new(pool).with_config(config);
    let tasks = (0..jobs).map(|job| TaskBuilder::new(job).build());
    backend.push_all(&mut stream::iter(tasks)).await?;
    settle_down(pool).await?;
    let worker = WorkerBuilder::new("drain")
        .backend(backend)
        .concurrency(concurrency)
        .build(nothing);
    HANDLED.store(0, Ordering::Relaxed);
    let began = Instant::now();
    let running = tokio::spawn(worker.run());
    let is_left = "SELECT EXISTS (SELECT FROM apalis.jobs WHERE status <> 'Done')";
    let rate = drained(jobs, began, &HANDLED, || async {
        let is_left: bool = sqlx::query_scalar(is_left).fetch_one(pool).await?;
        Ok(!is_left)
    });
    let rate = rate.await?;
    end(running).await;
    Ok(rate)
}

async fn apalis_sqlite(file: &Path, jobs: usize, concurrency: usize) -> Result<f64> {
    // Its set-up turns flushing off for the connection that runs it, so that connection is not used again.
    let setup = sqlite(file).await?;
    SqliteStorage::setup(&setup).await?;
    setup.close().await;
    let pool = sqlite(file).await?;
    let config = apalis_sqlite::Config::default().batch_size(concurrency);
    let mut backend = SqliteStorage::new(&pool).with_config(config);
    let tasks = (0..jobs).map(|job| TaskBuilder::new(job).build());
    backend.push_all(&mut stream::iter(tasks)).await?;
    let worker = WorkerBuilder::new("drain")
        .backend(backend)
        .concurrency(concurrency)
        .build(nothing);
    HANDLED.store(0, Ordering::Relaxed);
    let began = Instant::now();
    let running = tokio::spawn(worker.run());
    let is_left = "SELECT EXISTS (SELECT 1 FROM Jobs WHERE status <> 'Done')";
    let rate = drained(jobs, began, &HANDLED, || async {
        let is_left: bool = sqlx::query_scalar(is_left).fetch_one(&pool).await?;
        Ok(!is_left)
    });
    let rate = rate.await?;
    end(running).await;
    pool.close().await;
    Ok(rate)
}

/// Stops a worker and waits until it has dropped its connections.
async fn end<T>(running: JoinHandle<T>) {
    running.abort();
    let _ = running.await;
}

/// The same durability as in an inbox.
async fn sqlite(file: &Path) -> Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    let pool = SqlitePoolOptions::new().max_connections(4);
    Ok(pool.connect_with(options).await?)
}

#[derive(Clone, Deserialize, Serialize)]
struct Nothing {
    id: usize,
}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, _: Context) -> impl IntoTaskHandlerResult {
        HANDLED.fetch_add(1, Ordering::Relaxed);
        Ok::<(), String>(())
    }
}

async fn graphile(pool: &PgPool, jobs: usize, concurrency: usize, is_batched: bool) -> Result<f64> {
    let mut options = WorkerOptions::default()
        .concurrency(concurrency)
        .poll_interval(Duration::from_millis(10)) // as in its own benchmarks
        .local_queue(LocalQueueConfig::default().with_size(100))
        .listen_os_shutdown_signals(false)
        .schema("graphile_worker")
        .define_job::<Nothing>()
        .pg_pool(pool.clone());
    if is_batched {
        options = options.complete_job_batch_delay(Duration::from_millis(5));
    }
    let worker = Arc::new(options.init().await?);
    let spec = JobSpec::default();
    let stored: Vec<_> = (0..jobs).map(|id| (Nothing { id }, &spec)).collect();
    for some in stored.chunks(1_000) {
        worker.create_utils().add_jobs(some).await?;
    }
    settle_down(pool).await?;
    HANDLED.store(0, Ordering::Relaxed);
    let began = Instant::now();
    let running = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run().await }
    });
    let is_left = "SELECT EXISTS (SELECT FROM graphile_worker._private_jobs)";
    let rate = drained(jobs, began, &HANDLED, || async {
        let is_left: bool = sqlx::query_scalar(is_left).fetch_one(pool).await?;
        Ok(!is_left)
    });
    let rate = rate.await?;
    worker.request_shutdown();
    running.await??;
    Ok(rate)
}
