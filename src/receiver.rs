//! The receiver, which authenticates requests and returns deliveries.

use alloc::{boxed::Box, sync::Arc};
use core::{fmt, marker::PhantomData};

use bytes::Bytes;

use crate::auth::error::VerifyError;
use crate::auth::secret::Secret;
use crate::auth::signature::Signature;
use crate::auth::verifier::{SecretIndex, TokenVerifier, Verifier};
use crate::delivery::Delivery;
use crate::provider::{Provider, SignedProvider, UnsignedProvider};
use crate::rejection::Rejection;

/// A receiver of one provider's requests, which holds the secrets and returns each authentic request
/// as a [`Delivery`].
///
/// It is cheap to clone. Pass it all values of the header or query parameter that
/// [`credential_source`](Self::credential_source) names, and the body exactly as it was received. A
/// body that was parsed or decompressed before has other bytes, and the signature does not match them.
///
/// ```
/// use leadhook::{Graphoid, Receiver, Secret, Signer, graphoid::GraphoidEvent};
///
/// let secret = Secret::new("whsec_5d41402abc4b")?;
/// # let body = br#"{"id":"evt_1","event":"lead.won","data":{"lead":{"id":"lead_1","name":"Acme Corp"}}}"#;
/// # let (_, header) = Signer::<Graphoid>::new(&secret).header(body);
/// let receiver = Receiver::<Graphoid>::new(&secret);
///
/// let delivery = receiver.authenticate([header], body.to_vec())?;
/// match delivery.read()?.event {
///     GraphoidEvent::LeadWon(won) => println!("{:?} is won", won.lead.name),
///     _ => {}
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A receiver only has the methods that fit its provider. Tomba documents no signature, so this does not
/// compile:
///
/// ```compile_fail,E0599
/// # let secret = leadhook::Secret::new("whsec_5d41402abc4b").unwrap();
/// leadhook::Receiver::<leadhook::Tomba>::new(&secret);
/// ```
pub struct Receiver<P> {
    settings: Arc<Settings>,
    provider: PhantomData<fn() -> P>,
}

#[derive(Clone)]
struct Settings {
    credential: Credential,
    scope: Option<Arc<str>>,
}

/// The signature or token that a request must carry, and its place.
///
/// The verifiers are boxed, which gives all variants the same size. Moving a smaller variant would also copy
/// its unused bytes, and with them what the stack held before, such as another receiver's keys.
#[derive(Clone)]
enum Credential {
    Signature(&'static str, Box<Verifier>),
    HeaderToken(Box<str>, Box<TokenVerifier>),
    QueryToken(Box<str>, Box<TokenVerifier>),
    None,
    /// The header and the verifier of an account that does not exist.
    UnknownSigner(&'static str, Box<Verifier>),
    UnknownToken,
    Unavailable,
}

/// Where a request carries its signature or token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialSource<'a> {
    /// In the header with this name, which is in lower case.
    Header(&'a str),
    /// In the query parameter with this name.
    Query(&'a str),
    /// Nowhere, because every request is accepted or every request is rejected.
    None,
}

/// The error returned when no request can carry a token under the given name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name is empty.
    #[error("the name of the header or query parameter is empty")]
    Empty,
    /// The name of a header contains a character that header names can't contain, such as a space, a
    /// colon or an umlaut (RFC 9110).
    #[error("the character at index {index} can't be part of a header name")]
    #[non_exhaustive]
    NotAHeaderName {
        /// The index of the first such character in bytes.
        index: usize,
    },
}

/// Returns the name in lower case if a header can have it.
fn check_header_name(name: &str) -> Result<Box<str>, NameError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match name.bytes().position(|byte| !is_allowed(byte)) {
        Some(index) => Err(NameError::NotAHeaderName { index }),
        None if name.is_empty() => Err(NameError::Empty),
        None => Ok(name.to_ascii_lowercase().into()),
    }
}

impl<P: SignedProvider> Receiver<P> {
    /// Creates a receiver that accepts requests signed with a secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        let verifier = Box::new(Verifier::new(P::FORMAT, secret));
        Self::with_credential(Credential::Signature(P::HEADER, verifier))
    }

    /// Creates the receiver of an account that does not exist, which rejects every request.
    ///
    /// Use it if you look up the account of each request and find none. Clients can't find out which
    /// accounts exist: the response is the same as for an existing account whose secret does not match, and
    /// so is the work, because the signature is parsed and the body is read and hashed. Two differences are
    /// left: an account with a previous secret hashes the body once more, and your lookup takes its own time.
    /// The reason is [`UnknownAccount`](VerifyError::UnknownAccount).
    ///
    /// The guide has [a program](https://docs.rs/leadhook/latest/leadhook/guide/accounts/) that uses it.
    ///
    /// ```
    /// use leadhook::{Grader, Receiver, VerifyError};
    ///
    /// let receiver = Receiver::<Grader>::unknown();
    /// let rejected = receiver.authenticate(["00".repeat(32)], "{}").unwrap_err();
    /// assert_eq!((rejected, rejected.status()), (VerifyError::UnknownAccount, 401));
    /// let rejected = receiver.authenticate(["abc"], "{}").unwrap_err();
    /// assert!(matches!(rejected, VerifyError::MalformedSignature(_)));
    /// ```
    #[must_use]
    pub fn unknown() -> Self {
        // Its result is not looked at, so nothing depends on its key.
        let verifier = Box::new(Verifier::of_nobody(P::FORMAT));
        Self::with_credential(Credential::UnknownSigner(P::HEADER, verifier))
    }
}

impl<P: UnsignedProvider> Receiver<P> {
    /// Creates a receiver that accepts requests with a static token in a header.
    ///
    /// Tomba's dashboard webhook (`save_lead`) can be given static headers (Tomba's webhook
    /// documentation). A token shows who sent the request. It does not protect the body.
    ///
    /// The token is the header's whole value. If the header is `Authorization: Bearer …`, the token
    /// includes the scheme:
    ///
    /// ```
    /// use leadhook::{Receiver, Secret, Tomba, VerifyError};
    ///
    /// let token = Secret::new("Bearer 3f9c7e21")?;
    /// let receiver = Receiver::<Tomba>::header_token("Authorization", &token)?;
    ///
    /// assert!(receiver.authenticate(["Bearer 3f9c7e21"], "{}").is_ok());
    /// let without_scheme = receiver.authenticate(["3f9c7e21"], "{}");
    /// assert_eq!(without_scheme.unwrap_err(), VerifyError::TokenMismatch);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`NameError`] if no header can have this name.
    pub fn header_token(header: &str, token: &Secret) -> Result<Self, NameError> {
        let header = check_header_name(header)?;
        let token = Box::new(TokenVerifier::new(token));
        Ok(Self::with_credential(Credential::HeaderToken(
            header, token,
        )))
    }

    /// Creates a receiver that accepts requests with a static token in a query parameter.
    ///
    /// Tomba posts the result of a lookup to the `webhook_url` of the API call and documents no header or
    /// secret for it, so the token has to be in that URL. URLs get into the access logs of servers and proxies
    /// and into error reports, so prefer a header wherever you have the choice. Percent-encode the
    /// token in the URL. The query is decoded like a form, in which `+` is a space, and the decoded
    /// bytes are compared.
    ///
    /// # Errors
    ///
    /// [`NameError::Empty`] if the parameter has no name.
    pub fn query_token(parameter: &str, token: &Secret) -> Result<Self, NameError> {
        if parameter.is_empty() {
            return Err(NameError::Empty);
        }
        let token = Box::new(TokenVerifier::new(token));
        Ok(Self::with_credential(Credential::QueryToken(
            parameter.into(),
            token,
        )))
    }

    /// Creates the receiver of an account that does not exist, which rejects every request.
    ///
    /// It is the counterpart of [`unknown`](Self::unknown) for a provider that does not sign. The response
    /// is the same as for a token that does not match.
    #[must_use]
    pub fn unknown_token() -> Self {
        Self::with_credential(Credential::UnknownToken)
    }

    /// Creates a receiver that accepts every request, from anyone.
    ///
    /// Use it only if nobody but the provider can reach the endpoint. There is no such receiver for a
    /// provider that signs.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::with_credential(Credential::None)
    }
}

impl<P: Provider> Receiver<P> {
    fn with_credential(credential: Credential) -> Self {
        Self {
            settings: Arc::new(Settings {
                credential,
                scope: None,
            }),
            provider: PhantomData,
        }
    }

    /// Creates the receiver of an account that could not be looked up, which rejects every request with
    /// 503.
    ///
    /// Use it if you look up the account of each request and the lookup fails or takes too long. Log the
    /// lookup's error, because the rejection does not contain it.
    ///
    /// ```
    /// use leadhook::{Receiver, Tomba, VerifyError};
    ///
    /// let receiver = Receiver::<Tomba>::unavailable();
    /// let rejected = receiver.authenticate(["a token"], "{}").unwrap_err();
    /// assert_eq!((rejected, rejected.status()), (VerifyError::AccountUnavailable, 503));
    /// ```
    #[must_use]
    pub fn unavailable() -> Self {
        Self::with_credential(Credential::Unavailable)
    }

    /// Also accepts a previous secret or token.
    ///
    /// The guide has [the steps](https://docs.rs/leadhook/latest/leadhook/guide/rotation/) to change a
    /// secret without losing a delivery. [`Delivery::matched_secret`] says which one matched.
    ///
    /// It changes nothing for a receiver that accepts or rejects every request.
    #[must_use]
    pub fn with_previous(mut self, secret: &Secret) -> Self {
        match &mut Arc::make_mut(&mut self.settings).credential {
            Credential::Signature(_, verifier) => verifier.add_previous(secret),
            Credential::HeaderToken(_, tokens) | Credential::QueryToken(_, tokens) => {
                tokens.add_previous(secret);
            }
            Credential::None
            | Credential::UnknownSigner(..)
            | Credential::UnknownToken
            | Credential::Unavailable => {}
        }
        self
    }

    /// Names the account if one application serves several accounts of a provider.
    ///
    /// Equal events in two scopes are not duplicates, because the scope is part of the deduplication key.
    /// An empty scope is not the same as no scope.
    #[must_use]
    pub fn with_scope(mut self, scope: &str) -> Self {
        Arc::make_mut(&mut self.settings).scope = Some(scope.into());
        self
    }

    /// Returns the name of the account, if it has one.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.settings.scope.as_deref()
    }

    /// Returns where a request must carry its signature or token.
    #[must_use]
    pub fn credential_source(&self) -> CredentialSource<'_> {
        match &self.settings.credential {
            Credential::Signature(header, _) | Credential::UnknownSigner(header, _) => {
                CredentialSource::Header(header)
            }
            Credential::HeaderToken(header, _) => CredentialSource::Header(header),
            Credential::QueryToken(parameter, _) => CredentialSource::Query(parameter),
            Credential::None | Credential::UnknownToken | Credential::Unavailable => {
                CredentialSource::None
            }
        }
    }

    /// Authenticates a request by its signature or token and its body.
    ///
    /// `values` are all values of the header or query parameter that
    /// [`credential_source`](Self::credential_source) names. Pass an `Option` if a request can carry only
    /// one value.
    ///
    /// With the `tracing` feature, a failure is logged once, as [`Rejection`] describes.
    ///
    /// # Errors
    ///
    /// A [`VerifyError`] if the request is not authentic. Respond with its
    /// [status](VerifyError::status).
    pub fn authenticate(
        &self,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
        body: impl Into<Bytes>,
    ) -> Result<Delivery<P>, VerifyError> {
        self.begin(values)?.finish(body)
    }

    /// Authenticates a request as [`authenticate`](Self::authenticate) does, but logs no failure and counts none.
    ///
    /// Use it to try several receivers when all but one are expected to fail.
    ///
    /// ```
    /// use leadhook::{Delivery, Grader, Receiver, VerifyError};
    ///
    /// /// Finds the account by the secret that signed the request.
    /// fn authenticate(
    ///     accounts: &[Receiver<Grader>],
    ///     signature: Option<&[u8]>,
    ///     body: &bytes::Bytes,
    /// ) -> Result<Delivery<Grader>, VerifyError> {
    ///     let (last, others) = accounts.split_last().ok_or(VerifyError::SignatureMismatch)?;
    ///     others
    ///         .iter()
    ///         .find_map(|account| account.accepts(signature, body.clone()).ok())
    ///         .map_or_else(|| last.authenticate(signature, body.clone()), Ok)
    /// }
    /// # use leadhook::{Secret, Signer};
    /// # let secrets = [Secret::new("north")?, Secret::new("south")?];
    /// # let accounts = secrets.each_ref().map(Receiver::<Grader>::new);
    /// # let body = bytes::Bytes::from_static(b"{}");
    /// # for secret in &secrets {
    /// #     let (_, signature) = Signer::<Grader>::new(secret).header(&body);
    /// #     assert!(authenticate(&accounts, Some(signature.as_bytes()), &body).is_ok());
    /// # }
    /// # assert!(authenticate(&accounts, None, &body).is_err());
    /// # Ok::<(), leadhook::SecretError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`authenticate`](Self::authenticate).
    pub fn accepts(
        &self,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
        body: impl Into<Bytes>,
    ) -> Result<Delivery<P>, VerifyError> {
        self.check(values)?.verify(body.into())
    }

    /// Checks everything that can be checked before the body is read.
    ///
    /// A token is checked completely, but only the format of a signature is. A failure is logged as by
    /// [`authenticate`](Self::authenticate).
    ///
    /// # Errors
    ///
    /// A [`VerifyError`] if the request can't be authentic, whatever its body is. Respond with its
    /// [status](VerifyError::status).
    pub fn begin(
        &self,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<PendingDelivery<'_, P>, VerifyError> {
        self.check(values)
            .inspect_err(|&error| Rejection::of::<P>(error).log(None))
    }

    fn check(
        &self,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<PendingDelivery<'_, P>, VerifyError> {
        use VerifyError as Error;

        let checked = match &self.settings.credential {
            Credential::Signature(_, verifier) => {
                let value = single(values, Error::MissingSignature, Error::DuplicateSignature)?;
                Checked::Signature(verifier, verifier.parse(value.as_ref())?)
            }
            Credential::UnknownSigner(_, verifier) => {
                let value = single(values, Error::MissingSignature, Error::DuplicateSignature)?;
                Checked::UnknownSigner(verifier, verifier.parse(value.as_ref())?)
            }
            Credential::UnknownToken => return Err(Error::UnknownAccount),
            Credential::Unavailable => return Err(Error::AccountUnavailable),
            Credential::HeaderToken(_, tokens) | Credential::QueryToken(_, tokens) => {
                let value = single(values, Error::MissingToken, Error::DuplicateToken)?;
                Checked::Token(tokens.verify(value.as_ref())?)
            }
            Credential::None => Checked::None,
        };
        Ok(PendingDelivery {
            receiver: self,
            checked,
        })
    }
}

/// Returns the single value.
fn single<T>(
    values: impl IntoIterator<Item = T>,
    missing: VerifyError,
    duplicate: VerifyError,
) -> Result<T, VerifyError> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(missing)?;
    match values.next() {
        None => Ok(value),
        Some(_) => Err(duplicate),
    }
}

impl<P> Clone for Receiver<P> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            provider: PhantomData,
        }
    }
}

impl<P: Provider> fmt::Debug for Receiver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("provider", &P::NAME)
            .field("credential_source", &self.credential_source())
            .field("scope", &self.settings.scope)
            .finish_non_exhaustive()
    }
}

/// A request whose signature or token was checked as far as possible without its body.
///
/// [`Receiver::begin`] creates it.
///
/// ```
/// use leadhook::{Receiver, ScoreApp, Secret, VerifyError};
///
/// let receiver = Receiver::<ScoreApp>::new(&Secret::new("12345")?);
/// // A malformed signature is rejected without the body.
/// assert!(matches!(receiver.begin(["abc"]), Err(VerifyError::MalformedSignature(_))));
///
/// let pending = receiver.begin(["00".repeat(32)])?;
/// assert_eq!(pending.finish("{}").unwrap_err(), VerifyError::SignatureMismatch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is authenticated before `finish` is called with the body"]
pub struct PendingDelivery<'a, P> {
    receiver: &'a Receiver<P>,
    checked: Checked<'a>,
}

enum Checked<'a> {
    Signature(&'a Verifier, Signature),
    UnknownSigner(&'a Verifier, Signature),
    Token(SecretIndex),
    None,
}

impl<P: Provider> PendingDelivery<'_, P> {
    /// Authenticates the body and returns the delivery.
    ///
    /// A failure is logged as by [`Receiver::authenticate`].
    ///
    /// # Errors
    ///
    /// [`SignatureMismatch`](VerifyError::SignatureMismatch) if no secret signs the body with the
    /// signature, [`EmptyBody`](VerifyError::EmptyBody) if the body is empty as well, and
    /// [`UnknownAccount`](VerifyError::UnknownAccount) if there is no account.
    pub fn finish(self, body: impl Into<Bytes>) -> Result<Delivery<P>, VerifyError> {
        let body = body.into();
        let length = body.len();
        self.verify(body)
            .inspect_err(|&error| Rejection::of::<P>(error).log(Some(length)))
    }

    fn verify(self, body: Bytes) -> Result<Delivery<P>, VerifyError> {
        let matched = match self.checked {
            Checked::Signature(verifier, signature) => {
                let result = verifier.verify_parsed(&signature, &body);
                Some(result.map_err(|error| match error {
                    VerifyError::SignatureMismatch if body.is_empty() => VerifyError::EmptyBody,
                    error => error,
                })?)
            }
            Checked::UnknownSigner(verifier, signature) => {
                // The same work as for a known account, whatever its result is.
                let _ = verifier.verify_parsed(&signature, &body);
                return Err(VerifyError::UnknownAccount);
            }
            Checked::Token(index) => Some(index),
            Checked::None => None,
        };
        #[cfg(feature = "metrics")]
        crate::metrics::authenticated(P::NAME);
        let settings = &self.receiver.settings;
        Ok(Delivery::authenticated(
            body,
            matched,
            settings.scope.clone(),
        ))
    }
}

impl<P> fmt::Debug for PendingDelivery<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingDelivery").finish_non_exhaustive()
    }
}
