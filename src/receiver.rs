//! Authenticates requests, and hands out deliveries.

use alloc::{boxed::Box, sync::Arc};
use core::{fmt, marker::PhantomData, time::Duration};

use bytes::Bytes;

use crate::{
    Delivery, Provider, Secret, Signature, SignedProvider, TimestampedProvider, UnsignedProvider,
    VerifyError,
    freshness::AgeLimit,
    verifier::{TokenVerifier, Verifier},
};

/// Authenticates a provider's requests: it holds the secrets, and makes the [`Delivery`].
///
/// It is cheap to clone. It takes the values of the header or the query parameter that
/// [`credential`](Self::credential) names, all of them, and the body as it was received; the bytes
/// of a body that was parsed or decompressed before are other bytes.
///
/// ```
/// use leadhook::{Graphoid, Receiver, Secret, Signer, graphoid::GraphoidEvent};
///
/// let secret = Secret::new("whsec_5d41402abc4b")?;
/// # let body = br#"{"id":"evt_1","event":"lead.won","data":{"lead":{"id":"lead_1","name":"Acme Corp"}}}"#;
/// # let (_, header) = Signer::<Graphoid>::new(&secret).header(body);
/// let receiver = Receiver::<Graphoid>::new(secret);
///
/// let delivery = receiver.authenticate([header], body.to_vec())?;
/// match delivery.read()?.event {
///     GraphoidEvent::LeadWon(won) => assert_eq!(won.lead.name.as_deref(), Some("Acme Corp")),
///     _ => {}
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What a provider does not do, its receiver can't be told to do. Tomba signs nothing:
///
/// ```compile_fail,E0599
/// # let secret = leadhook::Secret::new("whsec_5d41402abc4b").unwrap();
/// leadhook::Receiver::<leadhook::Tomba>::new(secret);
/// ```
pub struct Receiver<P> {
    settings: Arc<Settings>,
    provider: PhantomData<fn() -> P>,
}

#[derive(Clone)]
struct Settings {
    check: Check,
    scope: Option<Arc<str>>,
    age_limit: Option<AgeLimit>,
}

#[derive(Clone)]
enum Check {
    Signature(&'static str, Verifier),
    HeaderToken(Box<str>, TokenVerifier),
    QueryToken(Box<str>, TokenVerifier),
    Nothing,
}

/// Where a request carries what authenticates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// In the header of this name, in lower case.
    Header(&'a str),
    /// In the query parameter of this name.
    Query(&'a str),
    /// Nowhere: every request is let in.
    Nothing,
}

impl<P: SignedProvider> Receiver<P> {
    /// Accepts what was signed with a secret.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        let verifier = Verifier::new(P::SCHEME, &secret);
        Self::checking(Check::Signature(P::HEADER, verifier))
    }
}

impl<P: UnsignedProvider> Receiver<P> {
    /// Accepts requests that carry a static token in a header.
    ///
    /// Tomba's dashboard webhook (`save_lead`) can be given static headers, says Tomba's webhook
    /// documentation. A token proves who sends, and nothing about the body.
    #[must_use]
    pub fn with_header_token(header: &str, token: Secret) -> Self {
        let header = header.to_ascii_lowercase().into_boxed_str();
        Self::checking(Check::HeaderToken(header, TokenVerifier::new(&token)))
    }

    /// Accepts requests that carry a static token in a query parameter.
    ///
    /// Tomba's `webhook_url` results carry nothing but the URL that they were given. Mind that URLs
    /// get into the access logs of servers and proxies, and into error reports: a header is the
    /// better place wherever there is a choice. Write the token percent-encoded into the URL: the
    /// query is read as a form, in which `+` is a space.
    #[must_use]
    pub fn with_query_token(parameter: &str, token: Secret) -> Self {
        Self::checking(Check::QueryToken(
            parameter.into(),
            TokenVerifier::new(&token),
        ))
    }

    /// Accepts every request, from anyone: for a network in which only the sender can reach the
    /// endpoint.
    ///
    /// It is not there for a provider that signs:
    ///
    /// ```compile_fail,E0599
    /// leadhook::Receiver::<leadhook::Graphoid>::unauthenticated();
    /// ```
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::checking(Check::Nothing)
    }
}

impl<P: TimestampedProvider> Receiver<P> {
    /// Refuses events that are older than `past`, or further than `future` ahead of the clock, when
    /// they are read. There is no limit by default.
    ///
    /// A limit refuses honest retries too: a retry may carry the timestamp of the first try, and
    /// Graphoid's last one comes 10 h 35 min later (Graphoid's webhook documentation). Five minutes,
    /// a habit elsewhere, would refuse all of them. With a limit, an event without a readable
    /// timestamp is refused. A limit does not prevent a replay within it; handling each event once
    /// does.
    ///
    /// It is not there for a provider whose envelopes have no timestamp, such as `ScoreApp`:
    ///
    /// ```compile_fail,E0599
    /// # use core::time::Duration;
    /// # let secret = leadhook::Secret::new("whsec_5d41402abc4b").unwrap();
    /// let receiver = leadhook::Receiver::<leadhook::ScoreApp>::new(secret);
    /// receiver.with_max_age(Duration::from_secs(300), Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn with_max_age(mut self, past: Duration, future: Duration) -> Self {
        Arc::make_mut(&mut self.settings).age_limit = Some(AgeLimit::new(past, future));
        self
    }
}

impl<P: Provider> Receiver<P> {
    fn checking(check: Check) -> Self {
        Self {
            settings: Arc::new(Settings {
                check,
                scope: None,
                age_limit: None,
            }),
            provider: PhantomData,
        }
    }

    /// Accepts a secret or token that was in use before, too. Unauthenticated, it changes nothing.
    ///
    /// To rotate without loss: start with the new secret and the old one as previous, change the
    /// secret at the sender, and drop the old one when [`Delivery::secret_index`] has been 0 for as
    /// long as the sender retries.
    #[must_use]
    pub fn with_previous(mut self, secret: Secret) -> Self {
        match &mut Arc::make_mut(&mut self.settings).check {
            Check::Signature(_, verifier) => verifier.add_previous(&secret),
            Check::HeaderToken(_, tokens) | Check::QueryToken(_, tokens) => {
                tokens.add_previous(&secret);
            }
            Check::Nothing => {}
        }
        self
    }

    /// Names the account, where one application serves several of one provider, so that equal events
    /// of two accounts are two events.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        Arc::make_mut(&mut self.settings).scope = Some(scope.into());
        self
    }

    /// Where a request must carry what authenticates it.
    #[must_use]
    pub fn credential(&self) -> Credential<'_> {
        match &self.settings.check {
            Check::Signature(header, _) => Credential::Header(header),
            Check::HeaderToken(header, _) => Credential::Header(header),
            Check::QueryToken(parameter, _) => Credential::Query(parameter),
            Check::Nothing => Credential::Nothing,
        }
    }

    /// Authenticates a request by all values of its [credential](Self::credential) and by its body.
    ///
    /// An `Option` will do for the values where a request can't carry two.
    ///
    /// # Errors
    ///
    /// A [`VerifyError`], for which HTTP's status is 401.
    pub fn authenticate(
        &self,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
        body: impl Into<Bytes>,
    ) -> Result<Delivery<P>, VerifyError> {
        self.check(values)?.finish(body)
    }

    /// Checks all that can be checked before the body is read: a token, or the form of a signature.
    ///
    /// # Errors
    ///
    /// A [`VerifyError`], for which HTTP's status is 401.
    pub fn check(
        &self,
        values: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Checked<'_, P>, VerifyError> {
        use VerifyError as Error;

        let proof = match &self.settings.check {
            Check::Signature(_, verifier) => {
                let value = only(values, Error::MissingSignature, Error::RepeatedSignature)?;
                Proof::Signature(verifier, verifier.parse(value.as_ref())?)
            }
            Check::HeaderToken(_, token) | Check::QueryToken(_, token) => {
                let value = only(values, Error::MissingToken, Error::RepeatedToken)?;
                Proof::Token(token.verify(value.as_ref())?)
            }
            Check::Nothing => Proof::Nothing,
        };
        Ok(Checked {
            receiver: self,
            proof,
        })
    }
}

/// The only one of the values.
fn only<T>(
    values: impl IntoIterator<Item = T>,
    missing: VerifyError,
    repeated: VerifyError,
) -> Result<T, VerifyError> {
    let mut values = values.into_iter();
    let value = values.next().ok_or(missing)?;
    match values.next() {
        None => Ok(value),
        Some(_) => Err(repeated),
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
            .field("credential", &self.credential())
            .field("scope", &self.settings.scope)
            .finish_non_exhaustive()
    }
}

/// A request whose credential has the right form, and whose body is still to come.
/// [`Receiver::check`] makes it.
#[must_use = "nothing is authenticated before the body is"]
pub struct Checked<'a, P> {
    receiver: &'a Receiver<P>,
    proof: Proof<'a>,
}

enum Proof<'a> {
    Signature(&'a Verifier, Signature),
    Token(usize),
    Nothing,
}

impl<P: Provider> Checked<'_, P> {
    /// Authenticates the body.
    ///
    /// # Errors
    ///
    /// [`WrongSignature`](VerifyError::WrongSignature) where no secret signed it.
    pub fn finish(self, body: impl Into<Bytes>) -> Result<Delivery<P>, VerifyError> {
        let body = body.into();
        let secret_index = match self.proof {
            Proof::Signature(verifier, signature) => {
                Some(verifier.verify_parsed(&signature, &body)?)
            }
            Proof::Token(index) => Some(index),
            Proof::Nothing => None,
        };
        let Settings {
            scope, age_limit, ..
        } = &*self.receiver.settings;
        Ok(Delivery::authenticated(
            body,
            secret_index,
            scope.clone(),
            *age_limit,
        ))
    }
}

impl<P> fmt::Debug for Checked<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").finish_non_exhaustive()
    }
}
