//! Dead rows, replay, erasure, pruning, figures.

use std::time::Duration;

use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{
    Accepted, BodyContext, Cipher, CipherError, Failure, Filter, Inbox, Job, Page, Pruned, Reason,
    Retention, State, Workers,
};

use tokio::task::JoinSet;

use crate::support::{
    SOURCE,
    database::{Database, Db},
    delivery, on_both,
};

on_both![
    an_unreadable_body_is_dead_at_once_and_kept,
    rows_are_replayed_and_erased_by_key_or_reason,
    keys_are_kept_for_the_retry_window_and_others_for_ever,
    rows_without_a_handler_wait_and_are_counted,
    a_body_is_encrypted_at_rest,
    pruning_does_not_hold_up_deliveries,
    a_replay_goes_on_where_it_stopped,
];

fn done<B: Db>(inbox: &Inbox<B>) -> Workers<B> {
    inbox
        .workers()
        .on(&inbox.source(SOURCE), async |job: Job<GraphoidEvent, B>| {
            Ok(job.done())
        })
}

async fn an_unreadable_body_is_dead_at_once_and_kept<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    let bodies: [&[u8]; 4] = [
        b"",
        b"{\"id\":\"evt_1\",\"event\":\"lead.won\",\"da",
        b"{\"id\":\"evt_2\",\"event\":\"lead.won\",\"data\":{\"lead\":\"ann.lee@example.com\"}}",
        &[0, 0xff, b'{', b'\n'],
    ];
    for body in bodies {
        let delivery = Delivery::<Graphoid>::from_storage(body.to_vec());
        assert_eq!(source.accept(&delivery).await.unwrap(), Accepted::New);
    }
    assert_eq!(done(inbox).run_until_idle().await.unwrap().attempts, 4);
    let dead = inbox
        .rows(&Filter::dead().reason(Reason::Unreadable), Page::first(10))
        .await
        .unwrap();
    assert_eq!(dead.len(), 4);
    for row in dead {
        let error = row.error.unwrap();
        assert!(!error.contains("ann.lee"), "{error}");
        let body = inbox.body(row.key).await.unwrap().unwrap();
        assert!(bodies.contains(&body.as_slice()));
    }
    assert_eq!(inbox.stats().await.unwrap()[0].dead, 4);
    assert_eq!(
        inbox
            .replay(&Filter::dead().reason(Reason::Unreadable))
            .finish()
            .await
            .unwrap(),
        4
    );
    assert_eq!(
        database.count("state = 'waiting' AND attempts = 0").await,
        4
    );
}

async fn rows_are_replayed_and_erased_by_key_or_reason<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    for id in 0..4 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let reject = inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, B>| {
            if job.envelope().lead().and_then(|lead| lead.id).as_deref() == Some("lead_0") {
                return Ok(job.done());
            }
            Err(Failure::dead("no such account"))
        });
    assert_eq!(reject.run_until_idle().await.unwrap().attempts, 4);
    let [handled, replayed, erased] = [0, 1, 2].map(|id| database.key(id));

    assert_eq!(
        inbox
            .replay(&Filter::dead().source("other"))
            .finish()
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        inbox
            .replay(&Filter::dead().reason(Reason::Failed))
            .finish()
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        inbox.replay(&Filter::key(replayed)).finish().await.unwrap(),
        1
    );
    assert_eq!(
        inbox.replay(&Filter::key(handled)).finish().await.unwrap(),
        1
    );
    assert_eq!(
        inbox.replay(&Filter::key(handled)).finish().await.unwrap(),
        0
    ); // it waits already
    assert_eq!(inbox.erase(&Filter::key(erased)).finish().await.unwrap(), 1);
    assert_eq!(inbox.erase(&Filter::key(erased)).finish().await.unwrap(), 0);
    assert_eq!(inbox.body(erased).await.unwrap(), None);
    assert_eq!(inbox.replay(&Filter::dead()).finish().await.unwrap(), 1); // not the erased one
    assert_eq!(
        source.accept(&delivery(2)).await.unwrap(),
        Accepted::Duplicate
    );
    assert_eq!(done(inbox).run_until_idle().await.unwrap().attempts, 3);

    // A row that waits dies with its body.
    source.accept(&delivery(9)).await.unwrap();
    let waiting = database.key(9);
    assert_eq!(
        inbox.erase(&Filter::key(waiting)).finish().await.unwrap(),
        1
    );
    let row = &inbox
        .rows(&Filter::key(waiting), Page::first(1))
        .await
        .unwrap()[0];
    assert_eq!((row.state, row.reason), (State::Dead, Some(Reason::Erased)));
    assert_eq!(done(inbox).run_until_idle().await.unwrap().attempts, 0);
}

async fn keys_are_kept_for_the_retry_window_and_others_for_ever<B: Db>(database: Database<B>) {
    const DAY: Duration = Duration::from_hours(24);
    let (inbox, source) = (&database.inbox, database.source());
    let mut providers = JoinSet::new();
    for id in 0..1200 {
        let source = source.clone();
        providers.spawn(async move { source.accept(&delivery(id)).await.unwrap() });
    }
    providers.join_all().await;
    database
        .run("UPDATE leadhook_inbox SET state = 'done', settled_at = accepted_at")
        .await;
    source.accept(&delivery(5000)).await.unwrap(); // waits
    source.accept(&delivery(5001)).await.unwrap();
    let dead = "UPDATE leadhook_inbox SET state = 'dead', settled_at = accepted_at WHERE key = ";
    database
        .run(&format!("{dead} '{}'", database.key(5001)))
        .await;

    let nothing = Pruned::default();
    let retention = Retention::default();
    inbox.advance(6 * DAY);
    assert_eq!(inbox.prune(retention).await.unwrap(), nothing);
    inbox.advance(DAY);
    let pruned = inbox.prune(retention).await.unwrap();
    assert_eq!((pruned.bodies, pruned.rows), (1200, 0));
    assert_eq!(
        source.accept(&delivery(1)).await.unwrap(),
        Accepted::Duplicate
    );
    inbox.advance(23 * DAY);
    let pruned = inbox.prune(retention).await.unwrap();
    assert_eq!((pruned.bodies, pruned.rows), (0, 1200));
    assert_eq!(database.count("body IS NOT NULL").await, 2);

    // Whatever is set, not before the retry window is over.
    assert_eq!(source.accept(&delivery(1)).await.unwrap(), Accepted::New);
    assert_eq!(done(inbox).run_until_idle().await.unwrap().attempts, 2);
    let retention = Retention::default()
        .with_bodies(Duration::ZERO)
        .with_keys(Duration::ZERO);
    let pruned = inbox.prune(retention).await.unwrap();
    // One was received long ago.
    assert_eq!((pruned.bodies, pruned.rows), (1, 1));
    assert_eq!(
        source.accept(&delivery(1)).await.unwrap(),
        Accepted::Duplicate
    );
}

async fn rows_without_a_handler_wait_and_are_counted<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    let new = inbox.source::<Graphoid>("new");
    new.accept(&delivery(1)).await.unwrap();
    source.accept(&delivery(2)).await.unwrap();
    source.accept(&delivery(3)).await.unwrap();
    inbox.advance(Duration::from_mins(1));
    let workers = done(inbox).start().await.unwrap();
    crate::support::until("all are done", async || {
        database.count("state = 'done'").await == 2
    })
    .await;
    assert!(workers.health().is_ready());

    let stats = inbox.stats().await.unwrap();
    assert_eq!(stats.len(), 1);
    assert_eq!((stats[0].source.as_str(), stats[0].waiting), ("new", 1));
    assert_eq!((stats[0].in_progress, stats[0].dead), (0, 0));
    assert!(!stats[0].has_handler);
    let oldest = stats[0].oldest_due.unwrap();
    assert!(
        oldest >= Duration::from_mins(1) && oldest < Duration::from_mins(3),
        "{oldest:?}"
    );
    let health = workers.health();
    assert_eq!(workers.shutdown(Duration::from_secs(5)).await, 0);
    assert!(!health.is_ready());
    assert_eq!(database.count("source = 'new' AND attempts = 0").await, 1);
}

/// Not a cipher to copy: it only shows what the trait is given.
struct Xor(u8, &'static str);

impl Cipher for Xor {
    fn key_name(&self) -> &str {
        self.1
    }

    fn encrypt(&self, context: BodyContext<'_>, body: &[u8]) -> Result<Vec<u8>, CipherError> {
        let mut sealed = context.source.as_bytes().to_vec();
        sealed.extend(body.iter().map(|byte| byte ^ self.0));
        Ok(sealed)
    }

    fn decrypt(
        &self,
        key_name: &str,
        context: BodyContext<'_>,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, CipherError> {
        let body = body
            .strip_prefix(context.source.as_bytes())
            .filter(|_| key_name == self.1);
        let body = body.ok_or_else(CipherError::default)?;
        Ok(body.iter().map(|byte| byte ^ self.0).collect())
    }
}

async fn a_body_is_encrypted_at_rest<B: Db>(database: Database<B>) {
    database.source().accept(&delivery(1)).await.unwrap(); // in the clear
    let encrypted = database.inbox.clone().with_cipher(Xor(7, "key 1"));
    let source = encrypted.source::<Graphoid>(SOURCE);
    source.accept(&delivery(2)).await.unwrap();
    let clear = database.key(2);
    assert_ne!(database.count("body_cipher = 'key 1'").await, 0);
    assert!(database.inbox.body(clear).await.is_err());
    assert_eq!(
        encrypted.body(clear).await.unwrap().unwrap(),
        *delivery(2).body()
    );

    // Without the key it is retried, not dead: the configuration is wrong, not the body.
    let wrong = database.inbox.clone().with_cipher(Xor(7, "key 2"));
    let workers = done(&wrong).start().await.unwrap();
    let failed = "error = 'body not decrypted' AND state = 'waiting'";
    crate::support::until("it failed", async || database.count(failed).await == 1).await;
    workers.shutdown(Duration::from_secs(5)).await;
    assert_eq!(done(&encrypted).run_until_idle().await.unwrap().attempts, 1);
    assert_eq!(database.count("state = 'done'").await, 2);
}

/// `LEADHOOK_INBOX_ROWS=1000000` shows more.
async fn pruning_does_not_hold_up_deliveries<B: Db>(database: Database<B>) {
    let rows: i64 =
        std::env::var("LEADHOOK_INBOX_ROWS").map_or(20_000, |rows| rows.parse().unwrap());
    let (body, zeros) = ("x".repeat(1000), "0".repeat(64));
    database
        .run(&format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
             INSERT INTO leadhook_inbox (key, source, provider, body, accepted_at, retry_until, due_at, state, settled_at)
             SELECT SUBSTR('{zeros}' || n, LENGTH(CAST(n AS TEXT)) + 1), 'old', 'graphoid', CAST('{body}' AS {}), 0, 0, 0, 'done', 0 FROM n",
            B::BYTES,
        ))
        .await;
    let asked = std::time::Instant::now();
    assert_eq!(database.inbox.stats().await.unwrap(), []);
    println!("figures beside {rows} done rows in {:?}", asked.elapsed());
    let (inbox, source) = (database.inbox.clone(), database.source());
    let pruning = tokio::spawn(async move { inbox.prune(Retention::default()).await.unwrap() });
    let mut slowest = Duration::ZERO;
    let mut id = 0;
    while !pruning.is_finished() {
        let began = std::time::Instant::now();
        source.accept(&delivery(id)).await.unwrap();
        slowest = slowest.max(began.elapsed());
        id += 1;
    }
    let pruned = pruning.await.unwrap();
    assert_eq!(pruned.rows, u64::try_from(rows).unwrap());
    println!("{id} deliveries beside {rows} pruned rows, the slowest in {slowest:?}");
    // Below the shortest limit of a response; other tests run beside this one.
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

/// A replay stops after a batch, and goes on in another process. Rows that die again meanwhile are not replayed
/// twice.
async fn a_replay_goes_on_where_it_stopped<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    let mut providers = JoinSet::new();
    for id in 0..1200 {
        let source = source.clone();
        providers.spawn(async move { source.accept(&delivery(id)).await.unwrap() });
    }
    providers.join_all().await;
    let die = "UPDATE leadhook_inbox SET state = 'dead', reason = 'failed', error = 'crm', \
        settled_at = accepted_at WHERE state = 'waiting'";
    database.run(die).await;
    let filter = Filter::dead().reason(Reason::Failed).error("crm");
    let mut replay = inbox.replay(&filter);
    assert_eq!((replay.changed(), replay.last()), (0, None));
    assert!(replay.step().await.unwrap());
    assert_eq!(replay.changed(), 500);
    assert_eq!(
        database.count("state = 'waiting' AND attempts = 0").await,
        500
    );
    let last = replay.last().unwrap();
    assert_eq!(
        database
            .count(&format!("state = 'waiting' AND key > '{last}'"))
            .await,
        0
    );
    drop(replay);

    database.run(die).await;
    let other = B::open(&database.url).await;
    assert_eq!(
        other.replay(&filter).after(last).finish().await.unwrap(),
        700
    );
    assert_eq!(database.count("state = 'dead'").await, 500);
    let none = Filter::dead().source(SOURCE).event("lead.lost");
    assert_eq!(other.replay(&none).finish().await.unwrap(), 0);
    let one = Filter::dead().event("lead.won").lead_id("lead_7");
    let seventh = i64::from(database.key(7) <= last);
    assert_eq!(
        i64::try_from(other.replay(&one).finish().await.unwrap()).unwrap(),
        seventh
    );
    let all = other.erase(&Filter::all()).finish().await.unwrap();
    assert_eq!(all, 1200);
    assert_eq!(
        database
            .count("body IS NULL AND lead_id IS NULL AND state = 'dead'")
            .await,
        1200
    );
}
