//! The cryptography: HMAC-SHA256, SHA-256 and the one constant-time comparison.

use alloc::{string::String, vec::Vec};
use core::{fmt, iter, marker::PhantomData};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Malformed, Scheme, Secret, Signature, SignedProvider};

/// Verifies HMAC-SHA256 signatures, with a current secret and any number of previous ones.
///
/// It is keyed once, when it is built; the keyed states are wiped when it is dropped. Verifying
/// allocates nothing. The time it takes shows how long the body is, which secret matches, and whether
/// the header is malformed, and never how much of a signature is right.
///
/// A [`Receiver`](crate::Receiver) has one inside; use a `Verifier` by itself where you need the
/// check and nothing else.
///
/// ```
/// use leadhook::{Graphoid, Scheme, Secret, Signer, Verifier};
///
/// let body = br#"{"event":"lead.won"}"#;
/// let old = Secret::new("the old secret")?;
/// let (_, header) = Signer::<Graphoid>::new(&old).header(body);
///
/// let verifier = Verifier::new(Scheme::Sha256Hex, &Secret::new("the new secret")?).with_previous(&old);
/// assert_eq!(verifier.verify(header.as_bytes(), body), Ok(1)); // the first of the previous secrets
/// # Ok::<(), leadhook::SecretError>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    scheme: Scheme,
    current: Key,
    previous: Vec<Key>,
}

impl Verifier {
    /// Makes a verifier with one secret.
    #[must_use]
    pub fn new(scheme: Scheme, secret: &Secret) -> Self {
        Self {
            scheme,
            current: Key::new(secret),
            previous: Vec::new(),
        }
    }

    /// Adds a secret that was in use before and is still accepted.
    ///
    /// Secrets are tried in the order in which they were given, the current one first.
    #[must_use]
    pub fn with_previous(mut self, secret: &Secret) -> Self {
        self.add_previous(secret);
        self
    }

    pub(crate) fn add_previous(&mut self, secret: &Secret) {
        self.previous.push(Key::new(secret));
    }

    /// Verifies a header's value against a whole body, and tells which secret matched: 0 is the
    /// current one, 1 the first of the previous ones.
    ///
    /// # Errors
    ///
    /// [`MalformedSignature`](VerifyError::MalformedSignature) where the value is not of the scheme,
    /// [`WrongSignature`](VerifyError::WrongSignature) where no secret made it.
    pub fn verify(&self, value: &[u8], body: &[u8]) -> Result<usize, VerifyError> {
        self.verify_parsed(&self.parse(value)?, body)
    }

    /// Reads a header's value, and starts to verify a body that arrives in chunks.
    ///
    /// A malformed value is refused here, before anything of the body was read. Where there are
    /// previous secrets, their states are kept on the heap.
    ///
    /// # Errors
    ///
    /// [`MalformedSignature`](VerifyError::MalformedSignature) where the value is not of the scheme.
    pub fn start(&self, value: &[u8]) -> Result<Verification, VerifyError> {
        Ok(Verification {
            signature: self.parse(value)?,
            current: self.current.clone(),
            previous: self.previous.clone(),
        })
    }

    pub(crate) fn parse(&self, value: &[u8]) -> Result<Signature, VerifyError> {
        Ok(self.scheme.parse(value)?)
    }

    pub(crate) fn verify_parsed(
        &self,
        signature: &Signature,
        body: &[u8],
    ) -> Result<usize, VerifyError> {
        iter::once(&self.current)
            .chain(&self.previous)
            .position(|key| equal(key.sign(body).as_bytes(), signature.as_bytes()))
            .ok_or(VerifyError::WrongSignature)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.scheme)
            .field("previous", &self.previous.len())
            .finish_non_exhaustive()
    }
}

/// A verification under way, of a body that arrives in chunks. [`Verifier::start`] makes it.
///
/// ```
/// use leadhook::{ScoreApp, Scheme, Secret, Signer, Verifier};
///
/// let secret = Secret::new("12345")?;
/// let (_, header) = Signer::<ScoreApp>::new(&secret).header(b"one two");
///
/// let mut verification = Verifier::new(Scheme::Hex, &secret).start(header.as_bytes())?;
/// for chunk in ["one", " ", "two"] {
///     verification.update(chunk.as_bytes());
/// }
/// assert_eq!(verification.finish(), Ok(0));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is verified before it is finished"]
pub struct Verification {
    signature: Signature,
    current: Key,
    previous: Vec<Key>,
}

impl Verification {
    /// Takes the next bytes of the body.
    pub fn update(&mut self, chunk: &[u8]) {
        self.current.0.update(chunk);
        for key in &mut self.previous {
            key.0.update(chunk);
        }
    }

    /// Ends the body, and tells which secret matched, as [`Verifier::verify`] does.
    ///
    /// # Errors
    ///
    /// [`WrongSignature`](VerifyError::WrongSignature) where no secret made the signature.
    pub fn finish(self) -> Result<usize, VerifyError> {
        let signature = self.signature;
        iter::once(self.current)
            .chain(self.previous)
            .position(|key| equal(key.finish().as_bytes(), signature.as_bytes()))
            .ok_or(VerifyError::WrongSignature)
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification").finish_non_exhaustive()
    }
}

/// Signs bodies as a provider does, for tests and for relays.
///
/// ```
/// use leadhook::{Graphoid, Secret, Signer};
///
/// let signer = Signer::<Graphoid>::new(&Secret::new("It's a Secret to Everybody")?);
/// let (name, value) = signer.header(b"Hello, World!");
/// assert_eq!(name, "x-graphoid-signature");
/// assert_eq!(
///     value,
///     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
/// );
/// # Ok::<(), leadhook::SecretError>(())
/// ```
pub struct Signer<P> {
    key: Key,
    provider: PhantomData<fn() -> P>,
}

impl<P: SignedProvider> Signer<P> {
    /// Makes a signer that signs as `P` does.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self {
            key: Key::new(secret),
            provider: PhantomData,
        }
    }

    /// The signature of a body.
    #[must_use]
    pub fn sign(&self, body: &[u8]) -> Signature {
        self.key.sign(body)
    }

    /// The header, name and value, that authenticates a body. The name is in lower case.
    #[must_use]
    pub fn header(&self, body: &[u8]) -> (&'static str, String) {
        (P::HEADER, P::SCHEME.format(&self.sign(body)))
    }
}

impl<P> Clone for Signer<P> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            provider: PhantomData,
        }
    }
}

impl<P> fmt::Debug for Signer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

/// Compares static tokens, with a current one and any number of previous ones.
///
/// Hashes are compared, so that a token of another length takes the same way.
#[derive(Clone)]
pub(crate) struct TokenVerifier(Vec<Zeroizing<[u8; 32]>>);

impl TokenVerifier {
    pub(crate) fn new(token: &Secret) -> Self {
        let mut tokens = Self(Vec::new());
        tokens.add_previous(token);
        tokens
    }

    pub(crate) fn add_previous(&mut self, token: &Secret) {
        self.0.push(Zeroizing::new(sha256([token.expose()])));
    }

    pub(crate) fn verify(&self, value: &[u8]) -> Result<usize, VerifyError> {
        let hash = sha256([value]);
        self.0
            .iter()
            .position(|token| equal(token, &hash))
            .ok_or(VerifyError::WrongToken)
    }
}

/// Why a request is not authentic. It carries no secret, no signature and nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no signature header. Grader.io and `ScoreApp` send none where their user set no
    /// secret.
    #[error("the signature header is missing: is a secret set at the sender?")]
    MissingSignature,
    /// The signature header is there more than once, equal or not.
    #[error("the signature header is there more than once")]
    RepeatedSignature,
    /// The signature header's value is not of the provider's scheme.
    #[error("the signature header is malformed: {0}")]
    MalformedSignature(Malformed),
    /// The signature was not made of this body with any of the secrets.
    #[error("the signature does not match: another secret, or the body was changed (re-encoded?)")]
    WrongSignature,
    /// There is no token where one was expected.
    #[error("the token is missing")]
    MissingToken,
    /// The token is there more than once, equal or not.
    #[error("the token is there more than once")]
    RepeatedToken,
    /// The token is not one of those that are accepted.
    #[error("the token does not match")]
    WrongToken,
}

impl From<Malformed> for VerifyError {
    fn from(malformed: Malformed) -> Self {
        Self::MalformedSignature(malformed)
    }
}

/// SHA-256 over parts, one after the other.
pub(crate) fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        Digest::update(&mut hash, part);
    }
    hash.finalize().into()
}

/// HMAC-SHA256 with its key set up.
#[derive(Clone)]
struct Key(Hmac<Sha256>);

impl Key {
    fn new(secret: &Secret) -> Self {
        let secret = secret.expose();
        let mut block = Zeroizing::new([0; 64]);
        if let Some(start) = block.get_mut(..secret.len()) {
            start.copy_from_slice(secret);
        } else {
            let hash = Zeroizing::new(sha256([secret]));
            block
                .iter_mut()
                .zip(*hash)
                .for_each(|(to, from)| *to = from);
        }
        Self(Hmac::new((&*block).into()))
    }

    fn sign(&self, body: &[u8]) -> Signature {
        Self(self.0.clone().chain_update(body)).finish()
    }

    fn finish(self) -> Signature {
        Signature::from(<[u8; 32]>::from(self.0.finalize().into_bytes()))
    }
}

/// The crate's only comparison of secret bytes, in constant time.
///
/// The differences are folded into one word first, which costs a twentieth of comparing slices.
fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    fn words(bytes: &[u8; 32]) -> impl Iterator<Item = u64> {
        let (words, _) = bytes.as_chunks();
        words.iter().copied().map(u64::from_ne_bytes)
    }
    let difference = words(left)
        .zip(words(right))
        .fold(0, |all, (left, right)| all | (left ^ right));
    difference.ct_eq(&0).into()
}

#[cfg(test)]
mod tests {
    use core::mem::needs_drop;

    use zeroize::ZeroizeOnDrop;

    use super::{Hmac, Sha256};

    /// `Hmac` doesn't say that it is wiped; the hashes in it do, and are dropped with it.
    #[test]
    fn what_is_keyed_is_wiped_when_it_is_dropped() {
        fn assert_wiped<T: ZeroizeOnDrop>() {}
        assert_wiped::<Sha256>();
        assert!(needs_drop::<Hmac<Sha256>>());
    }
}
