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

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};

use crate::lead::Lead;
use crate::provider::{Event, Layout, Provider, Unsigned, UnsignedProvider};
use crate::providers::EventData;
use crate::read::lenient::{Lenient, Payload};

mod common;
mod domain_search;
mod email_verifier;
mod error;
mod finder;
mod phone;
mod save_lead;
mod shape;

pub use common::{PhoneNumber, Source, Verification, Whois};
pub use domain_search::{
    DomainSearch, FoundEmail, Location, Meta, Organization, SearchParams, SocialLinks,
};
pub use email_verifier::{EmailVerifier, MxRecords, VerifiedEmail};
pub use error::LookupError;
pub use finder::{AuthorFinder, AuthorInfo, EmailFinder};
pub use phone::{PhoneFinder, PhoneValidator, Region};
pub use save_lead::SaveLead;
pub use shape::TombaEvent;

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

/// The body around the data of a lead or a look-up. Keys are named that are not read, so that a second
/// one is refused.
#[derive(Serialize, Deserialize)]
#[serde(bound = "T: Payload")]
struct Body<T> {
    #[serde(with = "Lenient")]
    data: T,
    #[serde(default, skip_serializing, rename = "meta")]
    _meta: IgnoredAny,
    #[serde(default, skip_serializing, rename = "errors")]
    _errors: IgnoredAny,
}

/// The body around a search, which has its page beside the data.
#[derive(Serialize, Deserialize)]
struct SearchBody {
    #[serde(with = "Lenient")]
    data: DomainSearch,
    #[serde(default, with = "Lenient", skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
    #[serde(default, skip_serializing, rename = "errors")]
    _errors: IgnoredAny,
}

/// The body around an error.
#[derive(Serialize, Deserialize)]
struct ErrorBody {
    #[serde(with = "Lenient")]
    errors: LookupError,
    #[serde(default, skip_serializing, rename = "data")]
    _data: IgnoredAny,
    #[serde(default, skip_serializing, rename = "meta")]
    _meta: IgnoredAny,
}

/// Makes an event of a payload type that stands in a body of its own, under this name.
macro_rules! event {
    ($payload:ident = $name:literal, $read:expr, $write:expr) => {
        impl $payload {
            const NAME: &'static str = $name;
        }

        impl Event for $payload {
            type Provider = Tomba;

            const NAMES: &'static [&'static str] = &[Self::NAME];
            const ELEMENT_SIZES: (usize, usize) = <Self as Payload>::ELEMENT_SIZES;

            fn read<'de, D: Deserializer<'de>>(_: &str, body: D) -> Result<Self, D::Error> {
                Deserialize::deserialize(body).map($read)
            }

            fn name(&self) -> &str {
                Self::NAME
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ($write)(self.clone()).serialize(serializer)
            }

            fn lead(&self) -> Option<Lead> {
                EventData::lead(self)
            }

            fn is_documented_key(key: &str) -> bool {
                <Self as Payload>::is_documented_key(key)
            }
        }
    };
    ($payload:ident = $name:literal) => {
        event!($payload = $name, |body: Body<Self>| body.data, |data| {
            Body {
                data,
                _meta: IgnoredAny,
                _errors: IgnoredAny,
            }
        });
    };
}

event!(SaveLead = "save-lead");
event!(EmailVerifier = "email-verifier");
event!(EmailFinder = "email-finder");
event!(AuthorFinder = "author-finder");
event!(PhoneFinder = "phone-finder");
event!(PhoneValidator = "phone-validator");
event!(
    DomainSearch = "domain-search",
    |body: SearchBody| DomainSearch {
        meta: body.meta,
        ..body.data
    },
    |mut data: Self| {
        let meta = data.meta.take();
        SearchBody {
            data,
            meta,
            _errors: IgnoredAny,
        }
    }
);
event!(
    LookupError = "error",
    |body: ErrorBody| body.errors,
    |errors| ErrorBody {
        errors,
        _data: IgnoredAny,
        _meta: IgnoredAny,
    }
);

impl EventData for LookupError {}

impl EventData for SaveLead {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}

impl EventData for EmailVerifier {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}

impl EventData for EmailFinder {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}

impl EventData for AuthorFinder {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}

impl EventData for PhoneFinder {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}

impl EventData for PhoneValidator {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}

impl EventData for DomainSearch {
    fn lead(&self) -> Option<Lead> {
        Some(self.lead())
    }
}
