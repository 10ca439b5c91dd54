//! Who sent it: secrets, signatures and the verifier that compares them. Nothing here knows a provider.

pub(crate) mod error;
mod hex;
pub(crate) mod secret;
pub(crate) mod signature;
pub(crate) mod verifier;
