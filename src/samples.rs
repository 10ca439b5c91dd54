//! Sample deliveries for your own tests.
//!
//! A [`Sample`] is a body that a provider documents. [`Sample::request`] turns it into a
//! [`SampleRequest`], which you can change, sign with your secret, and convert into your framework's
//! request.
//!
//! Grader.io's, Graphoid's and ScoreApp's bodies are the examples of their webhook documentation,
//! compacted to the form that is sent. Tomba's bodies were put together from its documentation and its
//! public client libraries, with invented people. No public source has a body of phone-validator, so
//! [`tomba::PHONE_VALIDATOR`] is inferred from public code that reads such bodies.

mod body;
pub mod grader;
pub mod graphoid;
mod request;
pub mod scoreapp;
pub mod tomba;

use core::{fmt, marker::PhantomData};

pub use request::SampleRequest;

use crate::provider::Provider;

/// A sample of the bodies that provider `P` sends.
pub struct Sample<P> {
    name: &'static str,
    body: &'static str,
    provider: PhantomData<fn() -> P>,
}

impl<P: Provider> Sample<P> {
    const fn new(name: &'static str, body: &'static str) -> Self {
        Self {
            name,
            body,
            provider: PhantomData,
        }
    }

    /// Returns the name of the sample's constant, in lower case and with hyphens.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &'static str {
        self.body
    }

    /// Creates a request with this body, without a signature or token.
    #[must_use]
    pub fn request(&self) -> SampleRequest<P> {
        SampleRequest::new(self.body)
    }
}

impl<P> Clone for Sample<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Sample<P> {}

impl<P> fmt::Debug for Sample<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sample({})", self.name)
    }
}
