//! How a handler says what went wrong, and what becomes of that.

use std::{
    error::Error,
    fmt, io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use leadhook::graphoid::GraphoidEvent;
use leadhook_inbox::{Backoff, Failure, Filter, Job, OrFail, Page, State};

use crate::support::{
    SOURCE,
    database::{Database, Db},
    delivery,
    logs::Logs,
    on_both,
};

on_both![
    a_snoozed_job_is_not_counted_and_does_not_die,
    a_cause_is_logged_and_not_stored,
    what_a_handler_logs_names_its_job,
    conflicts_of_transactions_are_no_failed_attempts,
];

async fn a_snoozed_job_is_not_counted_and_does_not_die<B: Db>(database: Database<B>) {
    const HOUR: Duration = Duration::from_hours(1);
    let source = database.source();
    source.accept(&delivery(1)).await.unwrap();
    let calls = std::sync::Arc::new(AtomicUsize::new(0));
    let called = calls.clone();
    let workers = database
        .inbox
        .workers()
        .backoff(Backoff::default().with_give_up_after(HOUR))
        .on(&source, move |job: Job<GraphoidEvent, B>| {
            let call = called.fetch_add(1, Ordering::Relaxed);
            async move {
                match call {
                    // A failure begins the time after which the job is given up. Snoozing does not.
                    0..20 => {
                        assert_eq!(job.attempt(), 1);
                        Err(Failure::snooze("maintenance", HOUR))
                    }
                    20 => Err(Failure::retry("crm")),
                    21..25 => {
                        assert_eq!(job.attempt(), 2);
                        Err(Failure::snooze("maintenance", HOUR))
                    }
                    _ => Ok(job.done()),
                }
            }
        });
    let report = workers.run_until_idle().await.unwrap();
    assert_eq!(report.attempts, 26);
    assert!(report.waited >= 24 * HOUR, "{report:?}");
    let rows = database.inbox.rows(&Filter::all(), Page::first(2)).await;
    let row = &rows.unwrap()[0];
    assert_eq!(
        (row.state, row.attempts, row.abandoned),
        (State::Done, 2, 0)
    );
}

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer-cause")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

async fn a_cause_is_logged_and_not_stored<B: Db>(database: Database<B>) {
    fn fail() -> Result<(), Outer> {
        Err(Outer(io::Error::other("inner-cause")))
    }
    let logs = Logs::capture();
    let inbox = B::open(&database.url).await;
    let source = inbox.source(SOURCE);
    for id in 0..3 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let workers = inbox.workers();
    let workers = workers.on(&source, async |job: Job<GraphoidEvent, B>| {
        match job.envelope().lead().and_then(|lead| lead.id).as_deref() {
            Some("lead_0") if job.attempt() == 1 => fail().or_retry("crm")?,
            Some("lead_1") => fail().or_dead("refused")?,
            Some("lead_2") if job.attempt() == 1 => {
                let cause = fail().unwrap_err();
                return Err(Failure::retry_after("busy", Duration::from_secs(9)).with_cause(cause));
            }
            _ => {}
        }
        Ok(job.done())
    });
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 5);
    for label in ["crm", "refused", "busy"] {
        let lines = logs.with(&format!("error=\"{label}\""));
        assert_eq!(lines.len(), 1, "{}", logs.text());
        assert!(lines[0].contains("outer-cause: inner-cause"), "{lines:?}");
    }
    let rows = inbox.rows(&Filter::all(), Page::first(9)).await.unwrap();
    assert_eq!(rows.len(), 3);
    assert!(!format!("{rows:?}").contains("cause"), "{rows:?}");
    assert_eq!(database.count("error LIKE '%cause%'").await, 0);
    assert_eq!(
        database.count("state = 'dead' AND error = 'refused'").await,
        1
    );
}

async fn what_a_handler_logs_names_its_job<B: Db>(database: Database<B>) {
    let logs = Logs::capture();
    let inbox = B::open(&database.url).await;
    let source = inbox.source(SOURCE);
    source.accept(&delivery(1)).await.unwrap();
    let workers = inbox.workers();
    let workers = workers.on(&source, async |job: Job<GraphoidEvent, B>| {
        tracing::info!("before the pause");
        tokio::task::yield_now().await;
        tracing::info!("after the pause");
        match job.attempt() {
            1 => Err(Failure::retry("crm")),
            _ => Ok(job.done()),
        }
    });
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 2);
    let key = database.key(1).to_string();
    for said in ["before the pause", "after the pause"] {
        let lines = logs.with(said);
        assert_eq!(lines.len(), 2, "{}", logs.text());
        for (line, attempt) in lines.iter().zip(["attempt=1", "attempt=2"]) {
            assert!(line.contains(&format!("source=\"{SOURCE}\"")), "{line}");
            assert!(line.contains(&key) && line.contains(attempt), "{line}");
        }
    }
}

/// In SQLite there are none, because transactions wait for each other.
async fn conflicts_of_transactions_are_no_failed_attempts<B: Db>(database: Database<B>) {
    database
        .run("CREATE TABLE counter (value INTEGER NOT NULL); INSERT INTO counter VALUES (0)")
        .await;
    let source = database.source();
    for id in 0..20 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let workers = database
        .inbox
        .workers()
        .poll_interval(Duration::from_millis(50));
    let workers = workers.on(&source, async |job: Job<GraphoidEvent, B>| {
        let mut transaction = job.begin().await?;
        B::count_up(&mut transaction).await?;
        B::record(&mut transaction, job.key()).await?;
        job.commit(transaction).await
    });
    let workers = workers.start().await.unwrap();
    crate::support::until("all are done", async || {
        database.count("state = 'done'").await == 20
    })
    .await;
    let counter = B::count(
        database.inbox.pool(),
        "SELECT CAST(value AS BIGINT) FROM counter",
    )
    .await;
    assert_eq!((counter, database.effects().await), (20, 20));
    assert_eq!(database.count("attempts = 1 AND abandoned = 0").await, 20);
    workers.shutdown(Duration::from_secs(5)).await;
}
