//! The result of the look-up phone-finder.

use alloc::{string::String, vec::Vec};
use core::{fmt, slice};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::body::Data;
use crate::lead::Lead;
use crate::read::lenient::{ElementSizes, Lenient, larger, object_or_list, present};

/// The phone numbers that phone-finder found for an e-mail address, a domain or a LinkedIn profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "one number is the usual case")]
pub enum PhoneFinder {
    /// One number.
    One(FoundPhone),
    /// All numbers, which Tomba sends if the look-up has the option `full` (Tomba's Go client).
    Full(Vec<FoundPhone>),
}

payload! {
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

/// An object or a list of objects. Null and the empty list are read as `None`.
impl Lenient for Option<PhoneFinder> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Phones;

        impl<'de> Visitor<'de> for Phones {
            type Value = Option<PhoneFinder>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of objects")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let phone = Deserialize::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Some(PhoneFinder::One(phone)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                let phones: Vec<_> = Lenient::read(SeqAccessDeserializer::new(seq))?;
                Ok((!phones.is_empty()).then_some(PhoneFinder::Full(phones)))
            }
        }

        object_or_list(deserializer, Phones)
    }
}

impl Lenient for PhoneFinder {
    const ELEMENT: usize = size_of::<FoundPhone>();
    const ELEMENT_SIZES: ElementSizes =
        larger((Self::ELEMENT, 0), <FoundPhone as Lenient>::ELEMENT_SIZES);

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        present(deserializer, &"an object or a list of objects")
    }

    fn is_documented_key(key: &str) -> bool {
        <FoundPhone as Lenient>::is_documented_key(key)
    }
}

impl Data for PhoneFinder {
    const NAME: &'static str = "phone-finder";

    fn lead(&self) -> Option<Lead> {
        self.lead()
    }
}
