//! The result of the lookup phone-validator.

use alloc::{string::String, vec::Vec};

use crate::lead::Lead;

crate::payload! {
    /// The data that phone-validator returns about a phone number.
    ///
    /// No body is documented. The fields are assumed from public code that reads such bodies.
    pub struct PhoneValidator {
        /// The number that was looked up, such as `+18005550100`.
        pub phone: Option<String>,
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
        /// The kind of line, such as `MOBILE`. Other values are possible.
        pub line_type: Option<String>,
        /// The carrier's name, such as `Example Wireless`.
        pub carrier: Option<String>,
        /// The time zones, such as `America/New_York`. A single text reads as a list of one.
        pub timezones: Vec<String>,
        /// The region that the number belongs to, such as `United States`.
        pub region: Option<Region>,
    }
}

crate::payload! {
    /// The region that a phone number belongs to.
    pub struct Region {
        /// The region's name, such as `United States`.
        pub name: Option<String>,
        /// The region's code, such as `US`.
        pub code: Option<String>,
    }
}

impl PhoneValidator {
    /// Returns the owner of the number, with the number in E.164 as the only contact data.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        Lead {
            phone: self.e164_format.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}
