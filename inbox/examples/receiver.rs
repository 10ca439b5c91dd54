//! A receiver for all providers that responds at once and handles events later, in SQLite or PostgreSQL.
//!
//! It serves the providers whose secret is set (`GRADER_WEBHOOK_SECRET`, `GRAPHOID_WEBHOOK_SECRET`,
//! `SCOREAPP_WEBHOOK_SECRET`, `TOMBA_WEBHOOK_TOKEN`) on the address in `LISTEN`, and prints a line for each
//! event that was handled. `DATABASE` is a file, `leadhook-inbox.db` in the system's directory for temporary files unless set, or
//! `postgres://…`.

use std::{env, error::Error, io::Write as _, time::Duration};

use axum::{Router, routing::MethodRouter};
use leadhook::{
    Event, Grader, Graphoid, Receiver, ScoreApp, Secret, SecretErrorKind, Tomba,
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead,
    },
};
use leadhook_inbox::{Backend, Done, Failure, Inbox, Job, Postgres, Sqlite, Workers};
use tokio::runtime::Runtime;

fn main() -> Result<(), Box<dyn Error>> {
    // Standard error may be gone while the server runs, and a subscriber must not panic then.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
    let runtime = Runtime::new()?;
    let result = runtime.block_on(async {
        let database = env::var("DATABASE").unwrap_or_else(|_| {
            env::temp_dir()
                .join("leadhook-inbox.db")
                .display()
                .to_string()
        });
        if database.starts_with("postgres") {
            serve(Inbox::<Postgres>::open(&database).await?).await
        } else {
            serve(Inbox::<Sqlite>::open(&database).await?).await
        }
    });
    // A handler that blocks its thread must not hold up the end of the process.
    runtime.shutdown_background();
    result
}

async fn serve<B: Backend>(inbox: Inbox<B>) -> Result<(), Box<dyn Error>> {
    let workers = handlers(&inbox).start().await?;
    let app = routes(&inbox)?.route("/ready", leadhook_inbox::axum::ready(workers.health()));
    let address = env::var("LISTEN").unwrap_or("127.0.0.1:8080".into());
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let handle = axum_server::Handle::new();
    let stop = handle.clone();
    tokio::spawn(async move {
        stopped().await;
        stop.graceful_shutdown(Some(Duration::from_secs(10)));
    });
    let server = axum_server::from_tcp(listener)?.handle(handle);
    server.serve(app.into_make_service()).await?;
    let released = workers.shutdown(Duration::from_secs(20)).await;
    tracing::info!(released, "stopped");
    Ok(())
}

fn handlers<B: Backend>(inbox: &Inbox<B>) -> Workers<B> {
    inbox
        .workers()
        .on(&inbox.source("grader"), handle::<GraderEvent, B>)
        .on(&inbox.source("graphoid"), handle::<GraphoidEvent, B>)
        .on(&inbox.source("scoreapp"), handle::<ScoreAppEvent, B>)
        .on(&inbox.source("tomba/save-lead"), handle::<SaveLead, B>)
        .on(
            &inbox.source("tomba/email-verifier"),
            handle::<LookupResult<EmailVerifier>, B>,
        )
        .on(&inbox.source("tomba/email-finder"), handle::<LookupResult<EmailFinder>, B>)
        .on(
            &inbox.source("tomba/domain-search"),
            handle::<LookupResult<DomainSearch>, B>,
        )
        .on(
            &inbox.source("tomba/author-finder"),
            handle::<LookupResult<AuthorFinder>, B>,
        )
        .on(&inbox.source("tomba/phone-finder"), handle::<LookupResult<PhoneFinder>, B>)
        .on(
            &inbox.source("tomba/phone-validator"),
            handle::<LookupResult<PhoneValidator>, B>,
        )
}

/// The work, to be replaced by yours.
async fn handle<E: Event, B: Backend>(job: Job<E, B>) -> Result<Done, Failure> {
    let line = format!(
        "{} {} {:?}\n",
        job.source(),
        job.envelope().name(),
        job.envelope().lead()
    );
    let written = std::io::stdout().write_all(line.as_bytes());
    written.map_err(|_| Failure::retry("standard output"))?;
    Ok(job.done())
}

fn routes<B: Backend>(inbox: &Inbox<B>) -> Result<Router, Box<dyn Error>> {
    let mut routes: Vec<(String, MethodRouter)> = Vec::new();
    let mut route = |source: &str, route| routes.push((format!("/webhooks/{source}"), route));
    if let Some(secret) = secret("GRADER_WEBHOOK_SECRET")? {
        route(
            "grader",
            inbox.source::<Grader>("grader").axum(Receiver::<Grader>::new(&secret)),
        );
    }
    if let Some(secret) = secret("GRAPHOID_WEBHOOK_SECRET")? {
        route(
            "graphoid",
            inbox.source::<Graphoid>("graphoid").axum(Receiver::<Graphoid>::new(&secret)),
        );
    }
    if let Some(secret) = secret("SCOREAPP_WEBHOOK_SECRET")? {
        route(
            "scoreapp",
            inbox.source::<ScoreApp>("scoreapp").axum(Receiver::<ScoreApp>::new(&secret)),
        );
    }
    if let Some(token) = secret("TOMBA_WEBHOOK_TOKEN")? {
        let receiver = Receiver::<Tomba>::header_token("x-webhook-token", &token)?;
        route("tomba/save-lead", inbox.source::<Tomba>("tomba/save-lead").axum(receiver));
        for look_up in [
            "email-verifier",
            "email-finder",
            "domain-search",
            "author-finder",
            "phone-finder",
            "phone-validator",
        ] {
            let source = format!("tomba/{look_up}");
            let receiver = Receiver::<Tomba>::query_token("token", &token)?;
            route(&source, inbox.source::<Tomba>(&source).axum(receiver));
        }
    }
    if routes.is_empty() {
        return Err(
            "set at least one of GRADER_WEBHOOK_SECRET, GRAPHOID_WEBHOOK_SECRET, \
                    SCOREAPP_WEBHOOK_SECRET, TOMBA_WEBHOOK_TOKEN"
                .into(),
        );
    }
    Ok(routes
        .into_iter()
        .fold(Router::new(), |router, (path, route)| {
            router.route(&path, route)
        }))
}

fn secret(variable: &str) -> Result<Option<Secret>, Box<dyn Error>> {
    match Secret::from_env(variable) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == SecretErrorKind::NotSet => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Completes on Ctrl-C or SIGTERM.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
