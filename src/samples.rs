//! Sample deliveries for your own tests: the bodies that the providers document, signed with your
//! secret.
//!
//! The bodies are those of the providers' documentation, brought into the form that goes over the
//! wire. Tomba's are assembled from its documentation and its own public code, with made-up people;
//! those of [`tomba::PHONE_VALIDATOR`] rest on public code only.
//!
//! ```
//! use leadhook::{Receiver, ScoreApp, Secret, samples};
//!
//! let secret = Secret::new("12345")?;
//! let request = samples::scoreapp::QUIZ_FINISHED.request().sign(&secret);
//!
//! let receiver = Receiver::<ScoreApp>::new(&secret);
//! let delivery = receiver.authenticate(request.header("scoreapp-signature"), request.body().clone())?;
//! assert_eq!(delivery.read()?.name(), "QUIZ_FINISHED");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::{fmt, marker::PhantomData};

use bytes::Bytes;

use crate::auth::secret::Secret;
use crate::provider::{Provider, SignedProvider, UnsignedProvider};
use crate::signer::Signer;

/// The body of a delivery, as a provider documents it.
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

    /// The sample's name: that of its constant, in lower case and with hyphens.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &'static str {
        self.body
    }

    /// A request with this body, to which nothing is added yet that authenticates it.
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

/// A request as a provider sends it: a POST of JSON to a path, which is `/` unless set.
///
/// It becomes the request that the tests of your framework take: `http::Request` for axum and tower
/// (`axum` or `tower` feature), `TestRequest` for actix-web (`actix` feature).
pub struct SampleRequest<P> {
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    provider: PhantomData<fn() -> P>,
}

impl<P: Provider> SampleRequest<P> {
    /// A request with a body of your own.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            path: "/".into(),
            query: String::new(),
            headers: vec![("content-type".into(), b"application/json".to_vec())],
            body: body.into(),
            provider: PhantomData,
        }
    }

    /// Sets the path, which has no query.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// The method: `POST`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        "POST"
    }

    /// The path, with the query if there is one.
    #[must_use]
    pub fn uri(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }

    /// The headers, with names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The value of one header, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl<P: SignedProvider> SampleRequest<P> {
    /// Adds the provider's signature.
    #[must_use]
    pub fn sign(mut self, secret: &Secret) -> Self {
        let (name, value) = Signer::<P>::new(secret).header(&self.body);
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl<P: UnsignedProvider> SampleRequest<P> {
    /// Adds a static token in a header.
    #[must_use]
    pub fn with_header_token(mut self, header: &str, token: &Secret) -> Self {
        self.headers
            .push((header.to_ascii_lowercase(), token.expose().to_vec()));
        self
    }

    /// Adds a static token in a query parameter.
    #[must_use]
    pub fn with_query_token(mut self, parameter: &str, token: &Secret) -> Self {
        let encode = form_urlencoded::byte_serialize;
        self.query = encode(parameter.as_bytes())
            .chain(["="])
            .chain(encode(token.expose()))
            .collect();
        self
    }
}

impl<P> Clone for SampleRequest<P> {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            query: self.query.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            provider: PhantomData,
        }
    }
}

/// Prints neither headers nor query, where the credentials are.
impl<P: Provider> fmt::Debug for SampleRequest<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampleRequest")
            .field("provider", &P::NAME)
            .field("path", &self.path)
            .field("length", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Fails where the path or the name of a token's header is not valid.
#[cfg(any(feature = "axum", feature = "tower"))]
impl<P: Provider, B: From<Bytes>> TryFrom<SampleRequest<P>> for http::Request<B> {
    type Error = http::Error;

    fn try_from(sample: SampleRequest<P>) -> http::Result<Self> {
        let mut request = http::Request::builder()
            .method(sample.method())
            .uri(sample.uri());
        for (name, value) in sample.headers() {
            request = request.header(name, value);
        }
        request.body(sample.body.into())
    }
}

/// Panics where the path or the name of a token's header is not valid, as `TestRequest` does.
#[cfg(feature = "actix")]
impl<P: Provider> From<SampleRequest<P>> for actix_web::test::TestRequest {
    fn from(sample: SampleRequest<P>) -> Self {
        let mut request = Self::post().uri(&sample.uri());
        for (name, value) in sample.headers() {
            request = request.append_header((name, value));
        }
        request.set_payload(sample.body)
    }
}

/// Declares the samples of a provider as constants, and all of them as a list.
macro_rules! samples {
    ($module:ident of $provider:ident: $($(#[$meta:meta])* $const:ident = $name:literal, $file:literal;)*) => {
        #[doc = concat!("Samples of [`", stringify!($provider), "`](crate::", stringify!($provider), ").")]
        pub mod $module {
            use super::Sample;
            use crate::$provider; // FIXME

            $(
                $(#[$meta])*
                pub const $const: Sample<$provider> = Sample::new(
                    $name,
                    include_str!(concat!("samples/", stringify!($module), "/", $file, ".json")),
                );
            )*

            /// All of them.
            pub const ALL: &[Sample<$provider>] = &[$($const),*];
        }
    };
}

samples! {
    grader of Grader:
    /// A submission was scored, in the nested shape.
    SUBMISSION_SCORED = "submission-scored", "submission_scored_nested";
    /// A submission was scored, in the flat shape of the dashboard's webhook tester.
    SUBMISSION_SCORED_TEST = "submission-scored-test", "submission_scored_test_flat";
}

samples! {
    graphoid of Graphoid:
    /// A lead was won.
    LEAD_WON = "lead-won", "lead_won";
}

samples! {
    scoreapp of ScoreApp:
    /// A quiz was started.
    QUIZ_STARTED = "quiz-started", "quiz_started";
    /// A quiz was finished.
    QUIZ_FINISHED = "quiz-finished", "quiz_finished";
    /// A lead signed up before the quiz.
    LEAD_SIGNED_UP = "lead-signed-up", "lead_signed_up";
    /// A lead's details were changed.
    LEAD_DETAILS_UPDATED = "lead-details-updated", "lead_details_updated";
}

samples! {
    tomba of Tomba:
    /// A lead was saved; all its values are empty.
    SAVE_LEAD = "save-lead", "save_lead_empty_docs_sample";
    /// The result of email-verifier.
    EMAIL_VERIFIER = "email-verifier", "email_verifier_2025";
    /// The result of email-finder.
    EMAIL_FINDER = "email-finder", "email_finder_2023";
    /// The result of domain-search.
    DOMAIN_SEARCH = "domain-search", "domain_search_2023";
    /// The result of author-finder.
    AUTHOR_FINDER = "author-finder", "author_finder_with_info";
    /// The result of phone-finder.
    PHONE_FINDER = "phone-finder", "phone_finder_2025";
    /// The result of phone-validator.
    PHONE_VALIDATOR = "phone-validator", "phone_validator_region";
}
