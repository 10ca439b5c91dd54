//! A receiver for one provider with axum, to copy.
//!
//! ```text
//! GRAPHOID_WEBHOOK_SECRET=whsec_5d41402abc4b cargo run --example axum --features axum,dedup
//! ```

use std::{error::Error, io, io::Write};

use axum::{
    Router,
    extract::{FromRef, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use leadhook::{
    Graphoid, Provider, Receiver, Secret, Webhook,
    dedup::{Dedup, OnceError, Outcome},
    graphoid::GraphoidEvent,
};
use tokio::net::TcpListener;
use tower_http::timeout::TimeoutLayer;

#[derive(Clone)]
struct App {
    receiver: Receiver<Graphoid>,
    dedup: Dedup,
}

impl FromRef<App> for Receiver<Graphoid> {
    fn from_ref(app: &App) -> Self {
        app.receiver.clone()
    }
}

/// The provider retries after a 503.
struct AppError(io::Error);

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        eprintln!("{}", self.0);
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

/// Handles each event once. Requests that are not authentic don't get here.
async fn receive(
    State(app): State<App>,
    webhook: Webhook<Graphoid>,
) -> Result<Outcome<()>, OnceError<AppError>> {
    let work = async {
        // Call your CRM here.
        match &webhook.envelope.event {
            GraphoidEvent::LeadWon(won) => writeln!(io::stdout(), "{:?} is won", won.lead.name),
            other => writeln!(io::stdout(), "{other:?}"),
        }
        .map_err(AppError)
    };
    app.dedup.once(&webhook.delivery, work).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::new(&Secret::from_env("GRAPHOID_WEBHOOK_SECRET")?);
    let dedup = Dedup::default(); // in memory
    // The limit also ends slow bodies.
    let limit = Graphoid::RESPOND_WITHIN;
    let app = Router::new()
        .route("/webhooks/graphoid", post(receive))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            limit,
        ))
        .with_state(App { receiver, dedup });
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app).await?)
}
