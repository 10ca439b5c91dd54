//! A server as its users have one, in a process of its own that can be killed. Its handler does what the
//! event says.
//!
//! The process is this test binary, which runs the ignored test below.

use std::{
    env,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    process::{self, Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use leadhook::{
    Graphoid, Provider, Receiver, Secret, graphoid::GraphoidEvent, samples::SampleRequest,
};
use leadhook_inbox::{Backoff, Done, Failure, Job, Postgres, Sqlite};
use reqwest::{Client, StatusCode};
use tokio::{
    signal::unix::{SignalKind, signal},
    time,
};

use crate::support::{
    SOURCE,
    database::{Database, Db},
};

const SECRET: &str = "a secret of the tests";

/// Short, so that the tests are.
pub const LEASE: Duration = Duration::from_secs(2);
pub const POLL: Duration = Duration::from_millis(200);
/// Longer than anything but a handler that hangs, however busy the machine is.
pub const TIMEOUT: Duration = Duration::from_mins(1);
/// As long as Graphoid and `ScoreApp` do.
const PROVIDER_WAITS: Duration = Duration::from_secs(10);
/// The two limits of a shutdown.
pub const CONNECTIONS_END: Duration = Duration::from_secs(2);
pub const HANDLERS_END: Duration = Duration::from_secs(2);

/// The body of an event for which the handler does `act` on its first `attempts` attempts.
pub fn event(id: usize, act: &str, attempts: i64) -> String {
    format!(
        r#"{{"id":"evt_{id}","event":"lead.won","data":{{"lead":{{"id":"lead_{id}","name":"{act}@{attempts}"}}}}}}"#
    )
}

async fn handle<B: Db>(job: Job<GraphoidEvent, B>) -> Result<Done, Failure> {
    let GraphoidEvent::LeadWon(won) = job.event() else {
        return Ok(job.done());
    };
    let name = won.lead.name.clone().unwrap_or_default();
    let (act, attempts) = name.split_once('@').unwrap_or(("", "0"));
    let act = if job.attempt() <= attempts.parse().unwrap() {
        act
    } else {
        ""
    };
    match act {
        "abort" => process::abort(),
        "exhaust the memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![0_u8; 1 << 28]);
            }
        }
        "kill before the work" => kill_self(),
        "panic" => panic!("as the event says"),
        "fail" => return Err(Failure::retry("as the event says")),
        "provoke" => B::provoke(&mut job.begin().await?, &won.lead.id).await?,
        "pend" => std::future::pending().await,
        "sleep" => time::sleep(2 * LEASE).await,
        "block" => std::thread::sleep(2 * LEASE),
        "block for ever" => loop {
            std::thread::park();
        },
        "rest" => {
            time::sleep(2 * LEASE).await;
            return Ok(job.done());
        }
        "pause" => {
            println!("paused");
            // The test stops the process in here, until the lease has run out.
            time::sleep(Duration::from_secs(3)).await;
        }
        _ => {}
    }
    let key = job.key();
    let mut transaction = job.begin().await?;
    B::record(&mut transaction, key).await?;
    if act == "kill in the transaction" {
        kill_self();
    }
    let done = job.commit(transaction).await;
    if act == "kill after the commit" {
        kill_self();
    }
    done
}

fn kill_self() {
    let id = process::id().to_string();
    Command::new("kill").args(["-9", &id]).status().unwrap();
    std::thread::park();
}

/// The process of [`Server`].
#[test]
#[ignore = "a process of other tests"]
fn serve() {
    let Ok(url) = env::var("SERVE") else {
        return;
    };
    // Its test reads what it prints, so that a failed test shows why the server ended.
    std::panic::set_hook(Box::new(|panic| println!("{panic}")));
    let level = env::var("SERVE_LOG").unwrap_or("info".into());
    tracing_subscriber::fmt()
        .with_max_level(level.parse::<tracing::Level>().unwrap())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if url.starts_with("postgres:") {
        runtime.block_on(run::<Postgres>(&url));
    } else {
        runtime.block_on(run::<Sqlite>(&url));
    }
    // A handler that blocks its thread would hold up the runtime's end.
    process::exit(0);
}

async fn run<B: Db>(url: &str) {
    let inbox = match env::var("SERVE_POOL").as_deref() {
        Ok("weak") => B::with_weak_pool(url).await,
        _ => B::open(url).await,
    };
    let timeout = env::var("SERVE_TIMEOUT").map(|seconds| seconds.parse().unwrap());
    let timeout = timeout.map_or(TIMEOUT, Duration::from_secs);
    let lease = env::var("SERVE_LEASE").map(|seconds| seconds.parse().unwrap());
    let lease = lease.map_or(LEASE, Duration::from_secs);
    let source = inbox.source::<Graphoid>(SOURCE);
    let handled = env::var("SERVE_HANDLER_OF").unwrap_or(SOURCE.into());
    let workers = inbox
        .workers()
        .on(&inbox.source(&handled), handle::<B>)
        .lease(lease)
        .poll_interval(POLL)
        .timeout(timeout)
        .backoff(Backoff::default().with_first(Duration::from_millis(200)))
        .start()
        .await
        .unwrap();
    let receiver = Receiver::<Graphoid>::new(&Secret::new(SECRET).unwrap());
    let app = axum::Router::new()
        .route("/webhooks/graphoid", source.axum(receiver))
        .route("/ready", leadhook_inbox::axum::ready(workers.health()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    let handle = axum_server::Handle::new();
    let stop = handle.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        stop.graceful_shutdown(Some(CONNECTIONS_END));
    });
    let server = axum_server::from_tcp(listener).unwrap().handle(handle);
    server.serve(app.into_make_service()).await.unwrap();
    let given_back = workers.shutdown(HANDLERS_END).await;
    println!("gave back {given_back}");
}

/// A running server. It is killed when it is dropped.
pub struct Server {
    process: Child,
    lines: BufReader<ChildStdout>,
    pub address: String,
}

impl Server {
    pub fn start<B: Db>(database: &Database<B>) -> Self {
        Self::start_as(Self::command(&database.url))
    }

    /// The server's command, to be changed and started.
    pub fn command(url: &str) -> Command {
        Self::command_of(Command::new(env::current_exe().unwrap()), url)
    }

    pub fn command_of(mut command: Command, url: &str) -> Command {
        command
            .args(["server::serve", "--exact", "--ignored", "--nocapture"])
            .env("SERVE", url)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if env::var_os("LEADHOOK_INBOX_LOG").is_none() {
            command.stderr(Stdio::null());
        }
        command
    }

    /// Starts the server. On a busy machine, opening the inbox can run into its time limit, so a second try is
    /// allowed, as a supervisor would make it.
    pub fn start_as(mut command: Command) -> Self {
        command.process_group(0);
        let first = Self::try_start(&mut command);
        let started = first.or_else(|printed| {
            eprintln!("the server did not start, and is tried again:\n{printed}");
            Self::try_start(&mut command)
        });
        started.unwrap_or_else(|printed| panic!("the server did not start:\n{printed}"))
    }

    /// Returns what the server printed if it ended instead of listening.
    fn try_start(command: &mut Command) -> Result<Self, String> {
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        match read_until(&mut lines, "listening on ") {
            Ok(address) => Ok(Self {
                process,
                lines,
                address,
            }),
            Err(printed) => Err(format!("{printed}{}", process.wait().unwrap())),
        }
    }

    /// Waits for a line of the server's and returns what follows the text.
    pub fn line_with(&mut self, text: &str) -> String {
        read_until(&mut self.lines, text).unwrap()
    }

    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Stops the process, but not while it keeps SQLite's write lock: nobody could go on then.
    pub async fn freeze<B: Db>(&self, database: &Database<B>) {
        loop {
            self.signal("-STOP");
            let write = "UPDATE leadhook_inbox SET attempts = attempts WHERE FALSE";
            let write = B::run(database.inbox.pool(), write);
            if time::timeout(Duration::from_millis(200), write)
                .await
                .is_ok()
            {
                return;
            }
            self.signal("-CONT");
            time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    pub async fn post(&self, client: &Client, body: &str) -> reqwest::Result<StatusCode> {
        post(client, &self.address, body).await
    }

    pub async fn is_ready(&self, client: &Client) -> bool {
        let request = client.get(format!("{}/ready", self.address));
        let response = request.timeout(PROVIDER_WAITS).send().await;
        response.is_ok_and(|response| response.status() == StatusCode::OK)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its group, because `faketime` and a shell have children.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.process.wait();
    }
}

/// Returns what follows the text in its line, or all lines if they end without the text.
fn read_until(lines: &mut BufReader<ChildStdout>, text: &str) -> Result<String, String> {
    let mut printed = String::new();
    for line in lines.lines() {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once(text) {
            return Ok(rest.trim_end().to_owned());
        }
        printed += &(line + "\n");
    }
    Err(printed)
}

/// A signed request.
pub fn signed(body: &str) -> SampleRequest<Graphoid> {
    SampleRequest::new(body.to_owned())
        .with_path("/webhooks/graphoid")
        .sign(&Secret::new(SECRET).unwrap())
}

pub async fn post(client: &Client, address: &str, body: &str) -> reqwest::Result<StatusCode> {
    send(client, address, &signed(body)).await
}

pub async fn send<P: Provider>(
    client: &Client,
    address: &str,
    sample: &SampleRequest<P>,
) -> reqwest::Result<StatusCode> {
    // No provider waits for ever. A killed server's port may be another test's by now, which never responds.
    let mut request = client
        .post(format!("{address}{}", sample.uri()))
        .timeout(PROVIDER_WAITS);
    for (name, value) in sample.headers() {
        request = request.header(name, value);
    }
    let response = request.body(sample.body().clone()).send().await?;
    Ok(response.status())
}
