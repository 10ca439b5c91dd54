//! Accepts deliveries while a million rows are pruned, and prints how long the slowest of them took.
//!
//! `cargo run --release --manifest-path inbox/benches/peers/Cargo.toml --bin prune` fills the inbox's table with
//! handled events (`ROWS`), on SQLite and on a PostgreSQL server of its own. Half of them are old enough to be deleted,
//! the others lose their bodies of 571 bytes. Pruning runs in windows of 10 s (`SECONDS`), each followed by as long
//! without pruning. 100 deliveries a second (`RATE`) arrive at fixed times all along, and their time counts from then,
//! so that a delivery that holds up others counts for each of them.
#![allow(clippy::cast_precision_loss, clippy::unwrap_used)]

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use inbox_peers::{Result, delivery, postgres, setting};
use leadhook::Graphoid;
use leadhook_inbox::{Backend, Inbox, Postgres, Retention, Source, Sqlite};
use tempfile::TempDir;
use tokio::{task::JoinSet, time};

#[tokio::main]
async fn main() -> Result<()> {
    let rows = setting("ROWS", 1_000_000);
    println!(
        "| database | rows pruned | seconds | accepted | slowest without | slowest while pruning | more | 99 % below, without | while pruning |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");

    let directory = TempDir::new()?;
    let inbox = Inbox::<Sqlite>::open(directory.path().join("inbox.db")).await?;
    fill_sqlite(&inbox, rows).await?;
    measure(&inbox, "SQLite", rows).await?;
    inbox.close().await;

    let server = postgres::Server::start(&[]).ok_or("PostgreSQL is not installed")?;
    let inbox = Inbox::<Postgres>::open(&server.create_database().await).await?;
    fill_postgres(&inbox, rows).await?;
    measure(&inbox, "PostgreSQL", rows).await?;
    inbox.close().await;
    Ok(())
}

/// What is measured in a window.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Window {
    Alone,
    Pruning,
}

async fn measure<B: Backend>(inbox: &Inbox<B>, database: &str, rows: usize) -> Result<()> {
    let length = Duration::from_secs(setting("SECONDS", 10) as u64);
    let source = inbox.source::<Graphoid>("graphoid");
    let mut times: HashMap<Window, Vec<Duration>> = HashMap::new();
    let mut next = 0;
    let mut pruning = Duration::ZERO;
    // Connections are opened and statements prepared before the clock starts.
    accept(&source, Duration::from_secs(1), &mut next).await?;
    loop {
        let began = Instant::now();
        let (accepted, pruned) = tokio::join!(
            accept(&source, length, &mut next),
            // What is pruned when the window ends stays pruned.
            time::timeout(length, inbox.prune(Retention::default())),
        );
        pruning += began.elapsed().min(length);
        times.entry(Window::Pruning).or_default().extend(accepted?);
        let accepted = accept(&source, length, &mut next).await?;
        times.entry(Window::Alone).or_default().extend(accepted);
        if let Ok(pruned) = pruned {
            pruned?;
            break;
        }
        eprintln!("{database}: pruned for {pruning:.0?}");
    }
    let accepted: usize = times.values().map(Vec::len).sum();
    let (alone, alone_99) = slowest(&mut times, Window::Alone);
    let (pruned, pruned_99) = slowest(&mut times, Window::Pruning);
    println!(
        "| {database} | {rows} | {:.0} | {accepted} | {alone:.1} ms | {pruned:.1} ms | {:.1} ms | {alone_99:.1} ms | {pruned_99:.1} ms |",
        pruning.as_secs_f64(),
        pruned - alone
    );
    Ok(())
}

/// Accepts deliveries at fixed times for this long, and returns how long after its time each was accepted.
async fn accept<B: Backend>(
    source: &Source<Graphoid, B>,
    length: Duration,
    next: &mut usize,
) -> Result<Vec<Duration>> {
    let pause = Duration::from_secs(1) / u32::try_from(setting("RATE", 100))?;
    let began = Instant::now();
    let mut arrival = began;
    let mut tasks = JoinSet::new();
    while arrival < began + length {
        time::sleep_until(arrival.into()).await;
        let source = source.clone();
        let number = *next;
        tasks.spawn(async move {
            source.accept(&delivery(number)).await?;
            Ok::<_, leadhook_inbox::Error>(arrival.elapsed())
        });
        *next += 1;
        arrival += pause;
    }
    let times = tasks.join_all().await;
    Ok(times
        .into_iter()
        .collect::<std::result::Result<_, leadhook_inbox::Error>>()?)
}

/// The slowest, and the time below which 99 % are, in milliseconds.
fn slowest(times: &mut HashMap<Window, Vec<Duration>>, window: Window) -> (f64, f64) {
    let times = times.get_mut(&window).unwrap();
    times.sort();
    let millis = |index: usize| times[index].as_secs_f64() * 1000.0;
    (millis(times.len() - 1), millis(times.len() * 99 / 100))
}

/// Handled events: one half 60 days ago, the other half 10 days ago.
macro_rules! rows {
    ($key:literal, $body:literal, $now:literal, $from:literal) => {
        concat!(
            "INSERT INTO leadhook_inbox (key, source, provider, event, lead_id, body, accepted_at, retry_until, state, ",
            "due_at, settled_token, attempts, settled_at) ",
            "SELECT ", $key, ", 'graphoid', 'graphoid', 'lead.won', 'lead_' || i, ", $body, ", at, at, 'done', at, ",
            "'filled', 1, at ",
            "FROM (SELECT i, ", $now, " - CASE WHEN i % 2 = 0 THEN 5184000000 ELSE 864000000 END + i AS at ",
            "FROM ", $from, ") AS handled"
        )
    };
}

async fn fill_sqlite(inbox: &Inbox<Sqlite>, rows: usize) -> Result<()> {
    let fill = rows!(
        "lower(hex(randomblob(32)))",
        "randomblob(571)",
        "CAST(unixepoch() AS INTEGER) * 1000",
        "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i FROM n)"
    );
    let rows = i64::try_from(rows)?;
    sqlx::query(fill).bind(rows).execute(inbox.pool()).await?;
    for command in ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        sqlx::raw_sql(command).execute(inbox.pool()).await?;
    }
    Ok(())
}

async fn fill_postgres(inbox: &Inbox<Postgres>, rows: usize) -> Result<()> {
    let fill = rows!(
        "encode(sha256(CAST(i::text AS bytea)), 'hex')",
        "CAST(repeat(md5(i::text), 18) AS bytea)",
        "CAST(extract(epoch FROM now()) * 1000 AS BIGINT)",
        "generate_series(1, $1) AS i"
    );
    let rows = i64::try_from(rows)?;
    sqlx::query(fill).bind(rows).execute(inbox.pool()).await?;
    for command in ["VACUUM ANALYZE", "CHECKPOINT"] {
        sqlx::raw_sql(command).execute(inbox.pool()).await?;
    }
    Ok(())
}
