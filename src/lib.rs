#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs)]
// What holds for the library, and not for its tests and examples. The rest is in `Cargo.toml`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout
)]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]
// The README's code needs these, and is tested with them.
#![cfg_attr(
    all(feature = "actix", feature = "axum", feature = "dedup", feature = "samples"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(
        feature = "actix",
        feature = "axum",
        feature = "dedup",
        feature = "samples"
    )),
    doc = "Receive lead webhooks from Grader.io, Graphoid, ScoreApp and Tomba."
)]

extern crate alloc;

mod adapters;
#[cfg(feature = "dedup")]
pub mod dedup;
mod delivery;
mod diagnosis;
mod envelope;
mod freshness;
mod lead;
mod lenient;
mod provider;
mod providers;
mod raw;
mod receiver;
#[cfg(feature = "samples")]
pub mod samples;
mod secret;
mod signature;
mod verifier;

#[cfg(any(feature = "axum", feature = "actix"))]
pub use adapters::Webhook;
#[cfg(feature = "actix")]
pub use adapters::actix;
#[cfg(feature = "axum")]
pub use adapters::axum;
#[cfg(feature = "tower")]
pub use adapters::tower;
#[cfg(any(feature = "axum", feature = "actix", feature = "tower"))]
pub use adapters::{Rejection, RejectionKind};
pub use delivery::Delivery;
pub use diagnosis::ReadError;
pub use envelope::Envelope;
pub use lead::Lead;
pub use provider::{
    EnvelopeKeys, Event, Identity, Layout, Provider, SignedProvider, TimestampedProvider,
    UnsignedProvider,
};
pub use providers::{grader, graphoid, scoreapp, tomba};
pub use raw::RawJson;
pub use receiver::{Checked, Credential, Receiver};
pub use secret::{Secret, SecretError, SecretErrorKind};
pub use signature::{Malformed, Scheme, Signature};
pub use verifier::{Signer, Verification, Verifier, VerifyError};
#[doc(no_inline)]
pub use {grader::Grader, graphoid::Graphoid, scoreapp::ScoreApp, tomba::Tomba};
