//! Extractors for actix-web 4: [`Webhook<P, E>`](Webhook), and [`Delivery<P>`](Delivery) alone.
//!
//! A request is authenticated by the `web::Data<Receiver<P>>` among the application's data; without
//! one the answer is 500. One that is refused gets an empty answer with the status of its
//! [`Rejection`], which is the response's error. Take `Result<Webhook<P>, Rejection>` to answer
//! yourself. The limit to a body's size is that of actix-web's own `PayloadConfig`: 256 KiB unless you
//! set another.
//!
//! ```
//! use actix_web::{App, HttpResponse, web};
//! use leadhook::{
//!     Receiver, ScoreApp, Secret, Tomba, actix::Webhook, scoreapp::ScoreAppEvent,
//!     tomba::{EmailVerifier, LookupResult},
//! };
//!
//! async fn scoreapp(webhook: Webhook<ScoreApp>) -> HttpResponse {
//!     match webhook.envelope.event {
//!         ScoreAppEvent::QuizFinished(quiz) => println!("{} is done", quiz.id),
//!         _ => {} // answered with 200, or the sender would disable the endpoint
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
//!     Receiver::<Tomba>::query_token("token", &Secret::new("a long random token")?);
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
//! Several accounts of one sender are one scope each, with a receiver of its own among its data:
//!
//! ```
//! use actix_web::{App, HttpResponse, Scope, web};
//! use leadhook::{Grader, Receiver, Secret, SecretError, actix::Webhook};
//!
//! async fn scored(webhook: Webhook<Grader>) -> HttpResponse {
//!     println!("{}", webhook.envelope.name());
//!     HttpResponse::Ok().finish()
//! }
//!
//! fn account(name: &str, secret: &str) -> Result<Scope, SecretError> {
//!     let receiver = Receiver::<Grader>::new(&Secret::new(secret)?).with_scope(name);
//!     Ok(web::scope(name)
//!         .app_data(web::Data::new(receiver))
//!         .route("", web::post().to(scored)))
//! }
//!
//! let app = App::new().service(
//!     web::scope("/webhooks/grader")
//!         .service(account("/north", "the north's secret")?)
//!         .service(account("/south", "the south's secret")?),
//! );
//! # Ok::<(), SecretError>(())
//! ```
//!
//! A handler that takes the delivery decides about a body that can't be read, and loses none:
//!
//! ```
//! use actix_web::HttpResponse;
//! use leadhook::{Delivery, ReadError, Rejection, ScoreApp};
//!
//! async fn scoreapp(delivery: Delivery<ScoreApp>) -> Result<HttpResponse, Rejection> {
//!     match delivery.read() {
//!         Ok(envelope) => println!("{}", envelope.name()),
//!         Err(error @ ReadError::UnexpectedShape { .. }) => store(delivery.body(), error), // and 200
//!         Err(error) => return Err(Rejection::unreadable(&delivery, error)),
//!     }
//!     Ok(HttpResponse::Ok().finish())
//! }
//! # fn store(_: &[u8], _: ReadError) {}
//! ```

use core::{future::Future, pin::Pin};

use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, ResponseError, dev::Payload,
    error::PayloadError, http::StatusCode, web,
};
#[cfg(feature = "dedup")]
use actix_web::{Responder, body::BoxBody, http::header::RETRY_AFTER};

#[doc(no_inline)]
pub use super::Webhook;
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

type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, Rejection>>>>;

impl<P: Provider> FromRequest for Delivery<P> {
    type Error = Rejection;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(authenticate(request, payload))
    }
}

impl<P: Provider, E: Event<Provider = P> + 'static> FromRequest for Webhook<P, E> {
    type Error = Rejection;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async { Self::read(authenticate(request, payload).await?) })
    }
}

async fn authenticate<P: Provider>(
    request: HttpRequest,
    mut payload: Payload,
) -> Result<Delivery<P>, Rejection> {
    let receiver = request
        .app_data::<web::Data<Receiver<P>>>()
        .ok_or_else(|| Rejection::of::<P>(RejectionKind::MissingReceiver, None))?;
    let headers = |name: &str| request.headers().get_all(name);
    // What has an encoding is refused here, so that actix-web does not inflate it below.
    let checked = steps::check(receiver, headers, request.uri().query())?;
    let body = web::Bytes::from_request(&request, &mut payload)
        .await
        .map_err(|error| Rejection::of::<P>(explain(&error), None))?;
    steps::finish(checked, body)
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

/// The value's own response where the event is handled now, 200 where it was before, else the
/// [status](Outcome::status) with an empty body, and `Retry-After` where another has it in work.
#[cfg(feature = "dedup")]
impl<T: Responder> Responder for Outcome<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(status(self.status()));
        if let Some(seconds) = steps::retry_after(&self) {
            response.insert_header((RETRY_AFTER, seconds));
        }
        match self {
            Self::Handled(value) | Self::HandledUnrecorded { value, .. } => {
                value.respond_to(request).map_into_boxed_body()
            }
            _ => response.finish(),
        }
    }
}

/// The work's own response where it has failed, 503 where the store has.
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

/// 503 with an empty body.
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
