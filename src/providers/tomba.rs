//! Tomba, e-mail and phone look-ups: leads that are saved, look-ups that have their result.
//!
//! Tomba signs nothing. Its dashboard webhook (`save_lead`) can be given static headers; a look-up's
//! result goes to the `webhook_url` of the request, with up to 3 retries and nothing but the URL to
//! tell it by. Source: Tomba's webhook documentation, which gives no time-out but "a few seconds".
//!
//! A body doesn't name its look-up. Give each a route of its own, and read it as its type;
//! [`TombaEvent`] recognises bodies by their shape, as a fallback.
//!
//! ```
//! use leadhook::{Receiver, Secret, Tomba, tomba::EmailVerifier};
//!
//! let receiver = Receiver::<Tomba>::query_token("token", &Secret::new("a long random token")?);
//!
//! let body = r#"{"data":{"email":{"email":"ann.lee@example.com","result":"deliverable"}}}"#;
//! let delivery = receiver.authenticate(["a long random token"], body)?;
//! let verified = delivery.read_as::<EmailVerifier>()?.event;
//! assert_eq!(verified.email.result.as_deref(), Some("deliverable"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::time::Duration;

use crate::provider::{Layout, Provider, Unsigned, UnsignedProvider};

mod author_finder;
mod body;
mod common;
mod domain_search;
mod email_finder;
mod email_verifier;
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
pub use event::TombaEvent;
pub use lookup::{LookupError, LookupResult};
pub use phone_finder::{FoundPhone, PhoneFinder};
pub use phone_validator::{PhoneValidator, Region};
pub use save_lead::SaveLead;

/// The provider Tomba.
///
/// It sends no id: repeats are recognised by the body. Two look-ups with equal answers count as one,
/// such as two that found nothing, unless their receivers have a
/// [scope](crate::Receiver::scope) each.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Tomba;

impl Provider for Tomba {
    const NAME: &'static str = "tomba";
    const LAYOUT: Layout = Layout::Bare {
        keys: &["data", "meta", "errors"],
    };
    /// An assumption: that its up to three retries, whose growing delays are not documented, end
    /// within three hours. It is no longer than that, because Tomba sends neither id nor time: a lead
    /// that is changed back to an earlier state looks like a repeat.
    const RETRY_WINDOW: Duration = Duration::from_secs(3 * 60 * 60);
    type Authentication = Unsigned;
    type Event = TombaEvent;
}

impl UnsignedProvider for Tomba {}
