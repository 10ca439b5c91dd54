//! The result of the lookup phone-finder.

use alloc::{string::String, vec::Vec};
use core::{fmt, slice};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use crate::lead::Lead;
use crate::read::error::ShapeError;
use crate::read::field::Field;
use crate::read::json::Json;
use crate::read::member::Member;

/// The phone numbers that phone-finder found for an e-mail address, a domain or a LinkedIn profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "one number is the usual case")]
pub enum PhoneFinder {
    /// One number.
    One(FoundPhone),
    /// All numbers, which Tomba sends if the lookup has the option `full` (Tomba's Go client).
    Full(Vec<FoundPhone>),
}

crate::payload! {
    /// A phone number, and the address, domain or profile for which it was looked up.
    pub struct FoundPhone {
        /// The e-mail address that was looked up, such as `ann.lee@example.com`.
        pub email: Option<String>,
        /// The domain that was looked up, such as `example.com`.
        pub domain: Option<String>,
        /// The LinkedIn profile that was looked up, such as `https://www.linkedin.com/in/annlee`.
        pub linkedin: Option<String>,
        /// Whether the number is valid.
        pub valid: Option<bool>,
        /// The number as written within its country, such as `(800) 555-0100`.
        pub local_format: Option<String>,
        /// The number in international form, such as `+1 800-555-0100`.
        pub intl_format: Option<String>,
        /// The number in E.164, such as `+18005550100`.
        pub e164_format: Option<String>,
        /// The number as a URI of RFC 3966, such as `tel:+1-800-555-0100`.
        pub rfc3966_format: Option<String>,
        /// The country as a code, such as `US`.
        pub country_code: Option<String>,
        /// The kind of line, such as `mobile` or `TOLL_FREE`. Other values are possible.
        pub line_type: Option<String>,
        /// The carrier's name, such as `Example Wireless`.
        pub carrier: Option<String>,
        /// The time zones, such as `America/New_York`. Older samples have a single text, which is read as
        /// a list of one.
        pub timezones: Vec<String>,
    }
}

impl PhoneFinder {
    /// Returns the numbers that were found.
    #[must_use]
    pub fn phones(&self) -> &[FoundPhone] {
        match self {
            Self::One(phone) => slice::from_ref(phone),
            Self::Full(phones) => phones,
        }
    }

    /// Returns the person or company that was looked up, with the first number in E.164.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        self.phones().iter().find_map(FoundPhone::lead)
    }
}

impl FoundPhone {
    /// Returns the person or company that was looked up, with the number in E.164.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        Lead {
            email: self.email.clone(),
            phone: self.e164_format.clone(),
            website: self.domain.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}

impl Field for PhoneFinder {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        if !json.is_list() {
            return Ok(<FoundPhone as Field>::read(json)?.map(Self::One));
        }
        let phones: Vec<_> = Member::read(json)?;
        Ok((!phones.is_empty()).then_some(Self::Full(phones)))
    }
}

impl<'de> Deserialize<'de> for PhoneFinder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PhonesVisitor;

        impl<'de> Visitor<'de> for PhonesVisitor {
            type Value = PhoneFinder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PhoneFinder, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(map)).map(PhoneFinder::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<PhoneFinder, A::Error> {
                match Vec::deserialize(SeqAccessDeserializer::new(seq))? {
                    phones if phones.is_empty() => Err(A::Error::custom("an empty list")),
                    phones => Ok(PhoneFinder::Full(phones)),
                }
            }
        }

        deserializer.deserialize_any(PhonesVisitor)
    }
}
