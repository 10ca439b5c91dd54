//! Drains jobs of different leads, without and with `one_at_a_time()`, and beside a long line of one lead.
//!
//! `cargo run --release --manifest-path inbox/benches/peers/Cargo.toml --bin lines` takes turns between the ways
//! (`ROUNDS`, `JOBS`), on PostgreSQL and SQLite, with 8 and 64 handlers, and prints the medians. In the third way,
//! `LINE` (100,000) events wait for one that fails.
#![allow(clippy::cast_precision_loss, clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use inbox_peers::{Result, fill, median, postgres, setting};
use leadhook::{Delivery, Event as _, Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Backend, Backoff, Failure, Inbox, Job, Postgres, Source, Sqlite, Workers};
use tempfile::TempDir;
use tokio::{task::JoinSet, time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Several,
    OneAtATime,
    BesideALine,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut rates: BTreeMap<(&str, usize, Way), Vec<f64>> = BTreeMap::new();
    let server = postgres::Server::start(&[]).ok_or("PostgreSQL is not installed")?;
    for _ in 0..setting("ROUNDS", 3) {
        for concurrency in [8, 64] {
            for way in [Way::Several, Way::OneAtATime, Way::BesideALine] {
                let inbox = Inbox::<Postgres>::open(&server.create_database().await).await?;
                let rate = measure(&inbox, way, concurrency, async || {
                    for command in ["VACUUM ANALYZE", "CHECKPOINT"] {
                        sqlx::raw_sql(command).execute(inbox.pool()).await?;
                    }
                    Ok(())
                });
                let rate = rate.await?;
                inbox.close().await;
                rates
                    .entry(("PostgreSQL", concurrency, way))
                    .or_default()
                    .push(rate);

                let directory = TempDir::new()?;
                let inbox = Inbox::<Sqlite>::open(directory.path().join("inbox.db")).await?;
                let rate = measure(&inbox, way, concurrency, async || {
                    let checkpoint = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)");
                    checkpoint.execute(inbox.pool()).await?;
                    Ok(())
                });
                let rate = rate.await?;
                inbox.close().await;
                rates
                    .entry(("SQLite", concurrency, way))
                    .or_default()
                    .push(rate);
            }
        }
    }
    println!("| database | concurrency | | handled /s | of several at a time |");
    println!("|---|---|---|---|---|");
    let medians = rates.iter_mut().map(|(key, rates)| (*key, median(rates)));
    let medians: BTreeMap<_, _> = medians.collect();
    for ((database, concurrency, way), rate) in &medians {
        let ratio = rate / medians[&(*database, *concurrency, Way::Several)];
        println!("| {database} | {concurrency} | {way:?} | {rate:.0} | {ratio:.2} |");
    }
    Ok(())
}

async fn measure<B: Backend>(
    inbox: &Inbox<B>,
    way: Way,
    concurrency: usize,
    settle_down: impl AsyncFnOnce() -> Result<()>,
) -> Result<f64> {
    let source = inbox.source::<Graphoid>("graphoid");
    let source = match way {
        Way::Several => source,
        Way::OneAtATime | Way::BesideALine => source.one_at_a_time(),
    };
    let handled = Arc::new(AtomicUsize::new(0));
    let workers = || workers(inbox, &source, concurrency, &handled);
    if way == Way::BesideALine {
        wait_in_line(&source, setting("LINE", 100_000)).await?;
        let workers = workers().start().await?;
        // The first one fails, and the others are found to wait.
        while inbox
            .stats()
            .await?
            .iter()
            .any(|stats| stats.oldest_due.is_some())
        {
            time::sleep(Duration::from_millis(20)).await;
        }
        workers.shutdown(Duration::from_secs(5)).await;
    }
    let jobs = setting("JOBS", 20_000);
    fill(&source, jobs).await?;
    settle_down().await?;
    let began = Instant::now();
    let workers = workers().start().await?;
    while handled.load(Ordering::Relaxed) < jobs {
        time::sleep(Duration::from_millis(5)).await;
    }
    let rate = jobs as f64 / began.elapsed().as_secs_f64();
    workers.shutdown(Duration::from_secs(5)).await;
    Ok(rate)
}

/// Handles the events, except for those of the lead whose line is long.
fn workers<B: Backend>(
    inbox: &Inbox<B>,
    source: &Source<Graphoid, B>,
    concurrency: usize,
    handled: &Arc<AtomicUsize>,
) -> Workers<B> {
    let handled = handled.clone();
    let handle = move |job: Job<GraphoidEvent, B>| {
        let is_failing = job.event().lead_id().as_deref() == Some("busy");
        handled.fetch_add(usize::from(!is_failing), Ordering::Relaxed);
        async move {
            if is_failing {
                return Err(Failure::retry("crm"));
            }
            Ok(job.done())
        }
    };
    let backoff = Backoff::default().with_first(Duration::from_hours(1));
    inbox
        .workers()
        .concurrency(concurrency)
        .backoff(backoff)
        .on(source, handle)
}

async fn wait_in_line<B: Backend>(source: &Source<Graphoid, B>, events: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let source = source.clone();
        tasks.spawn(async move {
            for number in (task..events).step_by(64) {
                let body = format!(
                    r#"{{"id":"busy_{number}","event":"lead.won","data":{{"lead":{{"id":"busy"}}}}}}"#
                );
                source.accept(&Delivery::from_storage(body)).await?;
            }
            Ok::<(), leadhook_inbox::Error>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}
