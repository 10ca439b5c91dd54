//! The routes: each authenticates a delivery, stores it and answers.

use std::time::{Duration, SystemTime};

use axum::{
    Json, Router,
    extract::{FromRef, State},
    http::StatusCode,
    routing::post,
};
use leadhook::{
    Delivery, Grader, Graphoid, Provider, Receiver, ScoreApp, Secret, SecretError, SecretErrorKind,
    Tomba,
};
use serde_json::{Value, json};
use tokio::time;

use crate::inbox::Inbox;

/// The senders give up after ten seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

const TOMBA_RESULTS: [&str; 6] = [
    "tomba/email-verifier",
    "tomba/email-finder",
    "tomba/domain-search",
    "tomba/author-finder",
    "tomba/phone-finder",
    "tomba/phone-validator",
];

/// The secrets of the senders. A sender without one is not served.
#[derive(Debug)]
pub struct Secrets {
    grader: Option<Secret>,
    graphoid: Option<Secret>,
    scoreapp: Option<Secret>,
    tomba: Option<Secret>,
}

impl Secrets {
    /// Takes the secrets from the environment. None, if it has none.
    ///
    /// # Errors
    ///
    /// Where a variable is set to what can't be a secret.
    pub fn from_env() -> Result<Option<Self>, SecretError> {
        let secrets = Self {
            grader: secret("GRADER_WEBHOOK_SECRET")?,
            graphoid: secret("GRAPHOID_WEBHOOK_SECRET")?,
            scoreapp: secret("SCOREAPP_WEBHOOK_SECRET")?,
            tomba: secret("TOMBA_WEBHOOK_TOKEN")?,
        };
        Ok(match secrets {
            Self {
                grader: None,
                graphoid: None,
                scoreapp: None,
                tomba: None,
            } => None,
            some => Some(some),
        })
    }
}

fn secret(variable: &str) -> Result<Option<Secret>, SecretError> {
    match Secret::from_env(variable) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == SecretErrorKind::NotSet => Ok(None),
        Err(error) => Err(error),
    }
}

/// The routes of the senders that there is a secret for.
pub fn router(inbox: &Inbox, secrets: Secrets) -> Router {
    let mut router = Router::new();
    if let Some(secret) = secrets.grader {
        router = router.merge(route("grader", Receiver::<Grader>::new(secret), inbox));
    }
    if let Some(secret) = secrets.graphoid {
        router = router.merge(route("graphoid", Receiver::<Graphoid>::new(secret), inbox));
    }
    if let Some(secret) = secrets.scoreapp {
        router = router.merge(route("scoreapp", Receiver::<ScoreApp>::new(secret), inbox));
    }
    if let Some(token) = secrets.tomba {
        let receiver = Receiver::<Tomba>::with_header_token("x-webhook-token", token.clone());
        router = router.merge(route("tomba/save-lead", receiver, inbox));
        for source in TOMBA_RESULTS {
            // A result that came to the wrong route first is no repeat on the right one.
            let receiver = Receiver::with_query_token("token", token.clone()).scope(source);
            router = router.merge(route::<Tomba>(source, receiver, inbox));
        }
    }
    router
}

fn route<P: Provider>(source: &'static str, receiver: Receiver<P>, inbox: &Inbox) -> Router {
    Router::new()
        .route(&format!("/webhooks/{source}"), post(receive::<P>))
        .with_state(Endpoint {
            source,
            receiver,
            inbox: inbox.clone(),
        })
}

/// What a route needs.
struct Endpoint<P> {
    source: &'static str,
    receiver: Receiver<P>,
    inbox: Inbox,
}

impl<P> Clone for Endpoint<P> {
    fn clone(&self) -> Self {
        Self {
            receiver: self.receiver.clone(),
            inbox: self.inbox.clone(),
            ..*self
        }
    }
}

impl<P> FromRef<Endpoint<P>> for Receiver<P> {
    fn from_ref(endpoint: &Endpoint<P>) -> Self {
        endpoint.receiver.clone()
    }
}

/// Answers 200 for what is on the disk, now or since before, and 503 where that isn't sure. What is
/// not authentic doesn't come here.
async fn receive<P: Provider>(
    State(endpoint): State<Endpoint<P>>,
    delivery: Delivery<P>,
) -> Result<Json<Value>, StatusCode> {
    let stored = endpoint
        .inbox
        .store(endpoint.source, &delivery, SystemTime::now());
    match time::timeout(ANSWER_WITHIN, stored).await {
        Ok(Ok(())) => Ok(Json(json!({ "received": true }))),
        Ok(Err(error)) => {
            eprintln!("a delivery of {} was not stored: {error}", endpoint.source);
            Err(StatusCode::SERVICE_UNAVAILABLE)
        }
        Err(_) => {
            eprintln!("a delivery of {} was not stored in time", endpoint.source);
            Err(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}
