//! Secrets, signatures, and the verifier that compares them. Nothing in this folder knows a provider.

pub(crate) mod error;
pub(crate) mod secret;
pub(crate) mod signature;
pub(crate) mod verifier;
