//! Drains stored jobs whose handler does nothing, and prints how many are settled in a second.
//!
//! `cargo run --release [JOBS] [ROUNDS]` starts a PostgreSQL of its own (Debian's `postgresql`), and uses a file in
//! the system's directory for temporary files for SQLite. The floor claims 64 rows and completes 64 rows in one
//! transaction each, by hand. Rounds are interleaved, and the table has medians.

use std::{
    collections::BTreeMap,
    error::Error,
    path::{Path, PathBuf},
    process::Command,
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
use graphile_worker::{IntoTaskHandlerResult, JobSpec, TaskHandler, WorkerContext as Context, WorkerOptions};
use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Backend, Inbox, Job};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, postgres::PgPoolOptions};
use tempfile::TempDir;
use tokio::time;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CONCURRENCIES: [usize; 2] = [8, 64];

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|number| number.parse());
    let jobs = arguments.next().transpose()?.unwrap_or(20_000);
    let rounds = arguments.next().transpose()?.unwrap_or(5);
    let server = Server::start()?;
    let mut results: BTreeMap<(String, usize), Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for concurrency in CONCURRENCIES {
            let mut note = |name: &str, rate: f64| {
                eprintln!("round {round}, {concurrency}: {name} {rate:.0}");
                results.entry((name.into(), concurrency)).or_default().push(rate);
            };
            let pool = server.database().await?;
            note("PostgreSQL floor", postgres_floor(&pool, jobs).await?);
            let url = server.url(&server.name(&pool));
            let inbox = Inbox::<Postgres>::open(&url).await?;
            note("PostgreSQL leadhook-inbox", ours(&inbox, jobs, concurrency).await?);
            note("PostgreSQL apalis", apalis_postgres(&pool, jobs, concurrency).await?);
            note("PostgreSQL graphile_worker", graphile(&pool, jobs, concurrency).await?);
            let directory = TempDir::new()?;
            let file = |name: &str| directory.path().join(name);
            note("SQLite floor", sqlite_floor(&file("floor.db"), jobs).await?);
            let inbox = Inbox::<Sqlite>::open(file("inbox.db")).await?;
            note("SQLite leadhook-inbox", ours(&inbox, jobs, concurrency).await?);
            note("SQLite apalis", apalis_sqlite(&file("apalis.db"), jobs.min(2_000), concurrency).await?);
        }
    }
    print(&mut results);
    Ok(())
}

/// Prints the medians, and their ratio to the floor.
fn print(results: &mut BTreeMap<(String, usize), Vec<f64>>) {
    let mut medians = BTreeMap::new();
    for ((name, concurrency), rates) in results {
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2];
        medians.insert((name.clone(), *concurrency), median);
        let spread = (rates[rates.len() - 1] - rates[0]) / median;
        if name.ends_with("floor") && spread > 0.2 {
            println!("void: {name} at {concurrency} varied by {:.0} %", spread * 100.0);
        }
    }
    println!("| | concurrency | settled /s | of the floor |\n|---|---|---|---|");
    for ((name, concurrency), median) in &medians {
        let database = name.split(' ').next().unwrap_or_default();
        let floor = medians[&(format!("{database} floor"), *concurrency)];
        println!("| {name} | {concurrency} | {median:.0} | {:.2} |", median / floor);
    }
}

async fn ours<B: Backend>(inbox: &Inbox<B>, jobs: usize, concurrency: usize) -> Result<f64> {
    let source = inbox.source::<Graphoid>("graphoid");
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64 {
        let source = source.clone();
        tasks.spawn(async move {
            for id in (task..jobs).step_by(64) {
                let body = format!(
                    r#"{{"id":"evt_{id}","event":"lead.won","data":{{"lead":{{"id":"lead_{id}"}}}}}}"#
                );
                source.accept(&Delivery::from_storage(body)).await?;
            }
            Ok::<(), leadhook_inbox::Error>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    let handled = Arc::new(AtomicUsize::new(0));
    let count = handled.clone();
    let began = Instant::now();
    let workers = inbox
        .workers()
        .concurrency(concurrency)
        .on(&source, move |job: Job<GraphoidEvent, B>| {
            count.fetch_add(1, Ordering::Relaxed);
            async move { Ok(job.done()) }
        })
        .start()
        .await?;
    while handled.load(Ordering::Relaxed) < jobs || !inbox.stats().await?.is_empty() {
        time::sleep(Duration::from_millis(10)).await;
    }
    let rate = jobs as f64 / began.elapsed().as_secs_f64();
    workers.shutdown(Duration::from_secs(5)).await;
    inbox.close().await;
    Ok(rate)
}

const FLOOR: &str = "CREATE TABLE floor (key TEXT PRIMARY KEY, body TEXT, state TEXT, due BIGINT, token TEXT);
    CREATE INDEX floor_due ON floor (due) WHERE state = 'waiting' AND token IS NULL";
const CLAIM: &str = "UPDATE floor SET token = $1 WHERE key IN (SELECT key FROM floor \
    WHERE state = 'waiting' AND token IS NULL ORDER BY due LIMIT 64";
const COMPLETE: &str = "UPDATE floor SET state = 'done', token = NULL WHERE token = $1";

async fn postgres_floor(pool: &PgPool, jobs: usize) -> Result<f64> {
    sqlx::raw_sql(FLOOR).execute(pool).await?;
    let fill = "INSERT INTO floor SELECT md5(i::text), repeat('x', 80), 'waiting', i, NULL FROM generate_series(1, $1) i";
    sqlx::query(fill).bind(jobs as i64).execute(pool).await?;
    let claim = format!("{CLAIM} FOR UPDATE SKIP LOCKED) RETURNING key, body");
    let mut connection = pool.acquire().await?;
    let began = Instant::now();
    for token in 0.. {
        let claim = sqlx::query(sqlx::AssertSqlSafe(claim.clone())).bind(token.to_string());
        if claim.fetch_all(&mut *connection).await?.is_empty() {
            break;
        }
        sqlx::query(COMPLETE).bind(token.to_string()).execute(&mut *connection).await?;
    }
    Ok(jobs as f64 / began.elapsed().as_secs_f64())
}

async fn sqlite_floor(file: &Path, jobs: usize) -> Result<f64> {
    let pool = sqlite(file).await?;
    sqlx::raw_sql(FLOOR).execute(&pool).await?;
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
        INSERT INTO floor SELECT hex(randomblob(16)), printf('%080d', i), 'waiting', i, NULL FROM n";
    sqlx::query(fill).bind(jobs as i64).execute(&pool).await?;
    let claim = format!("{CLAIM}) RETURNING key, body");
    let began = Instant::now();
    for token in 0.. {
        let claim = sqlx::query(sqlx::AssertSqlSafe(claim.clone())).bind(token.to_string());
        if claim.fetch_all(&pool).await?.is_empty() {
            break;
        }
        sqlx::query(COMPLETE).bind(token.to_string()).execute(&pool).await?;
    }
    Ok(jobs as f64 / began.elapsed().as_secs_f64())
}

async fn sqlite(file: &Path) -> Result<SqlitePool> {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    Ok(SqlitePoolOptions::new().max_connections(4).connect_with(options).await?)
}

async fn nothing(_: usize) -> std::result::Result<(), BoxDynError> {
    Ok(())
}

async fn apalis_postgres(pool: &PgPool, jobs: usize, concurrency: usize) -> Result<f64> {
    PostgresStorage::setup(pool).await?;
    let config = apalis_postgres::Config::default().batch_size(concurrency);
    let mut backend = PostgresStorage::new(pool).with_config(config);
    backend.push_all(&mut stream::iter((0..jobs).map(|job| TaskBuilder::new(job).build()))).await?;
    let worker = WorkerBuilder::new("drain").backend(backend).concurrency(concurrency).build(nothing);
    let began = Instant::now();
    let running = tokio::spawn(worker.run());
    let left = "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'";
    while sqlx::query_scalar::<_, i64>(left).fetch_one(pool).await? > 0 {
        time::sleep(Duration::from_millis(20)).await;
    }
    running.abort();
    Ok(jobs as f64 / began.elapsed().as_secs_f64())
}

async fn apalis_sqlite(file: &Path, jobs: usize, concurrency: usize) -> Result<f64> {
    let pool = sqlite(file).await?;
    SqliteStorage::setup(&pool).await?;
    // Its setup turns flushing off on one connection of the pool.
    sqlx::query("PRAGMA synchronous = FULL").execute(&pool).await?;
    let mut backend = SqliteStorage::new(&pool);
    backend.push_all(&mut stream::iter((0..jobs).map(|job| TaskBuilder::new(job).build()))).await?;
    let worker = WorkerBuilder::new("drain").backend(backend).concurrency(concurrency).build(nothing);
    let began = Instant::now();
    let running = tokio::spawn(worker.run());
    let left = "SELECT count(*) FROM Jobs WHERE status <> 'Done'";
    while sqlx::query_scalar::<_, i64>(left).fetch_one(&pool).await? > 0 {
        time::sleep(Duration::from_millis(20)).await;
    }
    running.abort();
    Ok(jobs as f64 / began.elapsed().as_secs_f64())
}

#[derive(Clone, Deserialize, Serialize)]
struct Nothing {
    id: usize,
}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, _: Context) -> impl IntoTaskHandlerResult {
        Ok::<(), String>(())
    }
}

async fn graphile(pool: &PgPool, jobs: usize, concurrency: usize) -> Result<f64> {
    let worker = WorkerOptions::default()
        .concurrency(concurrency)
        .schema("graphile_worker")
        .define_job::<Nothing>()
        .pg_pool(pool.clone())
        .init()
        .await?;
    let utils = worker.create_utils();
    for id in 0..jobs {
        utils.add_job(Nothing { id }, JobSpec::default()).await?;
    }
    let began = Instant::now();
    worker.run_once().await?;
    Ok(jobs as f64 / began.elapsed().as_secs_f64())
}

/// A PostgreSQL server of its own, with its defaults.
struct Server {
    directory: TempDir,
    programs: PathBuf,
    databases: AtomicUsize,
}

impl Server {
    fn start() -> Result<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql")?.flatten();
        let programs = versions.map(|version| version.path().join("bin")).max();
        let server = Self {
            directory: TempDir::new()?,
            programs: programs.ok_or("PostgreSQL is not installed")?,
            databases: AtomicUsize::new(0),
        };
        Command::new("chown").arg("nobody").arg(server.directory.path()).status()?;
        server.run("initdb", &["--auth=trust", "--username=bench"])?;
        let settings = "listen_addresses = ''\nunix_socket_directories = '..'\nmax_connections = 200\n";
        std::fs::write(server.directory.path().join("data/postgresql.conf"), settings)?;
        server.run("pg_ctl", &["start", "--wait", "--log=log"])?;
        Ok(server)
    }

    /// PostgreSQL does not run as root.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let data = self.directory.path().join("data");
        let status = Command::new("setpriv")
            .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
            .arg(self.programs.join(program))
            .args(arguments)
            .env("PGDATA", data)
            .current_dir(self.directory.path())
            .stdout(std::process::Stdio::null())
            .status()?;
        status.success().then_some(()).ok_or_else(|| format!("{program} failed").into())
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://bench@localhost/{database}?host={}", self.directory.path().display())
    }

    fn name(&self, pool: &PgPool) -> String {
        pool.connect_options().get_database().unwrap_or_default().to_owned()
    }

    async fn database(&self) -> Result<PgPool> {
        let name = format!("round_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let admin = PgPool::connect(&self.url("postgres")).await?;
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&admin).await?;
        admin.close().await;
        let pool = PgPoolOptions::new().max_connections(70);
        Ok(pool.connect(&self.url(&name)).await?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.run("pg_ctl", &["stop", "--mode=immediate"]);
    }
}
