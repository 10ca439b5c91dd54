//! What a page for whoever is on call shows and does.

use std::time::Duration;

use leadhook::{Delivery, Graphoid, ScoreApp, graphoid::GraphoidEvent};
use leadhook_inbox::{
    Backoff, Count, Failure, Filter, Inbox, Job, Page, Retention, State, Workers,
};

use crate::support::{
    SOURCE,
    database::{Database, Db},
    delivery, on_both,
};

on_both![
    each_row_is_counted_once,
    a_count_stops_at_ten_thousand,
    a_paused_source_is_not_handled_until_it_is_resumed,
    a_suspect_of_a_paused_source_holds_nobody_up,
    a_row_in_backoff_is_retried_now,
    rows_are_grouped_by_label,
    neighbours_share_a_subject,
    a_listing_pages_through_exactly_its_rows,
    keys_of_every_source_are_pruned,
];

fn handling<B: Db>(inbox: &Inbox<B>) -> Workers<B> {
    inbox
        .workers()
        .on(&inbox.source(SOURCE), async |job: Job<GraphoidEvent, B>| {
            Ok(job.done())
        })
}

/// Adds rows by hand, each with a column `n` from 1 on.
async fn fill<B: Db>(database: &Database<B>, source: &str, rows: u32, columns: &str, values: &str) {
    let suffix = format!("{:02x}", source.len());
    let sql = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
         INSERT INTO leadhook_inbox (key, source, provider, body, retry_until, {columns})
         SELECT SUBSTR('{}' || n || '{suffix}', LENGTH(CAST(n AS TEXT)) + 1), '{source}', 'graphoid', CAST('x' AS {}), 0, {values}
         FROM n",
        "0".repeat(62),
        B::BYTES,
    );
    database.run(&sql).await;
}

const DEAD: &str = "state, reason, error, accepted_at, due_at, settled_at";

async fn each_row_is_counted_once<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    assert_eq!(inbox.figures().await.unwrap().sources, []);
    let now = inbox.now().await.unwrap().timestamp_millis();
    let (later, earlier) = (now + 3_600_000, now - 60_000);
    let waiting = "accepted_at, due_at";
    fill(&database, "a", 3, waiting, &format!("0, {earlier}")).await;
    fill(&database, "bb", 2, waiting, &format!("0, {later}")).await;
    fill(
        &database,
        "bbb",
        1,
        &format!("abandoned, {waiting}"),
        &format!("1, 0, {earlier}"),
    )
    .await;
    fill(
        &database,
        "bbbb",
        4,
        DEAD,
        "'dead', 'failed', 'crm', 0, 0, 0",
    )
    .await;
    let done = format!("'done', {now} - 2000 - n * 1000, 0, {now} - 2000");
    fill(
        &database,
        "bbbbb",
        100,
        "state, accepted_at, due_at, settled_at",
        &done,
    )
    .await;
    inbox.pause("idle").await.unwrap();

    let figures = inbox.figures().await.unwrap();
    let counts = figures.sources.iter().map(|source| {
        let counts = [
            source.due,
            source.in_backoff,
            source.in_progress,
            source.dead,
        ];
        (&*source.source, counts.map(Count::rows))
    });
    let counts: Vec<_> = counts.collect();
    let expected = [
        ("a", [3, 0, 0, 0]),
        ("bb", [0, 2, 0, 0]),
        ("bbb", [1, 0, 0, 0]),
        ("bbbb", [0, 0, 0, 4]),
        ("bbbbb", [0, 0, 0, 0]),
        ("idle", [0, 0, 0, 0]),
    ];
    assert_eq!(counts, expected);
    let [a, .., handled, idle] = &*figures.sources else {
        panic!("{figures:?}");
    };
    assert_eq!(a.oldest_due.unwrap().timestamp_millis(), earlier);
    assert!(idle.paused_since.is_some() && a.paused_since.is_none());
    assert_eq!(handled.handled.len(), 24);
    let of_a_day: u64 = handled.handled.iter().map(|hour| hour.rows.rows()).sum();
    assert_eq!(of_a_day, 100);
    assert_eq!(handled.median_age, Some(Duration::from_secs(50)));
    assert_eq!(handled.age_99, Some(Duration::from_secs(99)));

    // Each number leads to its rows.
    for (filter, expected) in [
        (Filter::state(State::Waiting).due_before(figures.now), 4),
        (Filter::state(State::Waiting).due_since(figures.now), 2),
        (Filter::state(State::Waiting), 6),
        (Filter::state(State::InProgress), 0),
        (Filter::dead(), 4),
        (Filter::state(State::Done).source("bbbbb"), 100),
        (Filter::state(State::Done).settled_since(figures.now), 0),
        (Filter::all(), 110),
        (Filter::all().source("a"), 3),
    ] {
        let listing = inbox.listing(&filter, Page::first(1000)).await.unwrap();
        assert_eq!(listing.count.rows(), expected, "{filter:?}");
        assert_eq!(
            listing.rows.len(),
            usize::try_from(expected).unwrap(),
            "{filter:?}"
        );
        let mut sorted = listing.rows.clone();
        sorted.sort_by_key(|row| row.key);
        assert!(
            listing
                .rows
                .iter()
                .map(|row| row.key)
                .eq(sorted.iter().map(|row| row.key))
        );
    }
    let json = serde_json::to_value(&figures).unwrap();
    assert_eq!(json["sources"][0]["due"]["rows"], 3);
    assert_eq!(json["sources"][4]["median_age"], 50.0);
}

async fn a_count_stops_at_ten_thousand<B: Db>(database: Database<B>) {
    let dead = "'dead', 'failed', CASE WHEN n % 2 = 0 THEN 'crm' ELSE 'mail' END, 0, 0, 0";
    fill(&database, "old", 10_000, DEAD, dead).await;
    let inbox = &database.inbox;
    let count = async || inbox.figures().await.unwrap().sources[0].dead.to_string();
    assert_eq!(count().await, "10,000");
    assert!(inbox.groups(&Filter::dead()).await.unwrap().is_complete);
    fill(&database, "older", 1, DEAD, dead).await;
    let listing = inbox
        .listing(&Filter::dead(), Page::first(7))
        .await
        .unwrap();
    assert_eq!(
        (listing.count.to_string().as_str(), listing.rows.len()),
        ("10,000+", 7)
    );
    assert!(!inbox.groups(&Filter::dead()).await.unwrap().is_complete);
    assert_eq!(
        inbox
            .replay(&Filter::dead())
            .left()
            .await
            .unwrap()
            .to_string(),
        "10,000+"
    );
    let of_label = inbox
        .replay(&Filter::dead().error("mail"))
        .left()
        .await
        .unwrap();
    assert_eq!(of_label.rows(), 5001);
}

async fn a_paused_source_is_not_handled_until_it_is_resumed<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    source.accept(&delivery(1)).await.unwrap();
    assert!(inbox.pause(SOURCE).await.unwrap());
    assert!(!inbox.pause(SOURCE).await.unwrap());
    let report = handling(inbox).run_until_idle().await.unwrap();
    assert_eq!(report.attempts, 0);

    let workers = handling(inbox).start().await.unwrap();
    source.accept(&delivery(2)).await.unwrap(); // wakes them
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        database.count("state = 'waiting' AND token IS NULL").await,
        2
    );
    assert!(inbox.resume(SOURCE).await.unwrap());
    assert!(!inbox.resume(SOURCE).await.unwrap());
    crate::support::until("both are handled", async || {
        database.count("state = 'done'").await == 2
    })
    .await;
    workers.shutdown(Duration::from_secs(5)).await;
}

/// Its last chance would have to run alone, and nobody else meanwhile.
async fn a_suspect_of_a_paused_source_holds_nobody_up<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let paused = inbox.source::<Graphoid>("paused");
    for id in 0..2 {
        paused.accept(&delivery(id)).await.unwrap();
    }
    database
        .run("UPDATE leadhook_inbox SET abandoned = CASE WHEN lead_id = 'lead_0' THEN 1 ELSE 2 END")
        .await;
    inbox.pause("paused").await.unwrap();
    let workers = handling(inbox).on(&paused, async |job: Job<GraphoidEvent, B>| Ok(job.done()));
    let workers = workers.start().await.unwrap();
    database.source().accept(&delivery(2)).await.unwrap();
    crate::support::until("the other is handled", async || {
        database.count("state = 'done'").await == 1
    })
    .await;
    assert_eq!(database.count("abandoned > 0 AND token IS NULL").await, 2);
    inbox.resume("paused").await.unwrap();
    crate::support::until("all are handled", async || {
        database.count("state = 'done'").await == 3
    })
    .await;
    workers.shutdown(Duration::from_secs(5)).await;
}

async fn a_row_in_backoff_is_retried_now<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    source.accept(&delivery(1)).await.unwrap();
    let key = database.key(1);
    assert!(!inbox.retry_now(key).await.unwrap(), "it is due already");
    let hour = Duration::from_hours(1);
    let backoff = Backoff::default().with_first(hour).with_longest(hour);
    let workers =
        inbox
            .workers()
            .backoff(backoff)
            .on(&source, async |job: Job<GraphoidEvent, B>| {
                if job.attempt() > 1 {
                    Ok(job.done())
                } else {
                    Err(Failure::retry("crm"))
                }
            });
    let workers = workers.start().await.unwrap();
    crate::support::until("it is in backoff", async || {
        database.count("error = 'crm' AND token IS NULL").await == 1
    })
    .await;
    assert!(inbox.retry_now(key).await.unwrap());
    crate::support::until("it is handled", async || {
        database.count("state = 'done' AND attempts = 2").await == 1
    })
    .await;
    assert!(!inbox.retry_now(key).await.unwrap(), "it is done");
    workers.shutdown(Duration::from_secs(5)).await;
}

async fn rows_are_grouped_by_label<B: Db>(database: Database<B>) {
    fill(&database, "a", 3, DEAD, "'dead', 'failed', 'crm', n, 0, 0").await;
    fill(
        &database,
        "bb",
        5,
        DEAD,
        "'dead', 'rejected', 'no such list', n, 0, 0",
    )
    .await;
    fill(&database, "bbb", 1, DEAD, "'dead', 'erased', NULL, n, 0, 0").await;
    let groups = database.inbox.groups(&Filter::dead()).await.unwrap();
    let found = groups.groups.iter().map(|group| {
        let reason = group.reason.unwrap().name();
        (&*group.source, reason, group.error.as_deref(), group.rows)
    });
    let found: Vec<_> = found.collect();
    let expected = [
        ("bb", "rejected", Some("no such list"), 5),
        ("a", "failed", Some("crm"), 3),
        ("bbb", "erased", None, 1),
    ];
    assert_eq!(found, expected);
    assert_eq!(groups.groups[0].first_accepted_at.timestamp_millis(), 1);
    assert_eq!(groups.groups[0].last_accepted_at.timestamp_millis(), 5);
}

async fn neighbours_share_a_subject<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let quiz = inbox.source::<ScoreApp>("quiz");
    let signed_up = |id: u32, email: &str| {
        let body = format!(
            r#"{{"event_name":"LEAD_SIGNED_UP","data":{{"id":"{id}","email":"{email}"}}}}"#
        );
        Delivery::<ScoreApp>::from_storage(body)
    };
    let first = signed_up(1, "ann@example.com");
    let key = quiz.key(&first);
    for delivery in [
        first,
        signed_up(2, "Ann@Example.com"),
        signed_up(3, "bob@example.com"),
    ] {
        quiz.accept(&delivery).await.unwrap();
    }
    let neighbours = inbox.neighbours(key, 10).await.unwrap();
    let leads: Vec<_> = neighbours
        .iter()
        .map(|row| row.lead_id.as_deref())
        .collect();
    assert_eq!(leads, [Some("2")]);
    let person = inbox.person("ann@example.com").await.unwrap();
    let rows = inbox
        .listing(&Filter::subjects(person.subjects()), Page::first(10))
        .await
        .unwrap();
    assert_eq!((rows.count.rows(), rows.rows.len()), (2, 2));
    inbox.erase(&Filter::key(key)).finish().await.unwrap();
    assert!(inbox.neighbours(key, 10).await.unwrap().is_empty());
}

async fn a_listing_pages_through_exactly_its_rows<B: Db>(database: Database<B>) {
    fill(&database, "a", 25, DEAD, "'dead', 'failed', 'crm', 0, 0, n").await;
    fill(
        &database,
        "bb",
        25,
        DEAD,
        "'dead', 'failed', 'mail', 0, 0, n",
    )
    .await;
    let filter = Filter::dead().error("mail");
    let mut page = Page::first(10);
    let mut seen = Vec::new();
    loop {
        let listing = database.inbox.listing(&filter, page).await.unwrap();
        assert_eq!(listing.count.rows(), 25);
        let Some(last) = listing.rows.last() else {
            break;
        };
        page = Page::after(last.key, 10);
        assert!(listing.rows.iter().all(|row| row.source == "bb"));
        seen.extend(listing.rows.iter().map(|row| row.key));
    }
    assert_eq!(seen.len(), 25);
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

async fn keys_of_every_source_are_pruned<B: Db>(database: Database<B>) {
    for source in ["a", "bb", "bbb"] {
        fill(
            &database,
            source,
            300,
            "state, accepted_at, due_at, settled_at",
            "'done', 0, 0, n",
        )
        .await;
    }
    let pruned = database.inbox.prune(Retention::default()).await.unwrap();
    assert_eq!(pruned.rows, 900);
}
