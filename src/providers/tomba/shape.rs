//! The shape of a body, by which its event is recognized.

use alloc::{collections::BTreeMap, string::String};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::author_finder::AuthorFinder;
use super::body::Data;
use super::domain_search::DomainSearch;
use super::email_finder::EmailFinder;
use super::email_verifier::EmailVerifier;
use super::phone_finder::PhoneFinder;
use super::phone_validator::PhoneValidator;
use super::save_lead::SaveLead;
use crate::read::lenient::{first_element, is_none};

/// The name of a look-up that failed.
pub(super) const FAILED: &str = "error";

/// The name of a look-up that found nothing.
pub(super) const NOT_FOUND: &str = "not-found";

/// The name of a body of an unknown shape.
pub(super) const UNKNOWN: &str = "unknown";

/// The parts of a body that tell the events apart.
#[derive(Deserialize)]
pub(super) struct Shape<'a> {
    #[serde(borrow, default, deserialize_with = "raw")]
    errors: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "raw")]
    data: Option<&'a RawValue>,
    /// A field only so that a duplicate is rejected.
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
}

/// Keeps a value, null included, so that null and missing differ.
fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

impl Shape<'_> {
    /// Returns whether the body has an error, even an empty one.
    pub(super) fn has_errors(&self) -> bool {
        self.errors
            .is_some_and(|errors| errors.get().starts_with('{') || has_value(errors))
    }

    /// Returns whether there is a value in the body's data.
    pub(super) fn has_data(&self) -> bool {
        self.data.is_some_and(has_value)
    }

    /// Returns the name of the event that has this shape.
    pub(super) fn name(&self) -> &'static str {
        if self.has_errors() {
            FAILED
        } else if let Some(name) = self.data.and_then(name_of) {
            name
        } else if self.data.is_some() && !self.has_data() {
            NOT_FOUND
        } else {
            UNKNOWN
        }
    }
}

/// Returns the name of the event that has such data. The first test that holds decides.
fn name_of(data: &RawValue) -> Option<&'static str> {
    let is_list = data.get().starts_with('[');
    let data = Fields::of(data)?;

    if is_list {
        // A list can also come from linkedin with the option `full`, which has no type here.
        data.is_phone().then_some(PhoneFinder::NAME)
    } else if data.has("organization") || data.starts_with("emails", '[') {
        Some(DomainSearch::NAME)
    } else if data.starts_with("email", '{') {
        Some(EmailVerifier::NAME)
    } else if data.is_phone() {
        let is_found = data.has("email") || data.has("domain") || data.has("linkedin");
        Some(if is_found {
            PhoneFinder::NAME
        } else {
            PhoneValidator::NAME
        })
    } else if data.has("website_url") || data.has("verification") {
        Some(if data.has("info") {
            AuthorFinder::NAME
        } else {
            EmailFinder::NAME
        })
    } else if data.has("website") || data.has("notes") {
        Some(SaveLead::NAME)
    } else {
        None
    }
}

/// The members of an object, without those that are null or PHP's `[]`.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Reads an object, or the first object of a list.
    fn of(json: &'a RawValue) -> Option<Self> {
        let json = if json.get().starts_with('[') {
            first_element(json.get())?
        } else {
            json.get()
        };
        let mut fields: BTreeMap<_, &RawValue> = serde_json::from_str(json).ok()?;
        fields.retain(|_, value| !is_none(value.get()));
        Some(Self(fields))
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn starts_with(&self, key: &str, opening: char) -> bool {
        let value = self.0.get(key);
        value.is_some_and(|value| value.get().starts_with(opening))
    }

    fn is_phone(&self) -> bool {
        self.has("e164_format") || self.has("rfc3966_format")
    }
}

/// Returns whether JSON has a value in it.
///
/// Null and the empty text are no values, and neither are lists and objects that contain nothing else.
fn has_value(json: &RawValue) -> bool {
    // JSON that nests too deep to be searched counts as a value.
    serde_json::from_str(json.get()).map_or(true, |HasValue(has_value)| has_value)
}

struct HasValue(bool);

impl<'de> Deserialize<'de> for HasValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = HasValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E: Error>(self) -> Result<HasValue, E> {
                Ok(HasValue(false))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<HasValue, E> {
                Ok(HasValue(true))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<HasValue, E> {
                Ok(HasValue(true))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<HasValue, E> {
                Ok(HasValue(true))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<HasValue, E> {
                Ok(HasValue(true))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<HasValue, E> {
                Ok(HasValue(!text.is_empty()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<HasValue, A::Error> {
                let mut any = false;
                while let Some(HasValue(has_value)) = seq.next_element()? {
                    any |= has_value;
                }
                Ok(HasValue(any))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HasValue, A::Error> {
                let mut any = false;
                while let Some((IgnoredAny, HasValue(has_value))) = map.next_entry()? {
                    any |= has_value;
                }
                Ok(HasValue(any))
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}
