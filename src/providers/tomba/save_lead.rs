//! A lead that was saved.

use alloc::string::String;

use crate::lead::Lead;

payload! {
    /// A lead that a user saved or changed: the data of Tomba's `save_lead`.
    pub struct SaveLead {
        @required {
            /// The e-mail address. The key must be there; its value may be empty or null.
            email: Option<String>,
        }
        /// The company's name.
        company: Option<String>,
        /// The first name.
        first_name: Option<String>,
        /// The last name.
        last_name: Option<String>,
        /// The phone number.
        phone: Option<String>,
        /// The website.
        website: Option<String>,
        /// The position within the company.
        position: Option<String>,
        /// The Twitter profile.
        twitter: Option<String>,
        /// The LinkedIn profile.
        linkedin: Option<String>,
        /// The user's notes.
        notes: Option<String>,
        /// The score.
        score: Option<f64>,
    }
}

impl SaveLead {
    /// The person.
    #[must_use]
    pub fn lead(&self) -> Lead {
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
