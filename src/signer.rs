//! Signing, the opposite of a receiver.

use alloc::string::String;
use core::{fmt, marker::PhantomData};

use crate::auth::secret::Secret;
use crate::auth::signature::Signature;
use crate::auth::verifier::MacKey;
use crate::provider::SignedProvider;

/// A signer that signs bodies as the provider `P` does, for tests and for relays.
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
    key: MacKey,
    provider: PhantomData<fn() -> P>,
}

impl<P: SignedProvider> Signer<P> {
    /// Creates a signer for one secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self {
            key: MacKey::new(secret),
            provider: PhantomData,
        }
    }

    /// Returns the signature of a body.
    #[must_use]
    pub fn sign(&self, body: &[u8]) -> Signature {
        self.key.sign(body)
    }

    /// Returns the name and value of the header that authenticates a body.
    ///
    /// The name is in lower case.
    #[must_use]
    pub fn header(&self, body: &[u8]) -> (&'static str, String) {
        (P::HEADER, P::FORMAT.format(&self.sign(body)))
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
