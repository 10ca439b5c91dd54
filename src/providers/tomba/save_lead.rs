//! The event `save_lead`.

use alloc::string::String;

use crate::lead::Lead;

crate::payload! {
    /// A lead that a user of Tomba saved or updated (`save_lead`).
    pub struct SaveLead {
        /// The e-mail address, such as `ann.lee@example.com`.
        pub email: Option<String>,
        /// The company's name, such as `Example`.
        pub company: Option<String>,
        /// The first name, such as `Ann`.
        pub first_name: Option<String>,
        /// The last name, such as `Lee`.
        pub last_name: Option<String>,
        /// The phone number, such as `+1-555-0123`.
        pub phone: Option<String>,
        /// The URL of the website, such as `https://example.com`.
        pub website: Option<String>,
        /// The position within the company, such as `founder`.
        pub position: Option<String>,
        /// The Twitter handle, such as `annlee`.
        pub twitter: Option<String>,
        /// The LinkedIn profile, such as `https://www.linkedin.com/in/annlee`.
        pub linkedin: Option<String>,
        /// The user's notes, such as `met at the fair`.
        pub notes: Option<String>,
        /// The lead's score, such as `71`. Tomba documents a number and not its scale.
        pub score: Option<f64>,
    }
}

impl SaveLead {
    /// Returns the person who was saved.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        Lead {
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            company: self.company.clone(),
            job_title: self.position.clone(),
            phone: self.phone.clone(),
            website: self.website.clone(),
            score: self.score,
            ..Lead::default()
        }
        .tidy()
    }
}
