//! A wrong schema or URL is an error at start.

use leadhook::graphoid::GraphoidEvent;
use leadhook_inbox::{Error, Inbox, Job, Keep, Postgres};
use std::time::Duration;

use crate::support::{
    SOURCE,
    database::{Database, Db},
    delivery, on_both,
};

on_both![
    missing_tables_are_an_error,
    a_schema_of_the_future_is_an_error_unless_it_says_otherwise,
    workers_need_one_handler_for_each_source,
];

async fn missing_tables_are_an_error<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    database
        .run("DROP TABLE leadhook_inbox; DROP TABLE leadhook_inbox_meta")
        .await;
    let error = inbox.check().await.unwrap_err();
    assert!(matches!(error, Error::NotMigrated), "{error}");
    for sql in Inbox::<B>::migrations() {
        database.run(sql).await;
    }
    inbox.check().await.unwrap();
    inbox.accept(SOURCE, &delivery(1)).await.unwrap();

    database
        .run("UPDATE leadhook_inbox_meta SET version = 0")
        .await;
    let error = inbox.check().await.unwrap_err();
    assert!(
        matches!(error, Error::SchemaTooOld { found: 0, .. }),
        "{error}"
    );
}

async fn a_schema_of_the_future_is_an_error_unless_it_says_otherwise<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    // The next version, as a rolling deployment sees it: it adds, and this library can go on.
    let next = "ALTER TABLE leadhook_inbox ADD COLUMN next TEXT; UPDATE leadhook_inbox_meta SET version = 2";
    database.run(next).await;
    inbox.migrate().await.unwrap();
    inbox.check().await.unwrap();
    inbox.accept(SOURCE, &delivery(1)).await.unwrap();
    let workers = inbox
        .workers()
        .on(SOURCE, async |job: Job<GraphoidEvent, B>| Ok(job.done()));
    assert_eq!(workers.run_until_idle().await.unwrap().tries, 1);

    database
        .run("UPDATE leadhook_inbox_meta SET works_from = 2")
        .await;
    let error = inbox.check().await.unwrap_err();
    assert!(
        matches!(error, Error::SchemaTooNew { found: 2, known: 1 }),
        "{error}"
    );
    let workers = inbox
        .workers()
        .on(SOURCE, async |job: Job<GraphoidEvent, B>| Ok(job.done()));
    let error = workers.start().await.unwrap_err();
    assert!(matches!(error, Error::SchemaTooNew { .. }), "{error}");
}

async fn workers_need_one_handler_for_each_source<B: Db>(database: Database<B>) {
    let workers = || database.inbox.workers();
    let handle = async |job: Job<GraphoidEvent, B>| Ok(job.done());
    let error = workers().start().await.unwrap_err();
    assert!(matches!(error, Error::NoHandler), "{error}");
    let error = workers()
        .on("a", handle)
        .on("b", handle)
        .on("a", handle)
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::TwoHandlers(source) if source == "a"),
        "{error}"
    );
    // Graphoid retries for more than ten hours.
    let keep = Keep::default().with_keys(Duration::from_hours(10));
    let error = workers()
        .on("a", handle)
        .keep(keep)
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::KeepTooShort { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_url_is_an_error_that_does_not_quote_it() {
    for url in [
        "sqlite:inbox.db",
        "postgres://user:hunter2@host:port/x",
        "inbox.db",
    ] {
        let error = Inbox::<Postgres>::open(url).await.unwrap_err();
        assert!(matches!(error, Error::Url), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}
