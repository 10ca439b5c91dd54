//! Extractors for actix-web 4: [`Webhook<P, E>`](Webhook) and [`Delivery<P>`](Delivery).
//!
//! A request is authenticated by the `web::Data<Receiver<P>>` in the application's data. Without one,
//! the response is 500. A rejected request gets an empty response with the status of its [`Rejection`],
//! which is the error of the response. To respond yourself, use `Result<Webhook<P>, Rejection>` as the
//! argument.
//!
//! ```
//! use actix_web::{App, HttpResponse, web};
//! use leadhook::{
//!     Receiver, ScoreApp, Secret, Tomba, Webhook, scoreapp::ScoreAppEvent,
//!     tomba::{EmailVerifier, LookupResult},
//! };
//!
//! async fn scoreapp(webhook: Webhook<ScoreApp>) -> HttpResponse {
//!     match webhook.envelope.event {
//!         ScoreAppEvent::QuizFinished(quiz) => println!("{} is finished", quiz.id),
//!         _ => {} // respond with 200, because an error would count as a failure
//!     }
//!     HttpResponse::Ok().finish()
//! }
//!
//! async fn verified(webhook: Webhook<Tomba, LookupResult<EmailVerifier>>) -> HttpResponse {
//!     if let LookupResult::Found(verified) = webhook.envelope.event {
//!         println!("{:?}", verified.email.result);
//!     }
//!     HttpResponse::Ok().finish()
//! }
//!
//! # actix_web::rt::System::new().block_on(async {
//! let scoreapp_receiver = Receiver::<ScoreApp>::new(&Secret::new("12345")?);
//! let tomba_receiver =
//!     Receiver::<Tomba>::query_token("token", &Secret::new("a long random token")?)?;
//!
//! let app = App::new()
//!     .app_data(web::Data::new(scoreapp_receiver))
//!     .app_data(web::Data::new(tomba_receiver))
//!     .route("/webhooks/scoreapp", web::post().to(scoreapp))
//!     .route("/webhooks/tomba/email-verifier", web::post().to(verified));
//!
//! # use actix_web::test::{TestRequest, call_service, init_service};
//! # use leadhook::Signer;
//! # let app = init_service(app).await;
//! # let body = r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1e11c712"}}"#;
//! # let header = Signer::<ScoreApp>::new(&Secret::new("12345")?).header(body.as_bytes());
//! # let signed = TestRequest::post().uri("/webhooks/scoreapp").insert_header(header).set_payload(body);
//! # assert_eq!(call_service(&app, signed.to_request()).await.status(), 200);
//! # let body = r#"{"data":{"email":{"email":"ann.lee@example.com","result":"deliverable"}}}"#;
//! # let uri = "/webhooks/tomba/email-verifier";
//! # let with_token = TestRequest::post().uri(&format!("{uri}?token=a+long+random+token"));
//! # assert_eq!(call_service(&app, with_token.set_payload(body).to_request()).await.status(), 200);
//! # let without = TestRequest::post().uri(uri).set_payload(body);
//! # assert_eq!(call_service(&app, without.to_request()).await.status(), 401);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Never use `Option<Webhook<P>>` as an argument.** actix-web implements its extractor trait for the
//! `Option` of every extractor, and leadhook can't prevent that. A rejected request, for example an unsigned
//! one, would reach your handler as `None`. The rejection is still logged.
//!
//! # Limits, accounts and your own responses
//!
//! The size limit for a body is actix-web's own `PayloadConfig`: 256 KiB unless you set another. The
//! extractors set no timer, and actix-web has none for bodies. [`limits`](crate::guide::limits) says how to
//! limit the time, how long to keep idle connections, and what happens to the body of a rejected request.
//!
//! [`accounts`](crate::guide::accounts) has code for several accounts of one provider.
//! [`responses`](crate::guide::responses) shows how to respond to bodies that can't be read, and how to
//! turn the error of your work into a response.
#![cfg_attr(
    feature = "dedup",
    doc = "

With `dedup`, an [`Outcome`](crate::dedup::Outcome) is a response if the future's value is a response, and
a [`OnceError`](crate::dedup::OnceError) is a response if the work's error is a response.
"
)]

use alloc::rc::Rc;
#[cfg(feature = "dedup")]
use alloc::sync::Arc;
use core::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    error::PayloadError,
    http::{
        StatusCode, Version,
        header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    },
    web,
};
#[cfg(feature = "dedup")]
use actix_web::{Responder, body::BoxBody, http::header::RETRY_AFTER};
use bytes::Bytes;
use futures_core::Stream;

use super::steps;
use super::webhook::Webhook;
#[cfg(feature = "dedup")]
use crate::dedup::outcome::{OnceError, Outcome};
#[cfg(feature = "dedup")]
use crate::dedup::store::StoreError;
use crate::delivery::Delivery;
use crate::provider::{Event, Provider};
use crate::receiver::Receiver;
use crate::rejection::{Rejection, RejectionKind};

type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, Rejection>>>>;

impl<P: Provider> FromRequest for Delivery<P> {
    type Error = Rejection;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(extract(request, payload))
    }
}

impl<P: Provider, E: Event<Provider = P> + 'static> FromRequest for Webhook<P, E> {
    type Error = Rejection;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async { Self::read(extract(request, payload).await?) })
    }
}

/// The number of bytes of a rejected body that are read and thrown away.
///
/// It is 1 MiB more than the default limit of the other adapters, because actix-web does not reveal its
/// own limit.
const DRAINED: usize = 3 * 1024 * 1024;

/// Authenticates a request with a receiver that was looked up for it.
///
/// It does what the extractors do with the receiver in the application's data. To look up the account of
/// each request, call it in a handler whose arguments are the request and its `web::Payload`. If there is no
/// such account, pass [`Receiver::unknown`], and if the lookup failed, [`Receiver::unavailable`].
/// [`Webhook::read`] reads the event.
///
/// ```
/// use actix_web::{HttpRequest, HttpResponse, web};
/// use leadhook::{Grader, Receiver, Rejection, Webhook, actix};
///
/// async fn grader(
///     request: HttpRequest,
///     account: web::Path<String>,
///     payload: web::Payload,
/// ) -> Result<HttpResponse, Rejection> {
///     let receiver = receiver(&account).await;
///     let delivery = actix::authenticate(&request, payload, &receiver).await?;
///     let webhook = Webhook::<Grader>::read(delivery)?;
///     println!("{account}: {}", webhook.envelope.name());
///     Ok(HttpResponse::Ok().finish())
/// }
/// # async fn receiver(_: &str) -> Receiver<Grader> { Receiver::unknown() }
///
/// web::resource("/webhooks/grader/{account}").route(web::post().to(grader));
/// ```
///
/// # Errors
///
/// The rejection of a request that is not authentic. It is logged, and it is a response.
pub async fn authenticate<P: Provider>(
    request: &HttpRequest,
    payload: web::Payload,
    receiver: &Receiver<P>,
) -> Result<Delivery<P>, Rejection> {
    authenticate_or_drain(request, payload.into_inner(), Some(receiver)).await
}

async fn extract<P: Provider>(
    request: HttpRequest,
    payload: Payload,
) -> Result<Delivery<P>, Rejection> {
    let receiver = request.app_data::<web::Data<Receiver<P>>>();
    authenticate_or_drain(&request, payload, receiver.map(web::Data::get_ref)).await
}

async fn authenticate_or_drain<P: Provider>(
    request: &HttpRequest,
    payload: Payload,
    receiver: Option<&Receiver<P>>,
) -> Result<Delivery<P>, Rejection> {
    let payload = Shared(Rc::new(RefCell::new(payload)));
    let result = receive(request, &payload, receiver).await;
    if result.is_err() && request.version() < Version::HTTP_2 {
        // A streaming proxy gives up its connection if the response comes before the body's end.
        payload.drain().await;
    }
    result
}

async fn receive<P: Provider>(
    request: &HttpRequest,
    payload: &Shared,
    receiver: Option<&Receiver<P>>,
) -> Result<Delivery<P>, Rejection> {
    let receiver = receiver
        .ok_or(RejectionKind::MissingReceiver { provider: P::NAME })
        .map_err(Rejection::logged::<P>)?;
    let headers = |name: &str| request.headers().get_all(name);
    // A body with an encoding is rejected here, because actix-web would decode it below.
    let pending = steps::check(receiver, headers, request.uri().query())?;
    if matches!(*payload.0.borrow(), Payload::None) && declares_body(request) {
        return Err(Rejection::logged::<P>(RejectionKind::BodyTaken));
    }
    let body = Bytes::from_request(request, &mut payload.to_payload())
        .await
        .map_err(|error| Rejection::logged::<P>(explain(&error)))?;
    // actix-web's buffer is larger than the body.
    let body = Bytes::copy_from_slice(&body);
    pending.finish(body).map_err(Rejection::of::<P>)
}

/// A body that can be drained after actix-web has stopped reading it at its limit.
#[derive(Clone)]
struct Shared(Rc<RefCell<Payload>>);

impl Shared {
    fn to_payload(&self) -> Payload {
        Payload::Stream {
            payload: Box::pin(self.clone()),
        }
    }

    /// Reads the rest of the body and throws it away.
    async fn drain(mut self) {
        let mut drained = 0_usize;
        while drained < DRAINED {
            match poll_fn(|context| Pin::new(&mut self).poll_next(context)).await {
                Some(Ok(data)) => drained = drained.saturating_add(data.len()),
                Some(Err(_)) | None => return,
            }
        }
    }
}

impl Stream for Shared {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let mut payload = self.0.borrow_mut();
        let polled = Pin::new(&mut *payload).poll_next(context);
        if let Poll::Ready(Some(Err(_))) = polled {
            // actix-web's body never ends after an error.
            *payload = Payload::None;
        }
        polled
    }
}

/// Returns whether the head announces a body that is not empty.
fn declares_body(request: &HttpRequest) -> bool {
    let length = request.headers().get(CONTENT_LENGTH);
    length.is_some_and(|length| length != "0") || request.headers().contains_key(TRANSFER_ENCODING)
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        status(self.status())
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

fn explain(error: &Error) -> RejectionKind {
    match error.as_error() {
        Some(PayloadError::Overflow) => RejectionKind::BodyTooLarge,
        _ => RejectionKind::BodyIncomplete,
    }
}

/// The future's own response if the event was handled now, and an empty one with the outcome's
/// [status](Outcome::status) otherwise.
///
/// The response has `Retry-After` if the event is in progress elsewhere, and the `Arc<Outcome<()>>` in its
/// extensions.
#[cfg(feature = "dedup")]
impl<T: Responder> Responder for Outcome<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let (value, outcome) = self.split();
        let mut response = match value {
            Some(value) => value.respond_to(request).map_into_boxed_body(),
            None => HttpResponse::new(status(outcome.status())),
        };
        if let Some(seconds) = steps::retry_after(&outcome) {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(Arc::new(outcome));
        response
    }
}

/// The response of the work's error if the work failed, and an empty 503 if the store failed.
#[cfg(feature = "dedup")]
impl<E: ResponseError> ResponseError for OnceError<E> {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Failed(error) => error.status_code(),
            Self::Store(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Failed(error) => error.error_response(),
            Self::Store(error) => error.error_response(),
        }
    }
}

/// An empty response with the status 503.
#[cfg(feature = "dedup")]
impl ResponseError for StoreError {
    fn status_code(&self) -> StatusCode {
        status(self.status())
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
