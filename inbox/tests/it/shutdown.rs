//! SIGTERM ends the server within its two limits.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};

use crate::{
    server::{CONNECTIONS_END, HANDLERS_END, Server, event, signed},
    support::{
        database::{self, Database, Db},
        on_both, postgres as pg, until,
    },
};

on_both![sigterm_ends_whatever_clients_and_handlers_do];

const EPSILON: Duration = Duration::from_millis(1500);

fn ends_in_time(server: &mut Server) {
    let told = Instant::now();
    server.signal("-TERM");
    server.signal("-TERM");
    assert!(server.wait().success());
    let ended = told.elapsed();
    assert!(
        ended < CONNECTIONS_END + HANDLERS_END + EPSILON,
        "{ended:?}"
    );
}

fn connect(server: &Server) -> TcpStream {
    let address = server.address.strip_prefix("http://").unwrap();
    TcpStream::connect(address).unwrap()
}

async fn sigterm_ends_whatever_clients_and_handlers_do<B: Db>(database: Database<B>) {
    let client = Client::new();
    let mut server = Server::start(&database);
    let request = signed(&event(0, "", 0));
    let (name, value) = request
        .headers()
        .find(|(name, _)| name.contains("signature"))
        .unwrap();
    let value = String::from_utf8(value).unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\n{name}: {value}\r\ncontent-length: {}\r\n",
        request.uri(),
        request.body().len(),
    );

    let mut half_a_head = connect(&server);
    half_a_head.write_all(head.as_bytes()).unwrap();
    let mut half_a_body = connect(&server);
    half_a_body
        .write_all(format!("{head}\r\n").as_bytes())
        .unwrap();
    half_a_body.write_all(&request.body()[..10]).unwrap();
    let mut idle = connect(&server);
    idle.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    idle.read_exact(&mut [0; 12]).unwrap();
    let mut reads_nothing = connect(&server);
    for _ in 0..10_000 {
        let written = reads_nothing.write(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n");
        reads_nothing.set_nonblocking(true).unwrap();
        if written.is_err() {
            break;
        }
    }

    let acts = ["pend", "block for ever", "pend"];
    for (id, act) in acts.into_iter().enumerate() {
        let status = server.post(&client, &event(id + 1, act, 1)).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    until("all are taken", async || {
        database.count("token IS NOT NULL").await == 3
    })
    .await;
    ends_in_time(&mut server);

    // They were given back, and no try is counted.
    assert_eq!(
        database
            .count("state = 'waiting' AND token IS NULL AND attempts = 0")
            .await,
        3
    );
    assert_eq!(database.count("abandoned > 0").await, 0);
    drop((half_a_head, half_a_body, idle, reads_nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_finished() {
    let database = database::sqlite().await;
    let mut server = Server::start(&database);
    let request = signed(&event(0, "", 0));
    let mut head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n",
        request.uri(),
        request.body().len(),
    );
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", String::from_utf8(value).unwrap());
    }
    let mut stream = connect(&server);
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(goes_on, *b"HTTP/1.1 100 Continue\r\n\r\n");

    server.signal("-TERM");
    stream.write_all(request.body()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(server.wait().success());
    assert_eq!(database.count("TRUE").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_although_sqlite_is_locked() {
    let database = database::sqlite().await;
    let client = Client::new();
    let mut server = Server::start(&database);
    assert_eq!(
        server.post(&client, &event(1, "pend", 1)).await.unwrap(),
        StatusCode::OK
    );
    until("it is taken", async || {
        database.count("token IS NOT NULL").await == 1
    })
    .await;
    let lock = database
        .inbox
        .pool()
        .begin_with("BEGIN EXCLUSIVE")
        .await
        .unwrap();
    ends_in_time(&mut server);
    lock.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_although_postgres_is_frozen() {
    let Some(postgres) = pg::Server::start(&[]) else {
        return;
    };
    let postgres = Arc::new(postgres);
    let database = database::on(postgres.clone()).await;
    let client = Client::new();
    let mut server = Server::start(&database);
    assert_eq!(
        server.post(&client, &event(1, "pend", 1)).await.unwrap(),
        StatusCode::OK
    );
    until("it is taken", async || {
        database.count("token IS NOT NULL").await == 1
    })
    .await;
    postgres.signal("-STOP");
    ends_in_time(&mut server);
    postgres.signal("-CONT");
}
