//! The result of the lookup email-verifier.

use alloc::{string::String, vec::Vec};

use super::common::{Source, Whois};
use crate::lead::Lead;

crate::payload! {
    /// The verification of an e-mail address.
    pub struct EmailVerifier {
        /// The address with the result of its verification.
        pub email: VerifiedEmail,
        /// The pages on which the address was found.
        pub sources: Vec<Source>,
    }
}

crate::payload! {
    /// An e-mail address with the result of its verification.
    pub struct VerifiedEmail {
        /// The e-mail address, such as `ann.lee@example.com`.
        pub email: Option<String>,
        /// The result, such as `deliverable`.
        ///
        /// The documented values are `deliverable`, `undeliverable` and `risky`. Other values are possible.
        pub result: Option<String>,
        /// The status, such as `valid`.
        ///
        /// The documented values are `valid`, `invalid`, `accept_all`, `webmail`, `disposable` and `unknown`.
        /// Other values are possible.
        pub status: Option<String>,
        /// Tomba's confidence from 0 to 100, such as `99`. Higher is better (Tomba's documentation).
        pub score: Option<f64>,
        /// Whether the domain has MX records, in older samples.
        pub mx_records: Option<bool>,
        /// The domain's MX records, in newer samples.
        pub mx: Option<MxRecords>,
        /// Whether the MX records are valid, in newer samples.
        pub mx_check: Option<bool>,
        /// The operator of the mail server, such as `Google Workspace`, in newer samples.
        pub smtp_provider: Option<String>,
        /// Whether a mail server was found for the domain (Tomba's documentation).
        pub smtp_server: Option<bool>,
        /// Whether the mail server accepted a probe of the address (Tomba's documentation).
        pub smtp_check: Option<bool>,
        /// Whether the mail server accepts mail to every address.
        pub accept_all: Option<bool>,
        /// Whether the mail server put off the verification, so that a later one may tell more, in newer
        /// samples.
        pub greylisted: Option<bool>,
        /// Whether the domain is blocked or on a blacklist (Tomba's documentation). Older documentation
        /// says that the mail server prevented the check. It is `true` in the sample of a deliverable
        /// address.
        pub block: Option<bool>,
        /// Whether the part before the `@` looks random.
        pub gibberish: Option<bool>,
        /// Whether the domain gives out disposable addresses.
        pub disposable: Option<bool>,
        /// Whether the domain belongs to a webmail service.
        pub webmail: Option<bool>,
        /// Whether the address is well-formed.
        pub regex: Option<bool>,
        /// The domain's registration.
        pub whois: Option<Whois>,
    }
}

crate::payload! {
    /// The MX records of a domain.
    pub struct MxRecords {
        /// The names of the mail servers, such as `mx1.example.net`.
        pub records: Vec<String>,
    }
}

impl EmailVerifier {
    /// Returns the person behind the address, with the address as the only contact data.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        Lead {
            email: self.email.email.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}
