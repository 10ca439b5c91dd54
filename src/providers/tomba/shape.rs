//! Recognises a body by its shape, where the route doesn't tell.

use alloc::{collections::BTreeMap, string::String};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupError, PhoneFinder,
    PhoneValidator, SaveLead, Tomba,
};
use crate::lead::Lead;
use crate::provider::Event;
use crate::read::lenient::{is_none, larger};
use crate::read::raw_json::RawJson;

/// The name of a body that has the shape of no event.
const UNKNOWN: &str = "unknown";

macro_rules! shapes {
    ($($(#[$meta:meta])* $variant:ident($payload:ident),)*) => {
        /// A body of Tomba's, recognised by its shape.
        ///
        /// It is a fallback, and guesses: phone-finder and phone-validator look alike where the
        /// former leaves out what was looked up, and so do email-finder and author-finder without
        /// an article. Where each look-up has a route of its own, read its type with
        /// [`Delivery::read_as`](crate::Delivery::read_as).
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum TombaEvent {
            $($(#[$meta])* $variant($payload),)*
            /// A body of another shape, such as that of a look-up that found nothing.
            Unknown(RawJson),
        }

        impl Event for TombaEvent {
            type Provider = Tomba;

            const NAMES: &'static [&'static str] = &[$($payload::NAME),*];

            const ELEMENT_SIZES: (usize, usize) = {
                let sizes = (0, 0);
                $(let sizes = larger(sizes, <$payload as Event>::ELEMENT_SIZES);)*
                sizes
            };

            fn read<'de, D: Deserializer<'de>>(name: &str, body: D) -> Result<Self, D::Error> {
                match name {
                    $($payload::NAME => Event::read(name, body).map(Self::$variant),)*
                    _ => RawJson::deserialize(body).map(Self::Unknown),
                }
            }

            fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $payload::NAME,)*
                    Self::Unknown(_) => UNKNOWN,
                }
            }

            fn detect<'de, D: Deserializer<'de>>(body: D) -> Result<&'static str, D::Error> {
                Shape::deserialize(body).map(|shape| shape.name())
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(event) => event.write(serializer),)*
                    Self::Unknown(body) => body.serialize(serializer),
                }
            }

            fn lead(&self) -> Option<Lead> {
                match self {
                    $(Self::$variant(event) => Event::lead(event),)*
                    Self::Unknown(_) => None,
                }
            }

            fn is_documented_key(key: &str) -> bool {
                $(<$payload as Event>::is_documented_key(key))||*
            }
        }

        /// Writes the event's data, without the body around it.
        impl Serialize for TombaEvent {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(event) => event.serialize(serializer),)*
                    Self::Unknown(body) => body.serialize(serializer),
                }
            }
        }
    };
}

shapes! {
    /// A lead was saved or changed.
    SaveLead(SaveLead),
    /// The result of email-verifier.
    EmailVerifier(EmailVerifier),
    /// The result of email-finder.
    EmailFinder(EmailFinder),
    /// The result of domain-search.
    DomainSearch(DomainSearch),
    /// The result of author-finder.
    AuthorFinder(AuthorFinder),
    /// The result of phone-finder.
    PhoneFinder(PhoneFinder),
    /// The result of phone-validator.
    PhoneValidator(PhoneValidator),
    /// The error of a look-up.
    Error(LookupError),
}

/// What of a body tells the shapes apart.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(default, with = "crate::read::lenient::Lenient")]
    errors: Option<LookupError>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    /// Here only so that a second one is refused.
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
}

impl Shape<'_> {
    /// The name of the event that has this shape. The order matters: the first that fits is it.
    fn name(&self) -> &'static str {
        if self.errors.is_some() {
            return LookupError::NAME;
        }
        let Some(data) = self.data.and_then(fields) else {
            return UNKNOWN;
        };
        let has = |keys: &[&str]| keys.iter().any(|key| data.contains_key(*key));
        let is = |key, opening| {
            data.get(key)
                .is_some_and(|value| value.get().starts_with(opening))
        };

        if has(&["organization"]) || is("emails", '[') {
            DomainSearch::NAME
        } else if is("email", '{') {
            EmailVerifier::NAME
        } else if has(&["e164_format", "rfc3966_format"]) {
            if has(&["email", "domain", "linkedin"]) {
                PhoneFinder::NAME
            } else {
                PhoneValidator::NAME
            }
        } else if has(&["website_url", "verification"]) {
            if has(&["info"]) {
                AuthorFinder::NAME
            } else {
                EmailFinder::NAME
            }
        } else if has(&["website", "notes"]) {
            SaveLead::NAME
        } else {
            UNKNOWN
        }
    }
}

/// The members of an object but those that read as none; none if it is none.
fn fields(json: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(json.get()).ok()?;
    fields.retain(|_, value| !is_none(value.get()));
    Some(fields)
}
