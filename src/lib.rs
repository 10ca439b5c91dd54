#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs)]
#![warn(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]
//! TODO

extern crate alloc;

#[cfg(any(feature = "axum", feature = "actix", feature = "tower"))]
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
#[doc(no_inline)]
pub use providers::{grader::Grader, graphoid::Graphoid, scoreapp::ScoreApp, tomba::Tomba};
pub use raw::RawJson;
pub use receiver::{Checked, Credential, Receiver};
pub use secret::{Secret, SecretError, SecretErrorKind};
pub use signature::{Malformed, Scheme, Signature};
pub use verifier::{Signer, Verification, Verifier, VerifyError};
