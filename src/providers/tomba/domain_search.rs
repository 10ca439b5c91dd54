//! The result of the look-up domain-search.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};

use super::body::Data;
use super::{PhoneNumber, Source, Verification, Whois};
use crate::lead::Lead;
use crate::read::lenient::Lenient;

payload! {
    /// The organization behind a domain, and addresses at it.
    pub struct DomainSearch {
        /// The organization.
        pub organization: Option<Organization>,
        /// One page of the addresses.
        pub emails: Vec<FoundEmail>,
        /// Which page it is, and of what. In the body it stands beside the data.
        pub meta: Option<Meta>,
    }
}

payload! {
    /// An organization.
    pub struct Organization {
        /// The name.
        pub organization: Option<String>,
        /// The domain.
        pub website_url: Option<String>,
        /// The description.
        pub description: Option<String>,
        /// The address.
        pub location: Option<Location>,
        /// The profiles in social networks.
        pub social_links: Option<SocialLinks>,
        /// The phone number.
        pub phone_number: Option<String>,
        /// The industry.
        pub industries: Option<String>,
        /// The year of the foundation.
        pub founded: Option<String>,
        /// The number of employees as a range, such as `1001-5000`.
        pub company_size: Option<String>,
        /// The legal form, such as `privately held`.
        pub company_type: Option<String>,
        /// The revenue as a range.
        pub revenue: Option<String>,
        /// The pattern of addresses, such as `{first}.{last}`.
        pub pattern: Option<String>,
        /// Whether the domain takes mail for every address.
        pub accept_all: Option<bool>,
        /// Whether the domain gives out throw-away addresses.
        pub disposable: Option<bool>,
        /// Whether the domain is a web mailer's.
        pub webmail: Option<bool>,
        /// What the organization is about.
        pub keywords: Vec<String>,
        /// The domain's rank.
        pub ranking: Option<u64>,
        /// How many organizations are similar.
        pub total_similar: Option<u64>,
        /// The domain's registration.
        pub whois: Option<Whois>,
        /// When this was brought up to date.
        pub last_updated: Option<String>,
        /// The postal code. Since 2023 it is part of the location.
        pub postal_code: Option<String>,
        /// The number of employees. Sent until 2021.
        pub employee_count: Option<u64>,
        /// The domain's score. Sent until 2021.
        pub domain_score: Option<f64>,
    }
}

payload! {
    /// A postal address. Wrong values occur.
    pub struct Location {
        /// The country's code.
        pub country: Option<String>,
        /// The city.
        pub city: Option<String>,
        /// The state.
        pub state: Option<String>,
        /// The street and number.
        pub street_address: Option<String>,
        /// The postal code.
        pub postal_code: Option<String>,
    }
}

payload! {
    /// Profiles in social networks.
    pub struct SocialLinks {
        /// The Twitter profile.
        pub twitter_url: Option<String>,
        /// The Facebook profile.
        pub facebook_url: Option<String>,
        /// The LinkedIn profile.
        pub linkedin_url: Option<String>,
    }
}

payload! {
    /// An address at a domain.
    pub struct FoundEmail {
        /// The address.
        pub email: Option<String>,
        /// The first name.
        pub first_name: Option<String>,
        /// The last name.
        pub last_name: Option<String>,
        /// The full name.
        pub full_name: Option<String>,
        /// The gender.
        pub gender: Option<String>,
        /// The phone number, or whether one is known.
        pub phone_number: Option<PhoneNumber>,
        /// `generic` or `personal`, as documented; any text.
        #[serde(rename = "type")]
        pub kind: Option<String>,
        /// The country's code.
        pub country: Option<String>,
        /// The position within the organization.
        pub position: Option<String>,
        /// The department.
        pub department: Option<String>,
        /// The seniority.
        pub seniority: Option<String>,
        /// The Twitter profile.
        pub twitter: Option<String>,
        /// The LinkedIn profile.
        pub linkedin: Option<String>,
        /// How deliverable the address is, of 0 to 100.
        pub score: Option<f64>,
        /// The last verification of the address.
        pub verification: Option<Verification>,
        /// Where the address was found.
        pub sources: Vec<Source>,
        /// Whether the domain takes mail for every address. Sent until 2021.
        pub accept_all: Option<bool>,
        /// The pattern of the address. Sent until 2021.
        pub pattern: Option<String>,
        /// When this was brought up to date. Sent until 2021.
        pub last_updated: Option<String>,
    }
}

payload! {
    /// Which page of a search it is.
    pub struct Meta {
        /// How many addresses there are.
        pub total: Option<u64>,
        /// How many a page holds.
        #[serde(rename = "pageSize")]
        pub page_size: Option<u64>,
        /// The page's number, counted from 0 or from 1.
        pub current: Option<u64>,
        /// How many pages there are.
        pub total_pages: Option<u64>,
        /// What was searched for.
        pub params: Option<SearchParams>,
    }
}

payload! {
    /// What was searched for.
    pub struct SearchParams {
        /// The domain.
        pub domain: Option<String>,
        /// The page's number.
        pub page: Option<u64>,
        /// How many a page holds.
        pub limit: Option<u64>,
        /// The department.
        pub department: Option<String>,
        /// The kind of address, such as `all`.
        #[serde(rename = "type")]
        pub kind: Option<String>,
    }
}

impl DomainSearch {
    /// Returns the organization.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        let organization = self.organization.as_ref()?;
        Lead {
            company: organization.organization.clone(),
            phone: organization.phone_number.clone(),
            website: organization.website_url.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}

impl Data for DomainSearch {
    const NAME: &'static str = "domain-search";

    fn lead(&self) -> Option<Lead> {
        self.lead()
    }

    fn read_body<'de, D: Deserializer<'de>>(body: D) -> Result<Self, D::Error> {
        let SearchBody { data, meta, .. } = SearchBody::deserialize(body)?;
        Ok(Self { meta, ..data })
    }

    fn write_body<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SearchBodyRef {
            data: SearchDataRef {
                organization: self.organization.as_ref(),
                emails: &self.emails,
            },
            meta: self.meta.as_ref(),
        }
        .serialize(serializer)
    }
}

/// The body of a search, which has the page beside the data.
#[derive(Deserialize)]
struct SearchBody {
    #[serde(with = "Lenient")]
    data: DomainSearch,
    #[serde(default, with = "Lenient")]
    meta: Option<Meta>,
    #[serde(default, rename = "errors")]
    _errors: IgnoredAny,
}

/// The body of a search, borrowed.
#[derive(Serialize)]
struct SearchBodyRef<'a> {
    data: SearchDataRef<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a Meta>,
}

/// A search without its page.
#[derive(Serialize)]
struct SearchDataRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a Organization>,
    emails: &'a [FoundEmail],
}
