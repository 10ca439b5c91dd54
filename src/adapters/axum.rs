//! Extractors for axum 0.8: [`Webhook<P, E>`](Webhook) and [`Delivery<P>`](Delivery).
//!
//! A request is authenticated by the [`Receiver<P>`](Receiver) in the router's state. A rejected
//! request gets an empty response with the status of its [`Rejection`]. Middleware finds the rejection
//! in the response's extensions. To respond yourself, use `Result<Webhook<P>, Rejection>` as the argument.
//!
//! ```
//! use axum::{Router, extract::FromRef, routing::post};
//! use leadhook::{
//!     Receiver, ScoreApp, Secret, Tomba, Webhook, scoreapp::ScoreAppEvent,
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
//!         ScoreAppEvent::QuizFinished(quiz) => println!("{} is finished", quiz.id),
//!         _ => {} // respond with 200, because an error would count as a failure
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
//!         tomba: Receiver::query_token("token", &Secret::new("a long random token")?)?,
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
//! A state has one receiver for each provider. If one provider needs several, as Tomba's lookups do, give
//! each route its own state: `post(handler).with_state(receiver)`. [`tomba`](crate::tomba#routes) has the
//! code.
//!
//! # Limits, accounts and your own responses
//!
//! The size limit for a body is axum's own `DefaultBodyLimit`: 2 MiB unless you set another. The extractors
//! set no timer. [`limits`](crate::guide::limits) says how to limit the time, and what happens to the body
//! of a rejected request.
//!
//! [`accounts`](crate::guide::accounts) has programs for several accounts of one provider.
//! [`responses`](crate::guide::responses) shows how to respond to bodies that can't be read, and how to
//! turn the error of your work into a response.
#![cfg_attr(
    feature = "dedup",
    doc = "

With `dedup`, an [`Outcome`](crate::dedup::Outcome) is a response if the future's value is a response, and
a [`OnceError`](crate::dedup::OnceError) is a response if the work's error is a response.
"
)]
//!
//! # Handlers that don't compile
//!
//! Put `#[axum::debug_handler]` above the handler, or `#[axum::debug_handler(state = App)]` if your state is
//! `App`. The compiler then names the argument or the response at fault. It needs axum's feature `macros`.
//!
//! | the compiler says | cause and cure |
//! |---|---|
//! | ``the trait bound `fn(…) -> … {grader}: Handler<_, _>` is not satisfied`` | Any of the following. Add `debug_handler`. |
//! | ``mismatched types``, expected `Receiver<Grader>`, found `App` | The state has no receiver for this provider. Implement `FromRef<App>` for it, or derive `FromRef` for a state with such a field. |
//! | ``the trait bound `Webhook<Grader, GraderEvent>: FromRequest<App, _>` is not satisfied`` | The same. |
//! | ``the trait bound `Webhook<Grader, GraderEvent>: FromRequestParts<App>` is not satisfied`` | The `Webhook` reads the body, so it must be the last argument. |
//! | ``conflicting implementations of trait `FromRef<App>` for type `Receiver<Tomba>` `` | The state has two receivers of one provider. Give each route its own state, as [`tomba`](crate::tomba#routes) does. |
//! | `` `EmailVerifier` is not an event`` | Read `LookupResult<EmailVerifier>`. |
//! | ``the trait bound `…: IntoResponse` is not satisfied`` | The work's value or error is not a response. Return `()`, or [wrap the error](crate::guide::responses#errors-of-your-work). |
//!
//! A router whose state lacks the receiver does not compile:
//!
//! ```compile_fail,E0308
//! use axum::{Router, routing::post};
//! use leadhook::{Grader, Receiver, ScoreApp, Webhook};
//!
//! async fn scored(_: Webhook<Grader>) {}
//!
//! fn app(receiver: Receiver<ScoreApp>) -> Router {
//!     Router::new().route("/", post(scored)).with_state(receiver)
//! }
//! ```
//!
//! `Option<Webhook<P>>` is not an extractor, because it would let unsigned requests through:
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::post};
//! use leadhook::{Grader, Receiver, Webhook};
//!
//! async fn scored(_: Option<Webhook<Grader>>) {}
//!
//! fn app(receiver: Receiver<Grader>) -> Router {
//!     Router::new().route("/", post(scored)).with_state(receiver)
//! }
//! ```

use core::convert::identity;

use axum_core::{
    RequestExt,
    body::Body,
    extract::{FromRef, FromRequest, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};

use super::body::authenticate;
#[cfg(feature = "dedup")]
use super::response::respond;
use super::webhook::Webhook;
#[cfg(feature = "dedup")]
use crate::dedup::outcome::{OnceError, Outcome};
#[cfg(feature = "dedup")]
use crate::dedup::store::StoreError;
use crate::delivery::Delivery;
use crate::provider::{Event, Provider};
use crate::receiver::Receiver;
use crate::rejection::Rejection;

impl<P, S> FromRequest<S> for Delivery<P>
where
    P: Provider,
    S: Send + Sync,
    Receiver<P>: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let (head, body) = request.into_parts();
        // axum does not reveal its limit, but a body of unknown length has it as its size hint. The length
        // of an empty body is unknown if its frames can change.
        let unknown = Body::new(Empty::<Bytes>::new().map_frame(identity));
        let limited = Request::from_parts(head, unknown).with_limited_body();
        let limit = limited.body().size_hint().upper();
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let (head, _) = limited.into_parts();
        let receiver = Receiver::from_ref(state);
        authenticate(&receiver, &head, body, limit.unwrap_or(usize::MAX)).await
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
        self.into()
    }
}

/// The future's own response if the event was handled now, and an empty one with the outcome's
/// [status](Outcome::status) otherwise.
///
/// The response has `Retry-After` if the event is in progress elsewhere, and the `Arc<Outcome<()>>` in its
/// extensions.
#[cfg(feature = "dedup")]
impl<T: IntoResponse> IntoResponse for Outcome<T> {
    fn into_response(self) -> Response {
        respond(self, T::into_response)
    }
}

/// The response of the work's error if the work failed, and an empty 503 if the store failed.
#[cfg(feature = "dedup")]
impl<E: IntoResponse> IntoResponse for OnceError<E> {
    fn into_response(self) -> Response {
        match self {
            Self::Failed(error) => error.into_response(),
            Self::Store(error) => error.into_response(),
        }
    }
}

/// An empty response with the status 503, and the `Arc<StoreError>` in its extensions.
#[cfg(feature = "dedup")]
impl IntoResponse for StoreError {
    fn into_response(self) -> Response {
        self.into()
    }
}
