//! PgBouncer in transaction mode, as Supabase and Neon have it.

use std::time::{Duration, Instant};

use crate::support::{delivery, pgbouncer::PgBouncer, postgres, until};
use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Error, Inbox, Job, Postgres, sqlx};
use sqlx::Connection as _;

async fn handled(inbox: &Inbox<Postgres>) -> bool {
    inbox.stats().await.is_ok_and(|stats| stats.is_empty())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooler_in_transaction_mode_works_if_it_is_named() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let direct = server.create_database().await;
    let mut connection = sqlx::PgConnection::connect(&direct).await.unwrap();
    let effects = "CREATE TABLE effects (key TEXT NOT NULL)";
    sqlx::raw_sql(effects)
        .execute(&mut connection)
        .await
        .unwrap();
    let Some(mut bouncer) = PgBouncer::start(&server, "transaction") else {
        return;
    };
    let url = bouncer.url(&direct, &server);
    until("it answers", async || bouncer.answers(&url).await).await;
    let mut processes = Vec::new();
    for _ in 0..3 {
        let inbox = Inbox::<Postgres>::at(&url).unwrap().behind_a_pooler();
        inbox.migrate().await.unwrap();
        let source = inbox.source::<Graphoid>("graphoid");
        let workers = inbox
            .workers()
            .lease(Duration::from_secs(6))
            .on(&source, async |job: Job<GraphoidEvent, _>| {
                let mut transaction = job.begin().await?;
                let effect = sqlx::query("INSERT INTO effects (key) VALUES ($1)");
                let effect = effect.bind(job.key().to_string()).persistent(false);
                effect.execute(&mut *transaction).await?;
                job.commit(transaction).await
            })
            .start()
            .await
            .unwrap();
        processes.push((inbox, source, workers));
    }
    let accept = async |range: std::ops::Range<usize>| {
        let mut tasks = tokio::task::JoinSet::new();
        for id in range {
            let source = processes[id % 3].1.clone();
            tasks.spawn(async move { source.accept(&delivery(id)).await.map(drop) });
        }
        let mut accepted = 0;
        while let Some(result) = tasks.join_next().await {
            match result.unwrap() {
                Ok(()) => accepted += 1,
                Err(error) => eprintln!("not accepted: {error}"),
            }
        }
        accepted
    };
    assert_eq!(accept(0..500).await, 500);
    until("all are handled", async || handled(&processes[0].0).await).await;
    // It is restarted, and everybody's connections are gone.
    bouncer.stop();
    assert!(bouncer.launch());
    until("it answers", async || bouncer.answers(&url).await).await;
    let began = Instant::now();
    until("accepts work again", async || {
        processes[0].1.accept(&delivery(900)).await.is_ok()
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(accept(1000..1300).await, 300);
    until("all are handled", async || handled(&processes[0].0).await).await;
    // Nothing failed on the way, but what the restart cut off.
    let effects = sqlx::query_scalar("SELECT count(*) FROM effects");
    let effects: i64 = effects.fetch_one(&mut connection).await.unwrap();
    assert_eq!(effects, 801);
    let retried = "SELECT count(*) FROM leadhook_inbox WHERE attempts > 1 AND error IS NULL";
    let retried: i64 = sqlx::query_scalar(retried)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(retried <= 24, "{retried}");
    for (_, _, workers) in processes {
        assert_eq!(workers.shutdown(Duration::from_secs(10)).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooler_that_is_not_named_is_an_error_that_says_what_to_set() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let direct = server.create_database().await;
    let Some(bouncer) = PgBouncer::start(&server, "transaction") else {
        return;
    };
    let url = bouncer.url(&direct, &server);
    until("it answers", async || bouncer.answers(&url).await).await;
    // Other clients share the server connections, so named statements collide or are missing.
    let mut errors = Vec::new();
    for round in 0..20 {
        let opened = match Inbox::<Postgres>::open(&url).await {
            Ok(inbox) => {
                let source = inbox.source::<Graphoid>("graphoid");
                source.accept(&delivery(round)).await.map(drop)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = opened {
            errors.push(error);
        }
    }
    assert!(
        !errors.is_empty(),
        "nothing failed, so nothing had to be said"
    );
    for error in &errors {
        assert!(matches!(error, Error::Pooler(_)), "{error}");
        assert!(error.to_string().contains("behind_a_pooler()"), "{error}");
    }
}
