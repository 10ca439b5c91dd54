//! Encryption of bodies at rest.

use std::sync::Arc;

use bytes::Bytes;
use leadhook::dedup::Key;

/// Encrypts bodies before they are stored and decrypts them for the handlers.
///
/// Implement it with an AEAD cipher, such as ChaCha20-Poly1305, and bind the ciphertext to
/// [`BodyContext`], so that a body can't be moved to another row. A body that does not decrypt is a failed attempt, and is
/// retried: a missing key is a mistake of the configuration, not of the body.
///
/// Without one, bodies are stored as received; then guard the database as you guard your CRM, or put
/// its file on an encrypted volume.
pub trait Cipher: Send + Sync + 'static {
    /// Returns the name of the key that [`encrypt`](Self::encrypt) uses, stored beside the body, so that keys can be
    /// rotated.
    fn key_name(&self) -> &str;

    /// Encrypts a body.
    ///
    /// # Errors
    ///
    /// If it can't; then the delivery is not accepted.
    fn encrypt(&self, context: BodyContext<'_>, body: &[u8]) -> Result<Vec<u8>, CipherError>;

    /// Decrypts a body that was encrypted with the key of that name.
    ///
    /// # Errors
    ///
    /// If the key is not known or the body was changed.
    fn decrypt(
        &self,
        key_name: &str,
        context: BodyContext<'_>,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, CipherError>;
}

/// The row that a body belongs to: associated data for an AEAD cipher.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyContext<'a> {
    /// The row's key.
    pub key: Key,
    /// The row's source.
    pub source: &'a str,
}

/// The error returned when a body can't be encrypted or decrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("the body could not be encrypted or decrypted")]
#[non_exhaustive]
pub struct CipherError;

/// How bodies are stored.
#[derive(Clone, Default)]
pub(crate) struct Bodies(Option<Arc<dyn Cipher>>);

impl Bodies {
    pub(crate) fn encrypted(cipher: impl Cipher) -> Self {
        Self(Some(Arc::new(cipher)))
    }

    pub(crate) fn are_encrypted(&self) -> bool {
        self.0.is_some()
    }

    /// The body as it is stored, and the name of the key that encrypted it.
    pub(crate) fn seal(
        &self,
        key: Key,
        source: &str,
        body: &Bytes,
    ) -> Result<(Bytes, Option<String>), CipherError> {
        let Some(cipher) = &self.0 else {
            return Ok((body.clone(), None));
        };
        let sealed = cipher.encrypt(BodyContext { key, source }, body)?;
        Ok((sealed.into(), Some(cipher.key_name().into())))
    }

    /// The body as it was received.
    pub(crate) fn open(
        &self,
        key_name: Option<&str>,
        key: Key,
        source: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, CipherError> {
        match (key_name, &self.0) {
            (None, _) => Ok(body),
            (Some(key_name), Some(cipher)) => {
                cipher.decrypt(key_name, BodyContext { key, source }, body)
            }
            (Some(_), None) => Err(CipherError),
        }
    }
}
