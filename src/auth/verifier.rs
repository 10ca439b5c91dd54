//! The cryptography: HMAC-SHA256, SHA-256 and the one constant-time comparison.

use alloc::vec::Vec;
use core::{fmt, iter};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::error::VerifyError;
use crate::auth::secret::Secret;
use crate::auth::signature::{Signature, SignatureFormat};

/// A verifier of HMAC-SHA256 signatures with a current secret and any number of previous secrets.
///
/// The keys are set up once, when the verifier is built, and verifying allocates nothing. The keyed
/// hash states are wiped when the verifier is dropped; copies that `hmac` makes on its own stack are
/// out of reach. The time that verifying takes reveals the length of the body, which secret matches
/// and whether the header is malformed, but never how much of a signature is right.
///
/// A [`Receiver`](crate::Receiver) contains a verifier. Use a `Verifier` on its own if you need the
/// signature check and nothing else.
///
/// ```
/// use leadhook::{Graphoid, Secret, SignatureFormat, Signer, Verifier};
///
/// let body = br#"{"event":"lead.won"}"#;
/// let old = Secret::new("the old secret")?;
/// let (_, header) = Signer::<Graphoid>::new(&old).header(body);
///
/// let new = Secret::new("the new secret")?;
/// let verifier = Verifier::new(SignatureFormat::PrefixedHex, &new).with_previous(&old);
/// let matched = verifier.verify(header.as_bytes(), body)?;
/// assert!(!matched.is_current());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    format: SignatureFormat,
    keys: Rotation<MacKey>,
}

impl Verifier {
    /// Creates a verifier for one secret.
    #[must_use]
    pub fn new(format: SignatureFormat, secret: &Secret) -> Self {
        Self {
            format,
            keys: Rotation::new(MacKey::new(secret)),
        }
    }

    /// Creates a verifier that takes the time of any other, and whose result nobody may use.
    pub(crate) fn of_nobody(format: SignatureFormat) -> Self {
        Self {
            format,
            keys: Rotation::new(MacKey::from_bytes(&[1; 32])),
        }
    }

    /// Also accepts a previous secret.
    ///
    /// Secrets are tried in the order in which they were given, the current one first.
    #[must_use]
    pub fn with_previous(mut self, secret: &Secret) -> Self {
        self.add_previous(secret);
        self
    }

    pub(crate) fn add_previous(&mut self, secret: &Secret) {
        self.keys.add_previous(MacKey::new(secret));
    }

    /// Verifies a header value against a complete body and returns which secret matched.
    ///
    /// # Errors
    ///
    /// [`MalformedSignature`](VerifyError::MalformedSignature) if the value does not have the
    /// verifier's format, and [`SignatureMismatch`](VerifyError::SignatureMismatch) if no secret
    /// signs the body with it.
    pub fn verify(&self, value: &[u8], body: &[u8]) -> Result<SecretIndex, VerifyError> {
        self.verify_parsed(&self.parse(value)?, body)
    }

    /// Parses a header value and returns a verifier for a body that arrives in chunks.
    ///
    /// A malformed value is rejected here, before any of the body is read. If there are previous
    /// secrets, their states are kept on the heap.
    ///
    /// # Errors
    ///
    /// [`MalformedSignature`](VerifyError::MalformedSignature) if the value does not have the
    /// verifier's format.
    pub fn begin(&self, value: &[u8]) -> Result<BodyVerifier, VerifyError> {
        Ok(BodyVerifier {
            signature: self.parse(value)?,
            keys: self.keys.clone(),
        })
    }

    pub(crate) fn parse(&self, value: &[u8]) -> Result<Signature, VerifyError> {
        Ok(self.format.parse(value)?)
    }

    pub(crate) fn verify_parsed(
        &self,
        signature: &Signature,
        body: &[u8],
    ) -> Result<SecretIndex, VerifyError> {
        let is_from = |key: &MacKey| equal(key.sign(body).as_bytes(), signature.as_bytes());
        let matched = self.keys.position(is_from);
        matched.ok_or(VerifyError::SignatureMismatch)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("format", &self.format)
            .field("previous", &self.keys.previous.len())
            .finish_non_exhaustive()
    }
}

/// The verification of a body that arrives in chunks.
///
/// [`Verifier::begin`] creates it.
///
/// ```
/// use leadhook::{ScoreApp, Secret, SignatureFormat, Signer, Verifier};
///
/// let secret = Secret::new("12345")?;
/// let (_, header) = Signer::<ScoreApp>::new(&secret).header(b"one two");
///
/// let verifier = Verifier::new(SignatureFormat::Hex, &secret);
/// let mut verifier = verifier.begin(header.as_bytes())?;
/// for chunk in ["one", " ", "two"] {
///     verifier.update(chunk.as_bytes());
/// }
/// assert!(verifier.finish()?.is_current());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "the body is not verified before `finish` is called"]
pub struct BodyVerifier {
    signature: Signature,
    keys: Rotation<MacKey>,
}

impl BodyVerifier {
    /// Adds the next bytes of the body.
    pub fn update(&mut self, chunk: &[u8]) {
        self.keys.current.0.update(chunk);
        for key in &mut self.keys.previous {
            key.0.update(chunk);
        }
    }

    /// Ends the body and returns which secret matched.
    ///
    /// # Errors
    ///
    /// [`SignatureMismatch`](VerifyError::SignatureMismatch) if no secret signs the body with the
    /// signature.
    pub fn finish(self) -> Result<SecretIndex, VerifyError> {
        let signature = self.signature.as_bytes();
        // The keys are borrowed, because moving them out of their list would leave unwiped bytes in the
        // memory that it frees.
        let is_from = |key: &MacKey| equal(key.clone().finish().as_bytes(), signature);
        let matched = self.keys.position(is_from);
        matched.ok_or(VerifyError::SignatureMismatch)
    }
}

impl fmt::Debug for BodyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyVerifier").finish_non_exhaustive()
    }
}

/// The position of the secret or token that matched a request.
///
/// As long as some deliveries match a previous secret, that secret is still in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretIndex(usize);

impl SecretIndex {
    /// Returns whether the current secret matched.
    #[must_use]
    pub fn is_current(self) -> bool {
        self.0 == 0
    }

    /// Returns the position of the secret that matched.
    ///
    /// 0 is the current secret, 1 is the first previous one, and so on.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

/// A verifier of static tokens with a current token and any number of previous tokens.
///
/// It compares SHA-256 hashes, so the time reveals nothing about the length of a token.
#[derive(Clone)]
pub(crate) struct TokenVerifier(Rotation<Zeroizing<[u8; 32]>>);

impl TokenVerifier {
    pub(crate) fn new(token: &Secret) -> Self {
        Self(Rotation::new(Self::hash(token)))
    }

    pub(crate) fn add_previous(&mut self, token: &Secret) {
        self.0.add_previous(Self::hash(token));
    }

    pub(crate) fn verify(&self, value: &[u8]) -> Result<SecretIndex, VerifyError> {
        let hash = sha256(value);
        let matched = self.0.position(|token| equal(token, &hash));
        matched.ok_or(VerifyError::TokenMismatch)
    }

    fn hash(token: &Secret) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(sha256(token.expose()))
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Returns the SHA-256 hash of parts, each after its length in eight bytes. Different lists of parts are
/// therefore never the same bytes.
#[cfg(feature = "dedup")]
pub(crate) fn sha256_of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        Digest::update(&mut hash, (part.len() as u64).to_le_bytes());
        Digest::update(&mut hash, part);
    }
    hash.finalize().into()
}

/// HMAC-SHA256 with its key set up.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self::from_bytes(secret.expose())
    }

    #[expect(
        clippy::expect_used,
        reason = "HMAC accepts keys of every length, so this can't fail"
    )]
    fn from_bytes(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC accepts keys of every length"))
    }

    pub(crate) fn sign(&self, body: &[u8]) -> Signature {
        Self(self.0.clone().chain_update(body)).finish()
    }

    fn finish(self) -> Signature {
        Signature::from(<[u8; 32]>::from(self.0.finalize().into_bytes()))
    }
}

/// The current key or token and the previous ones, which wipe themselves when they are dropped.
#[derive(Clone)]
struct Rotation<T> {
    current: T,
    previous: Vec<T>,
}

impl<T: Clone> Rotation<T> {
    fn new(current: T) -> Self {
        Self {
            current,
            previous: Vec::new(),
        }
    }

    /// Adds a value in a new list.
    ///
    /// A `Vec` that grows moves its elements and frees the old memory without dropping them, so
    /// nothing would wipe it. Here the old list is dropped.
    fn add_previous(&mut self, value: T) {
        let mut list = Vec::with_capacity(self.previous.len().saturating_add(1));
        list.extend_from_slice(&self.previous);
        list.push(value);
        self.previous = list;
    }

    /// Returns the position of the first value that matches.
    fn position(&self, matches: impl FnMut(&T) -> bool) -> Option<SecretIndex> {
        iter::once(&self.current)
            .chain(&self.previous)
            .position(matches)
            .map(SecretIndex)
    }
}

/// Compares 32 bytes in constant time, at the only place in the crate where secret bytes are compared.
///
/// Comparing words takes a twentieth of the time of comparing bytes.
fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    let words = |bytes: &[u8; 32]| -> [u64; 4] {
        let (words, _) = bytes.as_chunks();
        core::array::from_fn(|i| words.get(i).copied().map_or(0, u64::from_ne_bytes))
    };
    words(left).ct_eq(&words(right)).into()
}

#[cfg(test)]
mod tests {
    use core::mem::needs_drop;

    use zeroize::ZeroizeOnDrop;

    use super::{Hmac, Sha256};

    /// `Hmac` does not implement `ZeroizeOnDrop`, but the hashes in it do and are dropped with it.
    #[test]
    fn keyed_states_are_wiped_when_they_are_dropped() {
        fn assert_wiped<T: ZeroizeOnDrop>() {}
        assert_wiped::<Sha256>();
        assert!(needs_drop::<Hmac<Sha256>>());
    }
}
