//! A setting without a meaning is an error of `start` that names it.

use std::time::Duration;

use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Backoff, Error, Job, Retention, Source, Sqlite, Workers};

use crate::support::{SOURCE, database};

const NONE: Duration = Duration::ZERO;
const ENDLESS: Duration = Duration::MAX;
const MOMENT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

type Set = fn(Workers<Sqlite>) -> Workers<Sqlite>;
type Limit = fn(Source<Graphoid, Sqlite>) -> Source<Graphoid, Sqlite>;

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_without_a_meaning_is_named() {
    let settings: [(&str, Set); 26] = [
        ("concurrency()", |workers| workers.concurrency(0)),
        ("concurrency()", |workers| workers.concurrency(257)),
        ("concurrency()", |workers| workers.concurrency(usize::MAX)),
        ("timeout()", |workers| workers.timeout(NONE)),
        ("timeout()", |workers| workers.timeout(ENDLESS)),
        ("transaction_timeout()", |workers| {
            workers.transaction_timeout(NONE)
        }),
        ("transaction_timeout()", |workers| {
            workers.transaction_timeout(ENDLESS)
        }),
        ("lease()", |workers| workers.lease(NONE)),
        ("lease()", |workers| {
            workers.lease(Duration::from_millis(999))
        }),
        ("lease()", |workers| workers.lease(ENDLESS)),
        ("poll_interval()", |workers| workers.poll_interval(NONE)),
        ("poll_interval()", |workers| workers.poll_interval(ENDLESS)),
        ("dead_after()", |workers| workers.dead_after(0)),
        ("dead_after()", |workers| workers.dead_after(1)),
        ("dead_after()", |workers| workers.dead_after(u32::MAX)),
        ("Backoff::with_first()", |workers| {
            workers.backoff(Backoff::default().with_first(NONE))
        }),
        ("Backoff::with_first()", |workers| {
            workers.backoff(Backoff::default().with_first(ENDLESS).with_longest(ENDLESS))
        }),
        ("Backoff::with_longest()", |workers| {
            workers.backoff(Backoff::default().with_longest(NONE))
        }),
        ("Backoff::with_longest()", |workers| {
            workers.backoff(Backoff::default().with_first(HOUR).with_longest(MOMENT))
        }),
        ("Backoff::with_longest()", |workers| {
            workers.backoff(Backoff::default().with_longest(ENDLESS))
        }),
        ("Backoff::with_give_up_after()", |workers| {
            workers.backoff(Backoff::default().with_give_up_after(NONE))
        }),
        ("Backoff::with_give_up_after()", |workers| {
            workers.backoff(Backoff::default().with_give_up_after(ENDLESS))
        }),
        ("Retention::with_bodies()", |workers| {
            workers.retention(Retention::default().with_bodies(ENDLESS))
        }),
        ("Retention::with_keys()", |workers| {
            workers.retention(Retention::default().with_keys(NONE))
        }),
        ("Retention::with_keys()", |workers| {
            workers.retention(Retention::default().with_keys(ENDLESS))
        }),
        ("keys are kept for", |workers| {
            workers.retention(Retention::default().with_keys(HOUR))
        }),
    ];
    let limits: [(&str, Limit); 7] = [
        ("Source::concurrency()", |source| source.concurrency(0)),
        ("Source::concurrency()", |source| {
            source.concurrency(usize::MAX)
        }),
        ("Source::rate()", |source| source.rate(0, HOUR)),
        ("Source::rate()", |source| source.rate(u32::MAX, HOUR)),
        ("Source::rate()", |source| source.rate(1, NONE)),
        ("Source::rate()", |source| source.rate(1, ENDLESS)),
        ("Source::rate()", |source| source.rate(0, NONE)),
    ];
    let database = database::sqlite().await;
    let workers = |limit: Limit, set: Set| {
        let source = limit(database.inbox.source(SOURCE));
        let handler = async |job: Job<GraphoidEvent, Sqlite>| Ok(job.done());
        set(database.inbox.workers().on(&source, handler))
    };
    let settings = settings.map(|(name, set)| (name, workers(|source| source, set)));
    let limits = limits.map(|(name, limit)| (name, workers(limit, |workers| workers)));
    for (name, workers) in settings.into_iter().chain(limits) {
        let error = workers.start().await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Setting { .. } | Error::RetentionTooShort { .. }
            ),
            "{error}"
        );
        assert!(error.to_string().starts_with(name), "{name}: {error}");
    }
    let processes = "SELECT count(*) FROM leadhook_inbox_process";
    let processes: i64 = sqlx::query_scalar(processes)
        .fetch_one(database.inbox.pool())
        .await
        .unwrap();
    assert_eq!(processes, 0);
}

/// The largest and the smallest values that have a meaning work.
#[tokio::test(flavor = "multi_thread")]
async fn the_outermost_settings_work() {
    const YEAR: Duration = Duration::from_hours(366 * 24);
    let database = database::sqlite().await;
    let largest: Set = |workers| {
        workers
            .concurrency(256)
            .timeout(YEAR)
            .transaction_timeout(YEAR)
            .lease(HOUR)
            .poll_interval(HOUR)
            .dead_after(1000)
            .retention(
                Retention::default()
                    .with_bodies(100 * YEAR)
                    .with_keys(100 * YEAR),
            )
    };
    let smallest: Set = |workers| {
        workers
            .concurrency(1)
            .timeout(Duration::from_secs(1))
            .lease(Duration::from_secs(1))
            .poll_interval(MOMENT)
            .dead_after(2)
            .retention(Retention::default().with_bodies(NONE))
    };
    for (round, set) in [largest, smallest].into_iter().enumerate() {
        let source = database.source().concurrency(256).rate(1_000_000, YEAR);
        let handler = async |job: Job<GraphoidEvent, Sqlite>| Ok(job.done());
        let workers = set(database.inbox.workers().on(&source, handler));
        let workers = workers.start().await.unwrap();
        for id in 0..10 {
            let delivery = crate::support::delivery(100 * round + id);
            source.accept(&delivery).await.unwrap();
        }
        let total = 10 * (i64::try_from(round).unwrap() + 1);
        crate::support::until("all are done", async || {
            database.count("state = 'done'").await == total
        })
        .await;
        assert_eq!(workers.shutdown(Duration::MAX).await, 0);
    }
}
