//! Measures the requests that a `Webhook` handler serves over loopback, beside hand-written handlers.
//!
//! `cargo bench --bench http --features axum,actix` posts `ScoreApp`'s documented `QUIZ_FINISHED` to six
//! servers of one thread each, in rounds in which all take turns. It needs two idle cores: one for the
//! servers and one for the client. `ROUNDS` (7) and `SECONDS` (3), the length of a turn, can be set in
//! the environment.
//!
//! The last column is the time beyond a handler that only reads the body, relative to the hand-written
//! handler (1.00 is the same speed, lower is faster). Unlike the requests per second, it hardly depends on
//! the machine.
//!
//! The client never sleeps, because the server would spend time on waking it up, and a slow server would
//! do that more often than a fast one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    env,
    hint::black_box,
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    str::FromStr,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit, Mac};
use leadhook::{Receiver, ScoreApp, Secret, SignedProvider, Signer};
use serde_json::Value;
use sha2::Sha256;

const SECRET: &str = "whsec_5d41402abc4b2a76b9719d911017c592";
const BODY: &[u8] = include_bytes!("../src/samples/scoreapp/quiz_finished.json");
/// The number of requests in flight at any time.
const CONNECTIONS: usize = 32;

/// The work of a handler. All handlers respond with an empty 200.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Reads the body.
    BodyOnly,
    /// Verifies as the providers' own examples do, and parses to a `Value`.
    ByHand,
    /// Takes the typed event.
    Leadhook,
}

const WAYS: [Way; 3] = [Way::BodyOnly, Way::ByHand, Way::Leadhook];

/// A framework, with the function that serves the work on a free port and prints the address.
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
    if arguments == ["measure"] {
        measure();
    } else if arguments.iter().any(|argument| argument == "--bench") {
        assert!(on_core(1, &["measure"]).status()?.success());
    }
    Ok(())
}

fn name(framework: &str, way: Way) -> String {
    format!("{framework} {way:?}")
}

fn measure() {
    let rounds = setting("ROUNDS", 7);
    let seconds = setting("SECONDS", 3);
    let turn = Duration::from_secs(seconds);
    let servers: Vec<Server> = FRAMEWORKS
        .iter()
        .flat_map(|(framework, _)| WAYS.map(|way| Server::start(framework, way)))
        .collect();
    for server in &servers {
        server.requests_per_second(Duration::from_secs(1));
    }
    let mut rates = vec![Vec::new(); servers.len()];
    for round in 0..rounds {
        for place in 0..servers.len() {
            let index = (round + place) % servers.len();
            rates[index].push(servers[index].requests_per_second(turn));
        }
    }

    println!(
        "\n{:<16} {:>12} {:>16} {:>14} {:>26}",
        "", "requests/s", "vs body only", "vs by hand", "work vs by hand"
    );
    for (rates, servers) in rates.chunks(WAYS.len()).zip(servers.chunks(WAYS.len())) {
        let (body_only, by_hand) = (&rates[0], &rates[1]);
        for (own, server) in rates.iter().zip(servers) {
            println!(
                "{:<16} {:>12.0} {:>16.3} {:>14.3} {:>26.3}",
                server.name,
                median(own.clone()),
                median(ratios(own, body_only)),
                median(ratios(own, by_hand)),
                median(shares(own, body_only, by_hand)),
            );
        }
    }
    println!("medians of {rounds} rounds of {seconds} s; ratios are of turns in the same round\n");
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

/// Returns the time of a request beyond reading its body, relative to the hand-written handler.
fn shares(own: &[f64], body_only: &[f64], by_hand: &[f64]) -> Vec<f64> {
    own.iter()
        .zip(body_only)
        .zip(by_hand)
        .map(|((own, body_only), by_hand)| {
            (own.recip() - body_only.recip()) / (by_hand.recip() - body_only.recip())
        })
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server in another process, which ends with this value.
struct Server {
    name: String,
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a server and checks its responses, because a broken server could look fast.
    fn start(framework: &str, way: Way) -> Self {
        let name = name(framework, way);
        let mut process = on_core(0, &["serve", &name])
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
        assert_eq!(server.status(&signature()), 200, "{}", server.name);
        assert_eq!(server.status(&forged), to_forged, "{}", server.name);
        server
    }

    /// Returns the status of the response to a request with this signature.
    fn status(&self, signature: &str) -> u16 {
        let mut connection = Connection::open(self.address);
        let request = request(signature);
        connection.send(&request);
        loop {
            if let Some(status) = connection.receive() {
                return status;
            }
        }
    }

    fn requests_per_second(&self, duration: Duration) -> f64 {
        let request = request(&signature());
        let mut connections: Vec<_> = (0..CONNECTIONS)
            .map(|_| Connection::open(self.address))
            .collect();
        for connection in &mut connections {
            connection.send(&request);
        }
        let mut responses = 0;
        let start = Instant::now();
        while start.elapsed() < duration {
            for connection in &mut connections {
                if let Some(status) = connection.receive() {
                    assert_eq!(status, 200, "{}", self.name);
                    responses += 1;
                    connection.send(&request);
                }
            }
        }
        f64::from(responses) / start.elapsed().as_secs_f64()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection that never waits for a response.
struct Connection(TcpStream);

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self(stream)
    }

    /// Sends a request. It fits into the socket's buffer, because no other request is in flight.
    fn send(&mut self, request: &[u8]) {
        assert_eq!(self.0.write(request).unwrap(), request.len());
    }

    /// Returns the status of the response, if it has arrived. It is short, so it comes in one piece.
    fn receive(&mut self) -> Option<u16> {
        let mut response = [0; 1024];
        let length = match self.0.read(&mut response) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            length => length.unwrap(),
        };
        let response = str::from_utf8(&response[..length]).unwrap();
        assert!(response.ends_with("\r\n\r\n"), "{response:?}");
        Some(response.split(' ').nth(1).unwrap().parse().unwrap())
    }
}

fn request(signature: &str) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         {}: {signature}\r\ncontent-length: {}\r\n\r\n",
        ScoreApp::HEADER,
        BODY.len(),
    );
    [head.as_bytes(), BODY].concat()
}

fn signature() -> String {
    Signer::<ScoreApp>::new(&Secret::new(SECRET).unwrap())
        .header(BODY)
        .1
}

/// Returns this program on one core, if `taskset` and that core are available.
fn on_core(core: usize, arguments: &[&str]) -> Command {
    let program = env::current_exe().unwrap();
    let can_pin = Command::new("taskset")
        .args(["-c", "0,1", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    let mut command = if can_pin {
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments);
    command
}

fn receiver() -> Receiver<ScoreApp> {
    Receiver::new(&Secret::new(SECRET).unwrap())
}

/// Receives as the providers' own examples do and returns the status of the response.
///
/// The key is set up for each request, strings are compared, and the body is parsed without types.
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
    use leadhook::{ScoreApp, SignedProvider, Webhook};
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
    use leadhook::{ScoreApp, SignedProvider, Webhook};

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
