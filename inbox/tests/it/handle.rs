//! What is stored is handled.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Backoff, Failure, Filter, Job, Page, Reason, State};

use crate::support::{
    SOURCE,
    database::{Database, Db},
    delivery, on_both, recording, until,
};

on_both![
    an_event_is_handled_with_its_effects_once,
    a_row_is_taken_by_one_worker_at_a_time,
    a_failed_job_is_retried_until_it_is_dead,
    a_panic_is_a_failure,
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
