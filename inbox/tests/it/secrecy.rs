//! Nothing of a body turns up where it does not belong.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Failure, Job, Key, Select};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{
    SOURCE,
    database::{self, Database, Db},
    on_both,
};

const CANARY: &str = "canary-7c1e9b";

on_both![nothing_of_a_body_is_logged_or_in_an_error];

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn bodies() -> [String; 3] {
    [
        format!(r#"{{"id":"{CANARY}","event":"lead.won","data":{{"lead":{{"id":"{CANARY}"}}}}}}"#),
        format!(r#"{{"id":"1","event":"lead.won","data":{{"lead":"{CANARY}"}}}}"#),
        CANARY.to_owned(),
    ]
}

async fn nothing_of_a_body_is_logged_or_in_an_error<B: Db>(database: Database<B>) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let inbox = &database.inbox;
    let mut printed = String::new();
    for body in bodies() {
        let delivery = Delivery::<Graphoid>::from_storage(body);
        printed += &format!("{:?}", inbox.accept(SOURCE, &delivery).await);
        printed += &format!("{:?}", inbox.accept(SOURCE, &delivery).await);
    }
    let failing = inbox
        .workers()
        .on(SOURCE, async |job: Job<GraphoidEvent, B>| {
            let mut transaction = job.begin().await?;
            let value = format!("{:?} {CANARY}", job.key());
            assert!(!format!("{job:?}").contains(CANARY));
            // The database quotes the value in its message.
            B::provoke(&mut transaction, &value).await?;
            Err(Failure::retry("not reached"))
        });
    let report = failing.run_until_idle().await.unwrap();
    assert!(report.tries > 3, "{report:?}");
    let rows = inbox.rows(&Select::dead(), 10).await.unwrap();
    assert_eq!(rows.len(), 3);
    printed += &format!(
        "{rows:?} {:?} {inbox:?} {:?}",
        inbox.stats().await,
        inbox.workers()
    );
    assert!(!printed.contains(CANARY), "{printed}");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("unreadable") && log.contains("delivery accepted"),
        "{log}"
    );
    assert!(!log.contains(CANARY), "{log}");
    assert_eq!(database.count(&format!("error LIKE '%{CANARY}%'")).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_its_owners_and_forgets_what_was_erased() {
    let database = database::sqlite().await;
    let inbox = &database.inbox;
    let [body, ..] = bodies();
    let filler = "x".repeat(20_000); // over several pages
    let long = Delivery::<Graphoid>::from_storage(format!("{CANARY}{filler}{CANARY}"));
    let short = Delivery::<Graphoid>::from_storage(body);
    for delivery in [&long, &short] {
        inbox.accept(SOURCE, delivery).await.unwrap();
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
        assert_eq!(
            inbox.erase(&Select::key(Key::of(delivery))).await.unwrap(),
            1
        );
    }
    assert!(!holds_canary());
}
