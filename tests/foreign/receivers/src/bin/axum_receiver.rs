//! A receiver for all four providers with axum, for tests.
//!
//! It serves the providers whose secret is set (`GRADER_WEBHOOK_SECRET`, `GRAPHOID_WEBHOOK_SECRET`,
//! `SCOREAPP_WEBHOOK_SECRET`, `TOMBA_WEBHOOK_TOKEN`) on the address in `LISTEN`, handles each event
//! once, and writes a line of JSON for it. Handled events are kept in memory, or in Redis if
//! `REDIS_URL` is set.

use std::{
    error::Error,
    future::{Ready, ready},
    io, mem,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Extension, Request, connect_info::Connected},
    http::{HeaderValue, StatusCode, header::CONNECTION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use axum_server::{Handle, accept::Accept};
use hyper_util::rt::TokioTimer;
use leadhook::{Event, Provider, Receiver, Webhook, dedup::Outcome};
use serde_json::json;
use support::{
    Deadline, IDLE_WITHIN, REQUESTS_PER_CONNECTION, Routes, SHUTDOWN_WITHIN, Settings, Work,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time,
};
use tokio_io_timeout::TimeoutStream;

mod support;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    let work = Work::new(settings.redis_url.as_deref()).await?;
    let listener = TcpListener::bind(&settings.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let handle = Handle::<SocketAddr>::new();
    tokio::spawn({
        let handle = handle.clone();
        async move {
            support::shutdown_signal().await;
            handle.graceful_shutdown(Some(SHUTDOWN_WITHIN));
        }
    });
    let mut server = axum_server::Server::from_listener(listener)
        .http1_only()
        .acceptor(DisconnectWhoDoesNotRead)
        .handle(handle);
    // This is the limit for idle connections, too.
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .half_close(true)
        .header_read_timeout(IDLE_WITHIN);
    let mut app = Router::new();
    settings.add_routes(&mut app);
    let app = app
        .layer(Extension(work))
        .layer(middleware::from_fn(end_connection))
        .into_make_service_with_connect_info::<RequestCount>();
    Ok(server.serve(app).await?)
}

impl Routes for Router {
    fn add<E>(&mut self, path: &str, receiver: Receiver<E::Provider>)
    where
        E: Event + Send + Sync + 'static,
    {
        let route = Router::new()
            .route(path, post(receive::<E>))
            .layer(middleware::from_fn(in_time::<E::Provider>))
            .with_state(receiver);
        *self = mem::take(self).merge(route);
    }
}

/// Gives up on a body that does not arrive before the deadline.
async fn in_time<P: Provider>(mut request: Request, next: Next) -> Response {
    let deadline = Deadline::of::<P>();
    request.extensions_mut().insert(deadline);
    let late = (StatusCode::REQUEST_TIMEOUT, [(CONNECTION, "close")]);
    time::timeout_at(deadline.0, next.run(request))
        .await
        .unwrap_or_else(|_| late.into_response())
}

/// Handles an event once, and responds when that has succeeded.
async fn receive<E>(
    Extension(work): Extension<Work>,
    Extension(deadline): Extension<Deadline>,
    webhook: Webhook<E::Provider, E>,
) -> Response
where
    E: Event + Sync,
{
    let Webhook {
        delivery, envelope, ..
    } = &webhook;
    match work.handle(deadline, delivery, envelope).await {
        Ok(outcome @ Outcome::InProgress { .. }) => outcome.into_response(),
        // The work or the store failed, or took too long, so the provider must retry.
        Ok(Outcome::LeaseExpired) | Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Ok(_) => Json(json!({ "received": true })).into_response(),
    }
}

/// The number of requests that came over a connection.
#[derive(Clone, Default)]
struct RequestCount(Arc<AtomicUsize>);

impl Connected<SocketAddr> for RequestCount {
    fn connect_info(_: SocketAddr) -> Self {
        Self::default()
    }
}

/// Closes a connection after its last request.
async fn end_connection(
    ConnectInfo(RequestCount(count)): ConnectInfo<RequestCount>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if count.fetch_add(1, Ordering::Relaxed) + 1 >= REQUESTS_PER_CONNECTION {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// Disconnects clients that send requests and don't read the responses.
#[derive(Clone)]
struct DisconnectWhoDoesNotRead;

impl<S> Accept<TcpStream, S> for DisconnectWhoDoesNotRead {
    type Stream = Pin<Box<TimeoutStream<TcpStream>>>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(IDLE_WITHIN));
        ready(Ok((Box::pin(stream), service)))
    }
}
