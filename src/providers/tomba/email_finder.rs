//! The result of the lookup email-finder.

use alloc::{string::String, vec::Vec};

use super::common::{PhoneNumber, Source, Verification};
use crate::lead::Lead;

crate::payload! {
    /// The address that email-finder found for a name and a company.
    pub struct EmailFinder {
        /// The e-mail address, such as `ann.lee@example.com`.
        pub email: Option<String>,
        /// The person's first name, such as `Ann`.
        pub first_name: Option<String>,
        /// The person's last name, such as `Lee`.
        pub last_name: Option<String>,
        /// The person's full name, such as `Ann Lee`.
        pub full_name: Option<String>,
        /// The company's name, such as `Example`.
        pub company: Option<String>,
        /// The person's position, such as `founder`.
        pub position: Option<String>,
        /// The company's domain, such as `example.com`.
        pub website_url: Option<String>,
        /// The person's country as a code, such as `US`.
        pub country: Option<String>,
        /// The person's gender, such as `female`.
        pub gender: Option<String>,
        /// The person's phone number, or whether Tomba knows one.
        pub phone_number: Option<PhoneNumber>,
        /// The person's Twitter profile, such as `https://twitter.com/annlee`.
        pub twitter: Option<String>,
        /// The person's LinkedIn profile, such as `https://www.linkedin.com/in/annlee`.
        pub linkedin: Option<String>,
        /// The LinkedIn profile, if the body has it under this name. A table of Tomba's documentation names
        /// it so, but the samples have `linkedin`.
        pub linkedin_url: Option<String>,
        /// Whether the domain accepts mail to every address.
        pub accept_all: Option<bool>,
        /// Whether the domain gives out disposable addresses.
        pub disposable: Option<bool>,
        /// Whether the domain belongs to a webmail service.
        pub webmail: Option<bool>,
        /// Tomba's confidence from 0 to 100, such as `97`.
        pub score: Option<f64>,
        /// The last verification of the address.
        pub verification: Option<Verification>,
        /// The pages on which the address was found.
        pub sources: Vec<Source>,
    }
}

impl EmailFinder {
    /// Returns the person whose address was looked up.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        Lead {
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            full_name: self.full_name.clone(),
            company: self.company.clone(),
            job_title: self.position.clone(),
            phone: PhoneNumber::of(self.phone_number.as_ref()),
            website: self.website_url.clone(),
            ..Lead::default()
        }
        .tidy()
    }
}
