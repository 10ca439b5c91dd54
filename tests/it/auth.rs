//! Secrets, signatures and verifiers.

mod secret;
mod signature;
