//! The result of the look-up email-verifier.

use alloc::{string::String, vec::Vec};

use super::{Source, Whois};
use crate::lead::Lead;

payload! {
    /// Whether mail to an address arrives.
    pub struct EmailVerifier {
        @required {
            /// The address, and what was found out about it.
            email: VerifiedEmail,
        }
        /// Where the address was found.
        sources: Vec<Source>,
    }
}

payload! {
    /// An address, and what was found out about it.
    pub struct VerifiedEmail {
        /// The address.
        email: Option<String>,
        /// `deliverable`, `undeliverable` or `risky`, as documented; any text.
        result: Option<String>,
        /// `valid`, `invalid`, `accept_all`, `webmail`, `disposable` or `unknown`, as documented; any
        /// text.
        status: Option<String>,
        /// How deliverable the address is, of 0 to 100.
        score: Option<f64>,
        /// Whether the domain has MX records. Sent until 2024.
        mx_records: Option<bool>,
        /// The domain's MX records. Sent since 2025.
        mx: Option<MxRecords>,
        /// Whether the MX records are right. Sent since 2025.
        mx_check: Option<bool>,
        /// Who runs the mail server. Sent since 2025.
        smtp_provider: Option<String>,
        /// Whether the mail server answers.
        smtp_server: Option<bool>,
        /// Whether the mail server takes mail for the address.
        smtp_check: Option<bool>,
        /// Whether the mail server takes mail for every address.
        accept_all: Option<bool>,
        /// Whether the mail server delays unknown senders. Sent since 2025.
        greylisted: Option<bool>,
        /// Whether the mail server blocks.
        block: Option<bool>,
        /// Whether the address looks made up.
        gibberish: Option<bool>,
        /// Whether the domain gives out throw-away addresses.
        disposable: Option<bool>,
        /// Whether the domain is a web mailer's.
        webmail: Option<bool>,
        /// Whether the address is well-formed.
        regex: Option<bool>,
        /// The domain's registration.
        whois: Option<Whois>,
    }
}

payload! {
    /// The MX records of a domain.
    pub struct MxRecords {
        /// The names of the mail servers.
        records: Vec<String>,
    }
}

impl EmailVerifier {
    /// The person behind the address.
    #[must_use]
    pub fn lead(&self) -> Lead {
        Lead {
            email: self.email.email.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}
