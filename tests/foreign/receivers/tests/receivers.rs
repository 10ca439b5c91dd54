//! The contract of the receivers: their environment, responses, output and shutdown.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Lines, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use leadhook::{
    Graphoid, Provider, Secret, Signer,
    samples::{self, SampleRequest},
};
use serde_json::{Value, json};

const RECEIVERS: [&str; 2] = [
    env!("CARGO_BIN_EXE_axum_receiver"),
    env!("CARGO_BIN_EXE_actix_receiver"),
];
const SECRET: &str = "a secret & more";
const RECEIVED: &str = r#"{"received":true}"#;

/// Returns the command for a receiver, with an empty environment.
fn command(path: &str) -> Command {
    let mut command = Command::new(path);
    command.env_clear();
    command
}

/// A running receiver on a free port.
struct Receiver {
    process: Child,
    address: SocketAddr,
    output: Lines<BufReader<ChildStdout>>,
}

impl Receiver {
    fn start(name: &str, secrets: &[&str]) -> Self {
        let mut command = command(name);
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

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        stream
    }

    /// Sends the head of a request and the first part of its body.
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

    /// Posts a request and returns the response's status and body.
    fn post<P: Provider>(&self, request: &SampleRequest<P>) -> (u16, String) {
        response(self.begin(request, request.body()))
    }

    /// Returns the next line of output.
    fn line(&mut self) -> Value {
        let line = self
            .output
            .next()
            .expect("a line for the delivery")
            .unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Posts a request that is handled and returns the printed name of the event.
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

/// Returns the status and the body of a response.
fn response(mut stream: TcpStream) -> (u16, String) {
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").expect("a response");
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
fn a_delivery_is_printed_and_a_duplicate_as_such() {
    for name in RECEIVERS {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let lead = json!({
            "id": "lead_4mNp...", "email": null, "first_name": null, "last_name": null, "full_name": null,
            "company": "Acme Corp", "job_title": null, "phone": null, "website": null,
            "score": null, "rating": null,
        });
        let mut line = json!({
            "provider": "graphoid", "event": "lead.won", "id": "evt_9pQrXy2k...", "lead": lead,
        });
        for is_duplicate in [false, true] {
            if is_duplicate {
                line["duplicate"] = true.into();
            }
            assert_eq!(receiver.post(&lead_won()), (200, RECEIVED.into()), "{name}");
            assert_eq!(receiver.line(), line, "{name}");
        }
    }
}

/// Some clients shut down their sending direction after a request, and read the response then.
#[test]
fn a_client_that_ends_its_direction_gets_its_response() {
    for name in RECEIVERS {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        for number in 0..20 {
            let request = lead_won().set("id", format!("evt_{number}"));
            let stream = receiver.begin(&request, request.body());
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(response(stream), (200, RECEIVED.into()), "{name}");
            receiver.line();
        }
    }
}

#[test]
fn every_route_takes_its_provider() {
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
            let event = match sample.name() {
                "save-lead" => "save_lead",
                lookup => lookup,
            };
            assert_eq!(receiver.handle(&with_token), event);
        }
    }
}

#[test]
fn a_provider_without_a_secret_is_not_served() {
    for name in RECEIVERS {
        let receiver = Receiver::start(name, &["GRADER_WEBHOOK_SECRET"]);
        assert_eq!(receiver.post(&lead_won()).0, 404, "{name}");
        let unsigned = samples::grader::SUBMISSION_SCORED.request();
        let response = receiver.post(&unsigned.with_path("/webhooks/grader"));
        assert_eq!(response, (401, String::new()), "{name}");
    }
}

#[test]
fn a_wrong_environment_is_an_error() {
    for name in RECEIVERS {
        let output = command(name).output().unwrap();
        assert!(!output.status.success(), "{name} starts without a secret");
        assert!(String::from_utf8_lossy(&output.stderr).contains("GRADER_WEBHOOK_SECRET"));

        let output = command(name)
            .env("GRADER_WEBHOOK_SECRET", " ")
            .output()
            .unwrap();
        assert!(
            !output.status.success(),
            "{name} starts with a blank secret"
        );

        let output = command(name)
            .env("GRADER_WEBHOOK_SECRET", SECRET)
            .env("REDIS_URL", "redis://127.0.0.1:1")
            .output()
            .unwrap();
        assert!(!output.status.success(), "{name} starts without its store");
    }
}

/// Returns the bytes of a Graphoid delivery with this id.
fn delivery(id: &str) -> Vec<u8> {
    let body = format!(r#"{{"id":"{id}","event":"lead.won","data":{{"lead":{{"id":"lead_1"}}}}}}"#);
    let (name, value) = Signer::<Graphoid>::new(&secret()).header(body.as_bytes());
    let length = body.len();
    format!(
        "POST /webhooks/graphoid HTTP/1.1\r\nhost: localhost\r\n{name}: {value}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into()
}

/// The head of an unsigned request.
const UNSIGNED: &[u8] =
    b"POST /webhooks/graphoid HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n";

/// Reads a response, keeps the connection open, and returns the status.
fn status(stream: &mut TcpStream) -> u16 {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let (_, rest) = head.split_once("content-length: ").unwrap();
    let length = rest.split("\r\n").next().unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn signal(receiver: &Receiver, signal: &str) {
    let pid = receiver.process.id().to_string();
    let status = Command::new("kill").args([signal, &pid]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_connection_is_kept_alive() {
    for name in RECEIVERS {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let mut stream = receiver.connect();
        for id in ["evt_1", "evt_2"] {
            stream.write_all(&delivery(id)).unwrap();
            assert_eq!(status(&mut stream), 200, "{name}");
            assert_eq!(receiver.line()["id"], id, "{name}");
        }
    }
}

#[test]
fn a_slow_body_is_cut_off() {
    for name in RECEIVERS {
        let receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let slow = receiver.begin(&lead_won(), b"{");
        assert_eq!(receiver.post(&lead_won()).0, 200, "{name}");
        assert_eq!(response(slow).0, 408, "{name}");
    }
}

#[test]
fn a_client_that_stalls_is_disconnected() {
    thread::scope(|scope| {
        for name in RECEIVERS {
            scope.spawn(move || stall(name));
        }
    });
}

/// Stalls a connection in each way that a client can, and waits until the receiver closes all
/// connections.
fn stall(name: &str) {
    let receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
    let begun = Instant::now();
    let mut head = receiver.connect();
    head.write_all(&UNSIGNED[..30]).unwrap();
    let mut second_head = receiver.connect();
    let first = delivery("evt_1");
    second_head
        .write_all(&[&first, &UNSIGNED[..30]].concat())
        .unwrap();
    assert_eq!(status(&mut second_head), 200, "{name}");
    let mut reads_nothing = receiver.connect();
    let unread = thread::spawn(move || {
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
        // The client writes until the buffers are full, and then waits to be disconnected.
        while reads_nothing.write_all(&request).is_ok() {}
    });
    // Load balancers reuse a connection that was idle for 60 s.
    let mut idle = receiver.connect();
    idle.write_all(&delivery("evt_2")).unwrap();
    assert_eq!(status(&mut idle), 200, "{name}");
    thread::sleep(Duration::from_secs(70));
    idle.write_all(&delivery("evt_3")).unwrap();
    assert_eq!(status(&mut idle), 200, "{name}");

    for mut stalled in [head, second_head] {
        // The connection may end with a reset.
        let _ = stalled.read_to_end(&mut Vec::new());
    }
    unread.join().unwrap();
    let seconds = begun.elapsed().as_secs();
    assert!((70..110).contains(&seconds), "{name}: after {seconds} s");
    #[cfg(target_os = "linux")]
    assert!(
        memory(&receiver) < 64 * 1024,
        "{name}: {}",
        memory(&receiver)
    );
    assert_eq!(receiver.post(&lead_won()).0, 200, "{name}");
}

/// Returns the resident memory of a process in KiB.
#[cfg(target_os = "linux")]
fn memory(receiver: &Receiver) -> u64 {
    let path = format!("/proc/{}/status", receiver.process.id());
    let status = std::fs::read_to_string(path).unwrap();
    let (_, rest) = status.split_once("VmRSS:").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn slow_rejected_bodies_cost_nothing_but_their_connections() {
    for name in RECEIVERS {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let mut slow: Vec<TcpStream> = (0..200).map(|_| receiver.connect()).collect();
        for stream in &mut slow {
            stream.write_all(UNSIGNED).unwrap();
        }
        let mut good = receiver.connect();
        let before = memory(&receiver);
        for second in 0..20 {
            let next = Instant::now() + Duration::from_secs(1);
            slow.retain_mut(|stream| stream.write_all(b" ").is_ok());
            if slow.is_empty() {
                break;
            }
            let id = format!("evt_{second}");
            good.write_all(&delivery(&id)).unwrap();
            assert_eq!(status(&mut good), 200, "{name}");
            assert_eq!(receiver.line()["id"], id, "{name}");
            assert!(
                Instant::now() < next + Duration::from_secs(2),
                "{name}: a slow response"
            );
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        assert!(
            slow.is_empty(),
            "{name}: {} are still connected",
            slow.len()
        );
        let growth = memory(&receiver).saturating_sub(before);
        assert!(growth < 10 * 1024, "{name}: {growth} KiB");
    }
}

#[test]
fn a_stalled_output_costs_no_lead() {
    for name in RECEIVERS {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        // Nobody reads the output, so the pipe is full in the end.
        let mut accepted = Vec::new();
        let mut stream = receiver.connect();
        loop {
            let id = format!("evt_{}", accepted.len());
            stream.write_all(&delivery(&id)).unwrap();
            let begun = Instant::now();
            match status(&mut stream) {
                200 => accepted.push(id),
                status => {
                    assert_eq!(status, 503, "{name}");
                    assert!(begun.elapsed() < Duration::from_secs(9), "{name}: late");
                    break;
                }
            }
        }
        let mut unsigned = receiver.connect();
        unsigned.write_all(UNSIGNED).unwrap();
        unsigned.write_all(&[b' '; 1000]).unwrap();
        assert_eq!(status(&mut unsigned), 401, "{name}");

        for id in &accepted {
            assert_eq!(receiver.line()["id"], **id, "{name}");
        }
        // The provider's retry is handled.
        let mut stream = receiver.connect();
        let retry = delivery(&format!("evt_{}", accepted.len()));
        stream.write_all(&retry).unwrap();
        assert_eq!(status(&mut stream), 200, "{name}");
    }
}

#[test]
fn a_thousand_requests_at_once_wait_for_the_output() {
    rlimit::increase_nofile_limit(4096).unwrap();
    for name in RECEIVERS {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let ids = (0..1000).map(|number| format!("evt_{number:0200}"));
        let mut streams: Vec<TcpStream> = ids.clone().map(|_| receiver.connect()).collect();
        for (stream, id) in streams.iter_mut().zip(ids.clone()) {
            stream.write_all(&delivery(&id)).unwrap();
        }
        // The pipe holds some 250 lines, so the other requests wait until this test reads them.
        thread::sleep(Duration::from_secs(1));
        let Receiver {
            process, output, ..
        } = &mut receiver;
        let (statuses, lines) = thread::scope(|scope| {
            let lines = scope.spawn(|| output.map(Result::unwrap).collect::<Vec<String>>());
            let statuses: Vec<u16> = streams.iter_mut().map(status).collect();
            process.kill().unwrap();
            (statuses, lines.join().unwrap())
        });
        let rejected = statuses.iter().filter(|status| **status != 200).count();
        assert_eq!(rejected, 0, "{name}");
        let written: BTreeSet<String> = lines
            .iter()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .into()
            })
            .collect();
        assert_eq!(written, ids.collect(), "{name}");
    }
}

#[test]
fn a_shutdown_ends_whatever_clients_do() {
    for name in RECEIVERS {
        let mut receiver = Receiver::start(name, &["GRAPHOID_WEBHOOK_SECRET"]);
        let mut clients: Vec<TcpStream> = (0..5).map(|_| receiver.connect()).collect();
        clients[1].write_all(&UNSIGNED[..30]).unwrap();
        clients[2].write_all(UNSIGNED).unwrap();
        clients[3].write_all(&delivery("evt_1")[..200]).unwrap();
        clients[4].write_all(&delivery("evt_2")).unwrap();
        assert_eq!(status(&mut clients[4]), 200, "{name}");

        signal(&receiver, "-TERM");
        let begun = Instant::now();
        assert!(receiver.process.wait().unwrap().success(), "{name}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{name}");
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
        // A request is in flight only when the receiver has begun to read it.
        thread::sleep(Duration::from_millis(500));

        self::signal(&receiver, signal);
        thread::sleep(Duration::from_millis(500));
        stream.write_all(rest).unwrap();
        assert_eq!(response(stream), (200, RECEIVED.into()), "{name}");
        assert_eq!(receiver.line()["event"], "lead.won", "{name}");
        assert!(receiver.process.wait().unwrap().success(), "{name}");
    }
}
