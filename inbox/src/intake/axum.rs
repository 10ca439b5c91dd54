//! Routes for axum 0.8. Needs the `axum` feature.
//!
//! [`Source::axum`](crate::Source::axum) returns the route of a source, and [`ready`] the one for readiness
//! probes. Serve them with [axum-server](https://docs.rs/axum-server), whose shutdown has a limit. The graceful
//! shutdown of `axum::serve` has none, so a client that has sent half a request holds it up.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use leadhook::{Grader, Receiver, Secret, grader::GraderEvent};
//! use leadhook_inbox::{Inbox, Job, Sqlite};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let inbox = Inbox::<Sqlite>::open("inbox.db").await?;
//! let grader = inbox.source::<Grader>("grader");
//! let workers = inbox
//!     .workers()
//!     .on(&grader, async |job: Job<GraderEvent, _>| Ok(job.done()))
//!     .start()
//!     .await?;
//! let receiver = Receiver::<Grader>::new(&Secret::from_env("GRADER_WEBHOOK_SECRET")?);
//! let app = axum::Router::new()
//!     .route("/webhooks/grader", grader.axum(receiver))
//!     .route("/ready", leadhook_inbox::axum::ready(workers.health()));
//!
//! let handle = axum_server::Handle::new();
//! let stop = handle.clone();
//! tokio::spawn(async move {
//!     let _ = tokio::signal::ctrl_c().await; // and SIGTERM, as in the README
//!     stop.graceful_shutdown(Some(Duration::from_secs(5)));
//! });
//! let address = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
//! let mut server = axum_server::bind(address).handle(handle);
//! // Clients that half-close the connection after their request still get the response.
//! server.http_builder().http1().half_close(true);
//! server.serve(app.into_make_service()).await?;
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
//!     extract::{FromRequest as _, Path, Request, State},
//!     http::StatusCode,
//! };
//! use leadhook::{Delivery, Grader, Receiver, Rejection};
//! use leadhook_inbox::{Source, Sqlite};
//!
//! async fn accept(
//!     State(grader): State<Source<Grader, Sqlite>>,
//!     Path(account): Path<String>,
//!     request: Request,
//! ) -> Result<StatusCode, Rejection> {
//!     let receiver = receiver(&account).await;
//!     let delivery = Delivery::<Grader>::from_request(request, &receiver).await?;
//!     Ok(match grader.accept(&delivery).await {
//!         Ok(_) => StatusCode::OK,
//!         Err(_) => StatusCode::SERVICE_UNAVAILABLE, // logged by `accept`
//!     })
//! }
//! # async fn receiver(_: &str) -> Receiver<Grader> { Receiver::unknown() }
//! # fn app(grader: Source<Grader, Sqlite>) -> axum::Router {
//! #     axum::Router::new().route("/{account}", axum::routing::post(accept)).with_state(grader)
//! # }
//! ```

use std::{convert::Infallible, future::Future};

use axum::{
    extract::{FromRef, FromRequestParts, State},
    http::{StatusCode, request::Parts},
    routing::{MethodRouter, get, post},
};
use leadhook::{Delivery, Provider, Receiver};

use crate::{health::Health, intake::trace::TraceContext};

/// A route that passes authenticated deliveries on with the trace context of the request, and responds with 200 if they were accepted.
pub(crate) fn route<P, S, F, Fut>(receiver: Receiver<P>, accept: F) -> MethodRouter<S>
where
    P: Provider,
    F: Fn(Delivery<P>, Option<TraceContext>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = bool> + Send,
{
    let handler = async |State(endpoint): State<Endpoint<P, F>>,
                         Traced(context): Traced,
                         delivery: Delivery<P>| {
        if (endpoint.accept)(delivery, context).await {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE // logged by `accept`
        }
    };
    post(handler).with_state(Endpoint { receiver, accept })
}

/// The trace context of a request, taken without a copy of all headers.
struct Traced(Option<TraceContext>);

impl<S: Sync> FromRequestParts<S> for Traced {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all("traceparent");
        Ok(Self(TraceContext::parse(values)))
    }
}

struct Endpoint<P, F> {
    receiver: Receiver<P>,
    accept: F,
}

impl<P, F: Clone> Clone for Endpoint<P, F> {
    fn clone(&self) -> Self {
        Self {
            receiver: self.receiver.clone(),
            accept: self.accept.clone(),
        }
    }
}

impl<P, F> FromRef<Endpoint<P, F>> for Receiver<P> {
    fn from_ref(endpoint: &Endpoint<P, F>) -> Self {
        endpoint.receiver.clone()
    }
}

/// Returns a route for readiness probes, which responds with 200 as long as the workers are healthy, else with 503
/// and the [problem](Health::problem) as text.
pub fn ready<S: Clone + Send + Sync + 'static>(health: Health) -> MethodRouter<S> {
    get(async move || match health.problem() {
        None => (StatusCode::OK, String::new()),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem.to_string()),
    })
}
