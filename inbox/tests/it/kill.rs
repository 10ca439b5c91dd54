//! Processes that die lose nothing and do nothing twice.

use std::{
    env,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use leadhook_inbox::Postgres;
use reqwest::{Client, StatusCode};
use tokio::{task::JoinSet, time};

use crate::{
    server::{LEASE, POLL, Server, event, post},
    support::{
        database::{self, Database, Db},
        on_both, until,
    },
};

on_both![
    nothing_is_lost_in_any_window,
    a_row_that_kills_the_process_dies_alone,
    a_row_that_exhausts_the_memory_dies_alone,
    killed_servers_lose_nothing,
    an_abandoned_row_is_taken_within_two_leases_and_a_poll,
    a_worker_that_was_paused_past_its_lease_settles_nothing,
];

async fn nothing_is_lost_in_any_window<B: Db>(database: Database<B>) {
    let client = Client::new();
    let windows = [
        "kill before the work",
        "kill in the transaction",
        "kill after the commit",
    ];
    for (id, window) in windows.into_iter().enumerate() {
        let mut server = Server::start(&database);
        // The process may be gone before it responds.
        let _ = server.post(&client, &event(id, window, 1)).await;
        until(window, async || server.has_ended()).await;
    }
    let _server = Server::start(&database);
    until("all are done", async || {
        database.count("state = 'done'").await == 3
    })
    .await;
    assert_eq!(database.count("TRUE").await, 3);
    assert_eq!(database.effects().await, 3);
    assert_eq!(database.count("attempts = 2").await, 2); // the last one was settled
}

async fn a_row_that_kills_the_process_dies_alone<B: Db>(database: Database<B>) {
    dies_alone(&database, "abort", || Server::start(&database)).await;
}

async fn a_row_that_exhausts_the_memory_dies_alone<B: Db>(database: Database<B>) {
    let limited = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"ulimit -v 4194304 && exec "$@""#, "sh"]);
        shell.arg(env::current_exe().unwrap());
        Server::start_as(Server::command_of(shell, &database.url))
    };
    dies_alone(&database, "exhaust the memory", limited).await;
}

async fn dies_alone<B: Db>(database: &Database<B>, poison: &str, start: impl Fn() -> Server) {
    let client = Client::new();
    let mut server = start();
    let mut deaths = 0;
    for id in 0..100 {
        let act = if id == 42 { poison } else { "" };
        while !server
            .post(&client, &event(id, act, i64::MAX))
            .await
            .is_ok_and(|s| s == StatusCode::OK)
        {
            if server.has_ended() {
                deaths += 1;
                server = start();
            }
        }
    }
    let settled = "state IN ('done', 'dead')";
    until("all are settled", async || {
        if server.has_ended() {
            deaths += 1;
            server = start();
        }
        database.count(settled).await == 100
    })
    .await;
    assert_eq!(
        database
            .count("state = 'dead' AND reason = 'abandoned'")
            .await,
        1
    );
    assert_eq!(database.count("state = 'done'").await, 99);
    assert_eq!(database.effects().await, 99);
    assert_eq!(deaths, 3);
}

async fn an_abandoned_row_is_taken_within_two_leases_and_a_poll<B: Db>(database: Database<B>) {
    let client = Client::new();
    let mut server = Server::start(&database);
    let response = server.post(&client, &event(1, "pend", 1)).await.unwrap();
    assert_eq!(response, StatusCode::OK);
    until("it is taken", async || {
        database.count("token IS NOT NULL").await == 1
    })
    .await;
    let _other = Server::start(&database);
    server.kill();
    let killed = Instant::now();
    until("it is done", async || {
        database.count("state = 'done'").await == 1
    })
    .await;
    let taken = killed.elapsed();
    // Other tests run beside this one.
    let slack = Duration::from_secs(2);
    assert!(
        LEASE < taken && taken < 2 * LEASE + 2 * POLL + slack,
        "{taken:?}"
    );
}

async fn a_worker_that_was_paused_past_its_lease_settles_nothing<B: Db>(database: Database<B>) {
    let client = Client::new();
    let mut paused = Server::start(&database);
    let response = paused.post(&client, &event(1, "pause", 1)).await.unwrap();
    assert_eq!(response, StatusCode::OK);
    paused.line_with("paused");
    paused.freeze(&database).await;

    let _other = Server::start(&database);
    until("the other has handled it", async || {
        database.effects().await == 1
    })
    .await;
    paused.signal("-CONT");
    // It has tried to commit when it has handled something that came later.
    let response = paused.post(&client, &event(2, "", 0)).await.unwrap();
    assert_eq!(response, StatusCode::OK);
    until("all are done", async || {
        database.count("state = 'done'").await == 2
    })
    .await;
    paused.signal("-TERM");
    assert!(paused.wait().success());
    assert_eq!(database.effects().await, 2);
    assert_eq!(database.count("attempts = 2").await, 1);
}

/// Its transaction keeps locks on the server, which does not notice that the client is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_frozen_within_a_transaction_loses_its_rows() {
    let Some(database) = database::postgres().await else {
        return;
    };
    let client = Client::new();
    let frozen = Server::start(&database);
    let status = frozen.post(&client, &event(1, "pend", 1)).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    until("it is claimed", async || {
        database.count("token IS NOT NULL").await == 1
    })
    .await;
    let pool = database.inbox.pool();
    let in_transaction = "FROM pg_stat_activity \
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    loop {
        // Whoever changes rows waits here, after its beat.
        let mut lock = pool.begin().await.unwrap();
        let table = "LOCK TABLE leadhook_inbox IN SHARE MODE";
        sqlx::raw_sql(table).execute(&mut *lock).await.unwrap();
        let beaten = "SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock' AND granted \
            AND relation = 'leadhook_inbox_process'::regclass \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        until("it waits", async || Postgres::count(pool, beaten).await > 0).await;
        frozen.signal("-STOP");
        lock.rollback().await.unwrap();
        time::sleep(Duration::from_millis(20)).await;
        let count = format!("SELECT count(*) {in_transaction}");
        if Postgres::count(pool, &count).await == 1 {
            break;
        }
        frozen.signal("-CONT"); // too late: its time was over
    }
    let _other = Server::start(&database);
    until("the other has handled it", async || {
        database.count("state = 'done'").await == 1
    })
    .await;
    assert_eq!(database.effects().await, 1);
    frozen.signal("-CONT");
}

/// As before, but in the handler's transaction, which keeps its row.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_frozen_before_its_commit_loses_its_row() {
    let Some(database) = database::postgres().await else {
        return;
    };
    let client = Client::new();
    let mut frozen = Server::start(&database);
    let status = frozen.post(&client, &event(1, "pause", 1)).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    frozen.line_with("paused");
    let pool = database.inbox.pool();
    let mut lock = pool.begin().await.unwrap();
    let row = "SELECT key FROM leadhook_inbox FOR UPDATE";
    sqlx::raw_sql(row).execute(&mut *lock).await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("it waits", async || {
        Postgres::count(pool, waiting).await > 0
    })
    .await;
    let token = sqlx::query_scalar::<_, String>("SELECT token FROM leadhook_inbox");
    let token = token.fetch_one(&mut *lock).await.unwrap();
    frozen.signal("-STOP");
    lock.rollback().await.unwrap();
    let _other = Server::start(&database);
    // A busy machine may need more attempts, but the frozen one's must not count.
    let by_the_other = format!("state = 'done' AND attempts >= 2 AND settled_token <> '{token}'");
    until("the other has handled it", async || {
        database.count(&by_the_other).await == 1
    })
    .await;
    assert_eq!(database.effects().await, 1);
    frozen.signal("-CONT");
}

/// Two servers, of which one is killed again and again.
async fn killed_servers_lose_nothing<B: Db>(database: Database<B>) {
    const PROVIDERS: usize = 16;
    const KILLS: usize = 20;
    let deliveries = env::var("LEADHOOK_INBOX_DELIVERIES")
        .map_or(1000, |deliveries| deliveries.parse().unwrap());

    let mut servers = [Server::start(&database), Server::start(&database)];
    let addresses = Arc::new(Mutex::new(
        servers.each_ref().map(|server| server.address.clone()),
    ));
    let next = Arc::new(AtomicUsize::new(0));
    let mut providers = JoinSet::new();
    for provider in 0..PROVIDERS {
        let (addresses, next) = (addresses.clone(), next.clone());
        providers.spawn(async move {
            let client = Client::new();
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                if id >= deliveries {
                    break;
                }
                let body = event(id, "", 0);
                // It retries until it gets its 200, as providers do.
                for retry in 0.. {
                    let address = addresses.lock().unwrap()[(provider + retry) % 2].clone();
                    if post(&client, &address, &body)
                        .await
                        .is_ok_and(|status| status == StatusCode::OK)
                    {
                        break;
                    }
                    time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }
    for kill in 0..KILLS {
        let threshold = deliveries * (kill + 1) / (KILLS + 1);
        until("deliveries go on", async || {
            next.load(Ordering::Relaxed) >= threshold
        })
        .await;
        let victim = &mut servers[kill % 2];
        victim.kill();
        *victim = Server::start(&database);
        addresses.lock().unwrap()[kill % 2].clone_from(&victim.address);
    }
    providers.join_all().await;
    let total = i64::try_from(deliveries).unwrap();
    assert_eq!(database.count("TRUE").await, total);
    let settled = "state IN ('done', 'dead')";
    until("all are settled", async || {
        database.count(settled).await == total
    })
    .await;
    // Who was in progress at three of the kills is taken for poison, and not lost.
    let dead = database
        .count("state = 'dead' AND reason = 'abandoned' AND abandoned = 3")
        .await;
    assert_eq!(database.count("state = 'done'").await + dead, total);
    assert_eq!(database.effects().await, total - dead);
    let keys = database.count("key IN (SELECT key FROM effects)").await;
    assert_eq!(keys, total - dead);
}
