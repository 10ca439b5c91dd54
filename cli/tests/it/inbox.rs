//! `leadhook inbox`, on real SQLite files and a real PostgreSQL.

#[allow(dead_code, unreachable_pub, missing_docs, clippy::all)]
#[path = "../../../inbox/tests/it/support/postgres.rs"]
mod postgres;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use leadhook::{Delivery, Grader, Graphoid, ScoreApp, graphoid::GraphoidEvent};
use leadhook_inbox::{Backend, Backoff, Failure, Inbox, Job, Key, Postgres, Sqlite, SubjectKey};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Pool};
use tempfile::TempDir;

use crate::{assert_fails, command, run};

const CANARY: &str = "ann.canary@example.com";

/// A database with an inbox. The application has it open while the command runs.
struct Database<B: Backend> {
    inbox: Inbox<B>,
    /// The command's argument.
    name: String,
    keep: Keep,
}

enum Keep {
    Directory(TempDir),
    Server(#[expect(dead_code, reason = "stopped when dropped")] Arc<postgres::Server>),
}

trait Db: Backend {
    const BYTES: &'static str;
    async fn open(name: &str) -> Inbox<Self>
    where
        Self: Sized;
    async fn run(pool: &Pool<Self>, sql: &str)
    where
        Self: Sized;
    async fn count(pool: &Pool<Self>, sql: &str) -> i64
    where
        Self: Sized;
}

macro_rules! db {
    ($database:ty, $bytes:literal) => {
        impl Db for $database {
            const BYTES: &'static str = $bytes;

            async fn open(name: &str) -> Inbox<Self> {
                Inbox::<Self>::open(name).await.unwrap()
            }

            async fn run(pool: &Pool<Self>, sql: &str) {
                let sql = sqlx::raw_sql(AssertSqlSafe(sql));
                sql.execute(pool).await.unwrap();
            }

            async fn count(pool: &Pool<Self>, sql: &str) -> i64 {
                let query = sqlx::query_scalar(AssertSqlSafe(sql));
                query.fetch_one(pool).await.unwrap()
            }
        }
    };
}

db!(Sqlite, "BLOB");
db!(Postgres, "BYTEA");

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

async fn sqlite() -> Database<Sqlite> {
    let directory = TempDir::new().unwrap();
    let name = directory.path().join("inbox.db").display().to_string();
    Database {
        inbox: Sqlite::open(&name).await,
        name,
        keep: Keep::Directory(directory),
    }
}

async fn postgres() -> Option<Database<Postgres>> {
    let server = postgres::shared()?;
    let name = server.create_database().await;
    Some(Database {
        inbox: Postgres::open(&name).await,
        name,
        keep: Keep::Server(server),
    })
}

/// Makes each test one for SQLite and one for PostgreSQL.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $test() {
                super::block_on(async { super::$test(super::sqlite().await).await });
            })*
        }
        mod on_postgres {
            $(#[test]
            fn $test() {
                super::block_on(async {
                    if let Some(database) = super::postgres().await {
                        super::$test(database).await;
                    }
                });
            })*
        }
    };
}

on_both![
    stats_list_and_show_print_what_is_stored,
    a_row_that_waits_for_another_one_says_so,
    a_listing_goes_page_by_page,
    each_filter_selects,
    replay_shows_first_and_changes_with_yes,
    erase_shows_first_and_changes_with_yes,
    ctrl_c_stops_between_batches_and_the_count_is_exact,
    a_failure_says_how_many_rows_were_changed,
    a_terminal_gets_colours_and_progress,
    a_person_is_found_across_sources,
    a_person_is_exported_with_bodies,
    a_person_is_erased_if_the_count_is_confirmed,
    a_wrong_use_of_person_prints_no_address,
    an_encrypted_body_is_named_and_the_other_rows_are_exported,
    a_person_says_where_more_may_be_stored,
    a_subject_key_must_be_one_that_was_used,
    an_erasure_of_a_person_stops_and_goes_on,
];

/// The delivery of a lead, whose body has a personal value.
fn delivery(id: usize) -> Delivery<Graphoid> {
    Delivery::from_storage(format!(
        r#"{{"id":"evt_{id}","event":"lead.won","data":{{"lead":{{"id":"lead_{id}","name":"{CANARY}"}}}}}}"#
    ))
}

impl<B: Db> Database<B> {
    /// Stores at `graphoid` a done row (0), two dead ones (1 and 2), a failed one (3), one in progress (4) and one
    /// that waits (5), and at `scoreapp` one that can't be read.
    async fn fill(&self) {
        let graphoid = self.inbox.source::<Graphoid>("graphoid");
        let scoreapp = self.inbox.source::<ScoreApp>("scoreapp");
        for id in 0..4 {
            graphoid.accept(&delivery(id)).await.unwrap();
        }
        let broken = Delivery::from_storage(format!("not JSON: {CANARY}"));
        scoreapp.accept(&broken).await.unwrap();
        let workers = self
            .inbox
            .workers()
            .on(&graphoid, async |job: Job<GraphoidEvent, B>| {
                let lead = leadhook::Event::lead(job.event()).unwrap();
                match lead.id.unwrap().as_str() {
                    "lead_0" => Ok(job.done()),
                    "lead_3" => Err(Failure::retry("crm unavailable")),
                    _ => Err(Failure::dead("no such account")),
                }
            })
            .on(
                &scoreapp,
                async |job: Job<leadhook::scoreapp::ScoreAppEvent, B>| Ok(job.done()),
            );
        // After a few attempts, because each one is a commit.
        let minute = Duration::from_secs(60);
        let workers = workers.backoff(Backoff::default().with_give_up_after(minute));
        workers.run_until_idle().await.unwrap();
        // The workers have advanced the clock of their inbox.
        let now = B::open(&self.name).await;
        let graphoid = now.source::<Graphoid>("graphoid");
        for id in 4..6 {
            graphoid.accept(&delivery(id)).await.unwrap();
        }
        now.close().await;
        let claim = format!(
            "UPDATE leadhook_inbox SET token = 't', process = 'p' WHERE key = '{}'",
            self.key(4)
        );
        self.run(&claim).await;
    }

    fn key(&self, id: usize) -> Key {
        self.inbox.source::<Graphoid>("graphoid").key(&delivery(id))
    }

    async fn run(&self, sql: &str) {
        B::run(self.inbox.pool(), sql).await;
    }

    async fn count(&self, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM leadhook_inbox WHERE {condition}");
        B::count(self.inbox.pool(), &sql).await
    }

    /// Stores dead rows of the source `many`, as many as are asked for.
    async fn fill_with_dead(&self, rows: usize) {
        let zeros = "0".repeat(64);
        self.run(&format!(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
             INSERT INTO leadhook_inbox (key, source, provider, body, accepted_at, retry_until, due_at, state, reason, settled_at)
             SELECT SUBSTR('{zeros}' || n, LENGTH(CAST(n AS TEXT)) + 1), 'many', 'graphoid', CAST('{CANARY}' AS {}),
                 0, 0, 0, 'dead', 'failed', 0 FROM n",
            B::BYTES,
        ))
        .await;
    }

    fn command(&self, action: &str) -> Command {
        inbox(action, &self.name)
    }

    /// Runs a command that must succeed silently, and returns its output.
    fn prints(&self, arguments: &[&str]) -> String {
        let (action, rest) = arguments.split_first().unwrap();
        let output = run(self.command(action).args(rest), b"");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail.
    fn fails(&self, arguments: &[&str], status: i32, reason: &str) {
        let (action, rest) = arguments.split_first().unwrap();
        let output = run(self.command(action).args(rest), b"");
        assert_fails(&output, status, reason);
    }
}

/// A command on a database.
fn inbox(action: &str, database: &str) -> Command {
    let mut command = command("inbox");
    command.args([action, database]).env_remove("DATABASE_URL");
    command
}

fn json(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The words of each line.
fn words(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines();
    lines
        .map(|line| line.split_whitespace().collect())
        .collect()
}

/// It is due, and no worker takes it.
async fn a_row_that_waits_for_another_one_says_so<B: Db>(database: Database<B>) {
    let graphoid = database.inbox.source::<Graphoid>("graphoid");
    graphoid.one_at_a_time().accept(&delivery(0)).await.unwrap();
    let list = database.prints(&["list"]);
    assert!(
        list.contains("  –  ") && !list.contains("earlier"),
        "{list}"
    );
    database.run("UPDATE leadhook_inbox SET parked = 1").await;
    let list = database.prints(&["list"]);
    assert!(list.contains("  waits for an earlier event  "), "{list}");
    let row = database.prints(&["show", &database.key(0).to_string()]);
    assert!(
        row.contains("\nwaits for       an earlier event of the same lead\n"),
        "{row}"
    );
}

async fn stats_list_and_show_print_what_is_stored<B: Db>(database: Database<B>) {
    assert_eq!(database.prints(&["stats"]), "no row waits or is dead\n");
    assert_eq!(database.prints(&["list"]), "the inbox has no rows\n");
    assert_eq!(database.prints(&["stats", "--json"]), "");
    database.fill().await;

    let stats = database.prints(&["stats"]);
    let lines = words(&stats);
    assert_eq!(
        lines[0].join(" "),
        "SOURCE WAITING IN PROGRESS DEAD OLDEST DUE"
    );
    assert_eq!(lines[1][..4], ["graphoid", "1", "1", "3"]);
    assert_eq!(lines[2].join(" "), "scoreapp 0 0 1 –");
    let columns: Vec<usize> = stats.lines().map(|line| line.chars().count()).collect();
    assert!(
        columns[0] >= columns[2] && !stats.contains('\x1b'),
        "{stats}"
    );
    let stats = json(&database.prints(&["stats", "--json"]));
    assert_eq!(stats[0]["source"], "graphoid");
    assert_eq!(
        (
            &stats[0]["waiting"],
            &stats[0]["in_progress"],
            &stats[0]["dead"]
        ),
        (&1.into(), &1.into(), &3.into())
    );
    assert!(stats[0]["oldest_due"].as_f64().unwrap() < 60.0);
    assert!(stats[1]["oldest_due"].is_null() && stats[1].get("has_handler").is_none());

    let list = database.prints(&["list"]);
    assert_eq!(list.lines().count(), 1 + 7);
    assert!(!list.contains(CANARY) && !list.contains('\x1b'), "{list}");
    let row = list
        .lines()
        .find(|line| line.contains(&database.key(3).to_string()))
        .unwrap();
    assert!(row.starts_with("dead"), "{row}");
    assert!(row.contains("  graphoid  lead.won  lead_3  "), "{row}");
    assert!(row.contains("  failed: crm unavailable  "), "{row}");
    // The columns are aligned.
    let place = list.find("KEY").unwrap();
    let is_aligned = |line: &str| line.chars().count() == place + 64;
    assert!(list.lines().skip(1).all(is_aligned), "{list}");
    let rows = json(&database.prints(&["list", "--json", "--state", "in-progress"]));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["key"], database.key(4).to_string());
    assert_eq!(rows[0]["state"], "in_progress");
    assert_eq!(rows[0]["lead_id"], "lead_4");

    let key = database.key(1).to_string();
    let row = database.prints(&["show", &key]);
    assert!(row.contains(&format!("key             {key}\n")), "{row}");
    assert!(row.contains("\nstate           dead, rejected\n"), "{row}");
    assert!(row.contains("\nerror           no such account\n"), "{row}");
    assert!(!row.contains(CANARY), "{row}");
    let row = database.prints(&["show", &key, "--body"]);
    let body = String::from_utf8(delivery(1).body().to_vec()).unwrap();
    assert!(row.ends_with(&format!("\n\n{body}\n")), "{row}");
    let row = json(&database.prints(&["show", "--json", &key.to_uppercase(), "--body"]));
    assert_eq!(row[0]["body"], body);
    assert_eq!(row[0]["reason"], "rejected");
    let row = json(&database.prints(&["show", "--json", &key]));
    assert!(row[0].get("body").is_none() && row[0]["has_body"] == true);
    database.fails(&["show", &"a".repeat(64)], 1, "there is no such row");
    for arguments in [vec!["show", "abc"], vec!["show"]] {
        database.fails(&arguments, 64, "not a key");
    }

    // A body that is no text, and an encrypted one.
    let (text, cipher) = (database.key(1), database.key(2));
    let bytes = match B::BYTES {
        "BLOB" => "X'ff00'",
        _ => r"'\xff00'",
    };
    let [bytes, cipher_name] = [
        format!("UPDATE leadhook_inbox SET body = {bytes} WHERE key = '{text}'"),
        format!("UPDATE leadhook_inbox SET body_cipher = 'k' WHERE key = '{cipher}'"),
    ];
    database.run(&bytes).await;
    database.run(&cipher_name).await;
    let row = json(&database.prints(&["show", "--json", &key, "--body"]));
    assert_eq!(row[0]["body_base64"], "/wA=");
    database.fails(&["show", &cipher.to_string(), "--body"], 64, "is encrypted");
    database.prints(&["show", &cipher.to_string()]);

    // The database's name may come from the environment.
    for arguments in [vec!["stats"], vec!["show", &key]] {
        let mut command = command("inbox");
        let output = run(
            command.args(arguments).env("DATABASE_URL", &database.name),
            b"",
        );
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

async fn a_listing_goes_page_by_page<B: Db>(database: Database<B>) {
    const ROWS: usize = 1203;
    database.fill_with_dead(ROWS).await;
    let keys = |text: &str| -> Vec<String> {
        let rows = json(text).into_iter();
        rows.map(|row| row["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = keys(&database.prints(&["list", "--all", "--json"]));
    assert_eq!(all.len(), ROWS);
    assert!(all.is_sorted());
    let plain = database.prints(&["list", "--all"]);
    assert_eq!(plain.lines().count(), 1 + ROWS, "one heading");

    let mut seen: Vec<String> = Vec::new();
    loop {
        let mut command = database.command("list");
        command.args(["--json", "--limit", "600"]);
        if let Some(last) = seen.last() {
            command.args(["--after", last]);
        }
        let output = run(&mut command, b"");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        seen.extend(keys(&String::from_utf8(output.stdout).unwrap()));
        let hint = String::from_utf8(output.stderr).unwrap();
        if seen.len() == ROWS {
            assert_eq!(hint, "");
            break;
        }
        assert!(
            hint.ends_with(&format!("--after {}\n", seen.last().unwrap())),
            "{hint}"
        );
    }
    assert_eq!(seen, all);
    database.fails(
        &["list", "--after", all.last().unwrap()],
        1,
        "no row matches",
    );
    database.fails(&["list", "--after", "x"], 64, "not a key");
    database.fails(&["list", "--limit", "0"], 64, "0 is not in");
    database.fails(
        &["list", "--limit", "5", "--all"],
        64,
        "cannot be used with",
    );
}

async fn each_filter_selects<B: Db>(database: Database<B>) {
    database.fill().await;
    let unread = format!(
        "UPDATE leadhook_inbox SET accepted_at = 1000000000000, settled_at = 1000000000000 WHERE key = '{}'",
        database.key(2)
    );
    database.run(&unread).await;
    let key = database.key(5).to_string();
    for (filters, count) in [
        (vec!["--state", "waiting"], 1),
        (vec!["--state", "in-progress"], 1),
        (vec!["--state", "in_progress"], 1),
        (vec!["--state", "done"], 1),
        (vec!["--state", "dead"], 4),
        (vec!["--source", "scoreapp"], 1),
        (vec!["--reason", "rejected"], 2),
        (vec!["--reason", "failed"], 1),
        (vec!["--reason", "unreadable", "--source", "scoreapp"], 1),
        (vec!["--error", "crm unavailable"], 1),
        (vec!["--event", "lead.won"], 6),
        (vec!["--lead", "lead_5"], 1),
        (vec!["--key", &key], 1),
        (vec!["--accepted-before", "2001-09-09T03:46:41+02:00"], 1),
        (vec!["--accepted-before", "2001-09-09T01:46:40Z"], 0),
        (vec!["--settled-before", "2001-09-09T01:46:41Z"], 1),
        (vec!["--state", "dead", "--lead", "lead_5"], 0),
        (vec!["--reason", "erased"], 0),
    ] {
        let output = run(database.command("list").arg("--json").args(&filters), b"");
        let found = json(&String::from_utf8(output.stdout).unwrap()).len();
        assert_eq!(found, count, "{filters:?}");
        assert_eq!(
            output.status.code(),
            Some(i32::from(count == 0)),
            "{filters:?}"
        );
    }
    database.fails(
        &["list", "--source", "graphiod"],
        1,
        "did you mean graphoid?",
    );
    database.fails(
        &["list", "--source", "xyz"],
        1,
        "there is none of this source",
    );
    database.fails(&["list", "--state", "daed"], 64, "'dead'");
    database.fails(
        &["list", "--key", &key, "--state", "dead"],
        64,
        "cannot be used with",
    );
    database.fails(
        &["list", "--accepted-before", "yesterday"],
        64,
        "expected a time such as",
    );
}

async fn replay_shows_first_and_changes_with_yes<B: Db>(database: Database<B>) {
    assert_eq!(database.prints(&["replay"]), "no row is dead\n");
    assert_eq!(database.prints(&["replay", "--yes"]), "no row is dead\n");
    database.fill().await;
    let plan = database.prints(&["replay"]);
    let lines = words(&plan);
    assert_eq!(lines[0], ["SOURCE", "STATE", "REASON", "LABEL", "ROWS"]);
    assert_eq!(lines[1].join(" "), "graphoid dead failed crm unavailable 1");
    assert_eq!(
        lines[2].join(" "),
        "graphoid dead rejected no such account 2"
    );
    assert!(
        plan.contains("4 rows would be replayed; add --yes"),
        "{plan}"
    );
    let plan = &json(&database.prints(&["replay", "--json"]))[0];
    assert_eq!((&plan["rows"], &plan["changed"]), (&4.into(), &0.into()));
    assert_eq!(plan["complete"], false);
    assert_eq!(plan["groups"][0]["error"], "crm unavailable");
    assert_eq!(plan["groups"][1]["rows"], 2);
    assert_eq!(
        database.count("state = 'dead'").await,
        4,
        "nothing was changed"
    );

    let label = ["replay", "--error", "crm unavailable", "--yes"];
    assert!(database.prints(&label).ends_with("\n1 row replayed\n"));
    database.fails(&label, 1, "no row matches");
    assert_eq!(database.count("state = 'dead'").await, 3);
    assert_eq!(
        database
            .count("state = 'waiting' AND attempts = 0 AND token IS NULL")
            .await,
        2
    );
    database.fails(
        &["replay", "--source", "scoreap", "--yes"],
        1,
        "did you mean scoreapp?",
    );

    // What waits and what has no body is passed over.
    let waiting = database.key(5).to_string();
    let output = run(
        database
            .command("replay")
            .args(["--key", &waiting, "--yes"]),
        b"",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        "1 row waits already and is not replayed\nthere is nothing to replay\n"
    );
    let erased = database.key(1).to_string();
    database.prints(&["erase", "--key", &erased, "--yes"]);
    let done = &json(&database.prints(&["replay", "--yes", "--json"]))[0];
    assert_eq!(
        (&done["changed"], &done["passed_over"]),
        (&2.into(), &1.into())
    );
    assert_eq!(done["complete"], true);
    assert_eq!(database.count("state = 'dead'").await, 1);
    assert!(
        database
            .prints(&["replay", "--state", "done", "--yes"])
            .contains("1 row replayed")
    );
    database.fails(&["replay", "--state", "waiting"], 64, "handled anyway");
}

async fn erase_shows_first_and_changes_with_yes<B: Db>(database: Database<B>) {
    database.fails(&["erase"], 64, "say which rows");
    database.fails(&["erase", "--yes"], 64, "say which rows");
    database.fails(&["erase", "--lead", "lead_0", "--yes"], 1, "no row matches");
    database.fill().await;
    let plan = database.prints(&["erase", "--event", "lead.won"]);
    assert!(plan.contains("6 rows would be erased; add --yes"), "{plan}");
    assert!(!plan.contains(CANARY), "{plan}");
    assert_eq!(
        database.count("body IS NULL").await,
        0,
        "nothing was changed"
    );

    let erased = database.prints(&["erase", "--event", "lead.won", "--yes"]);
    assert!(erased.ends_with("\n6 rows erased\n"), "{erased}");
    assert_eq!(database.count("body IS NULL").await, 6);
    assert_eq!(database.count("reason = 'erased'").await, 2, "what waited");
    let graphoid = database.inbox.source::<Graphoid>("graphoid");
    let again = graphoid.accept(&delivery(0)).await.unwrap();
    assert_eq!(again, leadhook_inbox::Accepted::Duplicate);
    let nothing = database.prints(&["erase", "--event", "lead.won", "--yes"]);
    assert!(
        nothing.ends_with("there is nothing to erase\n"),
        "{nothing}"
    );
    database.prints(&["erase", "--key", &database.key(0).to_string(), "--yes"]);
    let shown = database.prints(&["show", &database.key(0).to_string(), "--body"]);
    assert!(
        shown.ends_with("the body was erased or pruned\n"),
        "{shown}"
    );
    database.prints(&["erase", "--source", "scoreapp", "--yes"]);
    if let Keep::Directory(directory) = &database.keep {
        assert!(!contains(directory.path(), CANARY), "it is left in a file");
    }
}

/// Whether a file of a directory contains a text.
fn contains(directory: &Path, text: &str) -> bool {
    let files = fs::read_dir(directory).unwrap();
    let mut contents = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    contents.any(|bytes| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "never happened: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn ctrl_c_stops_between_batches_and_the_count_is_exact<B: Db>(database: Database<B>) {
    const ROWS: usize = 40_000;
    database.fill_with_dead(ROWS).await;
    for (action, changed) in [("replay", "state = 'waiting'"), ("erase", "body IS NULL")] {
        let mut command = database.command(action);
        command.args(["--source", "many", "--yes"]);
        if action == "erase" {
            command.arg("--json");
        }
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("a batch", async || database.count(changed).await > 0).await;
        let kill = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let count = database.count(changed).await;
        assert!(
            count % 500 == 0 && count < i64::try_from(ROWS).unwrap(),
            "{count}"
        );
        if action == "erase" {
            let report = &json(&text)[0];
            assert_eq!(
                (&report["changed"], &report["complete"]),
                (&count.into(), &false.into())
            );
        } else {
            let line =
                format!("stopped: {count} of {ROWS} rows replayed; the same command goes on");
            assert!(text.contains(&line), "{text}");
        }
    }
    // What was erased by then is in no file, and the rest is erased later.
    let left = database.count("body IS NOT NULL").await;
    if let Keep::Directory(directory) = &database.keep {
        let log = directory.path().join("inbox.db-wal");
        assert_eq!(fs::metadata(log).unwrap().len(), 0);
    }
    let rest = database.prints(&["erase", "--source", "many", "--yes", "--json"]);
    assert_eq!(json(&rest)[0]["changed"], left);
    assert_eq!(database.count("body IS NOT NULL").await, 0);
}

async fn a_failure_says_how_many_rows_were_changed<B: Db>(database: Database<B>) {
    const ROWS: usize = 1_600;
    database.fill_with_dead(ROWS).await;
    // The rows from the third batch on can't be changed.
    let raise = match B::BYTES {
        "BLOB" => {
            "CREATE TRIGGER stop BEFORE UPDATE ON leadhook_inbox \
             WHEN CAST(NEW.key AS INTEGER) > 1200 BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        }
        _ => {
            "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE 'not this one'; END $$; \
             CREATE TRIGGER stop BEFORE UPDATE ON leadhook_inbox FOR EACH ROW \
             WHEN (NEW.key > repeat('0', 60) || '1200') EXECUTE FUNCTION stop()"
        }
    };
    database.run(raise).await;
    for format in [None, Some("--json")] {
        let mut command = database.command("replay");
        let output = run(
            command.args(["--reason", "failed", "--yes"]).args(format),
            b"",
        );
        assert_eq!(output.status.code(), Some(69), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.contains("not this one") && error.lines().count() == 1,
            "{error}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        if format.is_none() {
            assert!(
                text.ends_with("failed: 1000 of 1600 rows replayed\n"),
                "{text}"
            );
            assert_eq!(database.count("state = 'waiting'").await, 1000);
        } else {
            let report = &json(&text)[0];
            assert_eq!(
                (&report["rows"], &report["changed"]),
                (&600.into(), &0.into())
            );
            assert_eq!(report["complete"], false);
        }
    }
}

/// Runs a command on a terminal of python's, and returns what it shows.
fn on_terminal(command: &Command) -> String {
    let program =
        "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut terminal = Command::new("python3");
    terminal
        .args(["-c", program])
        .arg(command.get_program())
        .args(command.get_args())
        .env_remove("DATABASE_URL")
        .env_remove("NO_COLOR");
    let output = run(&mut terminal, b"");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn a_terminal_gets_colours_and_progress<B: Db>(database: Database<B>) {
    database.fill_with_dead(700).await;
    let stats = on_terminal(&database.command("stats"));
    assert!(stats.contains("\x1b[1mSOURCE\x1b[0m"), "{stats}");
    assert!(stats.contains("\x1b[1;31m700\x1b[0m"), "{stats}");
    let mut replay = database.command("replay");
    let shown = on_terminal(replay.arg("--yes"));
    assert!(shown.contains("\r500 rows found\x1b[K"), "{shown}");
    assert!(
        shown.contains("\r500 of 700 rows replayed\x1b[K"),
        "{shown}"
    );
    assert!(
        shown.contains("\x1b[32m700 rows replayed\x1b[0m"),
        "{shown}"
    );
}

fn quiz(id: &str, email: &str) -> Delivery<ScoreApp> {
    Delivery::from_storage(format!(
        r#"{{"event_name":"LEAD_SIGNED_UP","data":{{"id":"{id}","email":"{email}"}}}}"#
    ))
}

/// Stores two rows at `quiz` and one at `forms` about the person of the canary, and one about somebody else.
async fn fill_with_persons<B: Db>(inbox: &Inbox<B>) {
    let source = inbox.source::<ScoreApp>("quiz");
    for (id, email) in [
        ("1", CANARY),
        ("2", "Ann.Canary@Example.com"),
        ("3", "bob@example.com"),
    ] {
        source.accept(&quiz(id, email)).await.unwrap();
    }
    let body = format!(
        r#"{{"event":"submission.scored","data":{{"submission":{{"id":"sub_1","form_data":{{"email":"{CANARY}"}}}}}}}}"#
    );
    let forms = inbox.source::<Grader>("forms");
    forms.accept(&Delivery::from_storage(body)).await.unwrap();
}

impl<B: Db> Database<B> {
    fn person(&self, options: &[&str]) -> Output {
        let mut command = self.command("person");
        run(command.arg(CANARY).args(options), b"")
    }

    /// Runs a command that must fail, without a word of the address or the database.
    fn person_fails(&self, options: &[&str], status: i32, reason: &str) {
        let output = self.person(options);
        assert_fails(&output, status, reason);
        self.assert_discreet(&output.stderr);
    }

    fn assert_discreet(&self, errors: &[u8]) {
        let errors = String::from_utf8_lossy(errors).to_lowercase();
        assert!(
            !errors.contains("canary") && !errors.contains(&self.name.to_lowercase()),
            "{errors}"
        );
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

async fn a_person_is_found_across_sources<B: Db>(database: Database<B>) {
    let nobody = database.person(&[]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert_eq!(text(&nobody.stdout), "backups are not searched\n");
    assert!(text(&nobody.stderr).contains("no row about this person is found"));
    database.assert_discreet(&nobody.stderr);
    fill_with_persons(&database.inbox).await;

    let shown = database.prints(&["person", &format!(" {} ", CANARY.to_uppercase())]);
    let lines = words(&shown);
    assert_eq!(lines[0], ["SOURCE", "ROWS", "BODIES"]);
    assert_eq!(lines[1], ["forms", "1", "1"]);
    assert_eq!(lines[2], ["quiz", "2", "2"]);
    assert_eq!(shown.lines().nth(3), Some("backups are not searched"));
    assert_eq!(lines.len(), 4);
    let found = serde_json::json!({
        "sources": [
            {"source": "forms", "rows": 1, "bodies": 1},
            {"source": "quiz", "rows": 2, "bodies": 2},
        ],
        "rows": 3,
        "not_searched": [],
        "missing_keys": [],
    });
    assert_eq!(
        json(&database.prints(&["person", CANARY, "--json"])),
        [found]
    );
    // The only argument is the address.
    let mut of_environment = command("inbox");
    of_environment
        .args(["person", CANARY])
        .env("DATABASE_URL", &database.name);
    assert_eq!(text(&run(&mut of_environment, b"").stdout), shown);
}

async fn a_person_is_exported_with_bodies<B: Db>(database: Database<B>) {
    fill_with_persons(&database.inbox).await;
    // A body that is no text, and a pruned one.
    let source = database.inbox.source::<ScoreApp>("quiz");
    let [bytes, pruned] = ["1", "2"].map(|id| {
        source.key(&quiz(
            id,
            if id == "1" {
                CANARY
            } else {
                "Ann.Canary@Example.com"
            },
        ))
    });
    let value = match B::BYTES {
        "BLOB" => "X'ff00'",
        _ => r"'\xff00'",
    };
    for (value, key) in [(value, bytes), ("NULL", pruned)] {
        let sql = format!(
            "UPDATE leadhook_inbox SET state = 'done', settled_at = 0, body = {value} WHERE key = '{key}'"
        );
        database.run(&sql).await;
    }
    let exported = database.person(&["--export"]);
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    assert_eq!(
        text(&exported.stderr),
        "leadhook: backups are not searched\n"
    );
    let rows = json(text(&exported.stdout));
    assert_eq!(rows.len(), 3);
    for row in &rows {
        if row["source"] == "forms" {
            assert!(row["body"].as_str().unwrap().contains(CANARY), "{row}");
        } else if row["key"] == bytes.to_string() {
            assert!(
                row["body_base64"] == "/wA=" && row.get("body").is_none(),
                "{row}"
            );
        } else {
            assert_eq!(row["key"], pruned.to_string());
            assert!(row.get("body").unwrap().is_null(), "{row}");
        }
        assert!(row.get("body_error").is_none());
    }
}

async fn a_person_is_erased_if_the_count_is_confirmed<B: Db>(database: Database<B>) {
    fill_with_persons(&database.inbox).await;
    let plan = database.prints(&["person", CANARY, "--erase"]);
    assert!(
        plan.ends_with("\n3 rows would be erased; to erase, add --yes 3\n"),
        "{plan}"
    );
    let plan = json(&database.prints(&["person", CANARY, "--erase", "--json"])).remove(0);
    assert_eq!(
        (&plan["changed"], &plan["complete"]),
        (&0.into(), &false.into())
    );
    for wrong in ["0", "2", "4"] {
        let reason = format!("3 rows are about the person, and {wrong} were confirmed");
        database.person_fails(&["--erase", "--yes", wrong], 1, &reason);
    }
    assert_eq!(
        database.count("body IS NULL").await,
        0,
        "nothing was changed"
    );
    let erased = database.prints(&["person", CANARY, "--erase", "--yes", "3"]);
    assert!(
        erased.ends_with("\n3 rows erased: 1 of forms, 2 of quiz\n"),
        "{erased}"
    );
    assert_eq!(
        database.count("body IS NULL AND subject_1 IS NULL").await,
        3
    );
    assert_eq!(
        database.count("body IS NOT NULL AND source = 'quiz'").await,
        1,
        "somebody else"
    );
    assert_eq!(database.person(&[]).status.code(), Some(1));
    database.person_fails(&["--erase", "--yes", "3"], 1, "0 rows are about the person");
    if let Keep::Directory(directory) = &database.keep {
        assert!(!contains(directory.path(), CANARY), "it is left in a file");
    }

    let bob = [
        "person",
        "bob@example.com",
        "--json",
        "--erase",
        "--yes",
        "1",
    ];
    let report = json(&database.prints(&bob)).remove(0);
    assert_eq!(report["sources"][0]["source"], "quiz");
    assert_eq!(
        (&report["action"], &report["changed"], &report["complete"]),
        (&"erase".into(), &1.into(), &true.into())
    );
}

async fn a_wrong_use_of_person_prints_no_address<B: Db>(database: Database<B>) {
    fill_with_persons(&database.inbox).await;
    for (options, reason) in [
        (vec!["--yes", "1"], "--erase"),
        (vec!["--export", "--erase"], "cannot be used with"),
        (vec!["--erase", "--yes"], "a value is required"),
        (vec!["--erase", "--yes", "all"], "invalid"),
        (vec!["--erase", "--yes", CANARY], "invalid"),
        (vec![CANARY], "unexpected"),
    ] {
        database.person_fails(&options, 64, reason);
    }
    // An address that was forgotten, or in the wrong place.
    for arguments in [vec![&*database.name], vec![CANARY, &database.name], vec![]] {
        let mut command = command("inbox");
        command
            .arg("person")
            .args(arguments)
            .env("DATABASE_URL", &database.name);
        let output = run(&mut command, b"");
        assert_fails(&output, 64, "not an e-mail address");
        database.assert_discreet(&output.stderr);
    }
    for missing in [
        "missing.db",
        "postgres://app:canary@127.0.0.1:1/app",
        "ann.canary@example.com",
    ] {
        let output = run(inbox("person", missing).arg(CANARY), b"");
        assert!(matches!(output.status.code(), Some(64 | 69)), "{output:?}");
        database.assert_discreet(&output.stderr);
    }
}

async fn an_encrypted_body_is_named_and_the_other_rows_are_exported<B: Db>(database: Database<B>) {
    fill_with_persons(&database.inbox).await;
    database
        .run("UPDATE leadhook_inbox SET body_cipher = 'k' WHERE source = 'forms'")
        .await;
    let output = database.person(&["--export"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stderr).starts_with("leadhook: 1 body is encrypted; export it with"));
    database.assert_discreet(&output.stderr);
    let rows = json(text(&output.stdout));
    assert_eq!(rows.len(), 3);
    for row in &rows {
        let is_encrypted = row["source"] == "forms";
        assert_eq!(row.get("body").is_none(), is_encrypted, "{row}");
        let error = row.get("body_error").and_then(Value::as_str);
        assert_eq!(
            error.is_some_and(|error| error.contains("is encrypted")),
            is_encrypted
        );
    }
}

async fn a_person_says_where_more_may_be_stored<B: Db>(database: Database<B>) {
    let silent = database
        .inbox
        .source::<ScoreApp>("silent")
        .without_subjects();
    silent.accept(&quiz("9", CANARY)).await.unwrap();
    fill_with_persons(&database.inbox).await;
    for (id, previous) in [("first", None), ("sec=ond", Some("first"))] {
        let key = |id: &str| SubjectKey::new(id, format!("key of {id}").as_bytes());
        let previous: Vec<_> = previous.into_iter().map(key).collect();
        let inbox = B::open(&database.name)
            .await
            .with_subject_keys(key(id), &previous);
        let source = inbox.source::<ScoreApp>("later");
        source.accept(&quiz(id, CANARY)).await.unwrap();
        inbox.close().await;
    }

    let shown = database.prints(&["person", CANARY]);
    assert!(
        shown.contains("\nnot searched: silent; these sources store no subjects"),
        "{shown}"
    );
    assert!(
        shown.contains("\nmissing subject keys: first, sec=ond; what was stored"),
        "{shown}"
    );
    let found = json(&database.prints(&["person", CANARY, "--json"])).remove(0);
    assert_eq!(found["rows"], 3);
    assert_eq!(found["not_searched"], serde_json::json!(["silent"]));
    assert_eq!(
        found["missing_keys"],
        serde_json::json!(["first", "sec=ond"])
    );
    let exported = database.person(&["--export"]);
    let gaps = text(&exported.stderr);
    assert!(
        gaps.starts_with("leadhook: not searched: silent;") && gaps.lines().count() == 3,
        "{gaps}"
    );

    let with = |keys: &[&str], options: &[&str]| {
        let mut command = database.command("person");
        command.arg(CANARY).args(options);
        command
            .env("FIRST", "key of first")
            .env("SECOND", "key of sec=ond");
        for key in keys {
            command.args(["--subject-key", key]);
        }
        let output = run(&mut command, b"");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output.stdout).to_owned()
    };
    // What is stored under the database's own key is found in any case.
    for (keys, rows, missing) in [
        (vec!["first=FIRST"], 4, vec!["sec=ond"]),
        (vec!["sec=ond=SECOND", "first=FIRST"], 5, vec![]),
        (vec!["first=FIRST", "sec=ond=SECOND"], 5, vec![]),
    ] {
        let found = json(&with(&keys, &["--json"])).remove(0);
        assert_eq!(found["rows"], rows, "{keys:?}");
        assert_eq!(
            found["missing_keys"],
            serde_json::json!(missing),
            "{keys:?}"
        );
    }
    let keys = ["sec=ond=SECOND", "first=FIRST"];
    let shown = with(&keys, &[]);
    assert!(
        shown.contains("later") && !shown.contains("missing"),
        "{shown}"
    );
    assert_eq!(json(&with(&keys, &["--export"])).len(), 5);
    let erased = with(&keys, &["--erase", "--yes", "5"]);
    assert!(
        erased.ends_with("\n5 rows erased: 1 of forms, 2 of later, 2 of quiz\n"),
        "{erased}"
    );
    // No more is found, and the source that was not searched has its row still.
    let nobody = database.person(&[]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert!(
        text(&nobody.stdout).contains("not searched: silent"),
        "{nobody:?}"
    );
    assert_eq!(
        database
            .count("source = 'silent' AND body IS NOT NULL")
            .await,
        1
    );
}

async fn a_subject_key_must_be_one_that_was_used<B: Db>(database: Database<B>) {
    fill_with_persons(&database.inbox).await;
    let keys = "SELECT count(*) FROM leadhook_inbox_subject_key";
    let before = B::count(database.inbox.pool(), keys).await;
    // `SECRET` is set and `EMPTY` is empty in each test.
    let unused = ["--subject-key", "new=SECRET"];
    database.person_fails(&unused, 64, "has no subject key \"new\"; it has none");
    assert_eq!(
        B::count(database.inbox.pool(), keys).await,
        before,
        "it creates nothing"
    );
    let used = B::open(&database.name).await;
    let used = used.with_subject_keys(SubjectKey::new("used", b"another"), &[]);
    used.check().await.unwrap();
    used.close().await;
    database.person_fails(&unused, 64, "has no subject key \"new\"; it has used");
    for (key, reason) in [
        ("database=SECRET", "has no subject key \"database\""),
        ("used=SECRET", "is not the one that was used under this id"),
        ("used=EMPTY", "\"used\" has no value"),
        ("used=c4nary-key", "\"used\" has no value"),
        ("c4nary", "takes ID=VARIABLE"),
        ("=c4nary", "takes ID=VARIABLE"),
        ("c4nary=", "takes ID=VARIABLE"),
    ] {
        let output = database.person(&["--subject-key", key]);
        assert_fails(&output, 64, reason);
        assert!(!text(&output.stderr).contains("c4nary"), "{output:?}");
        database.assert_discreet(&output.stderr);
    }
    assert_eq!(B::count(database.inbox.pool(), keys).await, before + 1);
}

async fn an_erasure_of_a_person_stops_and_goes_on<B: Db>(database: Database<B>) {
    const ROWS: i64 = 40_000;
    fill_with_persons(&database.inbox).await;
    database
        .fill_with_dead(usize::try_from(ROWS).unwrap())
        .await;
    // As if all of them were about her.
    let all = "UPDATE leadhook_inbox SET subject_1 = \
        (SELECT subject_1 FROM leadhook_inbox WHERE source = 'forms'), subject_2 = NULL \
        WHERE source = 'many'";
    let only_email = "UPDATE leadhook_inbox SET subject_1 = (SELECT s.subject FROM (\
         SELECT subject_1 AS subject FROM leadhook_inbox WHERE source IN ('quiz', 'forms') \
         UNION ALL SELECT subject_2 FROM leadhook_inbox WHERE source IN ('quiz', 'forms')) s \
         GROUP BY s.subject HAVING count(*) = 3), subject_2 = NULL WHERE source = 'forms'";
    database.run(only_email).await;
    database.run(all).await;
    let plan = json(&database.prints(&["person", CANARY, "--json"])).remove(0);
    let rows = ROWS + 3;
    assert_eq!(plan["rows"], rows);

    let mut command = database.command("person");
    let child = command
        .args([CANARY, "--erase", "--yes", &rows.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("a batch", async || database.count("body IS NULL").await > 0).await;
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let changed = database.count("body IS NULL").await;
    assert!(changed % 500 == 0 && changed < rows, "{changed}");
    let left = rows - changed;
    let line = format!("\nstopped: {changed} of {rows} rows erased; go on with --yes {left}\n");
    assert!(text(&output.stdout).ends_with(&line), "{output:?}");
    if let Keep::Directory(directory) = &database.keep {
        let log = directory.path().join("inbox.db-wal");
        assert_eq!(fs::metadata(log).unwrap().len(), 0);
    }

    database.person_fails(
        &["--erase", "--yes", &rows.to_string()],
        1,
        "look at them again",
    );
    let mut command = database.command("person");
    let shown = on_terminal(command.args([CANARY, "--erase", "--yes", &left.to_string()]));
    assert!(
        shown.contains(&format!("\r500 of {left} rows erased\x1b[K")),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("\x1b[32m{left} rows erased: ")),
        "{shown}"
    );
    assert_eq!(
        database.count("body IS NOT NULL").await,
        1,
        "somebody else's"
    );
}

/// A reader of SQLite's log keeps an erasure from ending, and a second one of no rows finishes it.
#[test]
fn an_erasure_of_a_person_that_a_reader_holds_up_can_be_finished() {
    block_on(async {
        let database = sqlite().await;
        fill_with_persons(&database.inbox).await;
        let mut reader = database.inbox.pool().begin().await.unwrap();
        let read = sqlx::query("SELECT * FROM leadhook_inbox");
        read.fetch_all(&mut *reader).await.unwrap();
        let log = Path::new(&database.name).with_extension("db-wal");
        let output = database.person(&["--erase", "--yes", "3"]);
        assert_eq!(output.status.code(), Some(69), "{output:?}");
        let hint = "failed: 3 of 3 rows erased; go on with --yes 0\n";
        assert!(text(&output.stdout).ends_with(hint), "{output:?}");
        database.assert_discreet(&output.stderr);
        assert_ne!(fs::metadata(&log).unwrap().len(), 0);
        reader.rollback().await.unwrap();
        let again = database.person(&["--erase", "--yes", "0"]);
        assert_eq!(again.status.code(), Some(1), "{again:?}");
        assert_eq!(fs::metadata(log).unwrap().len(), 0);
    });
}

#[test]
fn a_wrong_file_is_an_error_and_stays_as_it_is() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    let name = |name: &str| path(name).display().to_string();
    block_on(async {
        for (file, sql) in [
            ("inbox.db", ""),
            (
                "newer",
                "UPDATE leadhook_inbox_meta SET version = 9, works_from = 9;",
            ),
            (
                "other.sqlite",
                "CREATE TABLE t (x); INSERT INTO t VALUES (1);",
            ),
        ] {
            if file != "other.sqlite" {
                Sqlite::open(&name(file)).await.close().await;
            }
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(path(file))
                .create_if_missing(true);
            let pool = Pool::<Sqlite>::connect_with(options).await.unwrap();
            // The log is empty then, so the file changes only if the command changes it.
            Sqlite::run(&pool, &format!("{sql} PRAGMA wal_checkpoint(TRUNCATE)")).await;
            pool.close().await;
        }
    });
    fs::write(path("empty"), "").unwrap();
    fs::write(path("text"), "not a database ".repeat(100)).unwrap();
    fs::write(path("broken"), b"SQLite format 3\0 and no more").unwrap();
    let before: Vec<_> = files(directory.path());

    for (file, reason) in [
        ("inbx.db", "did you mean inbox.db?"),
        ("nothing-like-it", "there is no such SQLite file"),
        ("missing/inbox.db", "there is no such SQLite file"),
        (".", "is a directory"),
        ("other.sqlite", "has no inbox"),
        ("empty", "has no inbox"),
        ("text", "not a SQLite database"),
        ("newer", "schema version 9"),
        ("text/inbox.db", "can't be read"),
    ] {
        for action in ["stats", "list", "replay"] {
            assert_fails(&run(&mut inbox(action, &name(file)), b""), 64, reason);
        }
    }
    assert_fails(
        &run(&mut inbox("stats", &name("broken")), b""),
        64,
        "is damaged",
    );
    for (database, reason) in [
        ("", "is empty"),
        (":memory:", "not a PostgreSQL URL"),
        ("sqlite::memory:", "not a PostgreSQL URL"),
        ("mysql://localhost/app", "not a PostgreSQL URL"),
    ] {
        assert_fails(&run(&mut inbox("stats", database), b""), 64, reason);
    }
    let mut none = command("inbox");
    assert_fails(
        &run(none.arg("stats").env_remove("DATABASE_URL"), b""),
        64,
        "DATABASE_URL",
    );
    let pooler = run(inbox("stats", &name("inbox.db")).arg("--pooler"), b"");
    assert_fails(&pooler, 64, "--pooler is for PostgreSQL");
    assert_eq!(files(directory.path()), before);

    // As sqlx writes it, and without changing the file.
    for url in [
        format!("sqlite:{}", name("inbox.db")),
        format!("sqlite://{}?mode=rwc", name("%69nbox.db")),
    ] {
        let output = run(&mut inbox("stats", &url), b"");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert_eq!(files(directory.path()), before);
}

/// The names of a directory's files, and the hashes of their contents. Those of SQLite's log come and go.
fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    use std::hash::{DefaultHasher, Hash, Hasher};

    let files = fs::read_dir(directory).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let paths = paths.filter(|path| {
        let name = path.display().to_string();
        !name.ends_with("-wal") && !name.ends_with("-shm")
    });
    let hash = |path: &Path| {
        let mut hasher = DefaultHasher::new();
        fs::read(path).unwrap().hash(&mut hasher);
        hasher.finish()
    };
    let mut files: Vec<_> = paths.map(|path| (path.clone(), hash(&path))).collect();
    files.sort();
    files
}

/// A reader of SQLite's log keeps an erasure from ending, and a second one finishes it.
#[test]
fn an_erasure_that_a_reader_holds_up_can_be_finished() {
    block_on(async {
        let database = sqlite().await;
        database.fill().await;
        let mut reader = database.inbox.pool().begin().await.unwrap();
        let read = sqlx::query("SELECT * FROM leadhook_inbox");
        read.fetch_all(&mut *reader).await.unwrap();
        let erase = ["erase", "--lead", "lead_0", "--yes"];
        let log = Path::new(&database.name).with_extension("db-wal");
        let output = run(database.command("erase").args(&erase[1..]), b"");
        assert_eq!(output.status.code(), Some(69), "{output:?}");
        assert!(
            String::from_utf8(output.stderr)
                .unwrap()
                .contains("erase it again")
        );
        assert!(
            String::from_utf8(output.stdout)
                .unwrap()
                .contains("1 of 1 row erased")
        );
        assert_ne!(fs::metadata(&log).unwrap().len(), 0);
        reader.rollback().await.unwrap();
        // An erased row may have lost its lead's id.
        let again = run(database.command("erase").args(&erase[1..]), b"");
        assert!(matches!(again.status.code(), Some(0 | 1)), "{again:?}");
        assert_eq!(fs::metadata(log).unwrap().len(), 0);
    });
}

/// A server whose role `locked` has a password.
fn with_password() -> Option<postgres::Server> {
    let server = postgres::Server::start(&[])?;
    let file = server.directory().join("data/pg_hba.conf");
    let rules = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("local all locked scram-sha-256\n{rules}")).unwrap();
    server.signal("-HUP");
    Some(server)
}

#[test]
fn no_part_of_a_url_is_printed() {
    const SECRET: &str = "c4nary";
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let mut urls = vec![
        (
            format!("postgres://app:{SECRET}@127.0.0.1:{closed_port}/app"),
            69,
        ),
        (
            format!("postgres://app:{SECRET}@127.0.0.1:{silent_port}/app"),
            69,
        ),
        (
            format!("postgres://app:{SECRET}@127.0.0.1:{silent_port}/app?sslmode=require"),
            69,
        ),
        (
            format!("postgres://app:{SECRET}@no-such-host.invalid/app"),
            69,
        ),
        (
            format!("postgres://app:12/{SECRET}@127.0.0.1:{closed_port}/app"),
            69,
        ),
        (format!("postgres://app:{SECRET}@a,b/app"), 64),
        (format!("postgres://app:x/{SECRET}@a/app"), 64),
        (format!("postgres://app:x@a/app?sslmode={SECRET}"), 64),
        (format!("postgres://app:{SECRET}@a:port/app"), 64),
        (format!("postgres:/app:{SECRET}@a/app"), 64),
        (format!("postgre://app:{SECRET}@a/app"), 64),
        (format!("mysql://app:{SECRET}@a/app"), 64),
        (format!("app:{SECRET}@db.example.com/app"), 64),
        (format!("app:{SECRET}"), 64),
        (format!("/{SECRET}/inbox.db"), 64),
        (format!("sqlite://{SECRET}/inbox.db"), 64),
        (format!("postgres://{SECRET}"), 69),
    ];
    let server = with_password();
    if let Some(server) = &server {
        block_on(async {
            let url = server.create_database().await;
            let pool = Pool::<Postgres>::connect(&url).await.unwrap();
            Postgres::run(&pool, "CREATE ROLE locked LOGIN PASSWORD 'right'").await;
            pool.close().await;
        });
        let socket = server.directory().display();
        let at = |user: &str, database: &str| {
            format!("postgres://{user}@localhost/{database}?host={socket}")
        };
        let reader = at("locked:right", "test_0");
        let output = run(&mut inbox("stats", &reader), b"");
        assert_fails(&output, 64, "has no inbox");
        urls.extend([
            (at(&format!("locked:{SECRET}"), "test_0"), 69),
            (at(SECRET, "test_0"), 69),
            (at("tests", SECRET), 64),
            (at(&format!("tests:12/{SECRET}"), "test_0"), 69),
            (format!("{}&password={SECRET}", at("locked", "test_0")), 69),
            (
                format!("{}&options=-c%20{SECRET}=1", at("tests", "test_0")),
                69,
            ),
        ]);
        let wrong = run(&mut inbox("stats", &at("locked:c4nary", "test_0")), b"");
        assert_fails(&wrong, 69, "rejected the user name or password");
    }
    for (url, status) in urls {
        for mut command in [inbox("stats", &url), {
            let mut command = command("inbox");
            command.args(["list", "--json"]).env("DATABASE_URL", &url);
            command
        }] {
            let began = Instant::now();
            let output = run(&mut command, b"");
            assert_fails(&output, status, "");
            let error = String::from_utf8(output.stderr).unwrap();
            println!("{url}\n  {error}");
            assert!(!error.contains(SECRET), "{url}: {error}");
            assert!(began.elapsed() < Duration::from_secs(20));
        }
    }
}

#[test]
fn a_wrong_database_of_a_server_gets_a_suggestion() {
    let Some(server) = postgres::shared() else {
        return;
    };
    block_on(async {
        let url = server.create_database().await;
        assert_fails(&run(&mut inbox("stats", &url), b""), 64, "has no inbox");
        let pool = Pool::<Postgres>::connect(&url).await.unwrap();
        let tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'leadhook%'";
        assert_eq!(
            Postgres::count(&pool, tables).await,
            0,
            "it creates nothing"
        );
        Postgres::run(&pool, "CREATE DATABASE leads_of_acme").await;
        let url = server.url("lead_of_acme");
        assert_fails(
            &run(&mut inbox("stats", &url), b""),
            64,
            "the server has no such database; did you mean leads_of_acme?",
        );
        let unlike = run(&mut inbox("stats", &server.url("zzz")), b"");
        assert_fails(&unlike, 64, "has no such database");

        let database = postgres().await.unwrap();
        database
            .run(
                "CREATE ROLE reader LOGIN; \
                 GRANT SELECT ON leadhook_inbox, leadhook_inbox_meta, leadhook_inbox_duplicate TO reader",
            )
            .await;
        let url = database.name.replace("tests@", "reader@");
        assert_fails(&run(&mut inbox("stats", &url), b""), 69, "lacks rights");
    });
}

/// PgBouncer in transaction mode.
struct Pooler {
    process: Child,
    directory: TempDir,
}

impl Pooler {
    const PORT: u16 = 6543;

    fn start(server: &postgres::Server) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let path = directory.path().display();
        fs::write(directory.path().join("users"), "\"tests\" \"\"\n").unwrap();
        let settings = format!(
            "[databases]\n* = host={}\n[pgbouncer]\nlisten_port = {}\nunix_socket_dir = {path}\n\
             auth_type = trust\nauth_file = {path}/users\npool_mode = transaction\ndefault_pool_size = 1\n\
             {}",
            server.directory().display(),
            Self::PORT,
            // Newer versions keep track of prepared statements, so that --pooler is not needed.
            if version()? >= [1, 21] {
                "max_prepared_statements = 0\n"
            } else {
                ""
            },
        );
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new(program()?);
        command
            .arg("-q")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // It does not run as root, as PostgreSQL does not.
        if directory.path().metadata().unwrap().uid() == 0 {
            for path in [directory.path(), &file, &directory.path().join("users")] {
                chown(path, Some(65534), Some(65534)).unwrap();
            }
            command.uid(65534).gid(65534);
        }
        let process = command.spawn().unwrap();
        let socket = directory.path().join(format!(".s.PGSQL.{}", Self::PORT));
        let began = Instant::now();
        while !socket.exists() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "pgbouncer does not start"
            );
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { process, directory })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn program() -> Option<PathBuf> {
    let debian = ["/usr/sbin", "/usr/bin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = debian.into_iter().chain(std::env::split_paths(&path));
    let mut programs = directories.map(|directory| directory.join("pgbouncer"));
    let program = programs.find(|program| program.is_file());
    if program.is_none() {
        eprintln!("SKIPPED: pgbouncer is not found (Debian: apt-get install pgbouncer)");
    }
    program
}

fn version() -> Option<[u32; 2]> {
    let output = Command::new(program()?).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, version) = text.split_once("PgBouncer ").unwrap();
    let mut numbers = version
        .split(['.', '\n'])
        .map(|number| number.parse().unwrap_or(0));
    Some([(); 2].map(|()| numbers.next().unwrap_or(0)))
}

#[test]
fn behind_a_pooler_it_works_with_its_option() {
    block_on(async {
        let Some(database) = postgres().await else {
            return;
        };
        let server = postgres::shared().unwrap();
        let Some(pooler) = Pooler::start(&server) else {
            return;
        };
        database.fill().await;
        let (path, socket) = database.name.split_once("?host=").unwrap();
        assert!(!socket.is_empty());
        let url = format!(
            "{path}?host={}&port={}",
            pooler.directory.path().display(),
            Pooler::PORT
        );
        for _ in 0..3 {
            let output = run(inbox("stats", &url).arg("--pooler"), b"");
            assert_eq!(output.status.code(), Some(0), "{output:?}");
        }
        let output = run(inbox("replay", &url).args(["--pooler", "--yes"]), b"");
        assert!(
            String::from_utf8(output.stdout)
                .unwrap()
                .contains("4 rows replayed")
        );
        let errors: Vec<Output> = (0..3)
            .map(|_| run(&mut inbox("stats", &url), b""))
            .collect();
        let failed = errors
            .iter()
            .find(|output| !output.status.success())
            .unwrap();
        assert_fails(failed, 69, "add --pooler");
    });
}

/// A server that is no PostgreSQL.
#[test]
fn another_server_is_an_error() {
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://app:c4nary@{}/app", web.local_addr().unwrap());
    thread::spawn(move || {
        while let Ok((mut socket, _)) = web.accept() {
            let mut start = [0; 8];
            let _ = socket.read(&mut start);
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let output = run(&mut inbox("stats", &url), b"");
    assert_fails(&output, 69, "");
    assert!(!String::from_utf8(output.stderr).unwrap().contains("c4nary"));
}
