//! Payload types that several lookups share.

use alloc::string::String;
use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};

use crate::read::error::ShapeError;
use crate::read::field::Field;
use crate::read::json::Json;

crate::payload! {
    /// A page on which an e-mail address was found.
    ///
    /// Dates are text, because their form differs between Tomba's samples.
    pub struct Source {
        /// The page's URL, such as `https://example.org/team`.
        pub uri: Option<String>,
        /// The page's domain, such as `example.org`.
        pub website_url: Option<String>,
        /// When the address was first seen, such as `2021-02-08T20:09:54+01:00`.
        pub extracted_on: Option<String>,
        /// When the address was last seen, such as `2021-02-08T22:43:40+01:00`.
        pub last_seen_on: Option<String>,
        /// Whether the address is still on the page.
        pub still_on_page: Option<bool>,
    }
}

crate::payload! {
    /// The last verification of an e-mail address.
    pub struct Verification {
        /// The date of the verification, such as `2021-05-25T00:00:00+02:00`.
        pub date: Option<String>,
        /// The result of the verification, such as `valid`.
        pub status: Option<String>,
    }
}

crate::payload! {
    /// The registration of a domain.
    pub struct Whois {
        /// The registrar's name, such as `Example Registrar Ltd.`.
        pub registrar_name: Option<String>,
        /// When the domain was registered, such as `2020-07-07T20:54:07+02:00`.
        pub created_date: Option<String>,
        /// The registrar's URL, such as `https://registrar.example/`.
        pub referral_url: Option<String>,
    }
}

/// A person's phone number, or only whether Tomba knows one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum PhoneNumber {
    /// Whether Tomba knows a number. The body does not contain the number.
    IsKnown(bool),
    /// The number.
    Number(String),
}

impl PhoneNumber {
    /// Returns the number, if it was sent.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        match self {
            Self::IsKnown(_) => None,
            Self::Number(number) => Some(number),
        }
    }

    /// Returns a copy of the number, if it was sent.
    pub(super) fn of(number: Option<&Self>) -> Option<String> {
        number.and_then(Self::number).map(String::from)
    }
}

impl From<String> for PhoneNumber {
    fn from(text: String) -> Self {
        match text.as_str() {
            "true" => Self::IsKnown(true),
            "false" => Self::IsKnown(false),
            _ => Self::Number(text),
        }
    }
}

impl Field for PhoneNumber {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        Ok(String::read(json)?.map(Self::from))
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PhoneVisitor;

        impl Visitor<'_> for PhoneVisitor {
            type Value = PhoneNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a phone number or a boolean")
            }

            fn visit_bool<E: Error>(self, is_known: bool) -> Result<PhoneNumber, E> {
                Ok(PhoneNumber::IsKnown(is_known))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<PhoneNumber, E> {
                Ok(PhoneNumber::from(String::from(text)))
            }
        }

        deserializer.deserialize_any(PhoneVisitor)
    }
}
