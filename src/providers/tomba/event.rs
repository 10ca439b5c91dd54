//! The facts about Tomba, and its events.

use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::author_finder::AuthorFinder;
use super::body::{Data, Failure, NoData, write_body};
use super::domain_search::DomainSearch;
use super::email_finder::EmailFinder;
use super::email_verifier::EmailVerifier;
use super::error::LookupError;
use super::phone_finder::PhoneFinder;
use super::phone_validator::PhoneValidator;
use super::save_lead::SaveLead;
use super::shape::{self, Shape};
use crate::lead::Lead;
use crate::provider::{Event, Layout, Provider, UnsignedProvider};
use crate::providers::Tomba;
use crate::read::lenient;
use crate::read::raw_json::RawJson;

impl Provider for Tomba {
    const NAME: &'static str = "tomba";
    const LAYOUT: Layout = Layout::Bare {
        keys: &["data", "meta", "errors"],
    };
    /// Assumed, because the delays of the retries are not documented. It is shorter than the other
    /// providers' because Tomba sends neither an id nor a timestamp. If a lead is changed and then
    /// changed back, the third body can equal the first.
    const RETRY_WINDOW: Duration = Duration::from_secs(3 * 60 * 60);
    type Event = TombaEvent;

    fn body_identifies_event(body: &[u8]) -> bool {
        let shape: Result<Shape<'_>, _> = serde_json::from_slice(body);
        shape.map_or(true, |shape| shape.has_data())
    }
}

impl UnsignedProvider for Tomba {}

impl Event for SaveLead {
    type Provider = Tomba;

    const NAMES: &'static [&'static str] = &[<Self as Data>::NAME];

    fn read<'de, D: Deserializer<'de>>(_: &str, body: D) -> Result<Self, D::Error> {
        Data::read_body(body)
    }

    fn name(&self) -> &str {
        Self::NAME
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write_body(serializer)
    }

    fn lead(&self) -> Option<Lead> {
        self.lead()
    }

    fn is_documented_key(key: &str) -> bool {
        <Self as lenient::Lenient>::is_documented_key(key)
    }
}

/// Declares [`TombaEvent`] from the table of payload types, whose names are the variants' names, too.
macro_rules! tomba_event {
    ($($(#[$meta:meta])* $payload:ident,)*) => {
        /// A body of Tomba, recognized by its shape.
        ///
        /// Tomba's bodies don't name their event, so the variant is a guess, for routes that receive
        /// several kinds of events. A result of phone-finder without the address, domain or profile
        /// that was looked up is read as phone-validator, and a result of author-finder without an
        /// article as email-finder. If you can, give each look-up a route of its own and read it as a
        /// [`LookupResult`](super::LookupResult).
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum TombaEvent {
            $($(#[$meta])* $payload($payload),)*
            /// A look-up that found nothing.
            NotFound,
            /// A look-up that failed.
            Failed(LookupError),
            /// A body of an unknown shape, as raw JSON.
            Unknown(RawJson),
        }

        impl Event for TombaEvent {
            type Provider = Tomba;

            const NAMES: &'static [&'static str] =
                &[$($payload::NAME,)* shape::NOT_FOUND, shape::FAILED];

            const ELEMENT_SIZES: (usize, usize) = {
                let sizes = (0, 0);
                $(let sizes = lenient::larger(
                    sizes,
                    <$payload as lenient::Lenient>::ELEMENT_SIZES,
                );)*
                sizes
            };

            fn read<'de, D: Deserializer<'de>>(name: &str, body: D) -> Result<Self, D::Error> {
                match name {
                    $($payload::NAME => Data::read_body(body).map(Self::$payload),)*
                    shape::NOT_FOUND => NoData::deserialize(body).map(|_| Self::NotFound),
                    shape::FAILED => Failure::deserialize(body).map(|body| Self::Failed(body.errors)),
                    _ => RawJson::deserialize(body).map(Self::Unknown),
                }
            }

            fn name(&self) -> &str {
                match self {
                    $(Self::$payload(_) => $payload::NAME,)*
                    Self::NotFound => shape::NOT_FOUND,
                    Self::Failed(_) => shape::FAILED,
                    Self::Unknown(_) => shape::UNKNOWN,
                }
            }

            fn detect<'de, D: Deserializer<'de>>(body: D) -> Result<&'static str, D::Error> {
                Shape::deserialize(body).map(|shape| shape.name())
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$payload(data) => data.write_body(serializer),)*
                    Self::NotFound => write_body("data", &(), serializer),
                    Self::Failed(error) => write_body("errors", error, serializer),
                    Self::Unknown(body) => body.serialize(serializer),
                }
            }

            fn lead(&self) -> Option<Lead> {
                match self {
                    $(Self::$payload(data) => data.lead(),)*
                    Self::NotFound | Self::Failed(_) | Self::Unknown(_) => None,
                }
            }

            fn is_documented_key(key: &str) -> bool {
                $(<$payload as lenient::Lenient>::is_documented_key(key) ||)*
                <LookupError as lenient::Lenient>::is_documented_key(key)
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
    SaveLead,
    /// The result of email-verifier.
    EmailVerifier,
    /// The result of email-finder.
    EmailFinder,
    /// The result of domain-search.
    DomainSearch,
    /// The result of author-finder.
    AuthorFinder,
    /// The result of phone-finder.
    PhoneFinder,
    /// The result of phone-validator.
    PhoneValidator,
}
