//! Requests per second over loopback, as shares of what the same handlers serve by hand.
//!
//! `cargo bench --bench http --all-features` posts `ScoreApp`'s documented `QUIZ_FINISHED` to six
//! servers of one thread each, in rounds in which all take turns, and prints a table of ratios. It
//! needs wrk (Debian: `apt-get install wrk`) and two cores that nothing else uses: the servers get
//! one, and wrk the other. `ROUNDS` (7) and `SECONDS` (3), how long a turn takes, can be set in the
//! environment.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{
    env,
    hint::black_box,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    str::FromStr,
};

use hmac::{Hmac, KeyInit, Mac};
use leadhook::{Receiver, ScoreApp, Secret, SignedProvider, Signer};
use serde_json::Value;
use sha2::Sha256;

const SECRET: &str = "whsec_5d41402abc4b2a76b9719d911017c592";
const BODY: &[u8] = include_bytes!("../src/samples/scoreapp/quiz_finished.json");
const BODY_FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/samples/scoreapp/quiz_finished.json"
);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/http.lua");

/// What a handler does with a request. All answer with an empty 200.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// It reads the body.
    BodyOnly,
    /// It verifies as the senders' own examples do, and parses to a `Value`.
    ByHand,
    /// It takes the typed event.
    Leadhook,
}

const WAYS: [Way; 3] = [Way::BodyOnly, Way::ByHand, Way::Leadhook];

/// A framework, and what serves a way with it on a free port, whose address it prints.
type Framework = (&'static str, fn(Way) -> io::Result<()>);

const FRAMEWORKS: [Framework; 2] = [("axum", with_axum::serve), ("actix", with_actix::serve)];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    for (framework, serve) in FRAMEWORKS {
        for way in WAYS {
            if arguments == ["serve", &name(framework, way)] {
                return serve(way);
            }
        }
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    if Command::new("wrk").arg("--version").output().is_err() {
        eprintln!("not measured: there is no wrk (Debian: apt-get install wrk)");
        return Ok(());
    }
    measure();
    Ok(())
}

fn name(framework: &str, way: Way) -> String {
    format!("{framework} {way:?}")
}

fn measure() {
    let rounds = setting("ROUNDS", 7);
    let seconds = setting("SECONDS", 3);
    let servers: Vec<Server> = FRAMEWORKS
        .iter()
        .flat_map(|(framework, _)| WAYS.map(|way| Server::start(framework, way)))
        .collect();
    for server in &servers {
        server.requests_per_second(1);
    }
    let mut rates = vec![Vec::new(); servers.len()];
    for round in 0..rounds {
        for turn in 0..servers.len() {
            let index = (round + turn) % servers.len();
            rates[index].push(servers[index].requests_per_second(seconds));
        }
    }

    println!(
        "\n{:<16} {:>12} {:>14} {:>14}",
        "", "requests/s", "/ body only", "/ by hand"
    );
    for (rates, servers) in rates.chunks(WAYS.len()).zip(servers.chunks(WAYS.len())) {
        let (body_only, by_hand) = (&rates[0], &rates[1]);
        for (own, server) in rates.iter().zip(servers) {
            println!(
                "{:<16} {:>12.0} {:>14.3} {:>14.3}",
                server.name,
                median(own.clone()),
                median(ratios(own, body_only)),
                median(ratios(own, by_hand)),
            );
        }
    }
    println!("medians of {rounds} rounds of {seconds} s; a ratio is of turns in the same round\n");
}

fn setting<T: FromStr<Err: std::fmt::Debug>>(variable: &str, default: T) -> T {
    env::var(variable).map_or(default, |value| value.parse().unwrap())
}

fn ratios(rates: &[f64], base: &[f64]) -> Vec<f64> {
    rates
        .iter()
        .zip(base)
        .map(|(rate, base)| rate / base)
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server in a process of its own, which ends with this value.
struct Server {
    name: String,
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it, and sees that it answers as it must: a broken one could look fast.
    fn start(framework: &str, way: Way) -> Self {
        let name = name(framework, way);
        let mut process = on_core(0, env::current_exe().unwrap().to_str().unwrap())
            .args(["serve", &name])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut address).unwrap();
        let server = Self {
            name,
            process,
            address: address.trim().parse().unwrap(),
        };

        let forged = "0".repeat(64);
        let to_forged = if way == Way::BodyOnly { 200 } else { 401 };
        assert_eq!(server.answer(&signature().1), 200, "{}", server.name);
        assert_eq!(server.answer(&forged), to_forged, "{}", server.name);
        server
    }

    /// The status of the answer to a request with this signature.
    fn answer(&self, signature: &str) -> u16 {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let (header, length) = (ScoreApp::HEADER, BODY.len());
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             {header}: {signature}\r\ncontent-length: {length}\r\n\r\n"
        )
        .unwrap();
        stream.write_all(BODY).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn requests_per_second(&self, seconds: u32) -> f64 {
        let (header, signature) = signature();
        let output = on_core(1, "wrk")
            .args(["--threads", "1", "--connections", "32"])
            .args(["--duration", &format!("{seconds}s")])
            .args(["--script", SCRIPT, &format!("http://{}/", self.address)])
            .args(["--", BODY_FILE, header, &signature])
            .output()
            .unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let counts: Vec<f64> = output
            .lines()
            .last()
            .unwrap()
            .split(' ')
            .map(|count| count.parse().unwrap())
            .collect();
        let [requests, microseconds, failed] = counts.try_into().unwrap();
        assert!(requests > 0.0 && failed == 0.0, "{}: {output}", self.name);
        requests / (microseconds / 1e6)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program on one core, where there are such cores and taskset.
fn on_core(core: usize, program: &str) -> Command {
    let can_pin = Command::new("taskset")
        .args(["-c", "0,1", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !can_pin {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]);
    command
}

fn signature() -> (&'static str, String) {
    Signer::<ScoreApp>::new(&Secret::new(SECRET).unwrap()).header(BODY)
}

fn receiver() -> Receiver<ScoreApp> {
    Receiver::new(Secret::new(SECRET).unwrap())
}

/// As the senders' own examples do it: keyed again for each request, compared as strings, and
/// parsed without types. The status of the answer.
fn receive_by_hand(signature: Option<&[u8]>, body: &[u8]) -> u16 {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let expected = hex::encode(mac.finalize().into_bytes());
    if signature != Some(expected.as_bytes()) {
        return 401;
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(event) => {
            black_box(&event);
            200
        }
        Err(_) => 400,
    }
}

mod with_axum {
    use std::{hint::black_box, io};

    use axum::{
        Router,
        body::Bytes,
        http::{HeaderMap, StatusCode},
        routing::post,
    };
    use leadhook::{ScoreApp, SignedProvider, axum::Webhook};
    use tokio::net::TcpListener;

    use super::{Way, receive_by_hand, receiver};

    #[tokio::main(flavor = "current_thread")]
    pub(super) async fn serve(way: Way) -> io::Result<()> {
        let handler = match way {
            Way::BodyOnly => post(body_only),
            Way::ByHand => post(by_hand),
            Way::Leadhook => post(leadhook),
        };
        let app = Router::new().route("/", handler).with_state(receiver());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        axum::serve(listener, app).await
    }

    async fn body_only(body: Bytes) -> StatusCode {
        black_box(&body);
        StatusCode::OK
    }

    async fn by_hand(headers: HeaderMap, body: Bytes) -> StatusCode {
        let signature = headers.get(ScoreApp::HEADER).map(AsRef::as_ref);
        StatusCode::from_u16(receive_by_hand(signature, &body)).unwrap()
    }

    async fn leadhook(webhook: Webhook<ScoreApp>) -> StatusCode {
        black_box(&webhook.envelope.event);
        StatusCode::OK
    }
}

mod with_actix {
    use std::{hint::black_box, io};

    use actix_web::{
        App, HttpRequest, HttpResponse, HttpServer, http::StatusCode, rt::System, web,
    };
    use leadhook::{ScoreApp, SignedProvider, actix::Webhook};

    use super::{Way, receive_by_hand, receiver};

    pub(super) fn serve(way: Way) -> io::Result<()> {
        let receiver = web::Data::new(receiver());
        let app = move || {
            let route = match way {
                Way::BodyOnly => web::post().to(body_only),
                Way::ByHand => web::post().to(by_hand),
                Way::Leadhook => web::post().to(leadhook),
            };
            App::new().app_data(receiver.clone()).route("/", route)
        };
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0")?;
        println!("{}", server.addrs()[0]);
        System::new().block_on(server.run())
    }

    async fn body_only(body: web::Bytes) -> HttpResponse {
        black_box(&body);
        HttpResponse::Ok().finish()
    }

    async fn by_hand(request: HttpRequest, body: web::Bytes) -> HttpResponse {
        let signature = request.headers().get(ScoreApp::HEADER).map(AsRef::as_ref);
        let status = StatusCode::from_u16(receive_by_hand(signature, &body)).unwrap();
        HttpResponse::new(status)
    }

    async fn leadhook(webhook: Webhook<ScoreApp>) -> HttpResponse {
        black_box(&webhook.envelope.event);
        HttpResponse::Ok().finish()
    }
}
