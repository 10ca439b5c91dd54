//! Rows that another session has locked, and transactions that stay open.

use std::time::{Duration, Instant};

use leadhook::graphoid::GraphoidEvent;
use leadhook_inbox::{Accepted, Job, Postgres, Sqlite};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time;

use crate::support::{
    database::{self, Database},
    delivery, recording, until,
};

/// Locks the row of an event.
macro_rules! lock {
    ($console:ident, $lock:ident, $database:ident, $id:literal) => {
        let mut $console = PgConnection::connect(&$database.url).await.unwrap();
        let mut $lock = $console.begin().await.unwrap();
        let key = $database.key($id);
        let sql = format!("SELECT key FROM leadhook_inbox WHERE key = '{key}' FOR UPDATE");
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        sql.execute(&mut *$lock).await.unwrap();
    };
}

async fn claimed(database: &Database<Postgres>, rows: i64) {
    until("they are claimed", async || {
        database.count("token IS NOT NULL").await == rows
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_releases_all_rows_but_the_locked_one() {
    const LEASE: Duration = Duration::from_secs(1);
    let Some(database) = database::postgres().await else {
        return;
    };
    let source = database.source();
    for id in 0..6 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let hanging = async |_: Job<GraphoidEvent, Postgres>| std::future::pending().await;
    let workers = database.inbox.workers().on(&source, hanging).lease(LEASE);
    let workers = workers.start().await.unwrap();
    claimed(&database, 6).await;
    lock!(console, lock, database, 3);
    let told = Instant::now();
    assert_eq!(workers.shutdown(Duration::from_secs(4)).await, 5);
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
    let free = "token IS NULL AND attempts = 0 AND abandoned = 0";
    assert_eq!(database.count(free).await, 5);

    // The next process takes those at once, and the locked one when it can.
    let workers = recording(&database.inbox)
        .lease(LEASE)
        .start()
        .await
        .unwrap();
    until("the others are done", async || {
        database.count("state = 'done'").await == 5
    })
    .await;
    time::sleep(3 * LEASE).await;
    assert_eq!(database.count("token IS NOT NULL").await, 1);
    lock.rollback().await.unwrap();
    until("all are done", async || {
        database.count("state = 'done'").await == 6
    })
    .await;
    assert_eq!(database.effects().await, 6);
    until("the processes are gone", async || {
        let processes = "SELECT count(*) FROM leadhook_inbox_process";
        <Postgres as database::Db>::count(database.inbox.pool(), processes).await == 1
    })
    .await;
    assert_eq!(workers.shutdown(Duration::from_secs(4)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_locked_rows_are_recorded_later_and_others_at_once() {
    let Some(database) = database::postgres().await else {
        return;
    };
    let source = database.source();
    for id in 0..6 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let handler = async |job: Job<GraphoidEvent, Postgres>| {
        time::sleep(Duration::from_millis(500)).await;
        Ok(job.done())
    };
    let workers = database.inbox.workers().on(&source, handler);
    let workers = workers.start().await.unwrap();
    claimed(&database, 6).await;
    lock!(console, lock, database, 3);
    until("the others are done", async || {
        database.count("state = 'done'").await == 5
    })
    .await;
    // The slot of the locked one is held, and the others go on.
    for id in 6..30 {
        source.accept(&delivery(id)).await.unwrap();
    }
    until("the next are done", async || {
        database.count("state = 'done'").await == 29
    })
    .await;
    assert!(workers.health().is_ready());
    lock.rollback().await.unwrap();
    until("all are done", async || {
        database.count("state = 'done' AND attempts = 1").await == 30
    })
    .await;
    assert_eq!(workers.shutdown(Duration::from_secs(4)).await, 0);
}

/// So that no more rows than slots run again after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_can_not_be_recorded_holds_its_slot() {
    let Some(database) = database::postgres().await else {
        return;
    };
    let source = database.source();
    for id in 0..4 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let handler = async |job: Job<GraphoidEvent, Postgres>| {
        time::sleep(Duration::from_millis(500)).await;
        Ok(job.done())
    };
    let workers = database.inbox.workers().on(&source, handler).concurrency(1);
    let workers = workers.start().await.unwrap();
    claimed(&database, 1).await;
    let mut console = PgConnection::connect(&database.url).await.unwrap();
    let mut lock = console.begin().await.unwrap();
    let sql = "SELECT key FROM leadhook_inbox WHERE token IS NOT NULL FOR UPDATE";
    sqlx::raw_sql(sql).execute(&mut *lock).await.unwrap();
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        assert_eq!(database.count("token IS NOT NULL").await, 1);
        time::sleep(Duration::from_millis(10)).await;
    }
    lock.rollback().await.unwrap();
    until("all are done", async || {
        database.count("state = 'done' AND attempts = 1").await == 4
    })
    .await;
    workers.shutdown(Duration::from_secs(4)).await;
}

/// A replay and an erasure wait for a locked row, and can be repeated.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_at_a_locked_row_gets_an_error_and_tries_again() {
    use leadhook_inbox::Filter;
    let Some(database) = database::postgres().await else {
        return;
    };
    let source = database.source();
    for id in 0..6 {
        source.accept(&delivery(id)).await.unwrap();
    }
    lock!(console, lock, database, 3);
    let asked = Instant::now();
    database
        .inbox
        .erase(&Filter::all())
        .finish()
        .await
        .unwrap_err();
    assert!(
        asked.elapsed() < Duration::from_secs(12),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(source.accept(&delivery(7)).await.unwrap(), Accepted::New);
    lock.rollback().await.unwrap();
    assert_eq!(
        database.inbox.erase(&Filter::all()).finish().await.unwrap(),
        7
    );
    assert_eq!(
        database.count("body IS NULL AND reason = 'erased'").await,
        7
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_stays_open_in_sqlite_is_cancelled() {
    let database = database::sqlite().await;
    let source = database.source();
    let handler = async |job: Job<GraphoidEvent, Sqlite>| {
        let mut transaction = job.begin().await?;
        <Sqlite as database::Db>::record(&mut transaction, job.key()).await?;
        if job.attempt() == 1 {
            std::future::pending::<()>().await;
        }
        job.commit(transaction).await
    };
    let workers = database
        .inbox
        .workers()
        .on(&source, handler)
        .start()
        .await
        .unwrap();
    source.accept(&delivery(1)).await.unwrap();
    let mut slowest = Duration::ZERO;
    let mut id = 2;
    while database
        .count("error = 'transaction open for too long'")
        .await
        == 0
    {
        let asked = Instant::now();
        source.accept(&delivery(id)).await.unwrap();
        slowest = slowest.max(asked.elapsed());
        id += 1;
    }
    // They waited for the transaction, and were not shut out by it.
    assert!(slowest > Duration::from_millis(500), "{slowest:?}");
    // One transaction at most is before them, however many handlers wait for theirs.
    assert!(slowest < Duration::from_millis(2500), "{slowest:?}");
    until("all are done", async || {
        database.count("state <> 'done'").await == 0
    })
    .await;
    assert_eq!(
        database.count("attempts = 2").await,
        database.count("TRUE").await
    );
    assert_eq!(database.effects().await, database.count("TRUE").await);
    workers.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_transaction_in_sqlite_can_be_allowed() {
    let database = database::sqlite().await;
    let source = database.source();
    source.accept(&delivery(1)).await.unwrap();
    let handler = async |job: Job<GraphoidEvent, Sqlite>| {
        let mut transaction = job.begin().await?;
        <Sqlite as database::Db>::record(&mut transaction, job.key()).await?;
        time::sleep(Duration::from_millis(1500)).await;
        job.commit(transaction).await
    };
    let workers = database.inbox.workers().on(&source, handler);
    let workers = workers.transaction_timeout(Duration::from_secs(3));
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 1);
    assert_eq!(database.effects().await, 1);
}
