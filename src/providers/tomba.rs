//! Tomba, which finds and verifies e-mail addresses and phone numbers.
//!
//! A webhook of Tomba's dashboard reports each lead that a user saves or updates (`save_lead`). A look-up
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
//! Two look-ups can send the same bytes, so give the receiver of each route a scope. Then the two
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
//!     LookupResult::Failed(error) => println!("the look-up failed: {:?}", error.message),
//!     _ => {}
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Facts
//!
//! - Tomba documents no signature. The dashboard's webhook can send static headers of your choice, so
//!   let it send a token ([`Receiver::header_token`](crate::Receiver::header_token)). A `webhook_url`
//!   can carry a token in its query ([`Receiver::query_token`](crate::Receiver::query_token)). Tomba
//!   documents no token there, so this is inferred from how URLs work.
//! - Documented for `webhook_url`: https only, up to 3 retries with exponential backoff, and the body
//!   of the API's response. For both kinds Tomba asks for a response "within a few seconds" (Tomba's
//!   webhook documentation). Retries of `save_lead` are not documented.
//! - The HTTP method of `save_lead` can be chosen in the dashboard and is typically POST (Tomba's webhook
//!   documentation).
//! - Assumed: a retry has the same bytes as the first delivery.
//! - The documented look-ups are those in the table. Tomba's own clients also send a `webhook_url` for
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
