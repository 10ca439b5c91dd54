//! Extractors for axum 0.8: [`Webhook<P, E>`](Webhook), and [`Delivery<P>`](Delivery) alone.
//!
//! A request is authenticated by the [`Receiver<P>`](Receiver) in the router's state. One that is
//! refused gets an empty answer with the status of its [`Rejection`], which stands in the response's
//! extensions. Take `Result<Webhook<P>, Rejection>` to answer yourself. The limit to a body's size is
//! axum's own `DefaultBodyLimit`: 2 MiB unless you set another.
//!
//! ```
//! use axum::{Router, extract::FromRef, routing::post};
//! use leadhook::{
//!     Receiver, ScoreApp, Secret, Tomba, axum::Webhook, scoreapp::ScoreAppEvent,
//!     tomba::{EmailVerifier, LookupResult},
//! };
//!
//! #[derive(Clone)]
//! struct Receivers {
//!     scoreapp: Receiver<ScoreApp>,
//!     tomba: Receiver<Tomba>,
//! }
//!
//! impl FromRef<Receivers> for Receiver<ScoreApp> {
//!     fn from_ref(receivers: &Receivers) -> Self {
//!         receivers.scoreapp.clone()
//!     }
//! }
//!
//! impl FromRef<Receivers> for Receiver<Tomba> {
//!     fn from_ref(receivers: &Receivers) -> Self {
//!         receivers.tomba.clone()
//!     }
//! }
//!
//! async fn scoreapp(webhook: Webhook<ScoreApp>) {
//!     match webhook.envelope.event {
//!         ScoreAppEvent::QuizFinished(quiz) => println!("{} is done", quiz.id),
//!         _ => {} // answered with 200, or the sender would disable the endpoint
//!     }
//! }
//!
//! async fn verified(webhook: Webhook<Tomba, LookupResult<EmailVerifier>>) {
//!     if let LookupResult::Found(verified) = webhook.envelope.event {
//!         println!("{:?}", verified.email.result);
//!     }
//! }
//!
//! let app: Router = Router::new()
//!     .route("/webhooks/scoreapp", post(scoreapp))
//!     .route("/webhooks/tomba/email-verifier", post(verified))
//!     .with_state(Receivers {
//!         scoreapp: Receiver::new(&Secret::new("12345")?),
//!         tomba: Receiver::query_token("token", &Secret::new("a long random token")?),
//!     });
//!
//! # use axum::{body::Body, http::Request};
//! # use leadhook::Signer;
//! # use tower::ServiceExt;
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let body = r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1e11c712"}}"#;
//! # let (name, value) = Signer::<ScoreApp>::new(&Secret::new("12345")?).header(body.as_bytes());
//! # let signed = Request::post("/webhooks/scoreapp").header(name, value).body(Body::from(body))?;
//! # assert_eq!(app.clone().oneshot(signed).await?.status(), 200);
//! # let body = r#"{"data":{"email":{"email":"ann.lee@example.com","result":"deliverable"}}}"#;
//! # let uri = "/webhooks/tomba/email-verifier";
//! # let with_token = Request::post(format!("{uri}?token=a+long+random+token")).body(Body::from(body))?;
//! # assert_eq!(app.clone().oneshot(with_token).await?.status(), 200);
//! # let without = Request::post(uri).body(Body::from(body))?;
//! # assert_eq!(app.oneshot(without).await?.status(), 401);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A receiver that the state lacks does not compile:
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::post};
//! use leadhook::{Grader, Receiver, ScoreApp, axum::Webhook};
//!
//! async fn scored(_: Webhook<Grader>) {}
//!
//! fn app(receiver: Receiver<ScoreApp>) -> Router {
//!     Router::new().route("/", post(scored)).with_state(receiver)
//! }
//! ```
//!
//! Several accounts of one sender are one nested router each, with a receiver of its own as state:
//!
//! ```
//! use axum::{Router, routing::post};
//! use leadhook::{Grader, Receiver, Secret, SecretError, axum::Webhook};
//!
//! async fn scored(webhook: Webhook<Grader>) {
//!     println!("{}", webhook.envelope.name());
//! }
//!
//! fn account(name: &str, secret: &str) -> Result<Router, SecretError> {
//!     let receiver = Receiver::<Grader>::new(&Secret::new(secret)?).with_scope(name);
//!     Ok(Router::new().route("/", post(scored)).with_state(receiver))
//! }
//!
//! let app: Router = Router::new()
//!     .nest("/webhooks/grader/north", account("north", "the north's secret")?)
//!     .nest("/webhooks/grader/south", account("south", "the south's secret")?);
//! # Ok::<(), SecretError>(())
//! ```
//!
//! A handler that takes the delivery decides about a body that can't be read, and loses none:
//!
//! ```
//! use leadhook::{Delivery, ReadError, Rejection, ScoreApp};
//!
//! async fn scoreapp(delivery: Delivery<ScoreApp>) -> Result<(), Rejection> {
//!     match delivery.read() {
//!         Ok(envelope) => println!("{}", envelope.name()),
//!         Err(error @ ReadError::UnexpectedShape { .. }) => store(delivery.body(), error), // and 200
//!         Err(error) => return Err(Rejection::unreadable(&delivery, error)),
//!     }
//!     Ok(())
//! }
//! # fn store(_: &[u8], _: ReadError) {}
//! ```

use axum_core::{
    body::Body,
    extract::{
        FromRef, FromRequest, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
#[cfg(feature = "dedup")]
use http::header::RETRY_AFTER;

#[doc(no_inline)]
pub use super::Webhook;
#[cfg(feature = "dedup")]
use super::response::status;
use super::steps;
#[cfg(feature = "dedup")]
use crate::dedup::outcome::{OnceError, Outcome};
#[cfg(feature = "dedup")]
use crate::dedup::store::StoreError;
use crate::delivery::Delivery;
use crate::provider::{Event, Provider};
use crate::receiver::Receiver;
#[doc(no_inline)]
pub use crate::rejection::{Rejection, RejectionKind};

impl<P, S> FromRequest<S> for Delivery<P>
where
    P: Provider,
    S: Send + Sync,
    Receiver<P>: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let receiver = Receiver::<P>::from_ref(state);
        let headers = |name: &str| request.headers().get_all(name);
        let checked = steps::check(&receiver, headers, request.uri().query())?;
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|error| Rejection::of::<P>(explain(&error), None))?;
        steps::finish(checked, body)
    }
}

impl<P, E, S> FromRequest<S> for Webhook<P, E>
where
    P: Provider,
    E: Event<Provider = P>,
    S: Send + Sync,
    Receiver<P>: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        Self::read(Delivery::from_request(request, state).await?)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Response::<Body>::from(self)
    }
}

fn explain(error: &BytesRejection) -> RejectionKind {
    match error {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            RejectionKind::BodyTooLarge
        }
        _ => RejectionKind::BodyIncomplete,
    }
}

/// The value's own response where the event is handled now, 200 where it was before, else the
/// [status](Outcome::status) with an empty body, and `Retry-After` where another has it in work.
#[cfg(feature = "dedup")]
impl<T: IntoResponse> IntoResponse for Outcome<T> {
    fn into_response(self) -> Response {
        let status = status(self.status());
        let retry_after = steps::retry_after(&self);
        match self {
            Self::Handled(value) | Self::HandledUnrecorded { value, .. } => value.into_response(),
            _ => match retry_after {
                Some(seconds) => (status, [(RETRY_AFTER, seconds.to_string())]).into_response(),
                None => status.into_response(),
            },
        }
    }
}

/// The work's own response where it has failed, 503 where the store has.
#[cfg(feature = "dedup")]
impl<E: IntoResponse> IntoResponse for OnceError<E> {
    fn into_response(self) -> Response {
        match self {
            Self::Failed(error) => error.into_response(),
            Self::Store(error) => error.into_response(),
        }
    }
}

/// 503 with an empty body.
#[cfg(feature = "dedup")]
impl IntoResponse for StoreError {
    fn into_response(self) -> Response {
        status(self.status()).into_response()
    }
}
