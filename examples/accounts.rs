//! An axum receiver for many clients, whose accounts are looked up for each request.
//!
//! The file `secrets/north` has the secret of the account `north`, and
//! `secrets/north.previous` the secret that is being replaced, if there is one.

use std::{error::Error, fs, io, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRequest, Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use leadhook::{Grader, Receiver, Rejection, Secret, Webhook, dedup::Dedup};
use tokio::{net::TcpListener, task::spawn_blocking, time::timeout};

type LookupError = Box<dyn Error + Send + Sync>;

#[derive(Clone)]
struct App {
    secrets: Arc<PathBuf>,
    dedup: Dedup,
}

impl App {
    /// Returns the receiver of an account. Replace the files with your database.
    async fn receiver(&self, account: &str) -> Receiver<Grader> {
        // The name comes from the URL, so it may be anything, such as `../passwords`.
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !account.bytes().all(is_allowed) {
            return Receiver::unknown();
        }
        // A lookup that hangs must leave time for the response.
        let lookup = timeout(Duration::from_secs(1), self.secrets(account)).await;
        match lookup.unwrap_or_else(|late| Err(late.into())) {
            Ok((Some(current), previous)) => {
                let receiver = Receiver::new(&current).with_scope(account);
                previous.iter().fold(receiver, Receiver::with_previous)
            }
            Ok((None, _)) => Receiver::unknown(),
            Err(error) => {
                tracing::error!(account, error, "the account could not be looked up");
                Receiver::unavailable()
            }
        }
    }

    async fn secrets(
        &self,
        account: &str,
    ) -> Result<(Option<Secret>, Option<Secret>), LookupError> {
        let current = self.secrets.join(account);
        let previous = current.with_extension("previous");
        spawn_blocking(|| Ok((read(current)?, read(previous)?))).await?
    }
}

fn read(file: PathBuf) -> Result<Option<Secret>, LookupError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(Secret::new(text.trim_end())?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn grader(
    State(app): State<App>,
    Path(account): Path<String>,
    request: Request,
) -> Result<Response, Rejection> {
    let receiver = app.receiver(&account).await;
    let webhook = Webhook::<Grader>::from_request(request, &receiver).await?;
    let work = async {
        tracing::info!(account, event = webhook.envelope.name(), "to be handled");
        Ok::<_, StatusCode>(())
    };
    let result = app.dedup.once(&webhook.delivery, work).await;
    Ok(result.into_response())
}

/// Returns the application. The folder has the secrets.
pub fn app(secrets: PathBuf) -> Router {
    let app = App {
        secrets: secrets.into(),
        dedup: Dedup::default(),
    };
    Router::new()
        .route("/webhooks/grader/{account}", post(grader))
        .with_state(app)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app("secrets".into())).await?)
}
