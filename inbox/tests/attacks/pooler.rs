//! PgBouncer in transaction mode, as Supabase and Neon have it.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use leadhook::{Graphoid, graphoid::GraphoidEvent};
use leadhook_inbox::{Error, Inbox, Job, Postgres, sqlx};
use tempfile::TempDir;

use crate::{
    delivery,
    postgres::{self, Server},
    until,
};

struct PgBouncer {
    process: Child,
    directory: TempDir,
    settings: String,
}

impl PgBouncer {
    /// None where it is not installed. Few server connections, so that clients really share them.
    fn start(server: &Server) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let settings = format!(
            "[databases]\n* = user=tests host={}\n[pgbouncer]\nlisten_addr =\nlisten_port = 5432\n\
             auth_type = any\nunix_socket_dir = {}\npool_mode = transaction\ndefault_pool_size = 3\n",
            server.directory().display(),
            directory.path().display(),
        );
        let mut bouncer = Self {
            process: Command::new("true").spawn().unwrap(),
            directory,
            settings,
        };
        bouncer.launch().then_some(bouncer)
    }

    fn launch(&mut self) -> bool {
        let file = self.directory.path().join("pgbouncer.ini");
        fs::write(&file, &self.settings).unwrap();
        // Debian has it outside of `PATH` for users.
        let debian = Path::new("/usr/sbin/pgbouncer");
        let program = if debian.exists() {
            debian
        } else {
            Path::new("pgbouncer")
        };
        let mut command = Command::new(program);
        if std::os::unix::fs::MetadataExt::uid(&fs::metadata(&file).unwrap()) == 0 {
            chown(self.directory.path(), Some(65534), Some(65534)).unwrap();
            command.uid(65534).gid(65534);
        }
        command.arg("--quiet").arg(file).stderr(Stdio::null());
        let Ok(process) = command.spawn() else {
            let required =
                std::env::var("LEADHOOK_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
            assert!(!required, "required, but pgbouncer is not found");
            eprintln!("SKIPPED: pgbouncer is not found (Debian: apt-get install pgbouncer)");
            return false;
        };
        self.process = process;
        true
    }

    fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn url(&self, direct: &str, server: &Server) -> String {
        let socket = server.directory().display().to_string();
        direct.replace(&socket, &self.directory.path().display().to_string())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a statement can be run, so that PgBouncer is up.
async fn answers(url: &str) -> bool {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let options = options.extra_float_digits(None).statement_cache_capacity(0);
    use sqlx::ConnectOptions as _;
    match options.connect().await {
        Ok(mut connection) => sqlx::raw_sql("SELECT 1")
            .execute(&mut connection)
            .await
            .is_ok(),
        Err(_) => false,
    }
}

async fn handled(inbox: &Inbox<Postgres>) -> bool {
    inbox.stats().await.is_ok_and(|stats| stats.is_empty())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooler_in_transaction_mode_works_if_it_is_named() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let direct = server.create_database().await;
    let Some(mut bouncer) = PgBouncer::start(&server) else {
        return;
    };
    let url = bouncer.url(&direct, &server);
    until("it answers", async || answers(&url).await).await;
    let mut processes = Vec::new();
    for _ in 0..3 {
        let inbox = Inbox::<Postgres>::at(&url).unwrap().behind_a_pooler();
        inbox.migrate().await.unwrap();
        let source = inbox.source::<Graphoid>("graphoid");
        let workers = inbox
            .workers()
            .lease(Duration::from_secs(6))
            .on(&source, async |job: Job<GraphoidEvent, _>| {
                match job.attempt() {
                    1 => {
                        let transaction = job.begin().await?;
                        job.commit(transaction).await
                    }
                    _ => Ok(job.done()),
                }
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
    until("it answers", async || answers(&url).await).await;
    until("accepts work again", async || {
        processes[0].1.accept(&delivery(900)).await.is_ok()
    })
    .await;
    assert_eq!(accept(1000..1300).await, 300);
    until("all are handled", async || handled(&processes[0].0).await).await;
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
    let Some(bouncer) = PgBouncer::start(&server) else {
        return;
    };
    let url = bouncer.url(&direct, &server);
    until("it answers", async || answers(&url).await).await;
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
