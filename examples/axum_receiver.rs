//! A receiver for all four senders with axum, as an application would have it.
//!
//! It serves the senders whose secret is set (`GRADER_WEBHOOK_SECRET`, `GRAPHOID_WEBHOOK_SECRET`,
//! `SCOREAPP_WEBHOOK_SECRET`, `TOMBA_WEBHOOK_TOKEN`) on the address in `LISTEN`, handles each event
//! once, and prints a line of JSON for it. Handled events are remembered in memory, or in Redis if
//! `REDIS_URL` is set and the feature `redis` is on.

use std::{error::Error, io, pin::pin};

use axum::{
    Json, Router,
    extract::{Extension, FromRef, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use leadhook::{
    Event, Receiver,
    axum::Webhook,
    dedup::{Dedup, MemoryStore, Outcome, Store},
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead,
    },
};
use serde_json::json;
use support::{ANSWER_WITHIN, Settings, WORK_WITHIN};
use tokio::{
    net::TcpListener,
    time::{self, Duration, Instant},
};

mod support;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env()?;
    match settings.redis_url.clone() {
        Some(url) => serve_with_redis(settings, &url).await,
        None => serve(settings, MemoryStore::default()).await,
    }
}

#[cfg(feature = "redis")]
async fn serve_with_redis(settings: Settings, url: &str) -> Result<(), Box<dyn Error>> {
    serve(settings, leadhook::dedup::RedisStore::connect(url).await?).await
}

#[cfg(not(feature = "redis"))]
async fn serve_with_redis(_: Settings, _: &str) -> Result<(), Box<dyn Error>> {
    Err("REDIS_URL is set, but this was built without the feature `redis`".into())
}

async fn serve(settings: Settings, store: impl Store) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(&settings.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let service = TowerToHyperService::new(app(settings, Dedup::new(store)));

    // Unlike that of `axum::serve`, this has a timer, so that slow headers don't hold a connection.
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(ANSWER_WITHIN);
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(support::stopped());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let Ok((stream, _)) = accepted else {
            // Such as too many open files: there will be fewer.
            time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let connection = server.serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(graceful.watch(connection));
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

fn app(settings: Settings, dedup: Dedup) -> Router {
    let results = settings.tomba_results;
    Router::new()
        .merge(route::<GraderEvent>(
            "/webhooks/grader",
            settings.grader,
            &dedup,
        ))
        .merge(route::<GraphoidEvent>(
            "/webhooks/graphoid",
            settings.graphoid,
            &dedup,
        ))
        .merge(route::<ScoreAppEvent>(
            "/webhooks/scoreapp",
            settings.scoreapp,
            &dedup,
        ))
        .merge(route::<SaveLead>(
            "/webhooks/tomba/save-lead",
            settings.tomba_leads,
            &dedup,
        ))
        .merge(route::<LookupResult<EmailVerifier>>(
            "/webhooks/tomba/email-verifier",
            results.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<EmailFinder>>(
            "/webhooks/tomba/email-finder",
            results.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<DomainSearch>>(
            "/webhooks/tomba/domain-search",
            results.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<AuthorFinder>>(
            "/webhooks/tomba/author-finder",
            results.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<PhoneFinder>>(
            "/webhooks/tomba/phone-finder",
            results.clone(),
            &dedup,
        ))
        .merge(route::<LookupResult<PhoneValidator>>(
            "/webhooks/tomba/phone-validator",
            results,
            &dedup,
        ))
        .layer(middleware::from_fn(in_time))
}

/// The route of one sender's events, with a state of its own; none if the sender is not served.
fn route<E>(path: &str, receiver: Option<Receiver<E::Provider>>, dedup: &Dedup) -> Router
where
    E: Event + Send + Sync + 'static,
{
    let Some(receiver) = receiver else {
        return Router::new();
    };
    // A look-up's result may have the bytes of another's: a repeat is one within its route.
    let receiver = receiver.with_scope(path);
    let dedup = dedup.clone();
    Router::new()
        .route(path, post(receive::<E>))
        .with_state(Account { receiver, dedup })
}

struct Account<P> {
    receiver: Receiver<P>,
    dedup: Dedup,
}

impl<P> Clone for Account<P> {
    fn clone(&self) -> Self {
        Self {
            receiver: self.receiver.clone(),
            dedup: self.dedup.clone(),
        }
    }
}

impl<P> FromRef<Account<P>> for Receiver<P> {
    fn from_ref(account: &Account<P>) -> Self {
        account.receiver.clone()
    }
}

/// When the work on a request must be done.
#[derive(Clone, Copy)]
struct Deadline(Instant);

/// Gives up on a body that doesn't arrive in time, and lets the work know how long it may take.
async fn in_time(mut request: Request, next: Next) -> Response {
    let now = Instant::now();
    request.extensions_mut().insert(Deadline(now + WORK_WITHIN));
    time::timeout_at(now + ANSWER_WITHIN, next.run(request))
        .await
        .unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// Handles an event once, and answers when that has succeeded.
async fn receive<E>(
    State(account): State<Account<E::Provider>>,
    Extension(Deadline(deadline)): Extension<Deadline>,
    Webhook {
        delivery, envelope, ..
    }: Webhook<E::Provider, E>,
) -> Response
where
    E: Event + Sync,
{
    let received = || Json(json!({ "received": true }));
    // What must end in time is the work: it then fails, and its claim is released for a retry.
    let work = time::timeout_at(deadline, async {
        support::print(&envelope, false).map(|()| received())
    });
    let work = async { work.await.map_err(io::Error::from)? };
    match account.dedup.once(delivery.key(), work).await {
        Ok(Outcome::AlreadyHandled) => {
            let _ = support::print(&envelope, true);
            received().into_response()
        }
        Ok(outcome) => outcome.into_response(),
        // The work has failed or took too long, or the store can't be reached: the sender retries.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
