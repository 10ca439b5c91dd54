//! Tomba, which finds and verifies e-mail addresses and phone numbers.
//!
//! A webhook of Tomba's dashboard reports each lead that a user saves or updates (`save_lead`). A lookup
//! sends its result to the `webhook_url` of the API call. The bodies don't name their event, so the
//! route determines the type.
//!
//! | event | type to read | payload |
//! |---|---|---|
//! | `save_lead` | [`SaveLead`] | [`SaveLead`] |
//! | result of email-verifier | [`LookupResult<EmailVerifier>`](LookupResult) | [`EmailVerifier`] |
//! | result of email-finder | [`LookupResult<EmailFinder>`](LookupResult) | [`EmailFinder`] |
//! | result of domain-search | [`LookupResult<DomainSearch>`](LookupResult) | [`DomainSearch`] |
//! | result of author-finder | [`LookupResult<AuthorFinder>`](LookupResult) | [`AuthorFinder`] |
//! | result of phone-finder | [`LookupResult<PhoneFinder>`](LookupResult) | [`PhoneFinder`] |
//! | result of phone-validator | [`LookupResult<PhoneValidator>`](LookupResult) | [`PhoneValidator`] |
//! | any of these, recognized by its shape | [`TombaEvent`] | the payload of its variant |
//!
//! Two lookups can send the same bytes, so give the receiver of each route a scope. Then the two
//! deliveries are not duplicates of each other.
//!
//! ```
//! use leadhook::{
//!     Receiver, Secret, Tomba,
//!     tomba::{EmailVerifier, LookupResult},
//! };
//!
//! let token = Secret::new("a long random token")?;
//! let receiver = Receiver::<Tomba>::query_token("token", &token)?;
//! let receiver = receiver.with_scope("email-verifier");
//!
//! let body = r#"{
//!     "data": {"email": {"email": "ann.lee@example.com", "result": "deliverable"}}
//! }"#;
//! let delivery = receiver.authenticate(["a long random token"], body)?;
//! match delivery.read_as::<LookupResult<EmailVerifier>>()?.event {
//!     LookupResult::Found(verified) => {
//!         assert_eq!(verified.email.result.as_deref(), Some("deliverable"));
//!     }
//!     LookupResult::NotFound => println!("nothing is known about the address"),
//!     LookupResult::Failed(error) => println!("the lookup failed: {:?}", error.message),
//!     _ => {}
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Routes
//!
//! Give each kind of result its own route, with its own receiver as the state of that route. Two
//! receivers for Tomba in one application state would not compile with axum (E0119), and with actix-web the
//! second would replace the first. The token in a `webhook_url` must be percent-encoded, so let code put it there.
//!
#![cfg_attr(
    feature = "axum",
    doc = r##"
With axum:

```
use axum::{Router, routing::post};
use leadhook::{
    Receiver, Secret, Tomba, Webhook,
    tomba::{EmailFinder, EmailVerifier, LookupResult, SaveLead},
};

async fn saved(webhook: Webhook<Tomba, SaveLead>) {
    println!("{:?}", webhook.envelope.lead());
}

async fn verified(webhook: Webhook<Tomba, LookupResult<EmailVerifier>>) {
    println!("{:?}", webhook.envelope.event);
}

async fn found(webhook: Webhook<Tomba, LookupResult<EmailFinder>>) {
    println!("{:?}", webhook.envelope.event);
}

fn app(token: &Secret) -> Result<Router, leadhook::NameError> {
    let saved_leads = Receiver::<Tomba>::header_token("x-webhook-token", token)?;
    let lookup = |name| Ok(Receiver::<Tomba>::query_token("token", token)?.with_scope(name));
    Ok(Router::new()
        .route("/tomba/save-lead", post(saved).with_state(saved_leads))
        .route("/tomba/email-verifier", post(verified).with_state(lookup("email-verifier")?))
        .route("/tomba/email-finder", post(found).with_state(lookup("email-finder")?)))
}

/// Returns the `webhook_url` for a call to Tomba's API.
fn webhook_url(lookup: &str, token: &str) -> Result<reqwest::Url, Box<dyn std::error::Error>> {
    let url = format!("https://example.com/tomba/{lookup}");
    Ok(reqwest::Url::parse_with_params(&url, [("token", token)])?)
}
# use axum::{body::Body, http::Request};
# use tower::ServiceExt;
# tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
# let token = "a+b&c=%20 ü";
# let app = app(&Secret::new(token)?)?;
# for (uri, status) in [
#     (webhook_url("email-verifier", token)?.to_string(), 200),
#     (webhook_url("email-finder", token)?.to_string(), 200),
#     (webhook_url("email-finder", "a b&c=%20 ü")?.to_string(), 401),
#     ("/tomba/save-lead?token=a%2Bb".to_owned(), 401),
# ] {
#     let request = Request::post(&uri).body(Body::from(r#"{"data":null}"#))?;
#     assert_eq!(app.clone().oneshot(request).await?.status(), status, "{uri}");
# }
# let saved = Request::post("/tomba/save-lead").header("x-webhook-token", token.as_bytes());
# let saved = saved.body(Body::from(r#"{"data":{"email":"ann.lee@example.com"}}"#))?;
# assert_eq!(app.oneshot(saved).await?.status(), 200);
# Ok::<(), Box<dyn std::error::Error>>(())
# })?;
# Ok::<(), Box<dyn std::error::Error>>(())
```
"##
)]
#![cfg_attr(
    feature = "actix",
    doc = r##"
With actix-web:

```
use actix_web::{HttpResponse, Responder, web};
use leadhook::{
    Receiver, Secret, Tomba, Webhook,
    tomba::{EmailFinder, EmailVerifier, LookupResult, SaveLead},
};

async fn saved(webhook: Webhook<Tomba, SaveLead>) -> impl Responder {
    println!("{:?}", webhook.envelope.lead());
    HttpResponse::Ok()
}

async fn verified(webhook: Webhook<Tomba, LookupResult<EmailVerifier>>) -> impl Responder {
    println!("{:?}", webhook.envelope.event);
    HttpResponse::Ok()
}

async fn found(webhook: Webhook<Tomba, LookupResult<EmailFinder>>) -> impl Responder {
    println!("{:?}", webhook.envelope.event);
    HttpResponse::Ok()
}

fn resource(path: &str, receiver: Receiver<Tomba>) -> actix_web::Resource {
    web::resource(path).app_data(web::Data::new(receiver))
}

/// Call it with `App::configure`.
fn routes(config: &mut web::ServiceConfig, token: &Secret) -> Result<(), leadhook::NameError> {
    let saved_leads = Receiver::<Tomba>::header_token("x-webhook-token", token)?;
    let lookup = |name| Ok(Receiver::<Tomba>::query_token("token", token)?.with_scope(name));
    let (verifier, finder) = (lookup("email-verifier")?, lookup("email-finder")?);
    config
        .service(resource("/tomba/save-lead", saved_leads).route(web::post().to(saved)))
        .service(resource("/tomba/email-verifier", verifier).route(web::post().to(verified)))
        .service(resource("/tomba/email-finder", finder).route(web::post().to(found)));
    Ok(())
}
# use actix_web::test::{TestRequest, call_service, init_service};
# actix_web::rt::System::new().block_on(async {
# let token = Secret::new("a+b&c")?;
# let app = actix_web::App::new().configure(|config| routes(config, &token).unwrap());
# let app = init_service(app).await;
# for (uri, status) in [
#     ("/tomba/email-verifier?token=a%2Bb%26c", 200),
#     ("/tomba/email-finder?token=a%2Bb%26c", 200),
#     ("/tomba/email-finder?token=a+b&c", 401),
#     ("/tomba/save-lead?token=a%2Bb%26c", 401),
# ] {
#     let request = TestRequest::post().uri(uri).set_payload(r#"{"data":null}"#);
#     assert_eq!(call_service(&app, request.to_request()).await.status(), status, "{uri}");
# }
# Ok::<(), Box<dyn std::error::Error>>(())
# })?;
# Ok::<(), Box<dyn std::error::Error>>(())
```
"##
)]
//! # Matching a result to its request
//!
//! By Tomba's webhook documentation, the API responds at once and the webhook follows with the same data.
//! By the help text of Tomba's app for Zapier, the response has the result only if there is no
//! `webhook_url`. No documented body names the request that it belongs to, so put an ID of the request into
//! the `webhook_url`. Use the ID as the receiver's scope as well: without it, two lookups with equal
//! results are duplicates of each other.
//!
#![cfg_attr(
    feature = "axum",
    doc = r##"
```
use axum::{Router, extract::{FromRequest, Path, Request, State}, routing::post};
use leadhook::{
    Receiver, Rejection, Secret, Tomba, Webhook,
    tomba::{EmailVerifier, LookupResult},
};

/// The `webhook_url` of lookup 17 is `https://example.com/tomba/email-verifier/17?token=…`.
async fn verified(
    State(receiver): State<Receiver<Tomba>>,
    Path(id): Path<u64>,
    request: Request,
) -> Result<(), Rejection> {
    let receiver = receiver.with_scope(&format!("email-verifier/{id}"));
    let webhook = Webhook::<Tomba, LookupResult<EmailVerifier>>::from_request(request, &receiver).await?;
    println!("lookup {id}: {:?}", webhook.envelope.event);
    Ok(())
}

fn app(token: &Secret) -> Result<Router, leadhook::NameError> {
    let receiver = Receiver::<Tomba>::query_token("token", token)?;
    Ok(Router::new().route("/tomba/email-verifier/{id}", post(verified)).with_state(receiver))
}
# use axum::{body::Body, http};
# use tower::ServiceExt;
# tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
# let app = app(&Secret::new("a-token")?)?;
# for (uri, status) in [("/tomba/email-verifier/17?token=a-token", 200), ("/tomba/email-verifier/17", 401)] {
#     let request = http::Request::post(uri).body(Body::from(r#"{"data":null}"#))?;
#     assert_eq!(app.clone().oneshot(request).await?.status(), status, "{uri}");
# }
# Ok::<(), Box<dyn std::error::Error>>(())
# })?;
# Ok::<(), Box<dyn std::error::Error>>(())
```
"##
)]
//! # Facts
//!
//! - Tomba documents no signature. The dashboard's webhook can send static headers, so let it send a token
//!   ([`Receiver::header_token`](crate::Receiver::header_token)). A `webhook_url` can carry a token in its
//!   query ([`Receiver::query_token`](crate::Receiver::query_token)). Tomba documents no token there, so
//!   this is inferred from how URLs work.
//! - Documented for `webhook_url`: https only, up to 3 retries with exponential backoff, and the body
//!   of the API's response. For both kinds Tomba asks for a response "within a few seconds" (Tomba's
//!   webhook documentation).
//! - Not known to us: whether Tomba retries `save_lead`, which status it expects, and whether it sends the
//!   result of a lookup that failed. Until you know, assume that a `save_lead` is sent only once, and store
//!   it before you respond ([`leadhook-inbox`](https://docs.rs/leadhook-inbox)).
//! - The HTTP method of `save_lead` can be chosen in the dashboard and is typically POST (Tomba's webhook
//!   documentation).
//! - Assumed: a retry has the same bytes as the first delivery.
//! - Addresses, URLs and phone numbers are text as it was sent. leadhook validates none of them.
//! - The documented lookups are those in the table. Tomba's own clients also send a `webhook_url` for
//!   linkedin and enrich, which have no type here. They send no `webhook_url` for phone-validator, and
//!   no body of phone-validator is documented.
//! - The payload types follow Tomba's API documentation and its own clients. Between 2021 and 2025
//!   several fields changed, so all fields are optional.

mod author_finder;
mod body;
mod common;
mod domain_search;
mod email_finder;
mod email_verifier;
mod error;
mod event;
mod lookup;
mod phone_finder;
mod phone_validator;
mod save_lead;
mod shape;

pub use author_finder::{AuthorFinder, AuthorInfo};
pub use common::{PhoneNumber, Source, Verification, Whois};
pub use domain_search::{
    DomainSearch, FoundEmail, Location, Meta, Organization, SearchParams, SocialLinks,
};
pub use email_finder::EmailFinder;
pub use email_verifier::{EmailVerifier, MxRecords, VerifiedEmail};
pub use error::LookupError;
pub use event::TombaEvent;
pub use lookup::LookupResult;
pub use phone_finder::{FoundPhone, PhoneFinder};
pub use phone_validator::{PhoneValidator, Region};
pub use save_lead::SaveLead;
