//! The server over HTTP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::{
    collections::HashSet,
    io::{Read, Write},
    net::TcpStream,
};

use common::{Database, SECRET, Server, command, count, graphoid, post, until};
use leadhook::{
    Secret,
    samples::{self, Sample, SampleRequest},
};
use reqwest::{Client, StatusCode};
use sqlx::AnyPool;
use tokio::task::JoinSet;

const ROWS: &str = "SELECT count(*) FROM inbox";
const WAITING: &str = "SELECT count(*) FROM inbox WHERE state = 'waiting'";
const WORKED: &str = "SELECT count(*) FROM worked";

async fn all_is_worked(look: &AnyPool) {
    until("no row waits", async || count(look, WAITING).await == 0).await;
}

#[tokio::test]
async fn what_every_route_receives_is_worked() {
    let database = Database::sqlite();
    let mut server = Server::start(&database);
    let lines = server.lines();
    let client = Client::new();
    let secret = Secret::new(SECRET).unwrap();

    let grader = samples::grader::SUBMISSION_SCORED.request();
    let grader = grader.path("/webhooks/grader").sign(&secret);
    let scoreapp = samples::scoreapp::QUIZ_FINISHED.request();
    let scoreapp = scoreapp.path("/webhooks/scoreapp").sign(&secret);
    let graphoid = graphoid(samples::graphoid::LEAD_WON.body(), SECRET);
    let mut answers = vec![
        post(&client, &server.address, &grader).await.unwrap(),
        post(&client, &server.address, &scoreapp).await.unwrap(),
        post(&client, &server.address, &graphoid).await.unwrap(),
    ];
    for sample in samples::tomba::ALL {
        let path = format!("/webhooks/tomba/{}", sample.name());
        let request = sample.request().path(&path);
        let request = if sample.name() == "save-lead" {
            request.with_header_token("x-webhook-token", &secret)
        } else {
            request.with_query_token("token", &secret)
        };
        answers.push(post(&client, &server.address, &request).await.unwrap());
    }
    assert_eq!(answers, [StatusCode::OK; 10]);

    let look = database.look().await;
    all_is_worked(&look).await;
    assert_eq!(count(&look, WORKED).await, 10);
    server.terminate();
    assert!(server.wait().success());

    let lines: HashSet<(String, String)> = lines
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(line["lead"].is_object() || line["lead"].is_null(), "{line}");
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            (text("provider"), text("event"))
        })
        .collect();
    let tomba = samples::tomba::ALL.iter().map(Sample::name);
    let expected = [
        ("grader", "submission.scored"),
        ("scoreapp", "QUIZ_FINISHED"),
        ("graphoid", "lead.won"),
    ]
    .into_iter()
    .chain(tomba.map(|name| ("tomba", name)))
    .map(|(provider, event)| (provider.to_owned(), event.to_owned()));
    assert_eq!(lines, expected.collect());
}

#[tokio::test]
async fn forged_is_refused_and_leaves_no_row() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let client = Client::new();
    let body = samples::graphoid::LEAD_WON.body();
    let secret = Secret::new("not the secret").unwrap();

    let forged = graphoid(body, "not the secret");
    let unsigned = SampleRequest::<leadhook::Graphoid>::new(body).path("/webhooks/graphoid");
    let twice = graphoid(body, SECRET).sign(&Secret::new(SECRET).unwrap());
    for request in [forged, unsigned, twice] {
        let answer = post(&client, &server.address, &request).await.unwrap();
        assert_eq!(answer, StatusCode::UNAUTHORIZED);
    }
    let result = samples::tomba::EMAIL_FINDER.request();
    let result = result.path("/webhooks/tomba/email-finder");
    for request in [result.clone(), result.with_query_token("token", &secret)] {
        let answer = post(&client, &server.address, &request).await.unwrap();
        assert_eq!(answer, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(count(&database.look().await, ROWS).await, 0);
}

#[tokio::test]
async fn repeats_are_answered_and_worked_once() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let client = Client::new();
    let mut senders = JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        let address = server.address.clone();
        senders.spawn(async move {
            let request = graphoid(samples::graphoid::LEAD_WON.body(), SECRET);
            post(&client, &address, &request).await.unwrap()
        });
    }
    assert_eq!(senders.join_all().await, [StatusCode::OK; 50]);

    let look = database.look().await;
    all_is_worked(&look).await;
    let request = graphoid(samples::graphoid::LEAD_WON.body(), SECRET);
    let answer = post(&client, &server.address, &request).await.unwrap();
    assert_eq!(answer, StatusCode::OK);
    assert_eq!(count(&look, WAITING).await, 0);
    assert_eq!(count(&look, ROWS).await, 1);
    assert_eq!(count(&look, WORKED).await, 1);
}

#[tokio::test]
async fn what_cant_be_read_is_answered_and_kept() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let client = Client::new();
    let bodies = [
        r#"{"id":"evt_1","event":"lead.won","data":{"lead":"ann.lee@example.com"}}"#,
        "ann.lee@example.com",
    ];
    for body in bodies {
        let answer = post(&client, &server.address, &graphoid(body, SECRET)).await;
        assert_eq!(answer.unwrap(), StatusCode::OK);
    }
    let look = database.look().await;
    all_is_worked(&look).await;

    let kept =
        "SELECT CAST(body AS TEXT), error FROM inbox WHERE state = 'unreadable' ORDER BY body";
    let kept: Vec<(String, String)> = sqlx::query_as(kept).fetch_all(&look).await.unwrap();
    assert_eq!(kept.len(), 2);
    for ((body, error), (sent, says)) in kept.iter().zip([
        ("ann.lee@example.com", "not JSON"),
        (bodies[0], "unknown shape of lead.won"),
    ]) {
        assert_eq!(body, sent);
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("ann.lee"), "{error}");
    }
    assert_eq!(count(&look, WORKED).await, 0);
}

#[tokio::test]
async fn failed_work_is_tried_again_later_and_keeps_its_error() {
    let database = Database::sqlite();
    let mut server = Server::start(&database);
    drop(server.lines());
    let request = graphoid(samples::graphoid::LEAD_WON.body(), SECRET);
    let answer = post(&Client::new(), &server.address, &request).await;
    assert_eq!(answer.unwrap(), StatusCode::OK);

    let look = database.look().await;
    let failed = "SELECT count(*) FROM inbox
                  WHERE state = 'waiting' AND tries = 2 AND error LIKE 'no output: %'";
    until("it failed twice", async || count(&look, failed).await == 1).await;
    server.terminate();
    assert!(server.wait().success());
    assert_eq!(count(&look, WORKED).await, 0);

    let _server = Server::start(&database);
    all_is_worked(&look).await;
    assert_eq!(count(&look, WORKED).await, 1);
    let forgiven = "SELECT count(*) FROM inbox WHERE state = 'done' AND error IS NULL";
    assert_eq!(count(&look, forgiven).await, 1);
}

#[tokio::test]
async fn what_is_not_stored_is_not_answered_with_200() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let client = Client::new();
    let request = graphoid(samples::graphoid::LEAD_WON.body(), SECRET);

    let look = database.look().await;
    let mut other = look.acquire().await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut *other)
        .await
        .unwrap();
    let answer = post(&client, &server.address, &request).await.unwrap();
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut *other)
        .await
        .unwrap();
    drop(other);

    let answer = post(&client, &server.address, &request).await.unwrap();
    assert_eq!(answer, StatusCode::OK);
    assert_eq!(count(&look, ROWS).await, 1);
}

#[tokio::test]
async fn a_request_in_flight_is_finished() {
    let database = Database::sqlite();
    let mut server = Server::start(&database);
    let request = graphoid(samples::graphoid::LEAD_WON.body(), SECRET);
    let address = server.address.strip_prefix("http://").unwrap();

    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST {} HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\ncontent-length: {}\r\n",
        request.uri(),
        request.body().len(),
    )
    .unwrap();
    for (name, value) in request.headers() {
        write!(stream, "{name}: {}\r\n", str::from_utf8(value).unwrap()).unwrap();
    }
    write!(stream, "\r\n").unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(goes_on, *b"HTTP/1.1 100 Continue\r\n\r\n");

    server.terminate();
    stream.write_all(request.body()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"received":true}"#), "{answer}");
    assert!(server.wait().success());
    assert_eq!(count(&database.look().await, ROWS).await, 1);
}

#[test]
fn without_a_secret_it_does_not_start() {
    let database = Database::sqlite();
    let ended = command(&database.url).output().unwrap();
    assert!(!ended.status.success());
    assert!(String::from_utf8_lossy(&ended.stderr).contains("GRADER_WEBHOOK_SECRET"));

    let ended = command(&database.url)
        .env("GRADER_WEBHOOK_SECRET", " padded")
        .output()
        .unwrap();
    assert!(!ended.status.success());
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(error.contains("GRADER_WEBHOOK_SECRET"), "{error}");
    assert!(!error.contains("padded"), "{error}");
}

#[tokio::test]
async fn a_sender_without_a_secret_is_not_served() {
    let database = Database::sqlite();
    let server = Server::start_with(command(&database.url).env("GRADER_WEBHOOK_SECRET", SECRET));
    let request = graphoid(samples::graphoid::LEAD_WON.body(), SECRET);
    let answer = post(&Client::new(), &server.address, &request).await;
    assert_eq!(answer.unwrap(), StatusCode::NOT_FOUND);
}
