//! Accepted deliveries per second, and the age of an event when its handler starts.
//!
//! `cargo bench --features postgres` runs it on SQLite, and on PostgreSQL where that is installed, each on a
//! disk with its own settings of durability. Beside it stands a bare `INSERT` of the same body with the
//! same durability by the same number of tasks, in rounds that take turns. `SECONDS` (3) is how long a round
//! takes, `ROUNDS` (5) how many there are; the table has medians.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::{
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use leadhook::{Delivery, ScoreApp, samples, scoreapp::ScoreAppEvent};
use leadhook_inbox::{Backend, Inbox, Job, Postgres, Sqlite};
use sqlx::Pool;
use tempfile::TempDir;
use tokio::{task::JoinSet, time};

#[allow(dead_code, unreachable_pub, missing_debug_implementations)]
#[path = "../tests/it/support/postgres.rs"]
mod postgres;

const SOURCE: &str = "scoreapp";

#[tokio::main]
async fn main() {
    println!("| database | tasks | accept /s | bare INSERT /s | ratio |");
    println!("|---|---|---|---|---|");
    let directory = TempDir::new().unwrap();
    let sqlite = Inbox::<Sqlite>::open(directory.path().join("inbox.db"))
        .await
        .unwrap();
    measure(&sqlite).await;
    let server = postgres::Server::start(&[]);
    let postgres = match &server {
        Some(server) => Some(
            Inbox::<Postgres>::open(&server.create_database().await)
                .await
                .unwrap(),
        ),
        None => None,
    };
    if let Some(postgres) = &postgres {
        measure(postgres).await;
    }
    println!();
    println!("| database | deliveries /s | median age | 99 % below |");
    println!("|---|---|---|---|");
    age(&sqlite).await;
    if let Some(postgres) = &postgres {
        age(postgres).await;
        postgres.close().await;
    }
}

/// A bare table.
trait Bare: Backend {
    fn create(pool: &Pool<Self>) -> impl Future<Output = ()> + Send;
    fn insert(pool: &Pool<Self>, body: Vec<u8>) -> impl Future<Output = ()> + Send;
}

macro_rules! bare {
    ($database:ty, $create:literal) => {
        impl Bare for $database {
            async fn create(pool: &Pool<Self>) {
                sqlx::raw_sql($create).execute(pool).await.unwrap();
            }

            async fn insert(pool: &Pool<Self>, body: Vec<u8>) {
                let insert =
                    || sqlx::query("INSERT INTO bare (body) VALUES ($1)").bind(body.clone());
                // Bare inserts compete for SQLite's lock, and some wait for it in vain.
                while let Err(error) = insert().execute(pool).await {
                    assert!(error.as_database_error().is_some(), "{error}");
                }
            }
        }
    };
}

bare!(
    Sqlite,
    "CREATE TABLE bare (id INTEGER PRIMARY KEY, body BLOB NOT NULL)"
);
bare!(
    Postgres,
    "CREATE TABLE bare (id BIGSERIAL PRIMARY KEY, body BYTEA NOT NULL)"
);

/// What is measured.
#[derive(Clone, Copy)]
enum Way {
    Accept,
    Insert,
}

async fn measure<B: Bare>(inbox: &Inbox<B>) {
    B::create(inbox.pool()).await;
    for tasks in [1, 16] {
        let (mut accepted, mut inserted) = (Vec::new(), Vec::new());
        for _ in 0..setting("ROUNDS", 5) {
            accepted.push(rate(tasks, inbox, Way::Accept).await);
            inserted.push(rate(tasks, inbox, Way::Insert).await);
        }
        let (accepted, inserted) = (median(&mut accepted), median(&mut inserted));
        let ratio = accepted / inserted;
        println!(
            "| {} | {tasks} | {accepted:.0} | {inserted:.0} | {ratio:.2} |",
            B::NAME
        );
    }
}

/// How often some tasks together do something in a second.
async fn rate<B: Bare>(tasks: usize, inbox: &Inbox<B>, way: Way) -> f64 {
    let began = Instant::now();
    let end = began + Duration::from_secs(setting("SECONDS", 3));
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let inbox = inbox.clone();
        let source = inbox.source::<ScoreApp>("measured");
        running.spawn(async move {
            let mut count = 0_u32;
            while Instant::now() < end {
                match way {
                    Way::Accept => {
                        let delivery = Delivery::from_storage(body());
                        source.accept(&delivery).await.unwrap();
                    }
                    Way::Insert => B::insert(inbox.pool(), body()).await,
                }
                count += 1;
            }
            count
        });
    }
    let count: u32 = running.join_all().await.iter().sum();
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// Accepts some deliveries a second and looks at their age when the handler starts.
async fn age<B: Bare>(inbox: &Inbox<B>) {
    for per_second in [10, 50] {
        let ages = Arc::new(Mutex::new(Vec::new()));
        let seen = ages.clone();
        let accepted = Arc::new(Mutex::new(std::collections::HashMap::new()));
        let times = accepted.clone();
        let source = inbox.source::<ScoreApp>(SOURCE);
        let workers = inbox
            .workers()
            .on(&source, move |job: Job<ScoreAppEvent, B>| {
                let began: Option<Instant> = times.lock().unwrap().get(&job.key()).copied();
                seen.lock()
                    .unwrap()
                    .push(began.unwrap().elapsed().as_secs_f64());
                async move { Ok(job.done()) }
            });
        let workers = workers.start().await.unwrap();
        let total = per_second * setting("SECONDS", 3);
        let mut interval =
            time::interval(Duration::from_secs(1) / u32::try_from(per_second).unwrap());
        for _ in 0..total {
            interval.tick().await;
            let delivery = Delivery::from_storage(body());
            accepted
                .lock()
                .unwrap()
                .insert(source.key(&delivery), Instant::now());
            source.accept(&delivery).await.unwrap();
        }
        while ages.lock().unwrap().len() < usize::try_from(total).unwrap() {
            time::sleep(Duration::from_millis(10)).await;
        }
        workers.shutdown(Duration::from_secs(10)).await;
        let mut ages = ages.lock().unwrap();
        let median = median(&mut ages) * 1000.0;
        let most = ages[ages.len() * 99 / 100] * 1000.0;
        println!(
            "| {} | {per_second} | {median:.1} ms | {most:.1} ms |",
            B::NAME
        );
    }
}

/// ScoreApp's documented event, different each time.
fn body() -> Vec<u8> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let id = format!("{:08x}", NEXT.fetch_add(1, Ordering::Relaxed));
    samples::scoreapp::QUIZ_FINISHED
        .body()
        .replace("1e11c712", &id)
        .into_bytes()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}
