//! The result of the lookup domain-search.

use alloc::{string::String, vec::Vec};

use super::common::{PhoneNumber, Source, Verification, Whois};
use crate::lead::Lead;

crate::payload! {
    /// The organization behind a domain and the e-mail addresses at it.
    pub struct DomainSearch {
        /// The organization behind the domain.
        pub organization: Option<Organization>,
        /// One page of the e-mail addresses at the domain.
        pub emails: Vec<FoundEmail>,
        /// The position of the page among all pages. The body has it beside the data.
        pub meta: Option<Meta>,
    }
}

crate::payload! {
    /// An organization.
    pub struct Organization {
        /// The organization's name, such as `Example`.
        pub organization: Option<String>,
        /// The organization's domain, such as `example.com`.
        pub website_url: Option<String>,
        /// A description of the organization, in a sentence or more.
        pub description: Option<String>,
        /// The organization's postal address.
        pub location: Option<Location>,
        /// The organization's profiles in social networks.
        pub social_links: Option<SocialLinks>,
        /// The phone number, such as `+1 555 0100`.
        pub phone_number: Option<String>,
        /// The industry, such as `internet`.
        pub industries: Option<String>,
        /// The year in which the organization was founded, such as `2010`.
        pub founded: Option<String>,
        /// The number of employees as a range, such as `1001-5000`.
        pub company_size: Option<String>,
        /// The legal form, such as `privately held`.
        pub company_type: Option<String>,
        /// The revenue, in an unknown form, because no public sample has a value.
        pub revenue: Option<String>,
        /// The pattern of the addresses, such as `{first}.{last}`.
        pub pattern: Option<String>,
        /// Whether the domain accepts mail to every address.
        pub accept_all: Option<bool>,
        /// Whether the domain gives out disposable addresses.
        pub disposable: Option<bool>,
        /// Whether the domain belongs to a webmail service.
        pub webmail: Option<bool>,
        /// Keywords about the organization, such as `payments`.
        pub keywords: Vec<String>,
        /// The rank of the domain, such as `1500`. The ranking is not documented.
        pub ranking: Option<u64>,
        /// The number of similar organizations, such as `10`.
        pub total_similar: Option<u64>,
        /// The domain's registration.
        pub whois: Option<Whois>,
        /// When the data was updated, such as `2023-10-14T15:02:33+02:00`.
        pub last_updated: Option<String>,
        /// The postal code, such as `94107`, in older samples. Newer samples have it in `location`.
        pub postal_code: Option<String>,
        /// The number of employees, such as `4000`, in older samples.
        pub employee_count: Option<u64>,
        /// The domain's score, such as `90`, in older samples.
        pub domain_score: Option<f64>,
    }
}

crate::payload! {
    /// A postal address. Tomba's data is sometimes wrong here.
    pub struct Location {
        /// The country as a code, such as `US`.
        pub country: Option<String>,
        /// The city, such as `San Francisco`.
        pub city: Option<String>,
        /// The state, such as `California`.
        pub state: Option<String>,
        /// The street and number, such as `510 Townsend Street`.
        pub street_address: Option<String>,
        /// The postal code, such as `94107`.
        pub postal_code: Option<String>,
    }
}

crate::payload! {
    /// Profiles in social networks.
    pub struct SocialLinks {
        /// The Twitter profile, such as `https://twitter.com/example`.
        pub twitter_url: Option<String>,
        /// The Facebook profile, such as `https://www.facebook.com/example`.
        pub facebook_url: Option<String>,
        /// The LinkedIn profile, such as `https://www.linkedin.com/company/example`.
        pub linkedin_url: Option<String>,
    }
}

crate::payload! {
    /// An e-mail address at a domain, with the person behind it.
    pub struct FoundEmail {
        /// The e-mail address, such as `ann.lee@example.com`.
        pub email: Option<String>,
        /// The person's first name, such as `Ann`.
        pub first_name: Option<String>,
        /// The person's last name, such as `Lee`.
        pub last_name: Option<String>,
        /// The person's full name, such as `Ann Lee`.
        pub full_name: Option<String>,
        /// The person's gender, such as `female`.
        pub gender: Option<String>,
        /// The person's phone number, or whether Tomba knows one.
        pub phone_number: Option<PhoneNumber>,
        /// The kind of address, such as `personal`.
        ///
        /// The documented values are `generic` and `personal`. Other values are possible.
        #[key = "type"]
        pub kind: Option<String>,
        /// The person's country as a code, such as `US`.
        pub country: Option<String>,
        /// The person's position, such as `Financial Crimes Analyst`.
        pub position: Option<String>,
        /// The person's department, such as `finance`.
        pub department: Option<String>,
        /// The person's seniority, such as `senior`.
        pub seniority: Option<String>,
        /// The person's Twitter profile, such as `https://twitter.com/annlee`.
        pub twitter: Option<String>,
        /// The person's LinkedIn profile, such as `https://www.linkedin.com/in/annlee`.
        pub linkedin: Option<String>,
        /// Tomba's confidence from 0 to 100, such as `55`.
        pub score: Option<f64>,
        /// The last verification of the address.
        pub verification: Option<Verification>,
        /// The pages on which the address was found.
        pub sources: Vec<Source>,
        /// Whether the domain accepts mail to every address, in older samples.
        pub accept_all: Option<bool>,
        /// The pattern of the address, such as `{first}`, in older samples.
        pub pattern: Option<String>,
        /// When the data was updated, such as `2021-03-27 19:37:03`, in older samples.
        pub last_updated: Option<String>,
    }
}

crate::payload! {
    /// The position of a page among all pages of a search.
    pub struct Meta {
        /// The number of addresses, such as `2079`.
        pub total: Option<u64>,
        /// The number of addresses on a page, such as `10`.
        #[key = "pageSize"]
        pub page_size: Option<u64>,
        /// The number of the page, such as `1`. Both 0 and 1 occur for the first page.
        pub current: Option<u64>,
        /// The number of pages, such as `207`.
        pub total_pages: Option<u64>,
        /// The parameters of the search.
        pub params: Option<SearchParams>,
    }
}

crate::payload! {
    /// The parameters of a search.
    pub struct SearchParams {
        /// The domain that was searched, such as `example.com`.
        pub domain: Option<String>,
        /// The number of the page, such as `1`.
        pub page: Option<u64>,
        /// The number of addresses on a page, such as `10`.
        pub limit: Option<u64>,
        /// The department that was searched for, such as `finance`.
        pub department: Option<String>,
        /// The kind of address that was searched for, such as `all`.
        #[key = "type"]
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
