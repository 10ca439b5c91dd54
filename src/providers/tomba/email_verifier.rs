//! The result of the look-up email-verifier.

use alloc::{string::String, vec::Vec};

use super::body::Data;
use super::{Source, Whois};
use crate::lead::Lead;

payload! {
    /// Whether mail to an address arrives.
    pub struct EmailVerifier {
        /// The address, and what was found out about it.
        pub email: VerifiedEmail,
        /// Where the address was found.
        pub sources: Vec<Source>,
    }
}

payload! {
    /// An address, and what was found out about it.
    pub struct VerifiedEmail {
        /// The address.
        pub email: Option<String>,
        /// `deliverable`, `undeliverable` or `risky`, as documented; any text.
        pub result: Option<String>,
        /// `valid`, `invalid`, `accept_all`, `webmail`, `disposable` or `unknown`, as documented; any
        /// text.
        pub status: Option<String>,
        /// How deliverable the address is, of 0 to 100.
        pub score: Option<f64>,
        /// Whether the domain has MX records. Sent until 2024.
        pub mx_records: Option<bool>,
        /// The domain's MX records. Sent since 2025.
        pub mx: Option<MxRecords>,
        /// Whether the MX records are right. Sent since 2025.
        pub mx_check: Option<bool>,
        /// Who runs the mail server. Sent since 2025.
        pub smtp_provider: Option<String>,
        /// Whether the mail server answers.
        pub smtp_server: Option<bool>,
        /// Whether the mail server takes mail for the address.
        pub smtp_check: Option<bool>,
        /// Whether the mail server takes mail for every address.
        pub accept_all: Option<bool>,
        /// Whether the mail server delays unknown senders. Sent since 2025.
        pub greylisted: Option<bool>,
        /// Whether the mail server blocks.
        pub block: Option<bool>,
        /// Whether the address looks made up.
        pub gibberish: Option<bool>,
        /// Whether the domain gives out throw-away addresses.
        pub disposable: Option<bool>,
        /// Whether the domain is a web mailer's.
        pub webmail: Option<bool>,
        /// Whether the address is well-formed.
        pub regex: Option<bool>,
        /// The domain's registration.
        pub whois: Option<Whois>,
    }
}

payload! {
    /// The MX records of a domain.
    pub struct MxRecords {
        /// The names of the mail servers.
        pub records: Vec<String>,
    }
}

impl EmailVerifier {
    /// The person behind the address.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        Lead {
            email: self.email.email.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}

impl Data for EmailVerifier {
    const NAME: &'static str = "email-verifier";

    fn lead(&self) -> Option<Lead> {
        self.lead()
    }
}
