//! The facts about Tomba, and its events.

use core::time::Duration;

use serde::{Serialize, Serializer};

use super::author_finder::AuthorFinder;
use super::body::{Body, Data};
use super::domain_search::DomainSearch;
use super::email_finder::EmailFinder;
use super::email_verifier::EmailVerifier;
use super::error::LookupError;
use super::phone_finder::PhoneFinder;
use super::phone_validator::PhoneValidator;
use super::save_lead::SaveLead;
use super::shape;
use crate::lead::Lead;
use crate::provider::{Event, Layout, Provider, UnsignedProvider};
use crate::providers::Tomba;
use crate::read::error::ShapeError;
use crate::read::json::{self, Json};
use crate::read::member::Member;
use crate::read::raw_json::RawJson;

/// The name of a lookup that failed.
const FAILED: &str = "error";

/// The name of a lookup that found nothing.
const NOT_FOUND: &str = "not-found";

/// The name of a body of an unknown shape.
const UNKNOWN: &str = "unknown";

impl Provider for Tomba {
    const NAME: &'static str = "tomba";
    const LAYOUT: Layout = Layout::Bare {
        keys: &["data", "meta", "errors"],
    };
    /// Assumed, because the delays of the retries are not known to us. It is shorter than the other
    /// providers' because Tomba sends neither an id nor a timestamp of the event. If a lead is changed and
    /// then changed back, the third body can equal the first.
    const RETRY_WINDOW: Duration = Duration::from_secs(3 * 60 * 60);
    type Event = TombaEvent;

    fn body_identifies_event(body: &[u8]) -> bool {
        json::checked(body, |body| Body(body).data().is_some()).unwrap_or(true)
    }
}

impl UnsignedProvider for Tomba {}

impl Event for SaveLead {
    type Provider = Tomba;

    const NAMES: &'static [&'static str] = &[<Self as Data>::NAME];

    fn read(_: &str, body: Json<'_>) -> Result<Self, ShapeError> {
        Body(body).read_data()
    }

    fn name(&self) -> &str {
        Self::NAME
    }

    fn lead(&self) -> Option<Lead> {
        self.lead()
    }

    fn body_key(&self) -> Option<&'static str> {
        Some("data")
    }
}

/// Declares [`TombaEvent`] from the table of payload types, whose names are also those of the variants.
macro_rules! tomba_event {
    ($($(#[$meta:meta])* $payload:ident = $name:literal $(with $field:ident)?,)*) => {
        $(impl Data for $payload {
            const NAME: &'static str = $name;

            fn lead(&self) -> Option<Lead> {
                self.lead()
            }

            $(fn read_meta(&mut self, meta: Json<'_>) {
                self.$field = Member::read(meta).unwrap_or_default();
            })?
        })*

        /// A body of Tomba, recognized by its shape.
        ///
        /// Tomba's bodies don't name their event, so the variant is a guess, for routes that receive
        /// several kinds of events. A result of phone-finder without the address, domain or profile
        /// that was looked up is read as phone-validator, and a result of author-finder without an
        /// article as email-finder. If you can, give each lookup its own route and read it as a
        /// [`LookupResult`](super::LookupResult).
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum TombaEvent {
            $($(#[$meta])* $payload($payload),)*
            /// A lookup that found nothing.
            NotFound,
            /// A lookup that failed.
            Failed(LookupError),
            /// A body of an unknown shape, as raw JSON.
            Unknown(RawJson),
        }

        impl Event for TombaEvent {
            type Provider = Tomba;

            const NAMES: &'static [&'static str] = &[$($payload::NAME,)* NOT_FOUND, FAILED];

            fn read(_: &str, body: Json<'_>) -> Result<Self, ShapeError> {
                let recognized = body.attempt(|json| {
                    let body = Body(json);
                    if body.is_failure() {
                        return body.read_errors().map(Self::Failed);
                    }
                    let data = json.get("data");
                    match data.and_then(shape::name_of) {
                        $(Some($payload::NAME) => body.read_data().map(Self::$payload),)*
                        None if data.is_some() && body.data().is_none() => {
                            body.ignore_all_but("data");
                            Ok(Self::NotFound)
                        }
                        _ => Err(json.unexpected()),
                    }
                });
                recognized.or_else(|_| Member::read(body).map(Self::Unknown))
            }

            fn name(&self) -> &str {
                match self {
                    $(Self::$payload(_) => $payload::NAME,)*
                    Self::NotFound => NOT_FOUND,
                    Self::Failed(_) => FAILED,
                    Self::Unknown(_) => UNKNOWN,
                }
            }

            fn lead(&self) -> Option<Lead> {
                match self {
                    $(Self::$payload(data) => data.lead(),)*
                    Self::NotFound | Self::Failed(_) | Self::Unknown(_) => None,
                }
            }

            fn body_key(&self) -> Option<&'static str> {
                match self {
                    $(Self::$payload(_) => Some("data"),)*
                    Self::NotFound => Some("data"),
                    Self::Failed(_) => Some("errors"),
                    Self::Unknown(_) => None,
                }
            }
        }

        /// Serializes the event's data, without the body around it.
        impl Serialize for TombaEvent {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$payload(data) => data.serialize(serializer),)*
                    Self::NotFound => serializer.serialize_unit(),
                    Self::Failed(error) => error.serialize(serializer),
                    Self::Unknown(body) => body.serialize(serializer),
                }
            }
        }
    };
}

tomba_event! {
    /// A lead was saved or changed.
    SaveLead = "save_lead",
    /// The result of email-verifier.
    EmailVerifier = "email-verifier",
    /// The result of email-finder.
    EmailFinder = "email-finder",
    /// The result of domain-search.
    DomainSearch = "domain-search" with meta,
    /// The result of author-finder.
    AuthorFinder = "author-finder",
    /// The result of phone-finder.
    PhoneFinder = "phone-finder",
    /// The result of phone-validator.
    PhoneValidator = "phone-validator",
}
