//! What is stored is handled.

use std::{
    cell::RefCell,
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Backoff, Failure, Filter, Job, Page, Reason, Sqlite, State};

use crate::support::{
    SOURCE,
    database::{self, Database, Db},
    delivery, on_both, recording, until,
};

on_both![
    an_event_is_handled_with_its_effects_once,
    a_row_is_taken_by_one_worker_at_a_time,
    a_failed_job_is_retried_until_it_is_dead,
    a_panic_is_a_failure,
    two_sets_of_workers_are_both_woken,
    threads_of_handlers_end_with_their_workers,
];

async fn an_event_is_handled_with_its_effects_once<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    for id in 0..20 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let workers = recording(inbox).start().await.unwrap();
    for id in 10..40 {
        source.accept(&delivery(id)).await.unwrap();
    }
    until("all are done", async || {
        database.count("state = 'done'").await == 40
    })
    .await;
    assert_eq!(database.effects().await, 40);
    assert_eq!(workers.shutdown(Duration::from_secs(10)).await, 0);
}

async fn a_row_is_taken_by_one_worker_at_a_time<B: Db>(database: Database<B>) {
    const ROWS: usize = 300;
    let names = [SOURCE, "north", "south"];
    let nobodys = database.inbox.source::<Graphoid>("nobody's");
    // A backlog that nobody here handles is in nobody's way.
    for id in 0..ROWS {
        nobodys.accept(&delivery(ROWS + id)).await.unwrap();
    }
    for id in 0..ROWS {
        let source = database.inbox.source::<Graphoid>(names[id % 3]);
        source.accept(&delivery(id)).await.unwrap();
    }
    let in_progress = Arc::new(Mutex::new(HashSet::new()));
    let taken_twice = Arc::new(AtomicUsize::new(0));
    let mut processes = Vec::new();
    for _ in 0..3 {
        // Connections of its own, as another process has.
        let inbox = B::open(&database.url).await;
        let mut workers = inbox.workers().poll_interval(Duration::from_millis(50));
        for name in names {
            let source = inbox.source::<Graphoid>(name);
            let (in_progress, taken_twice) = (in_progress.clone(), taken_twice.clone());
            workers = workers.on(&source, move |job: Job<GraphoidEvent, B>| {
                let (in_progress, taken_twice) = (in_progress.clone(), taken_twice.clone());
                async move {
                    let key = job.key();
                    if !in_progress.lock().unwrap().insert(key) {
                        taken_twice.fetch_add(1, Ordering::Relaxed);
                    }
                    let handled = async {
                        let mut transaction = job.begin().await?;
                        B::record(&mut transaction, key).await?;
                        job.commit(transaction).await
                    };
                    let handled = handled.await;
                    in_progress.lock().unwrap().remove(&key);
                    handled
                }
            });
        }
        processes.push(workers.start().await.unwrap());
    }
    until("all are done", async || {
        database.count("state = 'done'").await == 300
    })
    .await;
    assert_eq!(database.effects().await, 300);
    assert_eq!(taken_twice.load(Ordering::Relaxed), 0);
    assert_eq!(database.count("abandoned > 0").await, 0);
    assert_eq!(
        database.count("attempts = 0 AND state = 'waiting'").await,
        300
    );
    for workers in processes {
        assert_eq!(workers.shutdown(Duration::from_secs(10)).await, 0);
    }
}

async fn a_failed_job_is_retried_until_it_is_dead<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    source.accept(&delivery(1)).await.unwrap();
    let failing = inbox
        .workers()
        .on(&source, async |_: Job<GraphoidEvent, B>| {
            Err(Failure::retry("crm"))
        })
        .backoff(Backoff::default().with_give_up_after(Duration::from_hours(1)));
    let report = failing.run_until_idle().await.unwrap();
    assert!(report.waited >= Duration::from_hours(1), "{report:?}");
    assert!((9..=14).contains(&report.attempts), "{report:?}");

    let dead = inbox.rows(&Filter::dead(), Page::first(10)).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].state, dead[0].reason),
        (State::Dead, Some(Reason::Failed))
    );
    assert_eq!(dead[0].error.as_deref(), Some("crm"));

    let replay = inbox.replay(&Filter::dead().source(SOURCE));
    assert_eq!(replay.finish().await.unwrap(), 1);
    let report = recording(inbox).run_until_idle().await.unwrap();
    assert_eq!(report.attempts, 1);
    let row = inbox
        .rows(&Filter::key(database.key(1)), Page::first(1))
        .await
        .unwrap();
    assert_eq!((row[0].state, &row[0].error), (State::Done, &None));
}

/// As under actix-web, whose runtimes have one thread each.
#[tokio::test(flavor = "current_thread")]
async fn one_thread_of_the_application_is_enough() {
    let database = database::sqlite().await;
    let source = database.source();
    for id in 0..20 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let handler = async |job: Job<GraphoidEvent, Sqlite>| {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let key = job.key();
        let spawned = tokio::spawn(async move { key }).await;
        let mut transaction = job.begin().await?;
        Sqlite::record(&mut transaction, spawned.unwrap()).await?;
        job.commit(transaction).await
    };
    let workers = database.inbox.workers().on(&source, handler);
    let workers = workers.start().await.unwrap();
    until("all are done", async || {
        database.count("state = 'done'").await == 20
    })
    .await;
    assert_eq!(database.effects().await, 20);
    assert_eq!(workers.shutdown(Duration::from_secs(10)).await, 0);
}

thread_local! {
    static LIVING: RefCell<Option<Arc<()>>> = const { RefCell::new(None) };
}

async fn two_sets_of_workers_are_both_woken<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let sources = ["north", "south"].map(|name| inbox.source::<Graphoid>(name));
    let mut sets = Vec::new();
    for source in &sources {
        let workers = inbox.workers().poll_interval(Duration::from_hours(1));
        let workers = workers.on(source, async |job: Job<GraphoidEvent, B>| Ok(job.done()));
        sets.push(workers.start().await.unwrap());
    }
    // Whatever was due when they started has been looked for.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for id in 0..10 {
        let source = &sources[id % 2];
        source.accept(&delivery(id)).await.unwrap();
        let asked = Instant::now();
        let done = i64::try_from(id).unwrap() + 1;
        until("it is done", async || {
            database.count("state = 'done'").await == done
        })
        .await;
        assert!(
            asked.elapsed() < Duration::from_secs(2),
            "{:?}",
            asked.elapsed()
        );
    }
    let replayed = inbox.replay(&Filter::all()).finish().await.unwrap();
    assert_eq!(replayed, 10);
    let asked = Instant::now();
    until("all are done again", async || {
        database.count("state = 'done'").await == 10
    })
    .await;
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
    for workers in sets {
        workers.shutdown(Duration::from_secs(5)).await;
    }
}

/// Workers that come and go leave no threads behind.
async fn threads_of_handlers_end_with_their_workers<B: Db>(database: Database<B>) {
    let source = database.source();
    let living = Arc::new(());
    for round in 0..3 {
        let counted = living.clone();
        let workers = database
            .inbox
            .workers()
            .on(&source, move |job: Job<GraphoidEvent, B>| {
                LIVING.set(Some(counted.clone()));
                async move { Ok(job.done()) }
            });
        let workers = workers.start().await.unwrap();
        for id in 0..10 {
            source.accept(&delivery(10 * round + id)).await.unwrap();
        }
        let total = 10 * (i64::try_from(round).unwrap() + 1);
        until("all are done", async || {
            database.count("state = 'done'").await == total
        })
        .await;
        assert!(Arc::strong_count(&living) > 1);
        workers.shutdown(Duration::from_secs(10)).await;
    }
    until("the threads have ended", async || {
        Arc::strong_count(&living) == 1
    })
    .await;
}

async fn a_panic_is_a_failure<B: Db>(database: Database<B>) {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let (inbox, source) = (&database.inbox, database.source());
    source.accept(&delivery(1)).await.unwrap();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let workers = inbox
        .workers()
        .on(&source, move |job: Job<GraphoidEvent, B>| {
            let attempts = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                match attempts {
                    0 => panic!("in the handler"),
                    1 => {
                        let _bomb = Bomb;
                        std::future::ready(()).await;
                        Ok(job.done())
                    }
                    _ => Ok(job.done()),
                }
            }
        });
    let report = workers.run_until_idle().await.unwrap();
    assert_eq!(report.attempts, 3);
    assert_eq!(database.count("state = 'done' AND attempts = 3").await, 1);
}
