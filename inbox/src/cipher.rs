//! Encryption of bodies at rest.

use leadhook::dedup::Key;

/// Encrypts bodies before they are stored and decrypts them for the handlers.
///
/// Implement it with an AEAD cipher, such as ChaCha20-Poly1305, and bind the ciphertext to
/// [`BodyContext`], so that a body can't be moved to another row. A body that does not decrypt is a failed try, and is
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
