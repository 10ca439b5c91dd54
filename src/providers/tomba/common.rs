//! What several look-ups share.

use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize};

use crate::read::lenient::Lenient;

payload! {
    /// A page on which an address was found. Tomba writes dates in several forms: they stay text.
    pub struct Source {
        /// The page's URL.
        uri: Option<String>,
        /// The page's domain.
        website_url: Option<String>,
        /// When it was found first.
        extracted_on: Option<String>,
        /// When it was seen last.
        last_seen_on: Option<String>,
        /// Whether it is still there.
        still_on_page: Option<bool>,
    }
}

payload! {
    /// The last verification of an address.
    pub struct Verification {
        /// When it was.
        date: Option<String>,
        /// Its result, such as `valid`.
        status: Option<String>,
    }
}

payload! {
    /// The registration of a domain.
    pub struct Whois {
        /// The registrar's name.
        registrar_name: Option<String>,
        /// When the domain was registered.
        created_date: Option<String>,
        /// The registrar's URL.
        referral_url: Option<String>,
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
    /// The number, where it was sent.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        match self {
            Self::IsKnown(_) => None,
            Self::Number(number) => Some(number),
        }
    }
}

impl Lenient for Option<PhoneNumber> {
    const LEFT_OUT: Option<Self> = Some(None);

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Option<String> = Lenient::read(deserializer)?;
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
