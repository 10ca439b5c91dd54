//! Runs a handler on a claimed row.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use leadhook::{Delivery, Event, Provider};
use tracing::Instrument as _;

use crate::{
    cipher::Bodies,
    database::{Database, engine::Backend, transaction::Open},
    source::Named,
    work::{
        failure::{Failure, FailureKind},
        job::{Done, Job},
        process::Claimed,
    },
};

/// A handler for any event, and what is known about its source.
pub(crate) struct Handler<B: Backend> {
    pub(crate) source: Named,
    pub(crate) retry_window: Duration,
    begin: Box<Begin<B>>,
}

type Begin<B> = dyn Fn(Claimed, Tools<B>) -> Attempt + Send + Sync;

/// A handler's work on one row. Dropping it cancels the handler.
pub(crate) type Attempt = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What an attempt needs beside its row.
pub(crate) struct Tools<B: Backend> {
    pub(crate) database: Database<B>,
    pub(crate) bodies: Bodies,
    /// How long a handler's transaction may be open.
    pub(crate) transaction_limit: Option<Duration>,
}

impl<B: Backend> Clone for Tools<B> {
    fn clone(&self) -> Self {
        Self {
            database: self.database.clone(),
            bodies: self.bodies.clone(),
            ..*self
        }
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done {
        is_committed: bool,
    },
    Failed(Failure),
    Unreadable(String),
    /// It was dropped, at its timeout or because the workers end.
    Cancelled,
}

impl Outcome {
    pub(crate) const CANCELLED: Self = Self::Cancelled;
    pub(crate) const PANICKED: Self = Self::Failed(Failure::of("panic"));
}

impl<B: Backend> Handler<B> {
    pub(crate) fn new<E, F, Fut>(source: Named, handler: F) -> Self
    where
        E: Event + Send + 'static,
        F: Fn(Job<E, B>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Done, Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self {
            source,
            retry_window: E::Provider::RETRY_WINDOW,
            begin: Box::new(move |claimed, tools| {
                let handler = handler.clone();
                let claim = &claimed.claim;
                // Whatever the handler logs names its job.
                let span = tracing::info_span!(
                    "attempt",
                    source = &*claim.source,
                    key = %claim.key,
                    attempt = claim.attempts,
                    trace_context = claim.trace_context.as_deref(),
                );
                let attempt = async move {
                    #[cfg(feature = "metrics")]
                    let _timer = crate::metrics::Timer::start(&claimed.claim.source);
                    let open = Open::default();
                    let limit = tools.transaction_limit;
                    let job = match read::<E, B>(claimed, &tools, open.clone()) {
                        Ok(job) => job,
                        Err(outcome) => return outcome,
                    };
                    let too_long = async {
                        match limit {
                            Some(limit) => open.for_longer_than(limit).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        result = handler(job) => match result {
                            Ok(done) => Outcome::Done { is_committed: done.is_committed },
                            Err(failure) => Outcome::Failed(failure),
                        },
                        () = too_long => Outcome::Failed(Failure::of("transaction open for too long")),
                    }
                };
                Box::pin(attempt.instrument(span))
            }),
        }
    }

    pub(crate) fn begin(&self, claimed: Claimed, tools: Tools<B>) -> Attempt {
        (self.begin)(claimed, tools)
    }
}

impl Failure {
    const fn of(label: &'static str) -> Self {
        Self::new(FailureKind::Retry { label, after: None })
    }
}

/// Decrypts and reads a body.
fn read<E: Event, B: Backend>(
    claimed: Claimed,
    tools: &Tools<B>,
    open: Open,
) -> Result<Job<E, B>, Outcome> {
    let Claimed {
        claim,
        provider,
        scope,
        matched_secret,
        body,
        body_cipher,
    } = claimed;
    if provider != E::Provider::NAME {
        return Err(Outcome::Unreadable(format!(
            "the row is of the provider {provider}"
        )));
    }
    let body = body.unwrap_or_default();
    let body = tools
        .bodies
        .open(body_cipher.as_deref(), claim.key, &claim.source, body)
        .map_err(|_| Outcome::Failed(Failure::of("body not decrypted")))?;
    let mut delivery = Delivery::<E::Provider>::from_storage(body);
    if let Some(scope) = scope {
        delivery = delivery.with_scope(&scope);
    }
    match delivery.read_as::<E>() {
        Ok(envelope) => Ok(Job::new(
            envelope,
            delivery,
            claim,
            matched_secret,
            tools.database.clone(),
            open,
        )),
        Err(error) => Err(Outcome::Unreadable(error.to_string())),
    }
}
