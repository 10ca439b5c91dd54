//! The trace context of a request is found at each attempt.

use std::sync::{Arc, Mutex};

use actix_web::{App, http::StatusCode as ActixStatus, test};
use leadhook::{Graphoid, Receiver, Secret, graphoid::GraphoidEvent, samples};
use leadhook_inbox::{Accepted, Failure, Job};
use reqwest::{Client, StatusCode};

use crate::support::{
    SOURCE,
    database::{self, Database, Db},
    delivery,
    logs::Logs,
    on_both,
};

const FIRST: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SECOND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

on_both![
    each_attempt_names_the_context_of_the_first_delivery,
    only_a_valid_context_is_stored
];

async fn each_attempt_names_the_context_of_the_first_delivery<B: Db>(database: Database<B>) {
    let logs = Logs::capture();
    let inbox = B::open(&database.url).await;
    let source = inbox.source(SOURCE);
    for (context, expected) in [(FIRST, Accepted::New), (SECOND, Accepted::Duplicate)] {
        let accepted = source.accept_traced(&delivery(1), [context]).await;
        assert_eq!(accepted.unwrap(), expected);
    }
    source.accept(&delivery(2)).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handle = {
        let seen = seen.clone();
        move |job: Job<GraphoidEvent, B>| {
            let context = job.trace_context().map(ToOwned::to_owned);
            seen.lock().unwrap().push((context, job.attempt()));
            async move {
                tracing::info!("within the attempt");
                match job.attempt() {
                    1 => Err(Failure::retry("crm")),
                    _ => Ok(job.done()),
                }
            }
        }
    };
    let workers = inbox.workers().on(&source, handle);
    assert_eq!(workers.run_until_idle().await.unwrap().attempts, 4);

    let mut seen = seen.lock().unwrap().clone();
    seen.sort_unstable();
    let first = Some(FIRST.to_owned());
    assert_eq!(seen, [(None, 1), (None, 2), (first.clone(), 1), (first, 2)]);
    let said = logs.with("within the attempt");
    assert_eq!(said.len(), 4, "{said:?}");
    let field = format!("trace_context=\"{FIRST}\"");
    let named = said.iter().filter(|line| line.contains(&field));
    assert_eq!(named.count(), 2, "{said:?}");
    let others = said.iter().filter(|line| !line.contains("trace_context"));
    assert_eq!(others.count(), 2, "{said:?}");
}

async fn only_a_valid_context_is_stored<B: Db>(database: Database<B>) {
    let source = database.source();
    let long = format!("{FIRST}-{}", "0".repeat(10_000));
    let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    for (id, values) in [
        vec![],
        vec![""],
        vec![zero],
        vec![long.as_str()],
        vec![FIRST, FIRST],
        vec!["'; DROP TABLE leadhook_inbox; --"],
        vec![SECOND],
    ]
    .into_iter()
    .enumerate()
    {
        source.accept_traced(&delivery(id), values).await.unwrap();
    }
    assert_eq!(database.count("trace_context IS NULL").await, 6);
    let stored = format!("trace_context = '{SECOND}'");
    assert_eq!(database.count(&stored).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_route_for_axum_stores_the_context() {
    let database = database::sqlite().await;
    let secret = Secret::new("a secret").unwrap();
    let route = database.source().axum::<()>(Receiver::new(&secret));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", route);
    let server = axum_server::from_tcp(listener).unwrap();
    tokio::spawn(server.serve(router.into_make_service()));

    let request = samples::graphoid::LEAD_WON.request().sign(&secret);
    let mut sent = Client::new().post(format!("http://{address}/"));
    for (name, value) in request.headers() {
        sent = sent.header(name, value);
    }
    let body = samples::graphoid::LEAD_WON.body();
    let sent = sent.header("traceparent", FIRST).body(body);
    assert_eq!(sent.send().await.unwrap().status(), StatusCode::OK);
    let stored = format!("trace_context = '{FIRST}'");
    assert_eq!(database.count(&stored).await, 1);
}

#[actix_web::test]
async fn the_route_for_actix_stores_the_context() {
    let database = database::sqlite().await;
    let secret = Secret::new("a secret").unwrap();
    let route = database
        .source()
        .actix("/webhooks", Receiver::<Graphoid>::new(&secret));
    let app = test::init_service(App::new().service(route)).await;
    let request = samples::graphoid::LEAD_WON.request();
    let request = request.with_path("/webhooks").sign(&secret);
    let request = test::TestRequest::from(request).insert_header(("traceparent", FIRST));
    let response = test::call_service(&app, request.to_request()).await;
    assert_eq!(response.status(), ActixStatus::OK);
    let stored = format!("trace_context = '{FIRST}'");
    assert_eq!(database.count(&stored).await, 1);
}
