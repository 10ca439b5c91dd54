//! What several look-ups share.

use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize};

use crate::read::lenient::Lenient;

payload! {
    /// A page on which an address was found. Tomba writes dates in several forms: they stay text.
    pub struct Source {
        /// The page's URL.
        pub uri: Option<String>,
        /// The page's domain.
        pub website_url: Option<String>,
        /// When it was found first.
        pub extracted_on: Option<String>,
        /// When it was seen last.
        pub last_seen_on: Option<String>,
        /// Whether it is still there.
        pub still_on_page: Option<bool>,
    }
}

payload! {
    /// The last verification of an address.
    pub struct Verification {
        /// When it was.
        pub date: Option<String>,
        /// Its result, such as `valid`.
        pub status: Option<String>,
    }
}

payload! {
    /// The registration of a domain.
    pub struct Whois {
        /// The registrar's name.
        pub registrar_name: Option<String>,
        /// When the domain was registered.
        pub created_date: Option<String>,
        /// The registrar's URL.
        pub referral_url: Option<String>,
    }
}

/// What Tomba says of a person's phone number: the number, or only whether there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum PhoneNumber {
    /// Whether a number is known. It is not part of the answer.
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

impl Lenient for Option<PhoneNumber> {
    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Option<String> = Lenient::deserialize(deserializer)?;
        Ok(text.map(|text| match text.as_str() {
            "true" => PhoneNumber::IsKnown(true),
            "false" => PhoneNumber::IsKnown(false),
            _ => PhoneNumber::Number(text),
        }))
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::read::lenient::present(deserializer, &"a phone number or a boolean")
    }
}
