//! Sample deliveries for your own tests.
//!
//! A [`Sample`] is the body of a delivery. [`Sample::request`] turns it into a [`SampleRequest`], which you
//! can change, sign with your secret, and convert into your framework's request.
//!
//! Where the bodies come from:
//!
//! - **Grader.io, Graphoid, ScoreApp and Tomba's `save_lead`**: the examples of their webhook documentation,
//!   without white space between the values. ScoreApp's examples are not JSON and were repaired. No
//!   captured request is public, so the spelling of the real bodies may differ, for example in escapes.
//! - **Tomba's lookups**: put together from Tomba's documentation and its public client libraries, with
//!   invented people.
//! - **[`tomba::PHONE_VALIDATOR`]**: inferred from public code that reads such bodies, because no public
//!   source has one.

mod body;
pub mod grader;
pub mod graphoid;
mod request;
pub mod scoreapp;
pub mod tomba;

use core::{fmt, marker::PhantomData};

pub use request::SampleRequest;

use crate::provider::Provider;

/// A sample body of provider `P`.
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
