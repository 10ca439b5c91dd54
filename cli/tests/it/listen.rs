//! `leadhook listen`, with deliveries from `leadhook send` and bytes over a socket.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Stdio},
    thread,
};

use leadhook::{
    Graphoid, Secret, SignedProvider, Signer,
    samples::{self, Sample},
};
use serde_json::Value;

use crate::{SECRET, VARIABLES, assert_fails, command, inspect::inspect_signed, run};

pub(crate) struct Listener {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Listener {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = command("listen");
        command.envs(VARIABLES.map(|variable| (variable, SECRET)));
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").unwrap().trim().into();
        Self { child, output, url }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    /// Sends with `leadhook send`, and returns the response and the listener's line.
    fn send(&mut self, arguments: &[&str], path: &str) -> (String, String) {
        let mut command = command("send");
        command.envs(VARIABLES.map(|variable| (variable, SECRET)));
        let (provider, rest) = arguments.split_first().unwrap();
        let (body, options) = rest.split_first().unwrap();
        let url = format!("{}{path}", self.url);
        let output = run(
            command.args([provider, body, url.as_str()]).args(options),
            b"",
        );
        assert!(output.stderr.is_empty(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), self.line())
    }
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("leadhook-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn deliveries(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        paths
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn prints_each_delivery_as_one_line() {
    let mut listener = Listener::start(&[]);
    let (response, line) = listener.send(&["grader", "submission-scored"], "/");
    assert!(response.starts_with("200 OK"), "{response}");
    assert!(
        line.contains("  200  grader    submission.scored  John Doe, john.doe@acme.com"),
        "{line}"
    );
    for (arguments, path, expected) in [
        (vec!["graphoid", "lead-won"], "/", "200  graphoid  lead.won"),
        (
            vec!["scoreapp", "quiz-finished"],
            "/x",
            "200  scoreapp  QUIZ_FINISHED",
        ),
        (vec!["tomba", "save-lead"], "/", "200  tomba     save_lead"),
        (
            vec!["tomba", "email-finder"],
            "/webhooks/tomba/email-finder",
            "200  tomba     email-finder",
        ),
        (
            vec!["grader", "submission-scored", "--forged"],
            "/",
            "401  grader    the signature does not match",
        ),
        (
            vec!["grader", "submission-scored", "--unsigned"],
            "/grader",
            "401  grader    the signature header is missing",
        ),
        (
            vec!["tomba", "save-lead", "--forged"],
            "/",
            "401  tomba     the token does not match",
        ),
        (
            vec![
                "grader",
                "submission-scored",
                "--set",
                "event=\"a\\u001b[2J\"",
            ],
            "/",
            "(unknown event)",
        ),
    ] {
        let (_, line) = listener.send(&arguments, path);
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains('\x1b'), "{line}");
    }
}

#[test]
fn saves_deliveries_for_the_other_commands() {
    let directory = Directory::new("save");
    let mut listener = Listener::start(&["--save", directory.path(), "--status", "503"]);
    let (response, _) = listener.send(&["grader", "submission-scored"], "/");
    assert!(response.starts_with("503"), "{response}");
    listener.send(&["grader", "submission-scored", "--forged"], "/");
    listener.send(&["tomba", "save-lead"], "/save-lead?other=private");

    let deliveries = directory.deliveries();
    assert_eq!(deliveries.len(), 3);
    for delivery in &deliveries {
        for file in ["body", "head.json"] {
            use std::os::unix::fs::PermissionsExt;

            let metadata = fs::metadata(delivery.join(file)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
        let head = read(&delivery.join("head.json"));
        assert!(head.contains("\"user-agent\""), "{head}");
        for private in [SECRET, "application/json", "private"] {
            assert!(!head.contains(private), "{head}");
        }
    }
    let good = deliveries[0].to_str().unwrap();
    assert_eq!(
        read(&deliveries[0].join("body")),
        samples::grader::SUBMISSION_SCORED.body()
    );
    let body_file = format!("{good}/body");
    for file in [good, &body_file] {
        let output = run(
            command("inspect").args(["grader", "--secret-env", "SECRET", file]),
            b"",
        );
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let output = run(
            command("why").args(["grader", "--secret-env", "SECRET", file]),
            b"",
        );
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let forged = deliveries[1].to_str().unwrap();
    let output = run(
        command("why").args(["grader", "--secret-env", "SECRET", forged]),
        b"",
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_fails(
        &run(
            command("inspect").args(["grader", "--secret-env", "SECRET", directory.path()]),
            b"",
        ),
        64,
        "has 3 deliveries",
    );
    let (_, line) = listener.send(&["grader", good], "/");
    assert!(line.contains("503  grader    submission.scored"), "{line}");
}

#[test]
fn forwards_bytes_and_returns_the_status() {
    let application = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/app", application.local_addr().unwrap());
    let mut listener = Listener::start(&["--forward", &url]);
    let server = thread::spawn(move || {
        let (mut socket, _) = application.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}}}}") {
            let mut buffer = [0; 4096];
            let length = socket.read(&mut buffer).unwrap();
            assert!(length > 0);
            request.extend_from_slice(&buffer[..length]);
        }
        socket
            .write_all(b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        String::from_utf8(request).unwrap()
    });
    let body = br#"{"event":"lead.won","id":"e1","data":{"lead":{"id":"l","x":{}}}}"#;
    assert!(body.ends_with(b"}}}}"));
    let (name, value) = Signer::<Graphoid>::new(&Secret::new(SECRET).unwrap()).header(body);
    let address = listener.url.strip_prefix("http://").unwrap().to_owned();
    let mut socket = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /?a=b HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\nX-Other: 1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 418"), "{response}");
    let request = server.join().unwrap();
    assert!(
        request.starts_with("POST /app?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("x-other: 1\r\n") && request.contains(&value),
        "{request}"
    );
    assert!(request.as_bytes().ends_with(body));
    assert!(listener.line().contains("418  graphoid  lead.won"));
    // The application is gone.
    let (response, line) = listener.send(&["grader", "submission-scored"], "/");
    assert!(response.starts_with("502"), "{response}");
    assert!(line.contains("did not respond"), "{line}");
}

/// Returns the path and text of every value of a body.
fn values(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.into(), text.clone())),
        Value::Number(number) => found.push((path.into(), number.to_string())),
        Value::Array(items) => items
            .iter()
            .for_each(|item| values(item, &format!("{path}[]"), found)),
        Value::Object(entries) => {
            entries
                .iter()
                .for_each(|(key, value)| values(value, &format!("{path}.{key}"), found));
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[test]
fn a_redacted_delivery_has_its_shape_and_no_personal_value() {
    fn check<P: SignedProvider>(samples: &[Sample<P>]) {
        for sample in samples {
            let directory = Directory::new(&format!("redact-{}-{}", P::NAME, sample.name()));
            let mut listener = Listener::start(&["--save", directory.path(), "--redact"]);
            let change = [
                "--set",
                "secretkey={\"ann.private@example.com\":\"private\"}",
            ];
            let (_, line) = listener.send(&[P::NAME, sample.name(), change[0], change[1]], "/");
            assert!(line.contains("200"), "{line}");
            let redacted = read(&directory.deliveries()[0].join("body"));
            assert!(
                !redacted.contains("private") && !redacted.contains("secretkey"),
                "{redacted}"
            );
            assert!(redacted.ends_with(r#""*":{"*":"xxxxxxx"}}"#), "{redacted}");

            let mut before = Vec::new();
            values(
                &serde_json::from_str(sample.body()).unwrap(),
                "",
                &mut before,
            );
            let mut after = Vec::new();
            let mut shape: Value = serde_json::from_str(&redacted).unwrap();
            shape.as_object_mut().unwrap().remove("*").unwrap();
            values(&shape, "", &mut after);
            let kept = [
                ".event",
                ".event_name",
                ".id",
                ".data.id",
                ".data.lead.id",
                ".data.submission.id",
                ".submission_id",
            ];
            assert_eq!(before.len(), after.len());
            for ((path, before), (_, after)) in before.iter().zip(&after) {
                // `serde_json::Value` sorts the keys of both sides.
                assert_eq!(before.chars().count(), after.chars().count(), "{path}");
                let is_plain = before.chars().all(|c| !c.is_alphanumeric() || c == '1');
                assert!(
                    before != after || is_plain || kept.contains(&path.as_str()),
                    "{path}: {after}"
                );
            }
            let inspected = inspect_signed::<P>(redacted.as_bytes());
            let report = String::from_utf8(inspected.stdout.clone()).unwrap();
            assert!(report.contains("\"known\":true"), "{inspected:?}");
        }
    }
    check(samples::grader::ALL);
    check(samples::graphoid::ALL);
    check(samples::scoreapp::ALL);
}

#[test]
fn bad_use_is_one_line() {
    let listen = |arguments: &[&str]| {
        let mut command = command("listen");
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        run(command.args(arguments), b"")
    };
    assert_fails(&listen(&[]), 64, "no secret is set");
    assert_fails(
        &listen(&["--provider", "grader"]),
        64,
        "GRADER_WEBHOOK_SECRET: the environment variable is not set",
    );
    assert_fails(
        &listen(&["--listen", "nowhere"]),
        64,
        "invalid value 'nowhere'",
    );
}
