//! Runs a handler and records the result.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use leadhook::{Delivery, Event, Provider};

use crate::{
    backend::{Backend, Statement},
    backoff::{Backoff, random},
    cipher::BodyContext,
    claim::{Claim, Claimed},
    error::Error,
    failure::{Failure, FailureKind},
    job::{Done, Job},
    log::log,
};

/// A handler for any event, and what is known about the event's provider.
pub(crate) struct Handler<B: Backend> {
    pub(crate) source: Arc<str>,
    pub(crate) retry_window: Duration,
    run: Box<Run<B>>,
}

type Run<B> = dyn Fn(Claimed<B>) -> Running + Send + Sync;
type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// How a try ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    Committed,
    Failed {
        label: &'static str,
        after: Option<Duration>,
    },
    Rejected(&'static str),
    Unreadable(String),
    LeaseExpired,
}

impl<B: Backend> Handler<B> {
    pub(crate) fn new<E, F, Fut>(source: &str, handler: F) -> Self
    where
        E: Event + Send + 'static,
        F: Fn(Job<E, B>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Done, Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self {
            source: source.into(),
            retry_window: E::Provider::RETRY_WINDOW,
            run: Box::new(move |claimed| {
                let handler = handler.clone();
                Box::pin(async move {
                    match read(claimed) {
                        Ok(job) => Outcome::from(handler(job).await),
                        Err(outcome) => outcome,
                    }
                })
            }),
        }
    }

    pub(crate) async fn run(&self, claimed: Claimed<B>) -> Outcome {
        (self.run)(claimed).await
    }
}

impl Outcome {
    pub(crate) const PANICKED: Self = Self::Failed {
        label: "panic",
        after: None,
    };
    pub(crate) const PAST_DEADLINE: Self = Self::Failed {
        label: "deadline",
        after: None,
    };
}

impl From<Result<Done, Failure>> for Outcome {
    fn from(result: Result<Done, Failure>) -> Self {
        match result {
            Ok(Done { is_committed: true }) => Self::Committed,
            Ok(Done { .. }) => Self::Done,
            Err(Failure(FailureKind::Retry { label, after })) => Self::Failed { label, after },
            Err(Failure(FailureKind::Dead { label })) => Self::Rejected(label),
            Err(Failure(FailureKind::LeaseExpired)) => Self::LeaseExpired,
        }
    }
}

/// Decrypts and reads a body.
fn read<E: Event, B: Backend>(claimed: Claimed<B>) -> Result<Job<E, B>, Outcome> {
    let Claimed {
        claim,
        body,
        body_cipher,
    } = claimed;
    let context = BodyContext {
        key: claim.key,
        source: &claim.source,
    };
    let body = body.unwrap_or_default();
    let opened = claim.inbox.open_body(body_cipher.as_deref(), context, body);
    let body = opened.map_err(|_| UNDECRYPTED)?;
    let delivery = Delivery::<E::Provider>::from_storage(body);
    match delivery.read_as::<E>() {
        Ok(envelope) => Ok(Job::new(envelope, delivery, claim)),
        Err(error) => Err(Outcome::Unreadable(error.to_string())),
    }
}

const UNDECRYPTED: Outcome = Outcome::Failed {
    label: "body not decrypted",
    after: None,
};

/// Records an outcome.
pub(crate) async fn settle<B: Backend>(
    claim: &Claim<B>,
    outcome: &Outcome,
    backoff: &Backoff,
) -> Result<(), Error> {
    let (key, source, tries) = (claim.key, &*claim.source, claim.tries);
    match outcome {
        Outcome::Done => {
            if write(claim, claim.done()).await?.is_some() {
                log(|| tracing::info!(source, %key, tries, "handled"));
            }
        }
        Outcome::Committed => log(|| tracing::info!(source, %key, tries, "handled")),
        Outcome::Failed { label, after } => {
            let delay = after.unwrap_or_else(|| backoff.delay(tries, random()));
            let statement = claim.failed(label, delay, backoff.give_up_after());
            match write(claim, statement).await?.as_deref() {
                Some("dead") => {
                    log(
                        || tracing::error!(source, %key, tries, error = label, reason = "failed", "dead"),
                    );
                }
                Some(_) => {
                    log(|| tracing::warn!(source, %key, tries, error = label, ?delay, "failed"));
                }
                None => {}
            }
        }
        Outcome::Rejected(label) => {
            if write(claim, claim.dead("rejected", *label))
                .await?
                .is_some()
            {
                log(
                    || tracing::error!(source, %key, tries, error = label, reason = "rejected", "dead"),
                );
            }
        }
        Outcome::Unreadable(error) => {
            let statement = claim.dead("unreadable", error.clone());
            if write(claim, statement).await?.is_some() {
                log(|| tracing::error!(source, %key, tries, error, reason = "unreadable", "dead"));
            }
        }
        Outcome::LeaseExpired => log_expired(claim),
    }
    Ok(())
}

/// The row's state after a settlement; none where the lease belongs to another by now.
async fn write<B: Backend>(
    claim: &Claim<B>,
    statement: Statement,
) -> Result<Option<String>, Error> {
    let rows = claim.inbox.fetch(statement).await?;
    let Some(row) = rows.first() else {
        log_expired(claim);
        return Ok(None);
    };
    Ok(B::text(row, "state")?)
}

fn log_expired<B: Backend>(claim: &Claim<B>) {
    let (key, source) = (claim.key, &*claim.source);
    log(
        || tracing::warn!(source, %key, "lease expired, and the row was claimed or settled by another"),
    );
}
