//! The forwarder in `examples/receiver.rs`, from outside: real clients, a real CRM, real signals.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use leadhook::{
    Graphoid, Secret, SignedProvider,
    samples::{self, SampleRequest},
};
use leadhook_inbox::{Filter, Inbox, Page, Sqlite, State as RowState, StoredRow};
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{task::JoinSet, time};

use crate::{
    server::send,
    support::{postgres as pg, until},
};

const SECRET: &str = "a secret of the tests";

/// A shutdown ends within this.
const END: Duration = Duration::from_secs(25);

/// `cargo test` builds the example beside the tests.
fn receiver() -> Command {
    let deps = std::env::current_exe().unwrap();
    let examples = deps.parent().unwrap().with_file_name("examples");
    let program = examples.join("receiver");
    assert!(
        program.is_file(),
        "not built: cargo build --examples --all-features"
    );
    Command::new(program)
}

/// A running forwarder. It is killed when it is dropped.
struct Forwarder {
    process: Child,
    lines: Option<BufReader<ChildStdout>>,
    address: String,
    client: Client,
}

impl Forwarder {
    fn start(database: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_as(receiver(), database, settings)
    }

    fn start_as(command: Command, database: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = configured(command, database, settings);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ");
        Self {
            process,
            lines: Some(lines),
            address: address.unwrap().into(),
            client: Client::new(),
        }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.as_mut().unwrap().read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn post(&self, request: &SampleRequest<Graphoid>) -> StatusCode {
        send(&self.client, &self.address, request).await.unwrap()
    }

    /// Sends an event to which the CRM will react as its name says.
    async fn event(&self, id: usize, act: &str) {
        assert_eq!(self.post(&event(id, act)).await, StatusCode::OK);
    }

    fn connect(&self) -> TcpStream {
        let address = self.address.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(END)).unwrap();
        stream
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// How long the forwarder takes to end by itself.
    fn end(&mut self) -> Duration {
        let told = Instant::now();
        self.signal("-TERM");
        assert!(self.process.wait().unwrap().success());
        told.elapsed()
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configured(mut command: Command, database: &str, settings: &[(&str, &str)]) -> Command {
    let secrets = [
        "GRADER_WEBHOOK_SECRET",
        "GRAPHOID_WEBHOOK_SECRET",
        "SCOREAPP_WEBHOOK_SECRET",
        "TOMBA_WEBHOOK_TOKEN",
    ];
    command
        .envs(secrets.map(|variable| (variable, SECRET)))
        .env("LISTEN", "127.0.0.1:0")
        .env("DATABASE", database)
        .env("BACKOFF_SECONDS", "0.2")
        .env("POLL_SECONDS", "0.2")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if std::env::var_os("LEADHOOK_INBOX_LOG").is_none() {
        command.stderr(Stdio::null());
    }
    command
}

/// A signed event of Graphoid.
fn event(id: usize, act: &str) -> SampleRequest<Graphoid> {
    let lead = format!(r#"{{"id":"lead_{id}","name":"{act}"}}"#);
    let body = format!(r#"{{"id":"evt_{id}","event":"lead.won","data":{{"lead":{lead}}}}}"#);
    sign(SampleRequest::new(body).with_path("/webhooks/graphoid"))
}

fn sign<P: SignedProvider>(request: SampleRequest<P>) -> SampleRequest<P> {
    request.sign(&Secret::new(SECRET).unwrap())
}

/// A request's head, without the empty line that ends it.
fn head(request: &SampleRequest<Graphoid>) -> String {
    let length = request.body().len();
    let mut head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n",
        request.uri()
    );
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", String::from_utf8(value).unwrap());
    }
    head
}

fn whole(request: &SampleRequest<Graphoid>) -> Vec<u8> {
    [format!("{}\r\n", head(request)).as_bytes(), request.body()].concat()
}

/// A directory with a SQLite file, which lives as long as this.
struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("inbox.db")
    }

    fn url(&self) -> String {
        self.path().display().to_string()
    }

    async fn rows(&self) -> Vec<StoredRow> {
        let inbox = Inbox::<Sqlite>::open(self.path()).await.unwrap();
        let rows = inbox.rows(&Filter::all(), Page::first(2000)).await.unwrap();
        inbox.close().await;
        rows
    }

    async fn row(&self) -> StoredRow {
        self.rows().await.pop().unwrap()
    }
}

/// A CRM that reacts to the first attempt as the lead's company says, and takes the event at the next.
#[derive(Clone)]
struct Crm {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Seen {
    at: Instant,
    headers: HeaderMap,
    event: Value,
}

impl Seen {
    fn attempt(&self) -> i64 {
        self.event["attempt"].as_i64().unwrap()
    }

    fn key(&self) -> &str {
        self.headers["idempotency-key"].to_str().unwrap()
    }
}

impl Crm {
    fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn on(listener: TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        let crm = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
        };
        let app = axum::Router::new()
            .route("/leads", axum::routing::post(take))
            .with_state(crm.clone());
        let server = axum_server::from_tcp(listener).unwrap();
        tokio::spawn(server.serve(app.into_make_service()));
        crm
    }

    fn url(&self) -> String {
        format!("http://{}/leads", self.address)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn of(&self, id: usize) -> Vec<Seen> {
        let id = format!("evt_{id}");
        let mut seen = self.seen();
        seen.retain(|seen| seen.event["id"] == id);
        seen
    }
}

/// The act is `hang`, or a status and a value of `Retry-After`.
async fn take(State(crm): State<Crm>, headers: HeaderMap, body: Bytes) -> Response {
    let event: Value = serde_json::from_slice(&body).unwrap();
    let act = event["lead"]["company"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let seen = Seen {
        at: Instant::now(),
        headers,
        event,
    };
    let attempt = seen.attempt();
    crm.seen.lock().unwrap().push(seen);
    if act == "hang" || act == "hang once" && attempt == 1 {
        return std::future::pending().await;
    }
    let (status, retry_after) = act.split_once(' ').unwrap_or((&act, ""));
    match status.parse() {
        Ok(status) if attempt == 1 => {
            let status = StatusCode::from_u16(status).unwrap();
            let mut response = status.into_response();
            if !retry_after.is_empty() {
                let value = retry_after.parse().unwrap();
                response.headers_mut().insert("retry-after", value);
            }
            response
                .headers_mut()
                .insert("location", "/leads".parse().unwrap());
            response
        }
        _ => StatusCode::OK.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_is_served_and_written_to_standard_output() {
    let file = File::new();
    let mut forwarder = Forwarder::start(&file.url(), &[]);
    let token = Secret::new(SECRET).unwrap();
    let (client, address) = (forwarder.client.clone(), forwarder.address.clone());
    let grader = sign(samples::grader::SUBMISSION_SCORED.request());
    let graphoid = sign(samples::graphoid::LEAD_WON.request());
    let scoreapp = sign(samples::scoreapp::QUIZ_FINISHED.request());
    let mut statuses = vec![
        send(&client, &address, &grader.with_path("/webhooks/grader")).await,
        send(&client, &address, &graphoid.with_path("/webhooks/graphoid")).await,
        send(&client, &address, &scoreapp.with_path("/webhooks/scoreapp")).await,
    ];
    let mut expected = vec!["grader".into(), "graphoid".into(), "scoreapp".into()];
    for sample in samples::tomba::ALL {
        let request = match sample.name() {
            "save-lead" => sample
                .request()
                .with_header_token("x-webhook-token", &token),
            _ => sample.request().with_query_token("token", &token),
        };
        let source = format!("tomba/{}", sample.name());
        let request = request.with_path(&format!("/webhooks/{source}"));
        statuses.push(send(&client, &address, &request).await);
        expected.push(source);
    }
    for status in statuses {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    let unsigned = samples::graphoid::LEAD_WON.request();
    let unsigned = unsigned.with_path("/webhooks/graphoid");
    assert_eq!(forwarder.post(&unsigned).await, StatusCode::UNAUTHORIZED);

    let mut sources = Vec::new();
    for _ in 0..expected.len() {
        let line = forwarder.line();
        let mut names: Vec<_> = line.as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(
            names,
            ["attempt", "event", "id", "lead", "provider", "source"]
        );
        let source = line["source"].as_str().unwrap().to_owned();
        assert_eq!(line["provider"], source.split('/').next().unwrap());
        assert_eq!(line["attempt"], 1);
        sources.push(source);
    }
    expected.sort();
    sources.sort();
    assert_eq!(sources, expected);
    let ready = client.get(format!("{address}/ready")).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    let ended = forwarder.end();
    assert!(ended < Duration::from_secs(5), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_response_of_the_crm_decides() {
    let (file, crm) = (File::new(), Crm::start());
    let forwarder = Forwarder::start(&file.url(), &[("FORWARD_URL", &crm.url())]);
    let done = [200, 201, 202, 204];
    let again = [
        408, 425, 429, 500, 501, 502, 503, 504, 599, 301, 302, 303, 307, 308,
    ];
    let dead = [400, 401, 403, 404, 409, 410, 413, 422, 451, 499];
    let statuses = [&done[..], &again, &dead].concat();
    for status in &statuses {
        forwarder.event(*status, &status.to_string()).await;
    }
    forwarder.event(200, "200").await; // a duplicate
    until("all are settled", async || {
        let rows = file.rows().await;
        rows.len() == statuses.len() && rows.iter().all(|row| row.settled_at.is_some())
    })
    .await;
    for row in file.rows().await {
        let id: usize = row
            .lead_id
            .unwrap()
            .strip_prefix("lead_")
            .unwrap()
            .parse()
            .unwrap();
        let seen = crm.of(id);
        let attempts: Vec<i64> = seen.iter().map(Seen::attempt).collect();
        let (state, expected) = if dead.contains(&id) {
            (RowState::Dead, vec![1])
        } else if again.contains(&id) {
            (RowState::Done, vec![1, 2])
        } else {
            (RowState::Done, vec![1])
        };
        assert_eq!((row.state, attempts), (state, expected), "{id}");
        for seen in seen {
            assert_eq!(seen.key(), row.key.to_string());
            assert_eq!(seen.headers["content-type"], "application/json");
            assert_eq!(seen.event["provider"], "graphoid");
            assert_eq!(seen.event["event"], "lead.won");
            assert_eq!(seen.event["lead"]["id"], format!("lead_{id}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let (file, crm) = (File::new(), Crm::start());
    let url = crm.url();
    // The CRM asks for less than the backoff, for more, and for nothing that can be read.
    let slow = [("FORWARD_URL", &*url), ("BACKOFF_SECONDS", "600")];
    let forwarder = Forwarder::start(&file.url(), &slow);
    let date = DateTime::<Utc>::from(SystemTime::now() + Duration::from_secs(4));
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT");
    let began = Instant::now();
    forwarder.event(1, "429 2").await;
    forwarder.event(2, &format!("503 {date}")).await;
    forwarder.event(3, "408 1").await;
    let unreadable = [
        "0",
        "-1",
        "soon",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "99999999999999999999",
    ];
    for (id, value) in unreadable.iter().enumerate() {
        forwarder.event(id + 10, &format!("503 {value}")).await;
    }
    forwarder.event(20, "503 18446744073709551615").await;
    until("those with a time are retried", async || {
        (1..=3).all(|id| crm.of(id).len() == 2)
    })
    .await;
    let waited = |id| {
        let seen = crm.of(id);
        seen[1].at - seen[0].at
    };
    let late = Duration::from_secs(2);
    for (id, least) in [(1, 2), (3, 1)] {
        let least = Duration::from_secs(least);
        assert!(
            (least..least + late).contains(&waited(id)),
            "{id}: {:?}",
            waited(id)
        );
    }
    // A date has whole seconds.
    let retried = crm.of(2)[1].at - began;
    let least = Duration::from_secs(3);
    assert!(
        (least..least + Duration::from_secs(3)).contains(&retried),
        "{retried:?}"
    );
    for row in file.rows().await {
        let id: usize = row
            .lead_id
            .unwrap()
            .strip_prefix("lead_")
            .unwrap()
            .parse()
            .unwrap();
        let delay = (row.due_at - row.accepted_at).num_seconds();
        match id {
            10..20 => assert!((475..=730).contains(&delay), "{id}: {delay}"),
            20 => assert!((2_678_000..2_679_000).contains(&delay), "{delay}"), // 31 days
            _ => assert_eq!(row.state, RowState::Done),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_hangs_gets_the_event_again() {
    let (file, crm) = (File::new(), Crm::start());
    let url = crm.url();
    let settings = [("FORWARD_URL", &*url), ("TIMEOUT_SECONDS", "1")];
    let forwarder = Forwarder::start(&file.url(), &settings);
    forwarder.event(1, "hang once").await;
    until("it is done", async || {
        file.row().await.state == RowState::Done
    })
    .await;
    let seen = crm.of(1);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].key(), seen[1].key());
    let waited = seen[1].at - seen[0].at;
    assert!((1000..4000).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_is_down_gets_the_event_when_it_is_back() {
    let file = File::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://user:hunter2@{address}/leads");
    let log = file.0.path().join("log");
    let mut command = configured(receiver(), &file.url(), &[("FORWARD_URL", &url)]);
    command.stderr(fs::File::create(&log).unwrap());
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let forwarder = Forwarder {
        process,
        lines: Some(lines),
        address: line.trim_end().replace("listening on ", ""),
        client: Client::new(),
    };
    forwarder.event(1, "Acme").await;
    until("it was refused", async || file.row().await.attempts >= 2).await;
    let row = file.row().await;
    assert_eq!(row.settled_at, None);
    assert_eq!(row.error.as_deref(), Some("crm: no response"));
    let crm = Crm::on(TcpListener::bind(address).unwrap());
    until("it is forwarded", async || crm.of(1).len() == 1).await;
    assert!(crm.of(1)[0].attempt() >= 2);
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("refused"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_survives_a_broken_standard_output() {
    let file = File::new();
    let mut forwarder = Forwarder::start(&file.url(), &[]);
    forwarder.event(1, "Acme").await;
    assert_eq!(forwarder.line()["id"], "evt_1");
    drop(forwarder.lines.take());
    forwarder.event(2, "Acme").await;
    let second = async || {
        let rows = file.rows().await;
        rows.into_iter()
            .find(|row| row.lead_id.as_deref() == Some("lead_2"))
            .unwrap()
    };
    until("it has failed", async || second().await.attempts >= 2).await;
    let row = second().await;
    assert_eq!(row.settled_at, None);
    assert_eq!(row.error.as_deref(), Some("output"));
    assert!(forwarder.end() < END);
    let mut forwarder = Forwarder::start(&file.url(), &[]);
    assert_eq!(forwarder.line()["id"], "evt_2");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_standard_output_and_yet_it_accepts_and_ends() {
    let file = File::new();
    let mut forwarder = Forwarder::start(&file.url(), &[("TIMEOUT_SECONDS", "1")]);
    // More than a pipe holds.
    for id in 0..400 {
        forwarder.event(id, &"a long name ".repeat(30)).await;
    }
    until("attempts have failed", async || {
        file.rows().await.iter().any(|row| row.error.is_some())
    })
    .await;
    let ready = forwarder.client.get(format!("{}/ready", forwarder.address));
    assert_eq!(ready.send().await.unwrap().status(), StatusCode::OK);
    // Who reads again gets every event.
    let mut lines = forwarder.lines.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut ids = std::collections::BTreeSet::new();
        let mut line = String::new();
        while ids.len() < 400 {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0);
            let event: Value = serde_json::from_str(&line).unwrap();
            ids.insert(event["id"].to_string());
        }
        lines
    });
    let lines = tokio::task::spawn_blocking(|| reading.join().unwrap());
    let lines = time::timeout(Duration::from_mins(1), lines).await;
    forwarder.lines = Some(lines.unwrap().unwrap());
    assert!(forwarder.end() < END);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_source_delays_no_other() {
    let (file, crm) = (File::new(), Crm::start());
    let forwarder = Forwarder::start(&file.url(), &[("FORWARD_URL", &crm.url())]);
    for id in 0..20 {
        forwarder.event(id, "hang").await;
    }
    until("some hang", async || crm.seen().len() >= 4).await;
    let scoreapp = sign(samples::scoreapp::QUIZ_FINISHED.request());
    let scoreapp = scoreapp.with_path("/webhooks/scoreapp");
    let sent = Instant::now();
    let status = send(&forwarder.client, &forwarder.address, &scoreapp).await;
    assert_eq!(status.unwrap(), StatusCode::OK);
    let of_scoreapp = |seen: &Seen| seen.event["source"] == "scoreapp";
    until("it is forwarded", async || {
        crm.seen().iter().any(of_scoreapp)
    })
    .await;
    assert!(
        sent.elapsed() < Duration::from_secs(1),
        "{:?}",
        sent.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_another_process_forwards_with_the_same_key() {
    let (file, crm) = (File::new(), Crm::start());
    let url = crm.url();
    let settings = [("FORWARD_URL", &*url), ("LEASE_SECONDS", "1")];
    let mut killed = Forwarder::start(&file.url(), &settings);
    killed.event(1, "hang once").await;
    until("it is in progress", async || crm.of(1).len() == 1).await;
    killed.process.kill().unwrap();
    killed.process.wait().unwrap();
    let _other = Forwarder::start(&file.url(), &settings);
    until("it is done", async || {
        file.row().await.state == RowState::Done
    })
    .await;
    let seen = crm.of(1);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].key(), seen[1].key());
    let waited = seen[1].at - seen[0].at;
    assert!(waited < Duration::from_secs(5), "{waited:?}"); // 5/3 of the lease, a poll and a start
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_get_their_response() {
    const REQUESTS: usize = 1000;
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let (file, crm) = (File::new(), Crm::start());
    // With the limit of many systems, or less.
    let mut shell = Command::new("sh");
    let program = receiver().get_program().to_owned();
    shell
        .arg("-c")
        .arg("ulimit -Sn 512 && exec \"$0\"")
        .arg(program);
    // One source may not use all slots. That must not make it wait for the next poll.
    let settings = [("FORWARD_URL", &*crm.url()), ("POLL_SECONDS", "600")];
    let forwarder = Forwarder::start_as(shell, &file.url(), &settings);
    let mut clients = JoinSet::new();
    let barrier = Arc::new(tokio::sync::Barrier::new(REQUESTS));
    for id in 0..REQUESTS {
        let address = forwarder
            .address
            .strip_prefix("http://")
            .unwrap()
            .to_owned();
        let barrier = barrier.clone();
        clients.spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            barrier.wait().await;
            stream.write_all(&whole(&event(id, "Acme"))).await.unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.unwrap();
            // All stay connected until the last has its response.
            barrier.wait().await;
            status
        });
    }
    let statuses = time::timeout(Duration::from_mins(1), clients.join_all()).await;
    let statuses = statuses.expect("all have a response");
    assert!(statuses.iter().all(|status| status == b"HTTP/1.1 200"));
    until("all are forwarded", async || crm.seen().len() >= REQUESTS).await;
    time::sleep(Duration::from_millis(500)).await;
    assert_eq!(crm.seen().len(), REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_direction_gets_its_response() {
    let file = File::new();
    let forwarder = Forwarder::start(&file.url(), &[]);
    for id in 0..20 {
        let mut stream = forwarder.connect();
        stream.write_all(&whole(&event(id, "Acme"))).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    }
    assert_eq!(file.rows().await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_served_in_clear_text() {
    let file = File::new();
    let mut forwarder = Forwarder::start(&file.url(), &[]);
    let request = event(1, "Acme");
    let mut curl = Command::new("curl");
    for (name, value) in request.headers() {
        let value = String::from_utf8(value).unwrap();
        curl.arg("--header").arg(format!("{name}: {value}"));
    }
    curl.args(["--silent", "--show-error", "--http2-prior-knowledge"])
        .args(["--write-out", "%{http_version} %{http_code}"])
        .arg("--data-binary")
        .arg(str::from_utf8(request.body()).unwrap())
        .arg(format!("{}{}", forwarder.address, request.uri()));
    let Ok(Output { stdout, stderr, .. }) = curl.output() else {
        eprintln!("SKIPPED: curl is not found");
        return;
    };
    let error = String::from_utf8_lossy(&stderr);
    assert_eq!(String::from_utf8(stdout).unwrap(), "2 200", "{error}");
    assert_eq!(forwarder.line()["id"], "evt_1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_body_gets_503_in_time() {
    let file = File::new();
    let forwarder = Forwarder::start(&file.url(), &[]);
    let request = event(1, "Acme");
    let mut stream = forwarder.connect();
    let bytes = whole(&request);
    stream.write_all(&bytes[..bytes.len() - 5]).unwrap();
    let sent = Instant::now();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap(); // and the connection ends
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    let waited = sent.elapsed();
    assert!((7000..9500).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!(file.rows().await.len(), 0);
}

/// Clients as they hold up a shutdown.
fn nuisances(forwarder: &Forwarder) -> Vec<TcpStream> {
    let bytes = whole(&event(99, "Acme"));
    let silent = forwarder.connect();
    let mut half_a_head = forwarder.connect();
    half_a_head.write_all(&bytes[..30]).unwrap();
    let mut half_a_body = forwarder.connect();
    half_a_body.write_all(&bytes[..bytes.len() - 5]).unwrap();
    let get = b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut idle = forwarder.connect();
    idle.write_all(get).unwrap();
    idle.read_exact(&mut [0; 12]).unwrap();
    let mut reads_nothing = forwarder.connect();
    reads_nothing.set_nonblocking(true).unwrap();
    let mut full_since = None;
    while full_since.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(500)) {
        full_since = match reads_nothing.write_all(get) {
            Ok(()) => None,
            Err(_) => full_since.or_else(|| Some(Instant::now())),
        };
    }
    let mut idle_http_2 = forwarder.connect();
    let empty_settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    idle_http_2.write_all(empty_settings).unwrap();
    idle_http_2.read_exact(&mut [0; 9]).unwrap();
    vec![
        silent,
        half_a_head,
        half_a_body,
        idle,
        reads_nothing,
        idle_http_2,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_do_not_hold_up_the_shutdown() {
    let file = File::new();
    let mut forwarder = Forwarder::start(&file.url(), &[]);
    let clients = nuisances(&forwarder);
    let ended = forwarder.end();
    assert!(ended < Duration::from_secs(12), "{ended:?}");
    drop(clients);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shutdown_releases_what_hangs_and_counts_no_attempt() {
    let (file, crm) = (File::new(), Crm::start());
    let settings = [("FORWARD_URL", &*crm.url()), ("TIMEOUT_SECONDS", "600")];
    let mut forwarder = Forwarder::start(&file.url(), &settings);
    for id in 0..3 {
        forwarder.event(id, "hang").await;
    }
    until("all hang", async || crm.seen().len() == 3).await;
    let clients = nuisances(&forwarder);
    forwarder.signal("-TERM");
    let ended = forwarder.end(); // a second signal
    assert!(ended < END, "{ended:?}");
    drop(clients);
    for row in file.rows().await {
        assert_eq!(
            (row.state, row.attempts, row.abandoned),
            (RowState::Waiting, 0, 0)
        );
    }
    let (id, began) = (1, Instant::now());
    let _next = Forwarder::start(&file.url(), &settings);
    until("another process has it", async || crm.of(id).len() == 2).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(crm.of(id)[1].attempt(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_finished_at_the_shutdown() {
    let file = File::new();
    let mut forwarder = Forwarder::start(&file.url(), &[]);
    let request = event(1, "Acme");
    let mut stream = forwarder.connect();
    let expect = format!("{}expect: 100-continue\r\n\r\n", head(&request));
    stream.write_all(expect.as_bytes()).unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(goes_on, *b"HTTP/1.1 100 Continue\r\n\r\n");
    forwarder.signal("-INT");
    time::sleep(Duration::from_millis(500)).await;
    stream.write_all(request.body()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(forwarder.process.wait().unwrap().success());
    assert_eq!(file.rows().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_fit_into_ten_connections_of_postgres() {
    let Some(server) = pg::Server::start(&["max_connections = 10"]) else {
        return;
    };
    let url = server.create_database().await;
    let crm = Crm::start();
    let settings = [("FORWARD_URL", &*crm.url())];
    let forwarders = [
        Forwarder::start(&url, &settings),
        Forwarder::start(&url, &settings),
    ];
    let mut clients = JoinSet::new();
    for (index, forwarder) in forwarders.iter().enumerate() {
        for id in 0..200 {
            let (client, address) = (forwarder.client.clone(), forwarder.address.clone());
            let request = event(1000 * index + id, "Acme");
            clients.spawn(async move { send(&client, &address, &request).await.unwrap() });
        }
    }
    let statuses = clients.join_all().await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK));
    until("all are forwarded", async || crm.seen().len() >= 400).await;
    for forwarder in &forwarders {
        let ready = forwarder.client.get(format!("{}/ready", forwarder.address));
        assert_eq!(ready.send().await.unwrap().status(), StatusCode::OK);
    }
    for mut forwarder in forwarders {
        assert!(forwarder.end() < END);
    }
    assert_eq!(crm.seen().len(), 400);
}

#[test]
fn a_wrong_setting_is_named() {
    let cases = [
        ("GRADER_WEBHOOK_SECRET", " ", "GRADER_WEBHOOK_SECRET"),
        ("CONCURRENCY", "many", "CONCURRENCY"),
        ("CONCURRENCY", "0", "concurrency()"),
        ("TIMEOUT_SECONDS", "-1", "TIMEOUT_SECONDS"),
        ("LEASE_SECONDS", "NaN", "LEASE_SECONDS"),
        ("LEASE_SECONDS", "0.1", "lease()"),
        ("POLL_SECONDS", "1 s", "POLL_SECONDS"),
        ("BACKOFF_SECONDS", "", "BACKOFF_SECONDS"),
        ("BACKOFF_MAX_SECONDS", "0.1", "with_longest()"),
        ("ONE_AT_A_TIME", "company", "expected lead"),
        ("FORWARD_URL", "", "FORWARD_URL"),
        ("FORWARD_URL", "crm.example.com", "FORWARD_URL"),
        ("FORWARD_URL", "https://crm.example.com", "http://"),
        ("TIMEOUT_SECONDS", "0", "TIMEOUT_SECONDS"),
        ("LISTEN", "nowhere", "LISTEN"),
        ("DATABASE", ":memory:", "not the path of a file"),
    ];
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("inbox.db");
    for (variable, value, expected) in cases {
        let (status, error) = fails(&file, &[(variable, value)]);
        assert!(!status, "{variable}={value}");
        assert!(error.contains(expected), "{variable}={value}: {error}");
    }
}

#[test]
fn without_a_secret_it_serves_nobody() {
    let directory = TempDir::new().unwrap();
    let database = directory.path().join("inbox.db");
    let output = receiver()
        .env_clear()
        .env("DATABASE", database)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("set GRADER_WEBHOOK_SECRET"), "{error}");
}

/// Whether it ends well, and its standard error.
fn fails(file: &Path, settings: &[(&str, &str)]) -> (bool, String) {
    let mut command = configured(receiver(), &file.display().to_string(), settings);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), error)
}
