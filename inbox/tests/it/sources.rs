//! Sources: what a route, `accept` and a handler share.

use std::time::Duration;

use leadhook::{Delivery, Graphoid, ScoreApp, graphoid::GraphoidEvent, scoreapp::ScoreAppEvent};
use leadhook_inbox::{Accepted, Error, Filter, Job, Page, Reason, State};

use crate::support::{
    SOURCE,
    database::{Database, Db},
    delivery,
    logs::Logs,
    on_both, recording, until,
};

on_both![
    one_event_at_two_sources_is_handled_twice,
    names_and_scopes_are_kept_apart,
    one_name_for_two_providers_is_an_error,
    a_row_of_another_provider_is_dead_and_says_so,
    a_source_without_a_handler_is_said_once,
    what_the_receiver_knew_reaches_the_handler,
];

async fn one_event_at_two_sources_is_handled_twice<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let [north, south] = ["north", "south"].map(|name| inbox.source::<Graphoid>(name));
    for source in [&north, &south] {
        assert_eq!(source.accept(&delivery(1)).await.unwrap(), Accepted::New);
        assert_eq!(
            source.accept(&delivery(1)).await.unwrap(),
            Accepted::Duplicate
        );
    }
    assert_ne!(north.key(&delivery(1)), south.key(&delivery(1)));
    let handler = async |job: Job<GraphoidEvent, B>| {
        let mut transaction = job.begin().await?;
        B::record(&mut transaction, job.key()).await?;
        job.commit(transaction).await
    };
    let workers = inbox.workers().on(&north, handler).on(&south, handler);
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 2);
    assert_eq!(database.effects().await, 2);
    let done = inbox
        .rows(&Filter::state(State::Done), Page::first(9))
        .await;
    let mut sources: Vec<_> = done.unwrap().into_iter().map(|row| row.source).collect();
    sources.sort();
    assert_eq!(sources, ["north", "south"]);
}

async fn names_and_scopes_are_kept_apart<B: Db>(database: Database<B>) {
    let names = ["a", "a:b", "b", ""].map(|name| database.inbox.source::<Graphoid>(name));
    let scopes = [
        None,
        Some(""),
        Some("b"),
        Some("a"),
        Some("a:b"),
        Some("1:a"),
    ];
    let mut keys = Vec::new();
    for source in &names {
        for scope in scopes {
            let delivery = match scope {
                Some(scope) => delivery(1).with_scope(scope),
                None => delivery(1),
            };
            assert_eq!(source.accept(&delivery).await.unwrap(), Accepted::New);
            keys.push(source.key(&delivery));
        }
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), names.len() * scopes.len());
}

async fn one_name_for_two_providers_is_an_error<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let graphoid = inbox.source::<Graphoid>("leads");
    graphoid.accept(&delivery(1)).await.unwrap();
    let scoreapp = inbox.source::<ScoreApp>("leads");
    let is_named = |error: Error| matches!(&error, Error::TwoProviders(name) if name == "leads");
    let error = scoreapp.accept(&Delivery::from_storage("{}")).await;
    assert!(is_named(error.unwrap_err()));
    assert!(is_named(graphoid.accept(&delivery(2)).await.unwrap_err()));
    let handler = async |job: Job<ScoreAppEvent, B>| Ok(job.done());
    let workers = inbox.workers().on(&scoreapp, handler);
    assert!(is_named(workers.start().await.unwrap_err()));
    assert_eq!(database.count("TRUE").await, 1);
}

/// The name stood for another provider when the row was stored.
async fn a_row_of_another_provider_is_dead_and_says_so<B: Db>(database: Database<B>) {
    database.source().accept(&delivery(1)).await.unwrap();
    let inbox = B::open(&database.url).await;
    let source = inbox.source::<ScoreApp>(SOURCE);
    let handler = async |job: Job<ScoreAppEvent, B>| Ok(job.done());
    let workers = inbox.workers().on(&source, handler);
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 1);
    let dead = Filter::dead().reason(Reason::Unreadable);
    let row = &inbox.rows(&dead, Page::first(1)).await.unwrap()[0];
    let error = row.error.as_deref().unwrap();
    assert!(error.contains("graphoid"), "{error}");

    // The right handler takes it after a replay.
    assert_eq!(inbox.replay(&dead).finish().await.unwrap(), 1);
    let report = recording(&database.inbox).run_until_idle().await.unwrap();
    assert_eq!(report.attempts, 1);
    assert_eq!(database.effects().await, 1);
}

async fn a_source_without_a_handler_is_said_once<B: Db>(database: Database<B>) {
    let logs = Logs::capture();
    let inbox = B::open(&database.url).await;
    let (misspelt, handled) = (inbox.source("grafoid"), inbox.source(SOURCE));
    let workers = recording(&inbox).start().await.unwrap();
    for id in 0..20 {
        misspelt.accept(&delivery(id)).await.unwrap();
        handled.accept(&delivery(id)).await.unwrap();
    }
    until("the others are done", async || {
        database.count("state = 'done'").await == 20
    })
    .await;
    let said = logs.with("has no handler for the source");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("WARN") && said[0].contains("grafoid"),
        "{said:?}"
    );
    let stats = inbox.stats().await.unwrap();
    assert_eq!(
        (stats[0].source.as_str(), stats[0].waiting),
        ("grafoid", 20)
    );
    assert!(!stats[0].has_handler);
    workers.shutdown(Duration::from_secs(5)).await;
}

async fn what_the_receiver_knew_reaches_the_handler<B: Db>(database: Database<B>) {
    let source = database.source();
    let scoped = delivery(1).with_scope("account 7");
    source.accept(&scoped).await.unwrap();
    let expected = source.key(&scoped);
    let handler = move |job: Job<GraphoidEvent, B>| async move {
        assert_eq!(job.delivery().scope(), Some("account 7"));
        assert_eq!(job.source(), SOURCE);
        assert_eq!(job.key(), expected);
        assert_eq!(job.matched_secret(), None);
        Ok(job.done())
    };
    let workers = database.inbox.workers().on(&source, handler);
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 1);
    assert_eq!(
        database
            .count("state = 'done' AND scope = 'account 7'")
            .await,
        1
    );
}
