//! The result of the look-up domain-search.

use alloc::{string::String, vec::Vec};

use super::{PhoneNumber, Source, Verification, Whois};
use crate::lead::Lead;

payload! {
    /// The organization behind a domain, and addresses at it.
    pub struct DomainSearch {
        @required {
            /// The organization.
            organization: Organization,
        }
        /// One page of the addresses.
        emails: Vec<FoundEmail>,
        /// Which page it is, and of what. In the body it stands beside the data.
        meta: Option<Meta>,
    }
}

payload! {
    /// An organization.
    pub struct Organization {
        /// The name.
        organization: Option<String>,
        /// The domain.
        website_url: Option<String>,
        /// The description.
        description: Option<String>,
        /// The address.
        location: Option<Location>,
        /// The profiles in social networks.
        social_links: Option<SocialLinks>,
        /// The phone number.
        phone_number: Option<String>,
        /// The industry.
        industries: Option<String>,
        /// The year of the foundation.
        founded: Option<String>,
        /// The number of employees as a range, such as `1001-5000`.
        company_size: Option<String>,
        /// The legal form, such as `privately held`.
        company_type: Option<String>,
        /// The revenue as a range.
        revenue: Option<String>,
        /// The pattern of addresses, such as `{first}.{last}`.
        pattern: Option<String>,
        /// Whether the domain takes mail for every address.
        accept_all: Option<bool>,
        /// Whether the domain gives out throw-away addresses.
        disposable: Option<bool>,
        /// Whether the domain is a web mailer's.
        webmail: Option<bool>,
        /// What the organization is about.
        keywords: Vec<String>,
        /// The domain's rank.
        ranking: Option<u64>,
        /// How many organizations are similar.
        total_similar: Option<u64>,
        /// The domain's registration.
        whois: Option<Whois>,
        /// When this was brought up to date.
        last_updated: Option<String>,
        /// The postal code. Since 2023 it is part of the location.
        postal_code: Option<String>,
        /// The number of employees. Sent until 2021.
        employee_count: Option<u64>,
        /// The domain's score. Sent until 2021.
        domain_score: Option<f64>,
    }
}

payload! {
    /// A postal address. Wrong values occur.
    pub struct Location {
        /// The country's code.
        country: Option<String>,
        /// The city.
        city: Option<String>,
        /// The state.
        state: Option<String>,
        /// The street and number.
        street_address: Option<String>,
        /// The postal code.
        postal_code: Option<String>,
    }
}

payload! {
    /// Profiles in social networks.
    pub struct SocialLinks {
        /// The Twitter profile.
        twitter_url: Option<String>,
        /// The Facebook profile.
        facebook_url: Option<String>,
        /// The LinkedIn profile.
        linkedin_url: Option<String>,
    }
}

payload! {
    /// An address at a domain.
    pub struct FoundEmail {
        /// The address.
        email: Option<String>,
        /// The first name.
        first_name: Option<String>,
        /// The last name.
        last_name: Option<String>,
        /// The full name.
        full_name: Option<String>,
        /// The gender.
        gender: Option<String>,
        /// The phone number, or whether one is known.
        phone_number: Option<PhoneNumber>,
        /// `generic` or `personal`, as documented; any text.
        kind = "type": Option<String>,
        /// The country's code.
        country: Option<String>,
        /// The position within the organization.
        position: Option<String>,
        /// The department.
        department: Option<String>,
        /// The seniority.
        seniority: Option<String>,
        /// The Twitter profile.
        twitter: Option<String>,
        /// The LinkedIn profile.
        linkedin: Option<String>,
        /// How deliverable the address is, of 0 to 100.
        score: Option<f64>,
        /// The last verification of the address.
        verification: Option<Verification>,
        /// Where the address was found.
        sources: Vec<Source>,
        /// Whether the domain takes mail for every address. Sent until 2021.
        accept_all: Option<bool>,
        /// The pattern of the address. Sent until 2021.
        pattern: Option<String>,
        /// When this was brought up to date. Sent until 2021.
        last_updated: Option<String>,
    }
}

payload! {
    /// Which page of a search it is.
    pub struct Meta {
        /// How many addresses there are.
        total: Option<u64>,
        /// How many a page holds.
        page_size = "pageSize": Option<u64>,
        /// The page's number, counted from 0 or from 1.
        current: Option<u64>,
        /// How many pages there are.
        total_pages: Option<u64>,
        /// What was searched for.
        params: Option<SearchParams>,
    }
}

payload! {
    /// What was searched for.
    pub struct SearchParams {
        /// The domain.
        domain: Option<String>,
        /// The page's number.
        page: Option<u64>,
        /// How many a page holds.
        limit: Option<u64>,
        /// The department.
        department: Option<String>,
        /// The kind of address, such as `all`.
        kind = "type": Option<String>,
    }
}

impl DomainSearch {
    /// The organization.
    #[must_use]
    pub fn lead(&self) -> Lead {
        Lead {
            company: self.organization.organization.clone(),
            phone: self.organization.phone_number.clone(),
            website: self.organization.website_url.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}
