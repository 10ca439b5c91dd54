//! A forwarder: accepts the webhooks of all providers, responds at once, and POSTs each event to your CRM until
//! the CRM has taken it.
//!
//! ```text
//! SCOREAPP_WEBHOOK_SECRET=12345 FORWARD_URL=http://localhost:9000/leads \ cargo run -p leadhook-inbox
//! --example receiver --features axum,postgres
//! ```
//!
//! | variable | default | |
//! |---|---|---|
//! | `GRADER_WEBHOOK_SECRET`, `GRAPHOID_WEBHOOK_SECRET`, `SCOREAPP_WEBHOOK_SECRET`, `TOMBA_WEBHOOK_TOKEN` | | providers whose secret is set are served |
//! | `LISTEN` | `127.0.0.1:8080` | address of the routes `/webhooks/…` and `/ready` |
//! | `DATABASE` | `inbox.db` | SQLite file, or `postgres://…` |
//! | `FORWARD_URL` | | where events are POSTed; unset: a line on standard output for each event |
//! | `CONCURRENCY` | 8 | events that are forwarded at the same time |
//! | `TIMEOUT_SECONDS` | 60 | limit for each request to the CRM |
//! | `LEASE_SECONDS` | 18 | another process takes over 5/3 of this after a crash |
//! | `POLL_SECONDS` | 1 | how often the database is asked for due events |
//! | `BACKOFF_SECONDS`, `BACKOFF_MAX_SECONDS` | 2, 3600 | first and longest delay before a retry |
//! | `ONE_AT_A_TIME` | | `lead`: events of one lead are forwarded one after another |

use std::{
    env,
    error::Error,
    fmt::Display,
    future::{Ready, ready},
    io::{self, Write as _},
    net::SocketAddr,
    pin::Pin,
    process::ExitCode,
    str::FromStr,
    thread,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header::RETRY_AFTER},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use axum_server::{Handle, Server, accept::Accept};
use chrono::{DateTime, Utc};
use hyper_util::rt::TokioTimer;
use leadhook::{
    Event, Lead, Provider, Receiver, Secret, SecretErrorKind,
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead,
    },
};
use leadhook_inbox::{
    Backend, Backoff, Done, Failure, Inbox, Job, OrFail as _, Postgres, Sqlite, Workers,
};
use reqwest::{Client, Url, header::CONTENT_TYPE, redirect};
use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time,
};
use tokio_io_timeout::TimeoutStream;

/// How long a client may send nothing, or read nothing. Load balancers reuse connections that were idle for 60 s,
/// and a request that crosses the end of its connection is lost.
const IDLE: Duration = Duration::from_secs(90);

/// How long a shutdown waits for requests and, at the same time, for attempts.
const REQUESTS_END: Duration = Duration::from_secs(10);
const ATTEMPTS_END: Duration = Duration::from_secs(20);

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    // Standard error may be gone while the server runs, and a subscriber must not panic then.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .log_internal_errors(false)
        .init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), AnyError> {
    // Each connection is an open file, and the usual limit is 1,024.
    rlimit::increase_nofile_limit(u64::MAX)?;
    let runtime = Runtime::new()?;
    let result = runtime.block_on(async {
        // Listen for signals first, so that one during the start does not kill jobs in progress.
        let stop = stop_signal()?;
        let database: String = setting("DATABASE", "inbox.db".into())?;
        if database.starts_with("postgres://") || database.starts_with("postgresql://") {
            serve(Inbox::<Postgres>::open(&database).await?, stop).await
        } else {
            serve(Inbox::<Sqlite>::open(&database).await?, stop).await
        }
    });
    // A name server that does not answer must not hold up the end of the process.
    runtime.shutdown_background();
    result
}

async fn serve<B: Backend>(
    inbox: Inbox<B>,
    stop: impl Future<Output = ()>,
) -> Result<(), AnyError> {
    let (router, workers) = sources(&inbox)?;
    let listen: String = setting("LISTEN", "127.0.0.1:8080".into())?;
    let listener = TcpListener::bind(&listen).await;
    let listener = listener.map_err(|error| format!("LISTEN is {listen:?}: {error}"))?;
    let address = listener.local_addr()?;
    let workers = workers.start().await?;
    for source in inbox.stats().await? {
        if !source.has_handler && source.waiting > 0 {
            let (source, waiting) = (source.source, source.waiting);
            tracing::warn!(
                source,
                waiting,
                "events wait for a source that is not served"
            );
        }
    }
    let app = router.route("/ready", leadhook_inbox::axum::ready(workers.health()));

    let handle = Handle::<SocketAddr>::new();
    let mut server = Server::from_listener(listener)
        .acceptor(DisconnectWhoIsIdle)
        .handle(handle.clone());
    let http = server.http_builder();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .half_close(true); // a client that has sent its request and closed its direction gets a response
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(IDLE / 3);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(server.serve(app));
    let _ = writeln!(io::stdout(), "listening on http://{address}");

    stop.await;
    handle.graceful_shutdown(Some(REQUESTS_END));
    let released = workers.shutdown(ATTEMPTS_END).await;
    serving.await??;
    let _ = time::timeout(Duration::from_secs(2), inbox.close()).await;
    tracing::info!(released, "stopped");
    Ok(())
}

/// The routes of the providers whose secret is set, and the workers that forward their events.
fn sources<B: Backend>(inbox: &Inbox<B>) -> Result<(Router, Workers<B>), AnyError> {
    let mut sources = Sources {
        inbox: inbox.clone(),
        forwarder: Forwarder::from_env()?,
        router: Router::new(),
        workers: workers(inbox)?,
        one_at_a_time: match env::var("ONE_AT_A_TIME").as_deref() {
            Err(_) => false,
            Ok("lead") => true,
            Ok(value) => return Err(format!("ONE_AT_A_TIME is {value:?}; expected lead").into()),
        },
    };
    if let Some(secret) = secret("GRADER_WEBHOOK_SECRET")? {
        sources = sources.add::<GraderEvent>("grader", Receiver::new(&secret));
    }
    if let Some(secret) = secret("GRAPHOID_WEBHOOK_SECRET")? {
        sources = sources.add::<GraphoidEvent>("graphoid", Receiver::new(&secret));
    }
    if let Some(secret) = secret("SCOREAPP_WEBHOOK_SECRET")? {
        sources = sources.add::<ScoreAppEvent>("scoreapp", Receiver::new(&secret));
    }
    if let Some(token) = secret("TOMBA_WEBHOOK_TOKEN")? {
        let leads = Receiver::header_token("x-webhook-token", &token)?;
        let lookups = Receiver::query_token("token", &token)?;
        sources = sources
            .add::<SaveLead>("tomba/save-lead", leads)
            .add::<LookupResult<EmailVerifier>>("tomba/email-verifier", lookups.clone())
            .add::<LookupResult<EmailFinder>>("tomba/email-finder", lookups.clone())
            .add::<LookupResult<DomainSearch>>("tomba/domain-search", lookups.clone())
            .add::<LookupResult<AuthorFinder>>("tomba/author-finder", lookups.clone())
            .add::<LookupResult<PhoneFinder>>("tomba/phone-finder", lookups.clone())
            .add::<LookupResult<PhoneValidator>>("tomba/phone-validator", lookups);
    }
    if !sources.router.has_routes() {
        return Err(
            "no provider to serve; set GRADER_WEBHOOK_SECRET, GRAPHOID_WEBHOOK_SECRET, \
             SCOREAPP_WEBHOOK_SECRET or TOMBA_WEBHOOK_TOKEN"
                .into(),
        );
    }
    Ok((sources.router, sources.workers))
}

struct Sources<B: Backend> {
    inbox: Inbox<B>,
    forwarder: Forwarder,
    router: Router,
    workers: Workers<B>,
    /// Events of one lead wait for each other.
    one_at_a_time: bool,
}

impl<B: Backend> Sources<B> {
    /// Accepts the events of a source at `/webhooks/NAME` and forwards them.
    fn add<E>(mut self, name: &str, receiver: Receiver<E::Provider>) -> Self
    where
        E: Event + Send + 'static,
    {
        let mut source = self.inbox.source::<E::Provider>(name);
        if self.one_at_a_time {
            source = source.one_at_a_time();
        }
        let route = source.axum(receiver);
        let route = route.layer(middleware::from_fn(in_time::<E::Provider>));
        self.router = self.router.route(&format!("/webhooks/{name}"), route);
        let forwarder = self.forwarder.clone();
        let forward = move |job: Job<E, B>| forwarder.clone().forward(job);
        self.workers = self.workers.on(&source, forward);
        self
    }
}

fn workers<B: Backend>(inbox: &Inbox<B>) -> Result<Workers<B>, AnyError> {
    let backoff = Backoff::default()
        .with_first(seconds("BACKOFF_SECONDS", 2.0)?)
        .with_longest(seconds("BACKOFF_MAX_SECONDS", 3600.0)?);
    Ok(inbox
        .workers()
        .concurrency(setting("CONCURRENCY", 8)?)
        // The request's own limit comes first, so that the log says what happened.
        .timeout(timeout()?.saturating_add(Duration::from_secs(5)))
        .lease(seconds("LEASE_SECONDS", 18.0)?)
        .poll_interval(seconds("POLL_SECONDS", 1.0)?)
        .backoff(backoff))
}

/// Responds with 503 in time, although the body of the request is late.
async fn in_time<P: Provider>(request: Request, next: Next) -> Response {
    let response = time::timeout(P::RESPOND_WITHIN, next.run(request)).await;
    response.unwrap_or_else(|_| {
        tracing::warn!(provider = P::NAME, "a request took too long");
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    })
}

/// The work: sends events to the CRM, or writes them to standard output.
#[derive(Clone)]
enum Forwarder {
    Crm { client: Client, url: Url },
    Output(Output),
}

impl Forwarder {
    fn from_env() -> Result<Self, AnyError> {
        let Ok(url) = env::var("FORWARD_URL") else {
            return Ok(Self::Output(Output::start()));
        };
        let url: Url = url.parse().map_err(|_| "FORWARD_URL is not a URL")?;
        if url.scheme() != "http" {
            return Err("FORWARD_URL is not an http:// URL; for https://, build this example with reqwest's \
                feature `rustls` and remove this check"
                .into());
        }
        let client = Client::builder()
            .timeout(timeout()?)
            .redirect(redirect::Policy::none()) // it would turn a POST into a GET
            .build()?;
        Ok(Self::Crm { client, url })
    }

    async fn forward<E: Event, B: Backend>(self, job: Job<E, B>) -> Result<Done, Failure> {
        let envelope = job.envelope();
        let event = serde_json::to_string(&Forwarded {
            provider: E::Provider::NAME,
            source: job.source(),
            event: envelope.name(),
            id: envelope.id.as_deref(),
            lead: envelope.lead(),
            attempt: job.attempt(),
        });
        let event = event.or_dead("event not serialized")?;
        match self {
            Self::Crm { client, url } => {
                let request = client
                    .post(url)
                    .header(CONTENT_TYPE, "application/json")
                    .header("idempotency-key", job.key().to_string())
                    .body(event);
                let sent = request.send().await;
                // Its URL may have a password.
                judge(
                    &sent
                        .map_err(reqwest::Error::without_url)
                        .or_retry("crm: no response")?,
                )?;
            }
            Self::Output(output) => output.write(event).await.or_retry("output")?,
        }
        Ok(job.done())
    }
}

/// What the CRM gets.
#[derive(Serialize)]
struct Forwarded<'a> {
    provider: &'static str,
    source: &'a str,
    event: &'a str,
    id: Option<&'a str>,
    lead: Option<Lead>,
    attempt: i64,
}

/// Decides whether the CRM has taken an event, is to get it again, or never will.
fn judge(response: &reqwest::Response) -> Result<(), Failure> {
    let status = response.status();
    let label = match status.as_u16() {
        200..=299 => return Ok(()),
        408 => "crm: request timeout",
        425 => "crm: too early",
        429 => "crm: too many requests",
        500.. => "crm: server error",
        400..=499 => return Err(Failure::dead("crm: rejected").with_cause(status.to_string())),
        _ => "crm: unexpected response", // such as a redirect: correct the URL
    };
    let failure = match retry_after(response) {
        Some(delay) => Failure::retry_after(label, delay),
        None => Failure::retry(label),
    };
    Err(failure.with_cause(status.to_string()))
}

/// Reads `Retry-After`, which is a number of seconds or a date. None if it has passed.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.parse() {
        return (seconds > 0).then(|| Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    let now = DateTime::<Utc>::from(SystemTime::now());
    (date.to_utc() - now).to_std().ok()
}

/// Standard output, written to by a thread of its own, because a write blocks if nobody reads.
#[derive(Clone)]
struct Output(mpsc::Sender<Line>);

struct Line {
    text: String,
    written: oneshot::Sender<io::Result<()>>,
}

impl Output {
    fn start() -> Self {
        let (sender, mut lines) = mpsc::channel::<Line>(1);
        thread::spawn(move || {
            let mut is_torn = false;
            while let Some(line) = lines.blocking_recv() {
                if line.written.is_closed() {
                    continue; // its attempt has timed out, and there will be another
                }
                // A failed write may have left half a line behind.
                let begin = if is_torn { "\n" } else { "" };
                let text = format!("{begin}{}\n", line.text);
                let mut output = io::stdout().lock();
                let result = output
                    .write_all(text.as_bytes())
                    .and_then(|()| output.flush());
                is_torn = result.is_err();
                let _ = line.written.send(result);
            }
        });
        Self(sender)
    }

    async fn write(&self, text: String) -> io::Result<()> {
        let (written, result) = oneshot::channel();
        let sent = self.0.send(Line { text, written }).await;
        sent.map_err(io::Error::other)?;
        result.await.map_err(io::Error::other)?
    }
}

/// Disconnects clients that send nothing or read nothing for a while.
#[derive(Clone)]
struct DisconnectWhoIsIdle;

impl<S> Accept<TcpStream, S> for DisconnectWhoIsIdle {
    type Stream = Pin<Box<TimeoutStream<TcpStream>>>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(IDLE));
        stream.set_write_timeout(Some(IDLE));
        ready(Ok((Box::pin(stream), service)))
    }
}

fn timeout() -> Result<Duration, AnyError> {
    seconds("TIMEOUT_SECONDS", 60.0)
}

fn seconds(variable: &str, default: f64) -> Result<Duration, AnyError> {
    let value = setting(variable, default)?;
    match Duration::try_from_secs_f64(value) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(format!("{variable} is {value}; expected seconds").into()),
    }
}

fn setting<T: FromStr<Err: Display>>(variable: &str, default: T) -> Result<T, AnyError> {
    match env::var(variable) {
        Ok(value) => value
            .parse()
            .map_err(|error| format!("{variable} is {value:?}: {error}").into()),
        Err(env::VarError::NotPresent) => Ok(default),
        Err(error) => Err(format!("{variable}: {error}").into()),
    }
}

fn secret(variable: &str) -> Result<Option<Secret>, AnyError> {
    match Secret::from_env(variable) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == SecretErrorKind::NotSet => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Completes on Ctrl-C or SIGTERM. Further signals are ignored.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
