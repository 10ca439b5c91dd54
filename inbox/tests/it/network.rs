//! Connections go silent, are cut, and lead elsewhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{
    Backoff, Filter, Inbox, Job, Page, Postgres, RunningWorkers, Source, State, sqlx,
};
use tokio::time;

use crate::support::{
    delivery, postgres,
    proxy::{Behind, Mode},
    until,
};

async fn count(url: &str, condition: &str) -> i64 {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT count(*) FROM leadhook_inbox WHERE {condition}"
    ));
    sqlx::query_scalar(sql)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

async fn run(url: &str, sql: &str) {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

/// Accepts until one is accepted, and returns how long that took.
async fn works_again(source: &Source<Graphoid, Postgres>, from: usize) -> Duration {
    let began = Instant::now();
    let mut id = from;
    while source.accept(&delivery(id)).await.is_err() {
        id += 1;
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "accepts never work again"
        );
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_survive_sockets_that_go_silent() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let behind = Behind::new(server).await;
    let inbox = behind.inbox().await;
    let source = inbox.source::<Graphoid>("graphoid");
    let workers = inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, _>| Ok(job.done()))
        .start()
        .await
        .unwrap();
    for round in 0..5 {
        for id in 0..20 {
            source.accept(&delivery(round * 1000 + id)).await.unwrap();
        }
        behind.proxy.silence();
        // The second try opens a connection of its own within the provider's time.
        source.accept(&delivery(round * 1000 + 500)).await.unwrap();
        let again = works_again(&source, round * 1000 + 501).await;
        assert!(again < Duration::from_secs(4), "{again:?}");
    }
    until("all are handled", async || {
        count(&behind.direct, "state <> 'done'").await == 0
    })
    .await;
    assert!(workers.health().is_ready());
    workers.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_work_again_after_a_read_only_window() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let behind = Behind::new(server).await;
    let inbox = behind.inbox().await;
    let source = inbox.source::<Graphoid>("graphoid");
    source.accept(&delivery(1)).await.unwrap();
    let database = &behind.database;
    run(
        &behind.direct,
        &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"),
    )
    .await;
    run(
        &behind.direct,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
    )
    .await;
    time::sleep(Duration::from_secs(1)).await;
    // The inbox's own transactions say that they write, so the setting alone does not stop them.
    let _ = source.accept(&delivery(2)).await;
    run(
        &behind.direct,
        &format!("BEGIN READ WRITE; ALTER DATABASE {database} RESET default_transaction_read_only; COMMIT"),
    )
    .await;
    let again = works_again(&source, 100).await;
    assert!(again < Duration::from_secs(10), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_work_again_after_a_restart() {
    let Some(server) = postgres::Server::start(&[]) else {
        return;
    };
    let server = Arc::new(server);
    let behind = Behind::new(server.clone()).await;
    let inbox = behind.inbox().await;
    let source = inbox.source::<Graphoid>("graphoid");
    let mut accepted = 0;
    for round in 0..3 {
        for id in 0..50 {
            accepted += i64::from(source.accept(&delivery(round * 1000 + id)).await.is_ok());
        }
        server.stop("immediate");
        assert!(source.accept(&delivery(round * 1000 + 900)).await.is_err());
        server.launch();
        let again = works_again(&source, round * 1000 + 901).await;
        accepted += 1;
        assert!(again < Duration::from_secs(10), "{again:?}");
    }
    assert!(count(&behind.direct, "TRUE").await >= accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_follow_a_failover_behind_one_address() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let other = postgres::Server::start(&[]).unwrap();
    let behind = Behind::new(server).await;
    let database = &behind.database;
    run(
        &other.url("postgres"),
        &format!("CREATE DATABASE {database}"),
    )
    .await;
    let there = other.url(database);
    Inbox::<Postgres>::open(&there).await.unwrap().close().await;
    let inbox = behind.inbox().await;
    let source = inbox.source::<Graphoid>("graphoid");
    let workers = inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, _>| Ok(job.done()))
        .start()
        .await
        .unwrap();
    source.accept(&delivery(1)).await.unwrap();
    // The old primary's machine is gone, and the address leads to the new one.
    behind
        .proxy
        .lead_to(other.directory().join(".s.PGSQL.5432"));
    behind.proxy.silence();
    let again = works_again(&source, 100).await;
    assert!(again < Duration::from_secs(10), "{again:?}");
    until("it is handled there", async || {
        count(&there, "state = 'done'").await > 0
    })
    .await;
    until("it is ready", async || workers.health().is_ready()).await;
    workers.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outage_takes_no_job_from_two_living_processes() {
    an_outage_takes_no_job(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outage_takes_no_job_from_twenty_living_processes() {
    an_outage_takes_no_job(20).await;
}

/// Outages of nearly a lease, while one process still reaches the database and could judge the others.
async fn an_outage_takes_no_job(count_of_processes: usize) {
    let Some(server) = postgres::shared() else {
        return;
    };
    let lease = Duration::from_secs(6);
    let behind = Behind::new(server.clone()).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let mut processes: Vec<(Inbox<Postgres>, RunningWorkers<Postgres>)> = Vec::new();
    for process in 0..count_of_processes {
        let inbox = match process {
            0 => Inbox::<Postgres>::open(&behind.direct).await.unwrap(),
            _ => behind.inbox().await,
        };
        let source = inbox.source::<Graphoid>("graphoid");
        let runs = runs.clone();
        let workers = inbox
            .workers()
            .lease(lease)
            .concurrency(4)
            .backoff(Backoff::default().with_first(Duration::from_millis(100)))
            .on(&source, move |job: Job<GraphoidEvent, _>| {
                let runs = runs.clone();
                async move {
                    runs.fetch_add(1, Ordering::SeqCst);
                    // Some end within the outage, some after it.
                    time::sleep(Duration::from_secs(
                        2 + u64::from(job.key().as_bytes()[0] % 12),
                    ))
                    .await;
                    Ok(job.done())
                }
            })
            .start()
            .await
            .unwrap();
        processes.push((inbox, workers));
    }
    let source = processes[0].0.source::<Graphoid>("graphoid");
    let jobs = count_of_processes * 4;
    for id in 0..jobs {
        source.accept(&delivery(id)).await.unwrap();
    }
    until("all run", async || runs.load(Ordering::SeqCst) == jobs).await;
    for mode in [Mode::Hold, Mode::Refuse] {
        behind.proxy.set(mode);
        time::sleep(lease.mul_f64(0.9)).await;
        behind.proxy.set(Mode::Pass);
        time::sleep(Duration::from_secs(3)).await;
    }
    until("all are done", async || {
        count(&behind.direct, "state = 'done'").await == i64::try_from(jobs).unwrap()
    })
    .await;
    assert_eq!(runs.load(Ordering::SeqCst), jobs, "a job was run twice");
    assert_eq!(
        count(&behind.direct, "abandoned > 0 OR attempts <> 1").await,
        0
    );
    for (_, workers) in processes {
        workers.shutdown(Duration::from_secs(5)).await;
    }
}

/// A much longer outage: with nobody there to judge, results are recorded when the database is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn results_wait_for_the_database_for_as_long_as_their_process_lives() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let lease = Duration::from_secs(1);
    let behind = Behind::new(server.clone()).await;
    let inbox = behind.inbox().await;
    let source = inbox.source::<Graphoid>("graphoid");
    let runs = Arc::new(AtomicUsize::new(0));
    let own = runs.clone();
    let workers = inbox
        .workers()
        .lease(lease)
        .on(&source, move |job: Job<GraphoidEvent, _>| {
            own.fetch_add(1, Ordering::SeqCst);
            async move {
                time::sleep(Duration::from_secs(2)).await;
                Ok(job.done())
            }
        })
        .start()
        .await
        .unwrap();
    for id in 0..4 {
        source.accept(&delivery(id)).await.unwrap();
    }
    until("all run", async || runs.load(Ordering::SeqCst) == 4).await;
    behind.proxy.set(Mode::Refuse);
    time::sleep(lease * 6).await;
    assert!(!workers.health().is_ready());
    behind.proxy.set(Mode::Pass);
    until("all are done", async || {
        count(&behind.direct, "state = 'done'").await == 4
    })
    .await;
    assert_eq!(runs.load(Ordering::SeqCst), 4, "a job was run twice");
    until("it is ready", async || workers.health().is_ready()).await;
    workers.shutdown(Duration::from_secs(5)).await;
}

/// A process that can't reach the database any more is fenced, and its rows are handled by another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_is_cut_off_is_fenced() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let behind = Behind::new(server.clone()).await;
    let lease = Duration::from_secs(1);
    let inbox = behind.inbox().await;
    let source = inbox.source::<Graphoid>("graphoid");
    let began = Arc::new(AtomicUsize::new(0));
    let own = began.clone();
    let cut_off = inbox
        .workers()
        .lease(lease)
        .on(&source, move |job: Job<GraphoidEvent, _>| {
            own.fetch_add(1, Ordering::SeqCst);
            async move {
                time::sleep(Duration::from_secs(8)).await;
                Ok(job.done())
            }
        })
        .start()
        .await
        .unwrap();
    source.accept(&delivery(1)).await.unwrap();
    until("it runs", async || began.load(Ordering::SeqCst) == 1).await;
    behind.proxy.set(Mode::Hold);
    let other = Inbox::<Postgres>::open(&behind.direct).await.unwrap();
    let there = other.source::<Graphoid>("graphoid");
    let workers = other
        .workers()
        .lease(lease)
        .on(&there, async |job: Job<GraphoidEvent, _>| Ok(job.done()))
        .start()
        .await
        .unwrap();
    until("the other handles it", async || {
        count(
            &behind.direct,
            "state = 'done' AND abandoned = 0 AND attempts = 2",
        )
        .await
            == 1
    })
    .await;
    behind.proxy.set(Mode::Pass);
    time::sleep(Duration::from_secs(2)).await;
    let rows = other
        .rows(&Filter::state(State::Done), Page::first(9))
        .await
        .unwrap();
    assert_eq!((rows.len(), rows[0].attempts), (1, 2));
    until("it takes part again", async || cut_off.health().is_ready()).await;
    cut_off.shutdown(Duration::from_secs(1)).await;
    workers.shutdown(Duration::from_secs(1)).await;
}
