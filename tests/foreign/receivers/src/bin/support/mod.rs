//! Settings, deadlines and work that the receivers for axum and actix-web share.

use std::{
    env,
    error::Error,
    io::{self, Write},
    thread,
    time::Duration,
};

use leadhook::{
    Delivery, Envelope, Event, Grader, Graphoid, Lead, Provider, Receiver, ScoreApp, Secret,
    SecretError, SecretErrorKind, Tomba,
    dedup::{Dedup, OnceError, Outcome, RedisStore},
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead,
    },
};
use serde::Serialize;
use tokio::{
    signal,
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

/// The part of a deadline that is left for the store when the work has ended.
const STORE_WITHIN: Duration = Duration::from_secs(1);

/// How long a connection may send no request or read no response. Load balancers close a connection
/// after 60 s, and it must be they who do, because a request on its way would be lost.
pub(crate) const IDLE_WITHIN: Duration = Duration::from_secs(75);

/// The number of requests after which a connection is closed, so that a client that sends requests and
/// reads no responses can't keep the receiver busy.
pub(crate) const REQUESTS_PER_CONNECTION: usize = 1000;

/// How long a shutdown waits for the requests in flight.
pub(crate) const SHUTDOWN_WITHIN: Duration = Duration::from_secs(10);

/// How many lines the output takes before it writes them. Further requests wait, until their deadline.
const WAITING_LINES: usize = 256;

/// The settings from the environment. A provider whose secret is not set is not served.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) listen: String,
    pub(crate) redis_url: Option<String>,
    pub(crate) grader: Option<Receiver<Grader>>,
    pub(crate) graphoid: Option<Receiver<Graphoid>>,
    pub(crate) scoreapp: Option<Receiver<ScoreApp>>,
    /// Tomba's dashboard webhook can send a header.
    pub(crate) tomba_leads: Option<Receiver<Tomba>>,
    /// Results of Tomba's lookups can carry a token in their URL only.
    pub(crate) tomba_lookups: Option<Receiver<Tomba>>,
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
                .as_ref()
                .map(|token| Receiver::header_token("x-webhook-token", token))
                .transpose()?,
            tomba_lookups: token
                .map(|token| Receiver::query_token("token", &token))
                .transpose()?,
        };
        if settings.grader.is_none()
            && settings.graphoid.is_none()
            && settings.scoreapp.is_none()
            && settings.tomba_leads.is_none()
        {
            return Err(
                "no provider to serve: set GRADER_WEBHOOK_SECRET, GRAPHOID_WEBHOOK_SECRET, \
                 SCOREAPP_WEBHOOK_SECRET or TOMBA_WEBHOOK_TOKEN"
                    .into(),
            );
        }
        Ok(settings)
    }

    /// Adds the routes of the providers that are served.
    pub(crate) fn add_routes(&self, routes: &mut impl Routes) {
        fn add<E>(routes: &mut impl Routes, path: &str, receiver: Option<&Receiver<E::Provider>>)
        where
            E: Event + Send + Sync + 'static,
        {
            if let Some(receiver) = receiver {
                // The same bytes on two routes are two events.
                routes.add::<E>(path, receiver.clone().with_scope(path));
            }
        }

        add::<GraderEvent>(routes, "/webhooks/grader", self.grader.as_ref());
        add::<GraphoidEvent>(routes, "/webhooks/graphoid", self.graphoid.as_ref());
        add::<ScoreAppEvent>(routes, "/webhooks/scoreapp", self.scoreapp.as_ref());
        add::<SaveLead>(
            routes,
            "/webhooks/tomba/save-lead",
            self.tomba_leads.as_ref(),
        );

        let lookups = self.tomba_lookups.as_ref();
        add::<LookupResult<EmailVerifier>>(routes, "/webhooks/tomba/email-verifier", lookups);
        add::<LookupResult<EmailFinder>>(routes, "/webhooks/tomba/email-finder", lookups);
        add::<LookupResult<DomainSearch>>(routes, "/webhooks/tomba/domain-search", lookups);
        add::<LookupResult<AuthorFinder>>(routes, "/webhooks/tomba/author-finder", lookups);
        add::<LookupResult<PhoneFinder>>(routes, "/webhooks/tomba/phone-finder", lookups);
        add::<LookupResult<PhoneValidator>>(routes, "/webhooks/tomba/phone-validator", lookups);
    }
}

/// The routes of a framework's application.
pub(crate) trait Routes {
    /// Adds the route of a provider's events.
    fn add<E>(&mut self, path: &str, receiver: Receiver<E::Provider>)
    where
        E: Event + Send + Sync + 'static;
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

/// The time by which a request must have its response.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

impl Deadline {
    pub(crate) fn of<P: Provider>() -> Self {
        Self(Instant::now() + P::RESPOND_WITHIN)
    }
}

/// The work of these receivers, which writes a line for each event and for each duplicate.
#[derive(Clone)]
pub(crate) struct Work {
    dedup: Dedup,
    output: Output,
}

impl Work {
    pub(crate) async fn new(redis_url: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let dedup = match redis_url {
            Some(url) => Dedup::new(RedisStore::connect(url).await?),
            None => Dedup::default(),
        };
        let output = Output::start()?;
        Ok(Self { dedup, output })
    }

    /// Writes the line of an event, and succeeds once it is written.
    pub(crate) async fn handle<E: Event>(
        &self,
        deadline: Deadline,
        delivery: &Delivery<E::Provider>,
        envelope: &Envelope<E>,
    ) -> Result<Outcome<()>, OnceError<io::Error>> {
        let Deadline(end) = deadline;
        let handled = async {
            // The work ends before the deadline, so that there is time to release its key.
            let work = timeout_at(end - STORE_WITHIN, self.output.write(envelope, false));
            let work = async { work.await? };
            let outcome = self.dedup.once(delivery, work).await?;
            if let Outcome::AlreadyHandled = outcome {
                let written = self.output.write(envelope, true).await;
                written.map_err(OnceError::Failed)?;
            }
            Ok(outcome)
        };
        let late = |elapsed| Err(OnceError::Failed(io::Error::from(elapsed)));
        timeout_at(end, handled).await.unwrap_or_else(late)
    }
}

/// Standard output, written by another thread because writing blocks if nobody reads the output.
#[derive(Clone)]
struct Output(mpsc::Sender<Line>);

struct Line {
    bytes: Vec<u8>,
    written: oneshot::Sender<io::Result<()>>,
}

impl Output {
    fn start() -> io::Result<Self> {
        let (sender, mut lines) = mpsc::channel::<Line>(WAITING_LINES);
        thread::Builder::new().spawn(move || {
            while let Some(line) = lines.blocking_recv() {
                // A line is dropped if its request already has its response.
                if !line.written.is_closed() {
                    let mut output = io::stdout().lock();
                    let result = output.write_all(&line.bytes).and_then(|()| output.flush());
                    let _ = line.written.send(result);
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Writes an event as one line of JSON.
    async fn write<E: Event>(&self, envelope: &Envelope<E>, duplicate: bool) -> io::Result<()> {
        #[derive(Serialize)]
        struct Content<'a> {
            provider: &'static str,
            event: &'a str,
            id: Option<&'a str>,
            lead: Option<Lead>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            duplicate: bool,
        }

        let mut bytes = serde_json::to_vec(&Content {
            provider: E::Provider::NAME,
            event: envelope.name(),
            id: envelope.id.as_deref(),
            lead: envelope.lead(),
            duplicate,
        })?;
        bytes.push(b'\n');
        let (written, result) = oneshot::channel();
        let line = Line { bytes, written };
        self.0.send(line).await.map_err(io::Error::other)?;
        result.await.map_err(io::Error::other)?
    }
}

/// Returns on Ctrl-C or SIGTERM.
pub(crate) async fn shutdown_signal() {
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
