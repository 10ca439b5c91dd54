//! The result of the lookup author-finder.

use alloc::{string::String, vec::Vec};

use super::common::{PhoneNumber, Source, Verification};
use crate::lead::Lead;

crate::payload! {
    /// The address that author-finder found for the author of an article.
    pub struct AuthorFinder {
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
        /// The article, with its data about the author.
        pub info: Option<AuthorInfo>,
    }
}

crate::payload! {
    /// An article, with its data about the author.
    pub struct AuthorInfo {
        /// The article's URL, such as `https://example.com/blog/a-post`.
        pub url: Option<String>,
        /// The article's title, such as `How to write`.
        pub title: Option<String>,
        /// The URL of the article's preview image, such as `https://example.com/preview.png`.
        pub og_image: Option<String>,
        /// The article's description, in a sentence or two.
        pub description: Option<String>,
        /// The author's full name, such as `Ann Lee`.
        pub full_name: Option<String>,
        /// The author's first name, such as `Ann`.
        pub first_name: Option<String>,
        /// The author's last name, such as `Lee`.
        pub last_name: Option<String>,
        /// The article's domain, such as `example.com`.
        pub article_domain: Option<String>,
        /// A domain, which equals the article's domain in the sample. Its meaning is not known to us.
        pub same_as_domain: Option<String>,
        /// The author's LinkedIn profile, such as `https://www.linkedin.com/in/annlee`.
        pub linkedin: Option<String>,
        /// The author's Twitter profile, such as `https://twitter.com/annlee`.
        pub twitter: Option<String>,
        /// The author's e-mail address, such as `ann.lee@example.com`.
        pub email: Option<String>,
        /// The URL of the author's picture, such as `https://example.com/ann.png`.
        pub image: Option<String>,
        /// Whether the author has a Gravatar picture.
        pub gravatar: Option<bool>,
        /// The e-mail addresses in the article, such as `ann.lee@example.com`.
        pub emails: Vec<String>,
        /// Tomba's score of the author. It is `null` in the sample, and its scale is not known to us.
        pub author_score: Option<f64>,
    }
}

impl AuthorFinder {
    /// Returns the author whose address was looked up.
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
