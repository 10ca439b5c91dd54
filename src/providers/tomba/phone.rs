//! The results of the look-ups phone-finder and phone-validator, which share the number's fields.

use alloc::{string::String, vec::Vec};

use crate::lead::Lead;

/// Declares the result of a look-up about a phone number.
macro_rules! phone {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($more:tt)* }
    ) => {
        payload! {
            $(#[$meta])*
            pub struct $name {
                /// Whether the number is a valid one.
                valid: Option<bool>,
                /// The number as it is written within its country.
                local_format: Option<String>,
                /// The number as it is written from abroad.
                intl_format: Option<String>,
                /// The number in E.164, such as `+18005550100`.
                e164_format: Option<String>,
                /// The number as a URI of RFC 3966.
                rfc3966_format: Option<String>,
                /// The country's code.
                country_code: Option<String>,
                /// The kind of line, such as `mobile` or `TOLL_FREE`; any text.
                line_type: Option<String>,
                /// The carrier.
                carrier: Option<String>,
                /// The time zones. One text, as it was sent until 2023, reads as a list of one.
                timezones: Vec<String>,
                $($more)*
            }
        }
    };
}

phone! {
    /// The phone number of a person or company.
    pub struct PhoneFinder {
        /// The e-mail address that was looked up.
        email: Option<String>,
        /// The domain that was looked up.
        domain: Option<String>,
        /// The LinkedIn profile that was looked up.
        linkedin: Option<String>,
    }
}

phone! {
    /// What is known of a phone number. No body of it is documented; the fields are those that
    /// public code reads.
    pub struct PhoneValidator {
        /// The number that was looked up.
        phone: Option<String>,
        /// The region.
        region: Option<Region>,
    }
}

payload! {
    /// A region of the world.
    pub struct Region {
        /// The name.
        name: Option<String>,
        /// The code.
        code: Option<String>,
    }
}

impl PhoneFinder {
    /// The person or company that was looked up, and the number in E.164.
    #[must_use]
    pub fn lead(&self) -> Lead {
        Lead {
            email: self.email.clone(),
            phone: self.e164_format.clone(),
            website: self.domain.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}

impl PhoneValidator {
    /// Whoever has the number, in E.164.
    #[must_use]
    pub fn lead(&self) -> Lead {
        Lead {
            phone: self.e164_format.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}
