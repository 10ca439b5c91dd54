//! What the receivers for axum and actix-web share: their settings, and what they print.

use std::{
    env,
    error::Error,
    io::{self, Write},
    time::Duration,
};

use leadhook::{
    Envelope, Event, Grader, Graphoid, Lead, Provider, Receiver, ScoreApp, Secret, SecretError,
    SecretErrorKind, Tomba,
};
use serde::Serialize;
use tokio::signal;

/// When a request must be answered: the senders give up after 10 seconds.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// When the work must be done: the rest of the time is for the store, before it and after it.
pub(crate) const WORK_WITHIN: Duration = Duration::from_secs(5);

/// What the environment says. A sender whose secret is not set is not served.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) listen: String,
    pub(crate) redis_url: Option<String>,
    pub(crate) grader: Option<Receiver<Grader>>,
    pub(crate) graphoid: Option<Receiver<Graphoid>>,
    pub(crate) scoreapp: Option<Receiver<ScoreApp>>,
    /// Tomba's dashboard webhook can send a header, …
    pub(crate) tomba_leads: Option<Receiver<Tomba>>,
    /// … its results nothing but their URL.
    pub(crate) tomba_results: Option<Receiver<Tomba>>,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, Box<dyn Error>> {
        let token = secret("TOMBA_WEBHOOK_TOKEN")?;
        let settings = Self {
            listen: variable("LISTEN")?.unwrap_or_else(|| "127.0.0.1:8080".into()),
            redis_url: variable("REDIS_URL")?,
            grader: secret("GRADER_WEBHOOK_SECRET")?.as_ref().map(Receiver::new),
            graphoid: secret("GRAPHOID_WEBHOOK_SECRET")?
                .as_ref()
                .map(Receiver::new),
            scoreapp: secret("SCOREAPP_WEBHOOK_SECRET")?
                .as_ref()
                .map(Receiver::new),
            tomba_leads: token
                .clone()
                .map(|token| Receiver::header_token("x-webhook-token", &token)),
            tomba_results: token.map(|token| Receiver::query_token("token", &token)),
        };
        if settings.grader.is_none()
            && settings.graphoid.is_none()
            && settings.scoreapp.is_none()
            && settings.tomba_leads.is_none()
        {
            return Err(
                "no sender to serve: set GRADER_WEBHOOK_SECRET, GRAPHOID_WEBHOOK_SECRET, \
                 SCOREAPP_WEBHOOK_SECRET or TOMBA_WEBHOOK_TOKEN"
                    .into(),
            );
        }
        Ok(settings)
    }
}

fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(format!("{name} is not Unicode")),
    }
}

fn secret(name: &str) -> Result<Option<Secret>, SecretError> {
    match Secret::from_env(name) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == SecretErrorKind::NotSet => Ok(None),
        Err(error) => Err(error),
    }
}

/// Prints a delivery as one line of JSON: the work of these receivers.
pub(crate) fn print<E: Event>(envelope: &Envelope<E>, duplicate: bool) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        provider: &'static str,
        event: &'a str,
        id: Option<&'a str>,
        lead: Option<Lead>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
    }

    let mut line = serde_json::to_vec(&Line {
        provider: E::Provider::NAME,
        event: envelope.name(),
        id: envelope.id.as_deref(),
        lead: envelope.lead(),
        duplicate,
    })?;
    line.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line)?;
    output.flush()
}

/// Ends on Ctrl-C or SIGTERM.
pub(crate) async fn stopped() {
    #[cfg(unix)]
    if let Ok(mut terminated) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    let _ = signal::ctrl_c().await;
}
