//! The receivers answer, print and end as their contract says.

use std::{
    io::{BufRead, BufReader, Lines, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use leadhook::{
    Graphoid, Provider, Secret,
    samples::{self, SampleRequest},
};
use serde_json::{Value, json};

use crate::example;

const RECEIVERS: [&str; 2] = ["axum_receiver", "actix_receiver"];
const SECRET: &str = "a secret & more";
const RECEIVED: &str = r#"{"received":true}"#;

/// A receiver that runs, on a port that was free.
struct Receiver {
    process: Child,
    address: SocketAddr,
    output: Lines<BufReader<ChildStdout>>,
}

impl Receiver {
    fn start(name: &str, secrets: &[&str]) -> Self {
        let mut command = example(name);
        for variable in secrets {
            command.env(variable, SECRET);
        }
        let mut process = command
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = output.next().expect("the receiver ended").unwrap();
        let address = first.rsplit('/').next().unwrap().parse().unwrap();
        Self {
            process,
            address,
            output,
        }
    }

    /// Sends the head of a request, and what of its body comes first.
    fn begin<P: Provider>(&self, request: &SampleRequest<P>, start: &[u8]) -> TcpStream {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n",
            request.method(),
            request.uri(),
            request.body().len(),
        )
        .into_bytes();
        for (name, value) in request.headers() {
            head.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .write_all(&[&head, b"\r\n".as_slice(), start].concat())
            .unwrap();
        stream
    }

    /// Posts a request, and gives the answer's status and body.
    fn post<P: Provider>(&self, request: &SampleRequest<P>) -> (u16, String) {
        answer(self.begin(request, request.body()))
    }

    /// The next line of output.
    fn line(&mut self) -> Value {
        let line = self
            .output
            .next()
            .expect("a line for the delivery")
            .unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Posts a request that is handled, and gives the name of the event that is printed.
    fn handle<P: Provider>(&mut self, request: &SampleRequest<P>) -> Value {
        assert_eq!(self.post(request), (200, RECEIVED.into()), "{request:?}");
        self.line()["event"].take()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The status and the body of an answer.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.into())
}

fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}

fn lead_won() -> SampleRequest<Graphoid> {
    let request = samples::graphoid::LEAD_WON.request().sign(&secret());
    request.with_path("/webhooks/graphoid")
}

#[test]
fn a_delivery_is_printed_and_a_repeat_as_such() {
    for name in RECEIVERS {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let lead = json!({
            "email": null, "first_name": null, "last_name": null, "full_name": null,
            "company": "Acme Corp", "job_title": null, "phone": null, "website": null,
            "score": null, "rating": null,
        });
        let mut line = json!({
            "provider": "graphoid", "event": "lead.won", "id": "evt_9pQrXy2k...", "lead": lead,
        });
        for is_repeat in [false, true] {
            if is_repeat {
                line["duplicate"] = true.into();
            }
            assert_eq!(receiver.post(&lead_won()), (200, RECEIVED.into()), "{name}");
            assert_eq!(receiver.line(), line, "{name}");
        }
    }
}

#[test]
fn every_route_takes_its_sender() {
    for name in RECEIVERS {
        let secrets = [
            "GRADER_WEBHOOK_SECRET",
            "GRAPHOID_WEBHOOK_SECRET",
            "SCOREAPP_WEBHOOK_SECRET",
            "TOMBA_WEBHOOK_TOKEN",
        ];
        let mut receiver = Receiver::start(name, &secrets);
        let scored = samples::grader::SUBMISSION_SCORED.request().sign(&secret());
        assert_eq!(
            receiver.handle(&scored.with_path("/webhooks/grader")),
            "submission.scored"
        );
        assert_eq!(receiver.handle(&lead_won()), "lead.won");
        let finished = samples::scoreapp::QUIZ_FINISHED.request().sign(&secret());
        assert_eq!(
            receiver.handle(&finished.with_path("/webhooks/scoreapp")),
            "QUIZ_FINISHED"
        );

        for sample in samples::tomba::ALL {
            let request = sample
                .request()
                .with_path(&format!("/webhooks/tomba/{}", sample.name()));
            let [with_token, wrong_place] = match sample.name() {
                "save-lead" => ["x-webhook-token", "token"],
                _ => ["token", "x-webhook-token"],
            }
            .map(|name| match name {
                "token" => request.clone().with_query_token(name, &secret()),
                _ => request.clone().with_header_token(name, &secret()),
            });
            assert_eq!(receiver.post(&wrong_place).0, 401);
            assert_eq!(receiver.handle(&with_token), sample.name());
        }
    }
}

#[test]
fn a_sender_without_a_secret_is_not_served() {
    for name in RECEIVERS {
        let receiver = Receiver::start(name, &["GRADER_WEBHOOK_SECRET"]);
        assert_eq!(receiver.post(&lead_won()).0, 404, "{name}");
        let unsigned = samples::grader::SUBMISSION_SCORED.request();
        let answer = receiver.post(&unsigned.with_path("/webhooks/grader"));
        assert_eq!(answer, (401, String::new()), "{name}");
    }
}

#[test]
fn a_wrong_environment_is_an_error() {
    for name in RECEIVERS {
        let output = example(name).output().unwrap();
        assert!(!output.status.success(), "{name} starts without a secret");
        assert!(String::from_utf8_lossy(&output.stderr).contains("GRADER_WEBHOOK_SECRET"));

        let output = example(name)
            .env("GRADER_WEBHOOK_SECRET", " ")
            .output()
            .unwrap();
        assert!(
            !output.status.success(),
            "{name} starts with a blank secret"
        );

        let output = example(name)
            .env("GRADER_WEBHOOK_SECRET", SECRET)
            .env("REDIS_URL", "redis://127.0.0.1:1")
            .output()
            .unwrap();
        assert!(!output.status.success(), "{name} starts without its store");
    }
}

#[test]
fn a_slow_sender_is_cut_off() {
    for name in RECEIVERS {
        let receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let slow_body = receiver.begin(&lead_won(), b"{");
        let mut slow_head = TcpStream::connect(receiver.address).unwrap();
        slow_head
            .write_all(b"POST /webhooks/graphoid HTTP/1.1\r\n")
            .unwrap();
        let mut slow_second_head = TcpStream::connect(receiver.address).unwrap();
        slow_second_head
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\nGET / HT")
            .unwrap();

        assert_eq!(
            receiver.post(&lead_won()).0,
            200,
            "{name} serves others meanwhile"
        );
        assert_eq!(answer(slow_body).0, 408, "{name}");
        for mut stream in [slow_head, slow_second_head] {
            let timeout = Some(Duration::from_secs(30));
            stream.set_read_timeout(timeout).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
    }
}

#[test]
fn a_request_in_flight_is_finished_on_sigterm_and_ctrl_c() {
    for (name, signal) in RECEIVERS
        .into_iter()
        .flat_map(|name| [(name, "-TERM"), (name, "-INT")])
    {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let request = lead_won();
        let (start, rest) = request.body().split_at(10);
        let mut stream = receiver.begin(&request, start);
        // Until it is being read, it is not in flight.
        thread::sleep(Duration::from_millis(500));

        let pid = receiver.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        thread::sleep(Duration::from_millis(500));
        stream.write_all(rest).unwrap();
        assert_eq!(answer(stream), (200, RECEIVED.into()), "{name}");
        assert_eq!(receiver.line()["event"], "lead.won", "{name}");
        assert!(receiver.process.wait().unwrap().success(), "{name}");
    }
}
