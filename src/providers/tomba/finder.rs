//! The results of the look-ups email-finder and author-finder, which differ by one field.

use alloc::{string::String, vec::Vec};

use super::{PhoneNumber, Source, Verification};
use crate::lead::Lead;

/// Declares the result of a look-up that finds a person.
macro_rules! finder {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($more:tt)* }
    ) => {
        payload! {
            $(#[$meta])*
            pub struct $name {
                /// The e-mail address, if one was found.
                email: Option<String>,
                /// The first name.
                first_name: Option<String>,
                /// The last name.
                last_name: Option<String>,
                /// The full name.
                full_name: Option<String>,
                /// The company's name.
                company: Option<String>,
                /// The position within the company.
                position: Option<String>,
                /// The company's domain.
                website_url: Option<String>,
                /// The country's code.
                country: Option<String>,
                /// The gender.
                gender: Option<String>,
                /// The phone number, or whether one is known.
                phone_number: Option<PhoneNumber>,
                /// The Twitter profile.
                twitter: Option<String>,
                /// The LinkedIn profile.
                linkedin: Option<String>,
                /// The LinkedIn profile, as one of Tomba's own tables spells it.
                linkedin_url: Option<String>,
                /// Whether the domain takes mail for every address.
                accept_all: Option<bool>,
                /// Whether the domain gives out throw-away addresses.
                disposable: Option<bool>,
                /// Whether the domain is a web mailer's.
                webmail: Option<bool>,
                /// How deliverable the address is, of 0 to 100.
                score: Option<f64>,
                /// The last verification of the address.
                verification: Option<Verification>,
                /// Where the address was found.
                sources: Vec<Source>,
                $($more)*
            }
        }

        impl $name {
            /// The person.
            #[must_use]
            pub fn lead(&self) -> Lead {
                let phone = self.phone_number.as_ref().and_then(PhoneNumber::number);
                Lead {
                    email: self.email.clone(),
                    first_name: self.first_name.clone(),
                    last_name: self.last_name.clone(),
                    full_name: self.full_name.clone(),
                    company: self.company.clone(),
                    job_title: self.position.clone(),
                    phone: phone.map(String::from),
                    website: self.website_url.clone(),
                    ..Lead::default()
                }
                .tidy()
            }
        }
    };
}

finder! {
    /// The address of a person of whom name and company are known.
    pub struct EmailFinder {}
}

finder! {
    /// The address of the author of an article.
    pub struct AuthorFinder {
        /// The article, and what it says of its author.
        info: Option<AuthorInfo>,
    }
}

payload! {
    /// An article, and what it says of its author.
    pub struct AuthorInfo {
        /// The article's URL.
        url: Option<String>,
        /// The article's title.
        title: Option<String>,
        /// The article's image.
        og_image: Option<String>,
        /// The article's description.
        description: Option<String>,
        /// The author's full name.
        full_name: Option<String>,
        /// The author's first name.
        first_name: Option<String>,
        /// The author's last name.
        last_name: Option<String>,
        /// The article's domain.
        article_domain: Option<String>,
        /// The domain that the author's own is the same as.
        same_as_domain: Option<String>,
        /// The author's LinkedIn profile.
        linkedin: Option<String>,
        /// The author's Twitter profile.
        twitter: Option<String>,
        /// The author's address.
        email: Option<String>,
        /// The author's picture.
        image: Option<String>,
        /// Whether the author has a Gravatar.
        gravatar: Option<bool>,
        /// The addresses in the article.
        emails: Vec<String>,
        /// How sure it is that the author is this one.
        author_score: Option<f64>,
    }
}
