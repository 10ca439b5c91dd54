//! A desk over a night that went wrong.
//!
//! `cargo run --manifest-path desk/Cargo.toml --example tour` fills a temporary inbox with events of all
//! providers, starts on a free port and prints the URL. From 01:00 to 05:00 the CRM was down: its events are dead or
//! in backoff, one event crashed the process three times, one body can't be read, and nobody handles Tomba's. What you
//! replay is handled within a second. `ROWS=1000000` adds as many handled events.

use std::{convert::Infallible, env, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{Response, StatusCode},
    routing::any,
};
use leadhook::{
    Delivery, Event, Grader, Graphoid, Provider, ScoreApp, Tomba,
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    samples::{SampleRequest, grader, graphoid, scoreapp, tomba},
    scoreapp::ScoreAppEvent,
};
use leadhook_desk::{Access, Desk};
use leadhook_inbox::{Done, Failure, Inbox, Job, Source, Sqlite};
use sqlx::AssertSqlSafe;
use tokio::{net::TcpListener, task::JoinSet, time};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().log_internal_errors(false).init();
    let inbox = Inbox::temporary().await?;
    let scoreapp = inbox.source::<ScoreApp>("scoreapp");
    let grader = inbox.source::<Grader>("grader");
    let graphoid = inbox.source::<Graphoid>("graphoid");
    let tomba = inbox.source::<Tomba>("tomba");
    accept(&scoreapp, &grader, &graphoid, &tomba).await?;
    let night = include_str!("night.sql");
    sqlx::raw_sql(night).execute(inbox.pool()).await?;
    if let Ok(rows) = env::var("ROWS") {
        let handled = include_str!("handled.sql").replace("{rows}", &rows);
        let handled = sqlx::raw_sql(AssertSqlSafe(handled));
        handled.execute(inbox.pool()).await?;
    }
    inbox.pause("grader").await?;
    let workers = inbox
        .workers()
        .on(&scoreapp, handle::<ScoreAppEvent>)
        .on(&grader, handle::<GraderEvent>)
        .on(&graphoid, handle::<GraphoidEvent>)
        .start()
        .await?;

    // Everybody who reaches this port is "tour" and may do everything. Decide better in your application.
    let desk = Desk::new(inbox, async |_| Ok(Access::everything("tour")));
    let app = any(move |request: Request| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(respond(&desk, request).await) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    axum::serve(listener, app.into_make_service()).await?;
    drop(workers);
    Ok(())
}

/// A desk without a framework's feature: what comes in and goes out is of `http`.
async fn respond(desk: &Desk<Sqlite>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if let Ok(body) = to_bytes(body, 64 << 10).await {
        let request = Request::from_parts(parts, ()).map(|()| body);
        desk.respond(request).await.map(Body::from)
    } else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        response
    }
}

async fn handle<E: Event>(job: Job<E, Sqlite>) -> Result<Done, Failure> {
    time::sleep(Duration::from_millis(100)).await;
    Ok(job.done())
}

/// Events of a night, in the order in which they arrived.
async fn accept(
    scoreapp: &Source<ScoreApp, Sqlite>,
    grader: &Source<Grader, Sqlite>,
    graphoid: &Source<Graphoid, Sqlite>,
    tomba: &Source<Tomba, Sqlite>,
) -> Result<()> {
    for number in 0..480 {
        let email = format!("lead{number}@example.com");
        let started = scoreapp::QUIZ_STARTED.request();
        let signed_up = scoreapp::LEAD_SIGNED_UP.request();
        let mut all = JoinSet::new();
        let started = started.set("data.id", number);
        store(&mut all, scoreapp, started.set("data.email", &email));
        let signed_up = signed_up.set("data.id", number);
        store(&mut all, scoreapp, signed_up.set("data.email", &email));
        if number % 2 == 0 {
            let scored = grader::SUBMISSION_SCORED.request();
            let scored = scored.set("data.submission.id", format!("sub_{number}"));
            let path = "data.submission.form_data.email";
            store(&mut all, grader, scored.set(path, &email));
        }
        if number % 3 == 0 {
            let won = graphoid::LEAD_WON.request();
            let won = won.set("data.lead.id", format!("lead_{number}"));
            store(&mut all, graphoid, won.set("id", format!("evt_{number}")));
        }
        if number % 8 == 0 {
            let saved = tomba::SAVE_LEAD.request();
            store(&mut all, tomba, saved.set("data.email", &email));
        }
        while let Some(stored) = all.join_next().await {
            stored??;
        }
    }
    // A proxy cut this one off.
    let cut = r#"{"event_name":"QUIZ_FINISHED","data":{"id":"77","email":"lead77@exam"#;
    scoreapp.accept(&Delivery::from_storage(cut)).await?;
    Ok(())
}

fn store<P: Provider>(
    all: &mut JoinSet<Result<()>>,
    source: &Source<P, Sqlite>,
    request: SampleRequest<P>,
) {
    let source = source.clone();
    all.spawn(async move {
        source
            .accept(&Delivery::from_storage(request.body().clone()))
            .await?;
        Ok(())
    });
}
