//! The program of the guide, with Debian's `nats-server`.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use async_nats::jetstream::stream::Info;
use leadhook::{Graphoid, Provider, Secret, samples::graphoid::LEAD_WON};
use reqwest::Client;

#[test]
fn the_guide_shows_the_program_as_it_is() {
    let guide = include_str!("../../../docs/guide/brokers.md");
    assert!(guide.contains(include_str!("../src/main.rs")));
}

/// A process that is killed at the end of the test.
struct Process(Child);

impl Process {
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn nats(port: u16, store: &Path) -> Process {
    let mut command = Command::new("nats-server");
    command.args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]);
    let process = command.arg(store).stderr(Stdio::null()).spawn();
    Process(process.expect("Debian's nats-server is installed"))
}

/// The program, its address, and the lines that it prints.
struct Program {
    _process: Process,
    url: String,
    output: BufReader<ChildStdout>,
}

impl Program {
    async fn start(port: u16) -> Self {
        let started = Instant::now();
        loop {
            let mut process = Command::new(env!("CARGO_BIN_EXE_leadhook-brokers"))
                .env("GRAPHOID_WEBHOOK_SECRET", "a secret")
                .env("NATS_URL", format!("127.0.0.1:{port}"))
                .env("LISTEN", "127.0.0.1:0")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut output = BufReader::new(process.stdout.take().unwrap());
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            if let Some(address) = line.trim_end().strip_prefix("listening on ") {
                return Self {
                    _process: Process(process),
                    url: format!("http://{address}/webhooks/graphoid"),
                    output,
                };
            }
            // The broker is not ready yet.
            process.wait().unwrap();
            assert!(started.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Posts an event and returns the status, and after how long it came.
    async fn post(&self, id: &str, secret: &str) -> (u16, Duration) {
        let secret = Secret::new(secret).unwrap();
        let sample = LEAD_WON.request().set("id", id).sign(&secret);
        let mut request = Client::new().post(&self.url);
        for (name, value) in sample.headers() {
            request = request.header(name, value);
        }
        let started = Instant::now();
        let response = request.body(sample.body().to_vec()).send().await.unwrap();
        (response.status().as_u16(), started.elapsed())
    }

    /// Posts an event as its provider does, until the response is 200.
    async fn retry(&self, id: &str) {
        let started = Instant::now();
        while self.post(id, "a secret").await.0 != 200 {
            assert!(started.elapsed() < Duration::from_secs(60));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until an event is handled. An earlier one may be handled again, if its `ack` was lost.
    fn handles(&mut self, id: &str) {
        let mut lines = self.output.by_ref().lines().map(Result::unwrap);
        let handled = format!("handled lead.won Some({id:?})");
        assert!(lines.any(|line| line == handled));
    }
}

/// Returns what the server says about the stream.
async fn stream(port: u16) -> Info {
    let client = async_nats::connect(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let mut stream = jetstream.get_stream("LEADS").await.unwrap();
    stream.info().await.unwrap().clone()
}

async fn count(port: u16) -> u64 {
    stream(port).await.state.messages
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_stored_once_before_the_response() {
    let store = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let server = nats(port, store.path());
    let mut program = Program::start(port).await;
    assert_eq!(
        stream(port).await.config.duplicate_window,
        Graphoid::RETRY_WINDOW
    );

    assert_eq!(program.post("evt_1", "a guess").await.0, 401);
    assert_eq!(count(port).await, 0);
    assert_eq!(program.post("evt_1", "a secret").await.0, 200);
    assert_eq!(count(port).await, 1);
    program.handles("evt_1");
    // A duplicate has the same message id.
    assert_eq!(program.post("evt_1", "a secret").await.0, 200);
    assert_eq!(count(port).await, 1);
    // Several deliveries of one event at once.
    let statuses = futures_util::future::join_all(
        (0..20).map(|_| program.post("evt_2", "a secret")),
    );
    assert!(statuses.await.iter().all(|(status, _)| *status == 200));
    assert_eq!(count(port).await, 2);
    program.handles("evt_2");

    // Without the server, the provider is told to retry while it still waits.
    server.kill();
    let (status, time) = program.post("evt_3", "a secret").await;
    assert_eq!(status, 503);
    assert!(time < Duration::from_secs(9), "{time:?}");

    let _server = nats(port, store.path());
    program.retry("evt_3").await;
    program.retry("evt_1").await;
    // The first attempt may have been stored after its 503, and is no second message.
    assert_eq!(count(port).await, 3);
    program.handles("evt_3");
}
