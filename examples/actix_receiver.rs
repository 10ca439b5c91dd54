//! A receiver for all four senders with actix-web, as an application would have it.
//!
//! It serves the senders whose secret is set (`GRADER_WEBHOOK_SECRET`, `GRAPHOID_WEBHOOK_SECRET`,
//! `SCOREAPP_WEBHOOK_SECRET`, `TOMBA_WEBHOOK_TOKEN`) on the address in `LISTEN`, handles each event
//! once, and prints a line of JSON for it. Handled events are remembered in memory, or in Redis if
//! `REDIS_URL` is set and the feature `redis` is on.

use std::{error::Error, io};

use actix_web::{
    App, HttpMessage, HttpRequest, HttpResponse, HttpServer, Responder,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::KeepAlive,
    middleware::{self, Next},
    web::{self, Data, ReqData, ServiceConfig},
};
use leadhook::{
    Event, Receiver,
    actix::Webhook,
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
use tokio::time::{Instant, timeout_at};

mod support;

#[actix_web::main]
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
    let listen = settings.listen.clone();
    let dedup = Data::new(Dedup::new(store));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(middleware::from_fn(in_time))
            .app_data(dedup.clone())
            .configure(|app| configure(app, &settings))
    })
    .client_request_timeout(ANSWER_WITHIN)
    // The time limit to a request's head is for the first of a connection alone.
    .keep_alive(KeepAlive::Disabled)
    .shutdown_signal(support::stopped())
    .bind(listen)?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    server.run().await?;
    Ok(())
}

fn configure(app: &mut ServiceConfig, settings: &Settings) {
    let results = settings.tomba_results.as_ref();
    route::<GraderEvent>(app, "/webhooks/grader", settings.grader.as_ref());
    route::<GraphoidEvent>(app, "/webhooks/graphoid", settings.graphoid.as_ref());
    route::<ScoreAppEvent>(app, "/webhooks/scoreapp", settings.scoreapp.as_ref());
    route::<SaveLead>(
        app,
        "/webhooks/tomba/save-lead",
        settings.tomba_leads.as_ref(),
    );
    route::<LookupResult<EmailVerifier>>(app, "/webhooks/tomba/email-verifier", results);
    route::<LookupResult<EmailFinder>>(app, "/webhooks/tomba/email-finder", results);
    route::<LookupResult<DomainSearch>>(app, "/webhooks/tomba/domain-search", results);
    route::<LookupResult<AuthorFinder>>(app, "/webhooks/tomba/author-finder", results);
    route::<LookupResult<PhoneFinder>>(app, "/webhooks/tomba/phone-finder", results);
    route::<LookupResult<PhoneValidator>>(app, "/webhooks/tomba/phone-validator", results);
}

/// The route of one sender's events, with a receiver of its own; none if the sender is not served.
fn route<E>(app: &mut ServiceConfig, path: &str, receiver: Option<&Receiver<E::Provider>>)
where
    E: Event + 'static,
{
    if let Some(receiver) = receiver {
        let resource = web::resource(path)
            // A look-up's result may have the bytes of another's: a repeat is one within its route.
            .app_data(Data::new(receiver.clone().with_scope(path)))
            .route(web::post().to(receive::<E>));
        app.service(resource);
    }
}

/// When the work on a request must be done.
#[derive(Clone, Copy)]
struct Deadline(Instant);

/// Gives up on a body that doesn't arrive in time, and lets the work know how long it may take.
async fn in_time(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let now = Instant::now();
    request.extensions_mut().insert(Deadline(now + WORK_WITHIN));
    match timeout_at(now + ANSWER_WITHIN, next.call(request)).await {
        Ok(answer) => answer.map(ServiceResponse::map_into_boxed_body),
        Err(late) => {
            let answer = HttpResponse::RequestTimeout().force_close().finish();
            Err(InternalError::from_response(late, answer).into())
        }
    }
}

/// Handles an event once, and answers when that has succeeded.
async fn receive<E: Event + 'static>(
    request: HttpRequest,
    dedup: Data<Dedup>,
    deadline: ReqData<Deadline>,
    Webhook {
        delivery, envelope, ..
    }: Webhook<E::Provider, E>,
) -> HttpResponse {
    let received = || HttpResponse::Ok().json(json!({ "received": true }));
    // What must end in time is the work: it then fails, and its claim is released for a retry.
    let work = timeout_at(deadline.0, async {
        support::print(&envelope, false).map(|()| received())
    });
    let work = async { work.await.map_err(io::Error::from)? };
    match dedup.once(delivery.key(), work).await {
        Ok(Outcome::AlreadyHandled) => {
            let _ = support::print(&envelope, true);
            received()
        }
        Ok(outcome) => outcome.respond_to(&request),
        // The work has failed or took too long, or the store can't be reached: the sender retries.
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}
