//! A receiver for one provider with actix-web, to copy.
//!
//! ```text
//! GRAPHOID_WEBHOOK_SECRET=whsec_5d41402abc4b cargo run --example actix --features actix,dedup
//! ```

use std::{error::Error, fmt, io, io::Write, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer, ResponseError,
    body::BoxBody,
    error::ErrorRequestTimeout,
    middleware::{Next, from_fn},
    web::{self, Data},
};
use leadhook::{
    Graphoid, Provider, Receiver, Secret, Webhook,
    dedup::{Dedup, OnceError, Outcome},
    graphoid::GraphoidEvent,
};
use tokio::time::timeout;

/// The provider retries after a 503.
#[derive(Debug)]
struct AppError(io::Error);

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for AppError {
    fn error_response(&self) -> HttpResponse {
        eprintln!("{self}");
        HttpResponse::ServiceUnavailable().finish()
    }
}

/// Handles each event once. Requests that are not authentic don't get here.
async fn receive(
    dedup: Data<Dedup>,
    webhook: Webhook<Graphoid>,
) -> Result<Outcome<HttpResponse>, OnceError<AppError>> {
    let work = async {
        // Call your CRM here.
        match &webhook.envelope.event {
            GraphoidEvent::LeadWon(won) => writeln!(io::stdout(), "{:?} is won", won.lead.name),
            other => writeln!(io::stdout(), "{other:?}"),
        }
        .map_err(AppError)?;
        Ok(HttpResponse::Ok().finish())
    };
    dedup.once(&webhook.delivery, work).await
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = Secret::from_env("GRAPHOID_WEBHOOK_SECRET")?;
    let receiver = Data::new(Receiver::<Graphoid>::new(&secret));
    let dedup = Data::new(Dedup::default());
    // The limit also ends slow bodies.
    let limit = Graphoid::RESPOND_WITHIN;
    let app = move || {
        App::new()
            .app_data(receiver.clone())
            .app_data(dedup.clone())
            .wrap(from_fn(move |request, next: Next<BoxBody>| async move {
                let response = timeout(limit, next.call(request)).await;
                response.unwrap_or_else(|late| Err(ErrorRequestTimeout(late)))
            }))
            .route("/webhooks/graphoid", web::post().to(receive))
    };
    // Load balancers reuse a connection that was idle for 60 s; actix-web's default is 5 s.
    let server = HttpServer::new(app).keep_alive(Duration::from_secs(75));
    Ok(server.bind("127.0.0.1:8080")?.run().await?)
}
