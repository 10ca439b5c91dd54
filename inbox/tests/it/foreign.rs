//! Other software at the same tables: consoles, poolers, pools with settings of their own.

use std::{
    fs,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Accepted, Error, Filter, Inbox, Job, Page, Postgres, State};
use sqlx::{
    AssertSqlSafe, Connection, PgPool, SqliteConnection, pool::PoolOptions,
    postgres::PgConnectOptions,
};
use tokio::{task::JoinSet, time};

use crate::support::{
    SOURCE,
    database::{self, DROP, Database, Db},
    delivery, on_both,
    pgbouncer::PgBouncer,
    postgres as pg, recording, until,
};

on_both![
    rows_changed_by_hand_harm_no_others,
    a_process_deleted_by_hand_goes_on_as_another,
    one_connection_is_enough,
    cancelled_transactions_lose_no_delivery,
];

async fn rows_changed_by_hand_harm_no_others<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    let row = |id| format!("WHERE key = '{}'", database.key(id));
    for id in 0..6 {
        source.accept(&delivery(id)).await.unwrap();
    }
    database
        .run(&format!("UPDATE leadhook_inbox SET body = NULL {}", row(0)))
        .await;
    database
        .run(&format!("DELETE FROM leadhook_inbox {}", row(1)))
        .await;
    // What no worker could go on with is not let in.
    for wrong in [
        "key = 'by hand'",
        "key = UPPER(key)",
        "token = 'by hand'",
        "process = 'by hand'",
        "state = 'done'",
        "state = 'done', settled_at = 0, token = 'by hand', process = 'by hand'",
        "state = 'unknown'",
        "due_at = NULL",
        "source = NULL",
    ] {
        let change = format!("UPDATE leadhook_inbox SET {wrong} {}", row(2));
        assert!(B::run(inbox.pool(), &change).await.is_err(), "{wrong}");
    }

    let (pool, rows) = (inbox.pool().clone(), [3, 4, 5].map(row));
    let workers = inbox
        .workers()
        .on(&source, move |job: Job<GraphoidEvent, B>| {
            let (pool, rows) = (pool.clone(), rows.clone());
            async move {
                let changes = [
                    "DELETE FROM leadhook_inbox",
                    "UPDATE leadhook_inbox SET token = NULL, process = NULL",
                    "UPDATE leadhook_inbox SET state = 'dead', settled_at = 0, token = NULL, process = NULL",
                ];
                for (row, change) in rows.iter().zip(changes) {
                    if row.contains(&job.key().to_string()) && job.attempt() == 1 {
                        B::run(&pool, &format!("{change} {row}")).await?;
                    }
                }
                let mut transaction = job.begin().await?;
                B::record(&mut transaction, job.key()).await?;
                job.commit(transaction).await
            }
        });
    // 0, 2, 3, 4 twice, 5
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 6);
    assert_eq!(database.effects().await, 2);
    assert_eq!(database.count("state = 'done'").await, 2);
    assert_eq!(database.count("state = 'dead'").await, 2);
    assert_eq!(database.count("reason = 'unreadable'").await, 1);
}

/// Its beat can't be watched any more, so its rows are free at once, and it takes a new identity.
async fn a_process_deleted_by_hand_goes_on_as_another<B: Db>(database: Database<B>) {
    let source = database.source();
    let handler = async |job: Job<GraphoidEvent, B>| {
        if job.attempt() == 1 {
            std::future::pending::<()>().await;
        }
        Ok(job.done())
    };
    let workers = database.inbox.workers().on(&source, handler);
    let workers = workers.lease(Duration::from_secs(2)).start().await.unwrap();
    source.accept(&delivery(1)).await.unwrap();
    until("it is claimed", async || {
        database.count("token IS NOT NULL").await == 1
    })
    .await;
    database.run("DELETE FROM leadhook_inbox_process").await;
    until("it is done", async || {
        database.count("state = 'done' AND attempts = 2").await == 1
    })
    .await;
    source.accept(&delivery(2)).await.unwrap();
    until("the next is claimed, too", async || {
        database.count("token IS NOT NULL AND attempts = 1").await == 1
    })
    .await;
    let processes = "SELECT count(*) FROM leadhook_inbox_process";
    assert_eq!(B::count(database.inbox.pool(), processes).await, 1);
    assert_eq!(workers.shutdown(Duration::from_secs(2)).await, 1);
    assert_eq!(B::count(database.inbox.pool(), processes).await, 0);
}

async fn one_connection_is_enough<B: Db>(database: Database<B>) {
    let url = if database.url.starts_with('/') {
        format!("sqlite:{}", database.url)
    } else {
        database.url.clone()
    };
    let pool = PoolOptions::<B>::new().max_connections(1).connect(&url);
    let inbox = Inbox::with_pool(pool.await.unwrap());
    let workers = recording(&inbox).start().await.unwrap();
    let mut providers = JoinSet::new();
    for provider in 0..8 {
        let inbox = inbox.clone();
        providers.spawn(async move {
            let source = inbox.source::<Graphoid>(SOURCE);
            for id in 0..10 {
                let delivery = delivery(10 * provider + id);
                source.accept(&delivery).await.unwrap();
            }
        });
    }
    providers.join_all().await;
    until("all are done", async || {
        database.count("state = 'done'").await == 80
    })
    .await;
    assert_eq!(database.effects().await, 80);
    assert_eq!(database.count("attempts = 1").await, 80);
    assert_eq!(workers.shutdown(Duration::from_secs(10)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_in_sqlite_keeps_an_erasure_from_being_reported() {
    let database = database::sqlite().await;
    let (inbox, source) = (&database.inbox, database.source());
    source.accept(&delivery(12_345)).await.unwrap();
    let is_in_files = || {
        ["", "-wal"].iter().any(|suffix| {
            let bytes = fs::read(format!("{}{suffix}", database.url)).unwrap();
            bytes.windows(10).any(|window| window == b"lead_12345")
        })
    };
    let mut console = SqliteConnection::connect(&database.url).await.unwrap();
    let read = "BEGIN; SELECT count(*) FROM leadhook_inbox";
    sqlx::raw_sql(read).execute(&mut console).await.unwrap();
    let filter = Filter::key(database.key(12_345));
    let error = inbox.erase(&filter).finish().await.unwrap_err();
    assert!(matches!(error, Error::StillInLog), "{error}");
    assert!(is_in_files());
    sqlx::raw_sql("COMMIT").execute(&mut console).await.unwrap();
    assert_eq!(inbox.erase(&filter).finish().await.unwrap(), 0); // it was already
    assert!(!is_in_files());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_locked_by_hand_holds_up_no_others() {
    const LEASE: Duration = Duration::from_secs(1);
    let Some(database) = database::postgres().await else {
        return;
    };
    let (inbox, source) = (&database.inbox, database.source());
    let workers = inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, Postgres>| {
            time::sleep(3 * LEASE).await;
            Ok(job.done())
        });
    let workers = workers.lease(LEASE).start().await.unwrap();
    for id in 0..2 {
        source.accept(&delivery(id)).await.unwrap();
    }
    until("both are taken", async || {
        database.count("token IS NOT NULL").await == 2
    })
    .await;
    let mut console = sqlx::PgConnection::connect(&database.url).await.unwrap();
    let mut lock = console.begin().await.unwrap();
    let locked = database.key(0);
    let sql = format!("SELECT key FROM leadhook_inbox WHERE key = '{locked}' FOR UPDATE");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *lock)
        .await
        .unwrap();

    // More than there are connections, and none waits for the lock.
    let mut duplicates = JoinSet::new();
    for _ in 0..40 {
        let source = source.clone();
        duplicates.spawn(async move { source.accept(&delivery(0)).await.unwrap() });
    }
    let unhandled = inbox.source::<Graphoid>("unhandled");
    assert_eq!(unhandled.accept(&delivery(2)).await.unwrap(), Accepted::New);
    for duplicate in duplicates.join_all().await {
        assert_eq!(duplicate, Accepted::Duplicate);
    }
    let row = Filter::key(database.key(1));
    until("the other is done", async || {
        inbox.rows(&row, Page::first(1)).await.unwrap()[0].state == State::Done
    })
    .await;
    let row = &inbox.rows(&row, Page::first(1)).await.unwrap()[0];
    assert_eq!((row.attempts, row.abandoned), (1, 0));
    time::sleep(2 * LEASE).await;
    assert_eq!(database.count("token IS NOT NULL").await, 1);
    lock.rollback().await.unwrap();
    until("the locked one is done", async || {
        database.count("state = 'done' AND attempts = 1").await == 2
    })
    .await;
    assert_eq!(workers.shutdown(Duration::from_secs(2)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_defaults_of_a_pool_do_not_fail_transactions() {
    let Some(database) = database::postgres().await else {
        return;
    };
    let settings = [
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_isolation", "repeatable read"),
        ("default_transaction_read_only", "on"),
    ];
    for (round, (name, value)) in settings.into_iter().enumerate() {
        let options = PgConnectOptions::from_str(&database.url).unwrap();
        let options = options.options([(name, value)]);
        let inbox = Inbox::with_pool(PgPool::connect_with(options).await.unwrap());
        let source = inbox.source::<Graphoid>(SOURCE);
        // Each transaction is open while the workers beat several times, and while other jobs are settled.
        let is_read_only = name.ends_with("read_only");
        let workers = inbox.workers().on(
            &source,
            move |job: Job<GraphoidEvent, Postgres>| async move {
                let mut transaction = job.begin().await?;
                if is_read_only {
                    let writes = sqlx::raw_sql("SET TRANSACTION READ WRITE");
                    writes.execute(&mut *transaction).await?;
                }
                Postgres::record(&mut transaction, job.key()).await?;
                time::sleep(Duration::from_millis(700)).await;
                job.commit(transaction).await
            },
        );
        let workers = workers.lease(Duration::from_secs(1)).start().await.unwrap();
        for id in 0..10 {
            source.accept(&delivery(10 * round + id)).await.unwrap();
        }
        let total = 10 * (i64::try_from(round).unwrap() + 1);
        until("all are done", async || {
            database.count("state = 'done'").await == total
        })
        .await;
        assert_eq!(database.effects().await, total);
        assert_eq!(database.count("attempts = 1").await, total);
        assert_eq!(workers.shutdown(Duration::from_secs(5)).await, 0);
    }
}

/// Futures of transactions are dropped at any moment, as by a timeout, in the application and in handlers.
async fn cancelled_transactions_lose_no_delivery<B: Db>(database: Database<B>) {
    const DELIVERIES: usize = 300;
    let source = database.source();
    let pool = database.inbox.pool().clone();
    let application = tokio::spawn(async move {
        for micros in (0..2000).cycle().step_by(7) {
            let begun = time::timeout(Duration::from_micros(micros), pool.begin());
            drop(begun.await);
            tokio::task::yield_now().await;
        }
    });
    let workers = database
        .inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, B>| {
            for micros in (0..2000).step_by(400) {
                let begun = time::timeout(Duration::from_micros(micros), job.begin());
                drop(begun.await);
            }
            let mut transaction = job.begin().await?;
            B::record(&mut transaction, job.key()).await?;
            job.commit(transaction).await
        });
    let workers = workers
        .poll_interval(Duration::from_millis(100))
        .start()
        .await
        .unwrap();
    let mut providers = JoinSet::new();
    for provider in 0..10 {
        let source = source.clone();
        providers.spawn(async move {
            for id in 0..DELIVERIES / 10 {
                let delivery = delivery(DELIVERIES / 10 * provider + id);
                assert_eq!(source.accept(&delivery).await.unwrap(), Accepted::New);
            }
        });
    }
    providers.join_all().await;
    application.abort();
    let total = i64::try_from(DELIVERIES).unwrap();
    until("all are done", async || {
        database.count("state = 'done'").await == total
    })
    .await;
    assert_eq!(database.count("TRUE").await, total);
    assert_eq!(database.effects().await, total);
    workers.shutdown(Duration::from_secs(5)).await;
}

/// The tables are found only by connections that the pool's hook has prepared.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_of_the_pool_prepares_all_connections() {
    const LEASE: Duration = Duration::from_secs(1);
    let Some(database) = database::postgres().await else {
        return;
    };
    database.run(DROP).await;
    let role = "CREATE ROLE app LOGIN; CREATE SCHEMA app AUTHORIZATION app";
    database.run(role).await;
    let pool = PoolOptions::<Postgres>::new().after_connect(|connection, _| {
        Box::pin(async move {
            let prepare = sqlx::raw_sql("SET ROLE app; SET search_path = app");
            prepare.execute(connection).await.map(drop)
        })
    });
    let inbox = Inbox::with_pool(pool.connect(&database.url).await.unwrap());
    inbox.migrate().await.unwrap();
    inbox.check().await.unwrap();
    let source = inbox.source::<Graphoid>(SOURCE);
    let handler = async |job: Job<GraphoidEvent, Postgres>| {
        time::sleep(4 * LEASE).await;
        Ok(job.done())
    };
    let workers = inbox.workers().on(&source, handler).lease(LEASE);
    let workers = workers.start().await.unwrap();
    source.accept(&delivery(1)).await.unwrap();
    let done = "SELECT count(*) FROM app.leadhook_inbox WHERE state = 'done' AND attempts = 1";
    until("it is done", async || {
        Postgres::count(database.inbox.pool(), done).await == 1
    })
    .await;
    assert_eq!(workers.shutdown(Duration::from_secs(5)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pgbouncer_in_session_mode_will_do() {
    let Some(server) = pg::Server::start(&[]) else {
        return;
    };
    let server = Arc::new(server);
    let database = database::on(server.clone()).await;
    let Some(bouncer) = PgBouncer::start(&server, "session") else {
        return;
    };
    let url = bouncer.url(&database.url, &server);
    until("it runs", async || bouncer.answers(&url).await).await;
    let inbox = <Postgres as Db>::open(&url).await;
    let source = inbox.source::<Graphoid>(SOURCE);
    let workers = recording(&inbox).start().await.unwrap();
    for id in 0..100 {
        source.accept(&delivery(id)).await.unwrap();
    }
    until("all are done", async || {
        database.count("state = 'done'").await == 100
    })
    .await;
    assert_eq!(database.effects().await, 100);
    assert_eq!(workers.shutdown(Duration::from_secs(10)).await, 0);
}

/// A table that was empty a minute ago has no statistics. Even then, the workers must not scan the whole
/// table on every turn.
#[tokio::test(flavor = "multi_thread")]
async fn workers_find_rows_by_an_index_although_the_table_was_empty_when_they_began() {
    const EVENTS: usize = 1000;
    let Some(database) = database::postgres().await else {
        return;
    };
    let (inbox, source) = (&database.inbox, database.source().one_at_a_time());
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = handled.clone();
    let count = move |job: Job<GraphoidEvent, Postgres>| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { Ok(job.done()) }
    };
    let workers = inbox.workers().on(&source, count).start().await.unwrap();
    for id in 0..EVENTS {
        source.accept(&delivery(id)).await.unwrap();
    }
    // Not by a look at the table, which would count.
    until("all are handled", async || {
        handled.load(Ordering::Relaxed) == EVENTS
    })
    .await;
    workers.shutdown(Duration::from_secs(5)).await;
    inbox.close().await;
    let pool = PgPool::connect(&database.url).await.unwrap();
    let statistics = async |column: &str| {
        let sql = format!(
            "SELECT COALESCE(SUM({column}), 0)::BIGINT FROM pg_stat_user_tables \
             WHERE relname IN ('leadhook_inbox', 'leadhook_inbox_line')"
        );
        Postgres::count(&pool, &sql).await
    };
    until("the server has written its statistics", async || {
        statistics("n_tup_upd").await >= 2 * 1000
    })
    .await;
    let read = statistics("seq_tup_read").await;
    assert!(read < 1000, "{read} rows were read without an index");
}
