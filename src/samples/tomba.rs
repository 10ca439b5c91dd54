//! Samples of Tomba's deliveries.

use super::Sample;
use crate::providers::Tomba;

/// A saved lead whose values are all empty, as Tomba documents it.
///
#[doc = include_str!("docs/save-lead.md")]
pub const SAVE_LEAD: Sample<Tomba> = Sample::new(
    "save-lead",
    include_str!("tomba/save_lead_empty_docs_sample.json"),
);

/// The result of an email-verifier lookup.
///
#[doc = include_str!("docs/email-verifier.md")]
pub const EMAIL_VERIFIER: Sample<Tomba> = Sample::new(
    "email-verifier",
    include_str!("tomba/email_verifier_2025.json"),
);

/// The result of an email-finder lookup.
///
#[doc = include_str!("docs/email-finder.md")]
pub const EMAIL_FINDER: Sample<Tomba> =
    Sample::new("email-finder", include_str!("tomba/email_finder_2023.json"));

/// The result of a domain-search lookup.
///
#[doc = include_str!("docs/domain-search.md")]
pub const DOMAIN_SEARCH: Sample<Tomba> = Sample::new(
    "domain-search",
    include_str!("tomba/domain_search_2023.json"),
);

/// The result of an author-finder lookup.
///
#[doc = include_str!("docs/author-finder.md")]
pub const AUTHOR_FINDER: Sample<Tomba> = Sample::new(
    "author-finder",
    include_str!("tomba/author_finder_with_info.json"),
);

/// The result of a phone-finder lookup.
///
#[doc = include_str!("docs/phone-finder.md")]
pub const PHONE_FINDER: Sample<Tomba> =
    Sample::new("phone-finder", include_str!("tomba/phone_finder_2025.json"));

/// The result of a phone-validator lookup.
///
#[doc = include_str!("docs/phone-validator.md")]
pub const PHONE_VALIDATOR: Sample<Tomba> = Sample::new(
    "phone-validator",
    include_str!("tomba/phone_validator_region.json"),
);

/// All samples of Tomba.
pub const ALL: &[Sample<Tomba>] = &[
    SAVE_LEAD,
    EMAIL_VERIFIER,
    EMAIL_FINDER,
    DOMAIN_SEARCH,
    AUTHOR_FINDER,
    PHONE_FINDER,
    PHONE_VALIDATOR,
];
