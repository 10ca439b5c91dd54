//! The examples, as a user runs them.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use leadhook::{
    Provider, Secret, SignedProvider,
    samples::{self, SampleRequest},
};
use reqwest::{Client, StatusCode};
use tempfile::TempDir;

use crate::server::send;

const SECRET: &str = "a secret of the tests";

/// `cargo test` builds the examples beside the tests.
fn example(name: &str) -> Command {
    let deps = std::env::current_exe().unwrap();
    let program = deps.parent().unwrap().with_file_name("examples").join(name);
    assert!(
        program.is_file(),
        "not built: cargo build --examples --all-features"
    );
    Command::new(program)
}

/// The receiver for all providers. It is killed when it is dropped.
struct Receiver {
    process: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

impl Receiver {
    fn start(file: &Path) -> Self {
        let mut command = example("receiver");
        for variable in [
            "GRADER_WEBHOOK_SECRET",
            "GRAPHOID_WEBHOOK_SECRET",
            "SCOREAPP_WEBHOOK_SECRET",
            "TOMBA_WEBHOOK_TOKEN",
        ] {
            command.env(variable, SECRET);
        }
        command
            .env("LISTEN", "127.0.0.1:0")
            .env("DATABASE", file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut receiver = Self {
            lines: BufReader::new(process.stdout.take().unwrap()),
            process,
            address: String::new(),
        };
        let line = receiver.line();
        receiver.address = line.replace("listening on ", "");
        receiver
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    async fn post<P: Provider>(&self, source: &str, request: SampleRequest<P>) -> StatusCode {
        let request = request.with_path(&format!("/webhooks/{source}"));
        let status = send(&Client::new(), &self.address, &request).await;
        status.unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn sign<P: SignedProvider>(request: SampleRequest<P>) -> SampleRequest<P> {
    request.sign(&Secret::new(SECRET).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_serves_every_provider() {
    let directory = TempDir::new().unwrap();
    let mut receiver = Receiver::start(&directory.path().join("inbox.db"));
    let token = Secret::new(SECRET).unwrap();

    let grader = sign(samples::grader::SUBMISSION_SCORED.request());
    assert_eq!(receiver.post("grader", grader).await, StatusCode::OK);
    let graphoid = sign(samples::graphoid::LEAD_WON.request());
    assert_eq!(receiver.post("graphoid", graphoid).await, StatusCode::OK);
    let scoreapp = sign(samples::scoreapp::QUIZ_FINISHED.request());
    assert_eq!(receiver.post("scoreapp", scoreapp).await, StatusCode::OK);
    let mut expected = vec!["grader".into(), "graphoid".into(), "scoreapp".into()];
    for sample in samples::tomba::ALL {
        let source = format!("tomba/{}", sample.name());
        let request = match sample.name() {
            "save-lead" => sample
                .request()
                .with_header_token("x-webhook-token", &token),
            _ => sample.request().with_query_token("token", &token),
        };
        assert_eq!(
            receiver.post(&source, request).await,
            StatusCode::OK,
            "{source}"
        );
        expected.push(source);
    }
    let unsigned = samples::graphoid::LEAD_WON.request();
    let status = receiver.post("graphoid", unsigned).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    let mut handled: Vec<String> = Vec::new();
    for _ in 0..expected.len() {
        let line = receiver.line();
        handled.push(line.split(' ').next().unwrap().into());
    }
    expected.sort();
    handled.sort();
    assert_eq!(handled, expected);
    let id = receiver.process.id().to_string();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    assert!(receiver.process.wait().unwrap().success());
    assert_eq!(receiver.line(), "");
}

#[test]
fn wrong_usage_is_an_error() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("inbox.db");
    let receiver = example("receiver")
        .env_clear()
        .env("DATABASE", &file)
        .output()
        .unwrap();
    assert!(!receiver.status.success());
    assert!(String::from_utf8_lossy(&receiver.stderr).contains("GRADER_WEBHOOK_SECRET"));
}
