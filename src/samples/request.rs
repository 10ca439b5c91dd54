//! A sample request, and its conversion into the requests of frameworks.

use core::{fmt, marker::PhantomData};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::body;
use crate::auth::secret::Secret;
use crate::provider::{Layout, Provider, SignedProvider, UnsignedProvider};
use crate::signer::Signer;

/// A POST request with a JSON body, like a delivery of provider `P`.
///
/// You can change the request after you have signed it, because the signature is computed when the
/// headers are read or the request is converted. To send a duplicate, send a clone.
///
/// It converts into `http::Request` for axum, hyper, tower and `lambda_http` (feature `axum` or
/// `tower`) and into `TestRequest` for actix-web (feature `actix`).
///
/// ```
/// use leadhook::{Graphoid, Receiver, Secret, VerifyError, samples::graphoid::LEAD_WON};
///
/// let secret = Secret::new("a secret for tests")?;
/// let receiver = Receiver::<Graphoid>::new(&secret);
/// let request = LEAD_WON.request().sign(&secret).set("data.lead.name", "Acme");
///
/// let signature = request.header("X-Graphoid-Signature");
/// let delivery = receiver.authenticate(signature, request.body().clone())?;
/// let lead = delivery.read()?.lead();
/// assert_eq!(lead.and_then(|lead| lead.company).as_deref(), Some("Acme"));
///
/// let signature = request.forged().header("X-Graphoid-Signature");
/// let rejected = receiver.authenticate(signature, delivery.into_body());
/// assert_eq!(rejected.unwrap_err(), VerifyError::SignatureMismatch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SampleRequest<P> {
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    credentials: Vec<Credential>,
    forged: bool,
    body: Bytes,
    provider: PhantomData<fn() -> P>,
}

#[derive(Clone)]
enum Credential {
    Signature(Sign, Secret),
    HeaderToken(String, Secret),
    QueryToken(String, Secret),
}

/// Returns the name and value of the header that signs a body. Only a signed provider has one.
type Sign = fn(&Secret, &[u8]) -> (&'static str, String);

impl<P: Provider> SampleRequest<P> {
    /// Creates a request with any other body.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            path: "/".into(),
            headers: vec![("content-type".into(), b"application/json".to_vec())],
            credentials: Vec::new(),
            forged: false,
            body: body.into(),
            provider: PhantomData,
        }
    }

    /// Sets the path, with a query if your route needs one. Defaults to `/`.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let header = (name.to_ascii_lowercase(), value.as_ref().to_vec());
        self.headers.push(header);
        self
    }

    /// Sets a value in the body.
    ///
    /// The path is written as in this crate's errors: keys separated by dots, and indices in brackets.
    /// The last part of the path may be a new key, or the index after the end of a list. `()` is
    /// written as null.
    ///
    /// ```
    /// use leadhook::samples::{grader, scoreapp, tomba};
    ///
    /// grader::SUBMISSION_SCORED.request().set("data.submission.form_data.budget", "10k");
    /// scoreapp::QUIZ_FINISHED
    ///     .request()
    ///     .set("data.total_score.percent", 90)
    ///     .set("data.lead_form_questions[0].question", "Company")
    ///     .set("data.lead_form_questions[0].answers[0].answer", "Acme");
    /// tomba::SAVE_LEAD.request().set("data.email", "ann@example.com").set("data.notes", ());
    /// ```
    ///
    /// # Panics
    ///
    /// If the body is not JSON, or has nothing at the path up to its last part.
    #[must_use]
    #[track_caller]
    pub fn set(self, path: &str, value: impl Serialize) -> Self {
        self.change(path, |body| {
            let entry = body::entry(body, path)?;
            *entry = serde_json::to_value(value).ok()?;
            Some(())
        })
    }

    /// Removes a value from the body.
    ///
    /// # Panics
    ///
    /// If the body is not JSON, or there is no value at the path.
    #[must_use]
    #[track_caller]
    pub fn remove(self, path: &str) -> Self {
        self.change(path, |body| body::remove(body, path).map(drop))
    }

    /// Sets the event's name and leaves the data as it is.
    ///
    /// ```
    /// use leadhook::samples::graphoid::LEAD_WON;
    ///
    /// LEAD_WON.request().with_event("lead.lost");
    /// ```
    ///
    /// Tomba's bodies don't name their event, so this does not compile:
    ///
    /// ```compile_fail,E0080
    /// use leadhook::samples::tomba::SAVE_LEAD;
    ///
    /// SAVE_LEAD.request().with_event("lead.saved");
    /// ```
    ///
    /// # Panics
    ///
    /// If the body is not a JSON object.
    #[must_use]
    #[track_caller]
    pub fn with_event(self, name: &str) -> Self {
        self.set(const { event_key(P::LAYOUT) }, name)
    }

    #[track_caller]
    #[expect(
        clippy::panic,
        reason = "a test that changes nothing would prove nothing"
    )]
    fn change(mut self, path: &str, change: impl FnOnce(&mut Value) -> Option<()>) -> Self {
        let changed = serde_json::from_slice(&self.body)
            .ok()
            .and_then(|mut body| change(&mut body).map(|()| body));
        match changed {
            Some(body) => self.body = body.to_string().into(),
            None => {
                panic!("can't change `{path}`: the body is not JSON, or has nothing at this path")
            }
        }
        self
    }

    /// Replaces the signature or token with a wrong one of the right form.
    #[must_use]
    pub fn forged(mut self) -> Self {
        self.forged = true;
        self
    }

    /// Removes the signature or token.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.credentials.clear();
        self
    }

    /// Returns the method, which is `POST`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        "POST"
    }

    /// Returns the path with its query.
    #[must_use]
    pub fn uri(&self) -> String {
        let mut uri = self.path.clone();
        for credential in &self.credentials {
            if let Credential::QueryToken(parameter, token) = credential {
                uri.push(if uri.contains('?') { '&' } else { '?' });
                uri.extend(form_urlencoded::byte_serialize(parameter.as_bytes()));
                uri.push('=');
                uri.extend(form_urlencoded::byte_serialize(&self.token(token)));
            }
        }
        uri
    }

    /// Returns the headers, with names in lower case and with the signature or token.
    pub fn headers(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let mut headers = self.headers.clone();
        for credential in &self.credentials {
            match credential {
                Credential::Signature(sign, secret) => {
                    // A forged signature is the signature of another body.
                    let mut body = self.body.to_vec();
                    body.extend(self.forged.then_some(b' '));
                    let (name, value) = sign(secret, &body);
                    headers.push((name.into(), value.into()));
                }
                Credential::HeaderToken(name, token) => {
                    headers.push((name.clone(), self.token(token)));
                }
                Credential::QueryToken(..) => {}
            }
        }
        headers.into_iter()
    }

    fn token(&self, token: &Secret) -> Vec<u8> {
        let mut token = token.expose().to_vec();
        if self.forged {
            token.extend(b"-forged");
        }
        token
    }

    /// Returns the first value of a header. The case of the name doesn't matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers()
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl<P: SignedProvider> SampleRequest<P> {
    /// Signs the request as the provider does.
    #[must_use]
    pub fn sign(mut self, secret: &Secret) -> Self {
        let sign: Sign = |secret, body| Signer::<P>::new(secret).header(body);
        let credential = Credential::Signature(sign, secret.clone());
        self.credentials.push(credential);
        self
    }
}

impl<P: UnsignedProvider> SampleRequest<P> {
    /// Adds a static token in a header.
    #[must_use]
    pub fn with_header_token(mut self, header: &str, token: &Secret) -> Self {
        let credential = Credential::HeaderToken(header.to_ascii_lowercase(), token.clone());
        self.credentials.push(credential);
        self
    }

    /// Adds a static token in a query parameter.
    #[must_use]
    pub fn with_query_token(mut self, parameter: &str, token: &Secret) -> Self {
        let credential = Credential::QueryToken(parameter.into(), token.clone());
        self.credentials.push(credential);
        self
    }
}

/// Returns the key of the event's name. For a bare layout, the call does not compile.
#[expect(clippy::panic, reason = "it is evaluated by the compiler only")]
const fn event_key(layout: Layout) -> &'static str {
    match layout {
        Layout::Enveloped(keys) => keys.event,
        Layout::Bare { .. } => panic!("the provider's bodies don't name their event"),
    }
}

impl<P> Clone for SampleRequest<P> {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            headers: self.headers.clone(),
            credentials: self.credentials.clone(),
            forged: self.forged,
            body: self.body.clone(),
            provider: PhantomData,
        }
    }
}

/// Prints neither headers nor query, which carry the signature or token.
impl<P: Provider> fmt::Debug for SampleRequest<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampleRequest")
            .field("provider", &P::NAME)
            .field("path", &self.path)
            .field("length", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Converts into a request with any body that can be made from bytes, such as the bodies of axum,
/// `http_body_util`, `lambda_http` and reqwest.
///
/// Fails if the path or the name of a header is not valid.
#[cfg(any(feature = "axum", feature = "tower"))]
impl<P: Provider, B: From<Vec<u8>>> TryFrom<SampleRequest<P>> for http::Request<B> {
    type Error = http::Error;

    fn try_from(sample: SampleRequest<P>) -> http::Result<Self> {
        let mut request = http::Request::builder()
            .method(sample.method())
            .uri(sample.uri());
        for (name, value) in sample.headers() {
            request = request.header(name, value);
        }
        request.body(Vec::from(sample.body).into())
    }
}

/// Panics if the path or the name of a header is not valid, as `TestRequest` does.
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
