//! Nothing of a body turns up where it does not belong.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
};

use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Failure, Filter, Inbox, Job, Page};
use reqwest::{Client, StatusCode};
use sqlx::{
    AssertSqlSafe,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tempfile::TempDir;

use crate::{
    server::Server,
    support::{
        SOURCE,
        database::{self, Database, Db},
        on_both, until,
    },
};

const CANARY: &str = "canary-7c1e9b";

on_both![
    nothing_of_a_body_is_in_an_error,
    nothing_of_a_body_is_logged
];

fn bodies() -> [String; 3] {
    [
        format!(
            r#"{{"id":"{CANARY}","event":"lead.won","data":{{"lead":{{"id":"1","name":"{CANARY}"}}}}}}"#
        ),
        format!(r#"{{"id":"1","event":"lead.won","data":{{"lead":"{CANARY}"}}}}"#),
        CANARY.to_owned(),
    ]
}

async fn nothing_of_a_body_is_in_an_error<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    let mut printed = String::new();
    for body in bodies() {
        let delivery = Delivery::<Graphoid>::from_storage(body);
        printed += &format!("{:?}", source.accept(&delivery).await);
        printed += &format!("{:?}", source.accept(&delivery).await);
    }
    let failing = inbox
        .workers()
        .on(&source, async |job: Job<GraphoidEvent, B>| {
            let mut transaction = job.begin().await?;
            let value = format!("{:?} {CANARY}", job.key());
            assert!(!format!("{job:?}").contains(CANARY));
            // The database quotes the value in its message.
            B::provoke(&mut transaction, &value).await?;
            Err(Failure::retry("not reached"))
        });
    let report = failing.run_until_idle().await.unwrap();
    assert!(report.attempts > 3, "{report:?}");
    let rows = inbox.rows(&Filter::dead(), Page::first(10)).await.unwrap();
    assert_eq!(rows.len(), 3);
    printed += &format!(
        "{rows:?} {:?} {inbox:?} {:?}",
        inbox.stats().await,
        inbox.workers()
    );
    if B::BYTES == "BYTEA" {
        // PostgreSQL quotes the row that fails a constraint.
        database
            .run("ALTER TABLE leadhook_inbox ADD CHECK (source <> 'refused')")
            .await;
        let refused = inbox.source::<Graphoid>("refused");
        let delivery = Delivery::<Graphoid>::from_storage(format!("{CANARY} {CANARY}"));
        let error = refused.accept(&delivery).await.unwrap_err();
        printed += &format!("{error} {error:?}");
        assert!(printed.contains("violates check constraint"), "{printed}");
    }
    let hex = CANARY
        .bytes()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert!(
        !printed.contains(CANARY) && !printed.contains(&hex),
        "{printed}"
    );
    assert_eq!(database.count(&format!("error LIKE '%{CANARY}%'")).await, 0);
}

/// Everything that the process logs, whichever library or thread it comes from.
async fn nothing_of_a_body_is_logged<B: Db>(database: Database<B>) {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let mut command = Server::command(&database.url);
    command
        .env("SERVE_LOG", "trace")
        .stderr(File::create(&log).unwrap());
    let mut server = Server::start_as(command);
    let client = Client::new();
    let provoking = format!(
        r#"{{"id":"{CANARY}","event":"lead.won","data":{{"lead":{{"id":"{CANARY}","name":"provoke@9"}}}}}}"#
    );
    let [_, misshapen, not_json] = bodies();
    for body in [&provoking, &misshapen, &not_json, &provoking] {
        let status = server.post(&client, body).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    let handled = "state = 'dead' OR attempts > 1";
    until("all are handled", async || {
        database.count(handled).await == 3
    })
    .await;
    // Nothing can be stored or taken.
    database
        .run("ALTER TABLE leadhook_inbox RENAME TO moved")
        .await;
    let status = server.post(&client, &provoking).await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    server.kill();
    let log = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    for expected in [
        "delivery accepted",
        "unreadable",
        "failed",
        "delivery not accepted",
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    assert!(!log.contains(CANARY), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_its_owners_and_forgets_what_was_erased() {
    let database = database::sqlite().await;
    let (inbox, source) = (&database.inbox, database.source());
    let body = format!(
        r#"{{"id":"{CANARY}","event":"lead.won","data":{{"lead":{{"id":"{CANARY}","name":"{CANARY}"}}}}}}"#
    );
    let filler = "x".repeat(20_000); // over several pages
    let long = Delivery::<Graphoid>::from_storage(format!("{CANARY}{filler}{CANARY}"));
    let short = Delivery::<Graphoid>::from_storage(body);
    for delivery in [&long, &short] {
        source.accept(delivery).await.unwrap();
    }
    let files = || ["", "-wal", "-shm"].map(|suffix| format!("{}{suffix}", database.url));
    let holds_canary = || {
        files().iter().any(|file| {
            let bytes = fs::read(file).unwrap();
            bytes
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes())
        })
    };
    for file in files() {
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file}"
        );
    }
    assert!(holds_canary());
    for delivery in [&long, &short] {
        let one = Filter::key(source.key(delivery));
        assert_eq!(inbox.erase(&one).finish().await.unwrap(), 1);
    }
    assert!(!holds_canary());
}

/// The application's pool has settings of its own, and the body has been in its write-ahead log or journal.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_on_a_pool_of_the_application_leaves_nothing() {
    for mode in ["WAL", "DELETE", "TRUNCATE", "PERSIST"] {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("application.db");
        let hook = format!(
            "PRAGMA journal_mode = {mode}; PRAGMA secure_delete = OFF; PRAGMA synchronous = OFF"
        );
        let pool = SqlitePoolOptions::new().after_connect(move |connection, _| {
            let hook = sqlx::raw_sql(AssertSqlSafe(hook.clone()));
            Box::pin(async move { hook.execute(connection).await.map(drop) })
        });
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true);
        let inbox = Inbox::with_pool(pool.connect_with(options).await.unwrap());
        inbox.migrate().await.unwrap();
        inbox.check().await.unwrap();
        let source = inbox.source::<Graphoid>(SOURCE);
        let filler = "x".repeat(20_000);
        for id in 0..20 {
            let lead = format!(r#"{{"id":"{CANARY}","name":"{CANARY}{filler}{CANARY}"}}"#);
            let body =
                format!(r#"{{"id":"{CANARY}{id}","event":"lead.won","data":{{"lead":{lead}}}}}"#);
            source.accept(&Delivery::from_storage(body)).await.unwrap();
        }
        let holds_canary = || {
            fs::read_dir(directory.path()).unwrap().any(|file| {
                let bytes = fs::read(file.unwrap().path()).unwrap();
                bytes
                    .windows(CANARY.len())
                    .any(|window| window == CANARY.as_bytes())
            })
        };
        assert!(holds_canary(), "{mode}");
        assert_eq!(inbox.erase(&Filter::all()).finish().await.unwrap(), 20);
        assert!(!holds_canary(), "{mode}");
        inbox.close().await;
        assert!(!holds_canary(), "{mode}");
    }
}
