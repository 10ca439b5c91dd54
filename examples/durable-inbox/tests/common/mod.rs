//! What the tests share: databases to run on, and the server as a process.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use leadhook::{Graphoid, Provider, Secret, samples::SampleRequest};
use reqwest::{Client, StatusCode};
use sqlx::{AnyPool, AssertSqlSafe};
use tempfile::TempDir;

pub const SECRET: &str = "a secret of the tests";

/// After this long something will never happen: a failure shouldn't be a test that hangs.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// Where a database is, and what makes it go away when it is dropped.
pub struct Database {
    pub url: String,
    _keep: Keep,
}

enum Keep {
    Directory(TempDir),
    Shared,
}

impl Database {
    /// An embedded database in a directory of its own.
    pub fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        Self {
            url: format!("sqlite:{}", directory.path().join("inbox.db").display()),
            _keep: Keep::Directory(directory),
        }
    }

    /// Looks into the database beside the server.
    pub async fn look(&self) -> AnyPool {
        sqlx::any::install_default_drivers();
        AnyPool::connect(&self.url).await.unwrap()
    }
}

/// A PostgreSQL server for one test, reachable by a socket in its directory only.
pub struct Postgres {
    programs: PathBuf,
    directory: TempDir,
    user: Option<u32>,
}

impl Postgres {
    /// None, and a message, where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let required = env::var("LEADHOOK_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
            assert!(!required, "required, but PostgreSQL's initdb is not found");
            eprintln!(
                "SKIPPED: PostgreSQL's initdb is not found (Debian: apt-get install postgresql)"
            );
            return None;
        };
        let directory = TempDir::new().unwrap();
        // It refuses to run as root: Debian's `nobody` will do.
        let user = (directory.path().metadata().unwrap().uid() == 0).then_some(65534);
        chown(directory.path(), user, user).unwrap();
        let server = Self {
            programs,
            directory,
            user,
        };
        let socket = server.directory.path().display();
        // What the tests kill is the application, never the database.
        let options =
            format!("-c listen_addresses= -c unix_socket_directories={socket} -c fsync=off");
        server.run("initdb", &["--auth=trust", "--username=tests", "--no-sync"]);
        server.run(
            "pg_ctl",
            &[
                "start",
                "--wait",
                "--timeout=300",
                "--log=log",
                "--options",
                &options,
            ],
        );
        Some(server)
    }

    /// A database of its own on this server.
    pub async fn database(&self, name: &'static str) -> Database {
        let url = |name| {
            let socket = self.directory.path().display();
            format!("postgres://tests@localhost/{name}?host={socket}")
        };
        sqlx::any::install_default_drivers();
        let pool = AnyPool::connect(&url("postgres")).await.unwrap();
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&pool).await.unwrap();
        pool.close().await;
        Database {
            url: url(name),
            _keep: Keep::Shared,
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .env("PGDATA", self.directory.path().join("data"))
            .current_dir(self.directory.path())
            .stdout(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        assert!(command.status().unwrap().success(), "{program} failed");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "--mode=immediate"]);
    }
}

/// The directory of `initdb` and its like. Debian has it outside of `PATH`.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.flatten().map(|version| version.path().join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let has_it = |directory: &PathBuf| directory.join("initdb").is_file();
    debian.chain(env::split_paths(&path)).find(has_it)
}

/// The server as a process. It is killed when it is dropped.
pub struct Server {
    process: Child,
    output: Option<BufReader<ChildStdout>>,
    pub address: String,
}

impl Server {
    /// Starts the server for all senders, and waits until it listens.
    pub fn start(database: &Database) -> Self {
        let mut command = command(&database.url);
        command
            .env("GRADER_WEBHOOK_SECRET", SECRET)
            .env("GRAPHOID_WEBHOOK_SECRET", SECRET)
            .env("SCOREAPP_WEBHOOK_SECRET", SECRET)
            .env("TOMBA_WEBHOOK_TOKEN", SECRET);
        Self::start_with(&mut command)
    }

    /// Starts the server with an environment of one's own.
    pub fn start_with(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap();
        Self {
            address: address.into(),
            output: Some(output),
            process,
        }
    }

    /// The lines that the server prints after its address. Without anyone who reads them, it can't
    /// print more.
    pub fn lines(&mut self) -> impl Iterator<Item = String> + Send + use<> {
        self.output.take().unwrap().lines().map_while(Result::ok)
    }

    /// Asks the server to end.
    pub fn terminate(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server's program on a free port, with no secret.
pub fn command(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_durable-inbox"));
    command
        .env_clear()
        .env("LISTEN", "127.0.0.1:0")
        .env("DATABASE_URL", url);
    command
}

/// Posts a sample to the server at an address.
pub async fn post<P: Provider>(
    client: &Client,
    address: &str,
    sample: &SampleRequest<P>,
) -> reqwest::Result<StatusCode> {
    let mut request = client.post(format!("{address}{}", sample.uri()));
    for (name, value) in sample.headers() {
        request = request.header(name, value);
    }
    let answer = request.body(sample.body().clone()).send().await?;
    Ok(answer.status())
}

/// A delivery of Graphoid that was signed with a secret.
pub fn graphoid(body: &str, secret: &str) -> SampleRequest<Graphoid> {
    SampleRequest::new(body.to_owned())
        .path("/webhooks/graphoid")
        .sign(&Secret::new(secret).unwrap())
}

/// Asks until the answer is yes.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, asking).await;
    assert!(waited.is_ok(), "never happened: {what}");
}

/// How many rows a query counts.
pub async fn count(pool: &AnyPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.unwrap()
}
