//! Nobody waits for another's fault.

use std::{
    collections::HashSet,
    fs::{self, File},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Failure, Job, Problem};
use reqwest::{Client, StatusCode};
use tempfile::TempDir;
use tokio::time;

use crate::{
    server::{Server, event},
    support::{
        database::{Database, Db},
        delivery, on_both, until,
    },
};

on_both![
    a_hanging_source_delays_no_other,
    limits_of_a_source_are_kept,
    blocked_threads_stop_neither_deliveries_nor_probes,
    all_threads_blocked_is_a_problem_until_they_return,
    a_poison_row_dies_after_three_crashes_beside_others,
    several_poison_rows_take_nobody_along,
    hanging_rows_of_a_killed_process_delay_no_others,
];

const HANGING: usize = 100;

async fn a_hanging_source_delays_no_other<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let [hanging, other] = ["hanging", "other"].map(|name| inbox.source::<Graphoid>(name));
    for id in 0..HANGING {
        hanging.accept(&delivery(id)).await.unwrap();
    }
    let began = Arc::new(Mutex::new(None));
    let beginning = began.clone();
    let workers = inbox
        .workers()
        .on(&hanging, async |_: Job<GraphoidEvent, B>| {
            std::future::pending().await
        })
        .on(&other, move |job: Job<GraphoidEvent, B>| {
            let began = beginning.clone();
            async move {
                *began.lock().unwrap() = Some(Instant::now());
                Ok(job.done())
            }
        });
    let workers = workers.start().await.unwrap();
    until("all slots of the source hang", async || {
        database.count("token IS NOT NULL").await == 7
    })
    .await;
    for id in 0..20 {
        let accepted = Instant::now();
        other.accept(&delivery(HANGING + id)).await.unwrap();
        until("it began", async || began.lock().unwrap().is_some()).await;
        let began = began.lock().unwrap().take().unwrap();
        let delay = began - accepted;
        assert!(delay < Duration::from_secs(1), "{delay:?}");
    }
    until("they are done", async || {
        database.count("state = 'done' AND source = 'other'").await == 20
    })
    .await;
    assert_eq!(database.count("token IS NOT NULL").await, 7);
    assert_eq!(workers.shutdown(Duration::from_secs(2)).await, 7);
}

async fn limits_of_a_source_are_kept<B: Db>(database: Database<B>) {
    const WINDOW: Duration = Duration::from_millis(500);
    #[derive(Default)]
    struct Seen {
        running: usize,
        most: usize,
        begun: Vec<Instant>,
    }
    let inbox = &database.inbox;
    let narrow = inbox.source::<Graphoid>("narrow").concurrency(2);
    let slow = inbox.source::<Graphoid>("slow").rate(5, WINDOW);
    let (narrow_seen, slow_seen) = (
        Arc::new(Mutex::new(Seen::default())),
        Arc::new(Mutex::new(Seen::default())),
    );
    let handler = |seen: &Arc<Mutex<Seen>>| {
        let seen = seen.clone();
        move |job: Job<GraphoidEvent, B>| {
            let seen = seen.clone();
            async move {
                {
                    let mut seen = seen.lock().unwrap();
                    seen.running += 1;
                    seen.most = seen.most.max(seen.running);
                    seen.begun.push(Instant::now());
                }
                time::sleep(Duration::from_millis(50)).await;
                seen.lock().unwrap().running -= 1;
                Ok::<_, Failure>(job.done())
            }
        }
    };
    for id in 0..20 {
        narrow.accept(&delivery(id)).await.unwrap();
        slow.accept(&delivery(id)).await.unwrap();
    }
    let workers = inbox
        .workers()
        .on(&narrow, handler(&narrow_seen))
        .on(&slow, handler(&slow_seen));
    let workers = workers.start().await.unwrap();
    until("all are done", async || {
        database.count("state = 'done'").await == 40
    })
    .await;
    assert_eq!(narrow_seen.lock().unwrap().most, 2);
    let begun = slow_seen.lock().unwrap().begun.clone();
    // A thread may begin later than it was told to.
    let slack = Duration::from_millis(100);
    for (first, sixth) in begun.iter().zip(begun.iter().skip(5)) {
        assert!(*sixth - *first + slack > WINDOW, "{:?}", *sixth - *first);
    }
    let all = begun[19] - begun[0];
    assert!(all < 8 * WINDOW, "{all:?}");
    workers.shutdown(Duration::from_secs(5)).await;
}

async fn blocked_threads_stop_neither_deliveries_nor_probes<B: Db>(database: Database<B>) {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let mut command = Server::command(&database.url);
    command
        .env("SERVE_TIMEOUT", "1")
        .stderr(File::create(&log).unwrap());
    let server = Server::start_as(command);
    let client = Client::builder()
        .timeout(Duration::from_secs(4))
        .build()
        .unwrap();
    let ready = async || {
        let response = client
            .get(format!("{}/ready", server.address))
            .send()
            .await
            .unwrap();
        (response.status(), response.text().await.unwrap())
    };
    until("the workers run", async || {
        ready().await.0 == StatusCode::OK
    })
    .await;
    for id in 0..8 {
        let body = event(id, "block for ever", 1);
        assert_eq!(server.post(&client, &body).await.unwrap(), StatusCode::OK);
    }
    let mut id = 8;
    let blocked = Instant::now();
    let problem = loop {
        // Deliveries are accepted and readiness probes answered even while the threads are blocked.
        let status = server.post(&client, &event(id, "", 0)).await.unwrap();
        assert_eq!(status, StatusCode::OK);
        id += 1;
        let (status, problem) = ready().await;
        if status != StatusCode::OK {
            break problem;
        }
        assert!(blocked.elapsed() < Duration::from_secs(30), "never said");
        time::sleep(Duration::from_millis(20)).await;
    };
    assert!(problem.contains("block"), "{problem}");
    // As many threads again do the work.
    let total = i64::try_from(id).unwrap();
    until("all are done", async || {
        database.count("state = 'done'").await == total
    })
    .await;
    assert_eq!(database.count("attempts = 2").await, 8);
    assert_eq!(database.effects().await, total);
    let log = fs::read_to_string(&log).unwrap();
    let named: HashSet<_> = (0..8)
        .map(|id| {
            let body = event(id, "block for ever", 1);
            let key = database
                .source()
                .key(&leadhook::Delivery::from_storage(body));
            let mut lines = log
                .lines()
                .filter(|line| line.contains("blocks its thread"));
            assert!(
                lines.any(|line| line.contains(&key.to_string())),
                "{key}: {log}"
            );
            key
        })
        .collect();
    assert_eq!(named.len(), 8);
}

async fn all_threads_blocked_is_a_problem_until_they_return<B: Db>(database: Database<B>) {
    const SECOND: Duration = Duration::from_secs(1);
    let source = database.source();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let waiting = released.clone();
    let workers = database
        .inbox
        .workers()
        .concurrency(2)
        .timeout(SECOND)
        .lease(SECOND)
        .on(&source, move |job: Job<GraphoidEvent, B>| {
            let released = waiting.clone();
            async move {
                if job.attempt() == 1 {
                    let _ = released.lock().unwrap().recv(); // blocks the thread
                }
                Ok(job.done())
            }
        });
    let workers = workers.start().await.unwrap();
    for id in 0..2 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let health = workers.health();
    until("both are blocked", async || {
        health.problem() == Some(Problem::Blocked)
    })
    .await;
    until("both are done by others", async || {
        database.count("state = 'done' AND attempts = 2").await == 2
    })
    .await;
    drop(release);
    until("it is healthy", async || health.is_ready()).await;
    // What the blocked ones returned late changes nothing.
    assert_eq!(database.count("state = 'done' AND attempts = 2").await, 2);
    assert_eq!(workers.shutdown(Duration::from_secs(5)).await, 0);
}

/// They are under suspicion, and hang again: one at a time, so that the others have the rest of the slots.
async fn hanging_rows_of_a_killed_process_delay_no_others<B: Db>(database: Database<B>) {
    const OTHERS: usize = 200;
    let client = Client::new();
    let start = || Server::start(&database);
    let mut killed = start();
    for id in 0..8 {
        let body = event(id, "pend", i64::MAX);
        assert_eq!(killed.post(&client, &body).await.unwrap(), StatusCode::OK);
    }
    until("they hang", async || {
        database.count("token IS NOT NULL").await == 8
    })
    .await;
    killed.kill();
    let server = start();
    until("one hangs again", async || {
        database.count("token IS NOT NULL AND attempts = 2").await == 1
    })
    .await;
    let began = Instant::now();
    for id in 0..OTHERS {
        let body = event(8 + id, "", 0);
        assert_eq!(server.post(&client, &body).await.unwrap(), StatusCode::OK);
    }
    let others = i64::try_from(OTHERS).unwrap();
    until("the others are done", async || {
        database.count("state = 'done'").await == others
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        database.count("state = 'waiting' AND abandoned = 1").await,
        8
    );
    assert_eq!(database.count("token IS NOT NULL").await, 1);
}

/// Poison rows and 50 others, all due at once, and a supervisor that starts the process again.
async fn crash<B: Db>(database: &Database<B>, poison: usize) -> usize {
    const OTHERS: usize = 50;
    let source = database.source();
    for id in 0..poison + OTHERS {
        // Among the others, in the order of acceptance.
        let act = if id % 10 == 5 && id / 10 < poison {
            "abort"
        } else {
            ""
        };
        let body = event(id, act, i64::MAX);
        source
            .accept(&leadhook::Delivery::from_storage(body))
            .await
            .unwrap();
    }
    let total = i64::try_from(poison + OTHERS).unwrap();
    let mut server = Server::start(database);
    let mut crashes = 0;
    let settled = "state IN ('done', 'dead')";
    until("all are settled", async || {
        if server.has_ended() {
            crashes += 1;
            server = Server::start(database);
        }
        database.count(settled).await == total
    })
    .await;
    let dead = "state = 'dead' AND reason = 'abandoned' AND abandoned = 3 AND attempts = 3";
    assert_eq!(database.count(dead).await, i64::try_from(poison).unwrap());
    let others = i64::try_from(OTHERS).unwrap();
    assert_eq!(database.count("state = 'done'").await, others);
    assert_eq!(database.effects().await, others);
    crashes
}

async fn a_poison_row_dies_after_three_crashes_beside_others<B: Db>(database: Database<B>) {
    assert_eq!(crash(&database, 1).await, 3);
}

async fn several_poison_rows_take_nobody_along<B: Db>(database: Database<B>) {
    let crashes = crash(&database, 3).await;
    // Two of them may crash the process together.
    assert!((5..=9).contains(&crashes), "{crashes}");
}
