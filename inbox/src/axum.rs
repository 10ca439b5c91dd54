//! Routes for axum 0.8, and a server whose shutdown is bounded. Needs the `axum` feature.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use leadhook::{Grader, Receiver, Secret, grader::GraderEvent};
//! use leadhook_inbox::{Inbox, Job};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let inbox = Inbox::<leadhook_inbox::Sqlite>::open("inbox.db").await?;
//! let workers = inbox
//!     .workers()
//!     .on("grader", async |job: Job<GraderEvent, _>| Ok(job.done()))
//!     .start()
//!     .await?;
//! let receiver = Receiver::<Grader>::new(&Secret::from_env("GRADER_WEBHOOK_SECRET")?);
//! let app = axum::Router::new()
//!     .route("/webhooks/grader", inbox.axum("grader", receiver))
//!     .route("/ready", leadhook_inbox::axum::ready(workers.health()));
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let stop = async { drop(tokio::signal::ctrl_c().await) };
//! leadhook_inbox::axum::serve(listener, app, stop, Duration::from_secs(10)).await;
//! workers.shutdown(Duration::from_secs(20)).await;
//! # Ok(())
//! # }
//! ```
//!
//! If accounts come and go while the application runs, look the receiver up in a handler of your own, and
//! accept the delivery. leadhook's guide has a
//! [lookup](https://docs.rs/leadhook/latest/leadhook/guide/accounts/).
//!
//! ```
//! use axum::{
//!     extract::{FromRequest, Path, Request, State},
//!     http::StatusCode,
//! };
//! use leadhook::{Delivery, Grader, Receiver, Rejection};
//! use leadhook_inbox::{Inbox, Sqlite};
//!
//! async fn grader(
//!     State(inbox): State<Inbox<Sqlite>>,
//!     Path(account): Path<String>,
//!     request: Request,
//! ) -> Result<StatusCode, Rejection> {
//!     let receiver = receiver(&account).await;
//!     let delivery = Delivery::<Grader>::from_request(request, &receiver).await?;
//!     Ok(match inbox.accept("grader", &delivery).await {
//!         Ok(_) => StatusCode::OK,
//!         Err(_) => StatusCode::SERVICE_UNAVAILABLE, // logged by `accept`
//!     })
//! }
//! # async fn receiver(_: &str) -> Receiver<Grader> { Receiver::unknown() }
//! # fn app(inbox: Inbox<Sqlite>) -> axum::Router {
//! #     axum::Router::new().route("/{account}", axum::routing::post(grader)).with_state(inbox)
//! # }
//! ```

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRef, State},
    http::StatusCode,
    routing::{MethodRouter, get, post},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use leadhook::{Delivery, Provider, Receiver};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{self, Instant},
};

use crate::{backend::Backend, inbox::Inbox, log::log, workers::Health};

/// A connection that has not sent a request's head within this time is closed.
///
/// It is the limit for idle connections, too. Load balancers close theirs after 60 s, and it must be they
/// who do, because a request on its way would be lost.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);

/// After the system had no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl<B: Backend> Inbox<B> {
    /// Returns a route that authenticates deliveries, accepts them for `source`, and responds with 200 or 503.
    ///
    /// Requests that are not authentic are rejected as by leadhook's own extractors. The body's size is limited by axum's
    /// `DefaultBodyLimit`.
    pub fn axum<P: Provider, S>(&self, source: &str, receiver: Receiver<P>) -> MethodRouter<S> {
        post(accept::<P, B>).with_state(Endpoint {
            inbox: self.clone(),
            source: source.into(),
            receiver,
        })
    }
}

struct Endpoint<P, B: Backend> {
    inbox: Inbox<B>,
    source: Arc<str>,
    receiver: Receiver<P>,
}

impl<P, B: Backend> Clone for Endpoint<P, B> {
    fn clone(&self) -> Self {
        Self {
            inbox: self.inbox.clone(),
            source: self.source.clone(),
            receiver: self.receiver.clone(),
        }
    }
}

impl<P, B: Backend> FromRef<Endpoint<P, B>> for Receiver<P> {
    fn from_ref(endpoint: &Endpoint<P, B>) -> Self {
        endpoint.receiver.clone()
    }
}

async fn accept<P: Provider, B: Backend>(
    State(endpoint): State<Endpoint<P, B>>,
    delivery: Delivery<P>,
) -> StatusCode {
    match endpoint.inbox.accept(&endpoint.source, &delivery).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE, // logged by `accept`
    }
}

/// Returns a route for readiness probes, which responds with 200 as long as the workers run and reach the database,
/// else with 503.
pub fn ready<S: Clone + Send + Sync + 'static>(health: Health) -> MethodRouter<S> {
    get(async move || {
        if health.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    })
}

/// Serves an application until `stop` completes, and then finishes the requests in flight for at most
/// `limit`.
///
/// It is `axum::serve` with three differences. Clients that send half a request, or don't read the
/// response, can't keep it from returning: their connections are cut after `limit`. A connection that does
/// not send the head of a request within 75 s is closed. And a client that shuts down its sending
/// direction after a request gets its response.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()>,
    limit: Duration,
) {
    let mut stop = pin!(stop);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .half_close(true)
        .header_read_timeout(HEADER_TIMEOUT);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                log(|| tracing::warn!(%error, "connection not accepted"));
                time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(app.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                log(|| tracing::debug!(%error, "connection ended early"));
            }
        });
    }
    drop(listener);
    let end = Instant::now() + limit;
    if time::timeout_at(end, graceful.shutdown()).await.is_err() {
        log(|| tracing::warn!("connections cut"));
    }
    connections.shutdown().await;
}
