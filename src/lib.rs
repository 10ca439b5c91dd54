#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs)]
// These hold for the library and not for its tests and examples. The rest is in `Cargo.toml`.
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
//! Receives webhooks from the lead providers Grader.io, Graphoid, `ScoreApp` and Tomba.
//!
//! These providers notify your application by webhook when something happens to a lead. leadhook
//! verifies that a request really comes from the provider, reads it into a typed event to `match` on,
//! and makes sure that an event delivered several times is handled only once.
#![cfg_attr(
    all(feature = "axum", feature = "dedup", feature = "tracing"),
    doc = "
This is a complete receiver with axum. Its dependencies are in the
[README](https://crates.io/crates/leadhook):

",
    doc = include_str!("../docs/guide/program.md")
)]
//!
//! # Modules
//!
//! | module | contains |
//! |---|---|
//! | [`grader`], [`graphoid`], [`scoreapp`], [`tomba`] | each provider's events, payload types and facts |
//! | [`axum`], [`actix`], [`tower`] | how to use the extractors and the layer, with the features of the same names |
//! | [`dedup`] | the guard that handles each event once, with the feature `dedup` |
//! | [`metrics`] | counters for dashboards and alerts, with the feature `metrics` |
//! | [`samples`] | signed sample requests for your tests, with the feature `samples` |
//! | [`guide`] | solutions for common tasks, such as rotating secrets and collecting metrics |
//!
//! [`Provider`] and [`Event`] are the traits for your own provider.
//!
//! # Without a framework
//!
//! A [`Receiver`] needs the values of a header and the raw body, which every framework gives you:
//!
//! ```
//! use leadhook::{Graphoid, Receiver, Secret, graphoid::GraphoidEvent};
//!
//! # let secret = Secret::new("whsec_5d41402abc4b")?;
//! # let body = br#"{"id":"evt_1","event":"lead.won","data":{"lead":{"id":"lead_1","name":"Acme Corp"}}}"#;
//! # let (_, signature) = leadhook::Signer::<Graphoid>::new(&secret).header(body);
//! # let signatures = [signature]; // all values of the header `x-graphoid-signature`
//! let receiver = Receiver::<Graphoid>::new(&secret);
//!
//! let delivery = receiver.authenticate(signatures, body.as_slice())?;
//! match delivery.read()?.event {
//!     GraphoidEvent::LeadWon(won) => println!("{:?} is won", won.lead.name),
//!     GraphoidEvent::Unknown { name, .. } => println!("{name} is not known yet"),
//!     _ => {}
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Imports
//!
//! Import the names that you use, and not `leadhook::*`. The modules [`axum`], [`actix`], [`tower`] and
//! [`metrics`] would hide the crates of the same names, and `axum::Router` would not be found (E0425, E0433).
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `std` (default) | `Secret::from_env`; without it the crate is `no_std` with `alloc` |
//! | `axum` | extractors for axum 0.8 |
//! | `actix` | extractors for actix-web 4 |
//! | `tower` | a layer for any service of `http` 1.x, such as hyper or AWS Lambda |
//! | `dedup` | a guard that handles each event once and remembers handled events in memory |
//! | `redis` | a store in Redis for that guard, for several instances |
//! | `tracing` | log events for rejections, duplicates and failures |
//! | `metrics` | counters for deliveries, rejections and results, on the `metrics` facade |
//! | `samples` | signed sample requests for your tests |
//!
// Without some feature, a module may be missing, so the links lead to docs.rs.
#![cfg_attr(
    all(
        feature = "actix",
        feature = "axum",
        feature = "metrics",
        feature = "redis",
        feature = "samples",
        feature = "tower",
        feature = "tracing"
    ),
    doc = "
[`axum`]: mod@crate::axum
[`actix`]: mod@crate::actix
[`tower`]: mod@crate::tower
[`dedup`]: mod@crate::dedup
[`metrics`]: mod@crate::metrics
[`samples`]: mod@crate::samples
[`guide`]: mod@crate::guide
"
)]
#![cfg_attr(
    not(all(
        feature = "actix",
        feature = "axum",
        feature = "metrics",
        feature = "redis",
        feature = "samples",
        feature = "tower",
        feature = "tracing"
    )),
    doc = "
[`axum`]: https://docs.rs/leadhook/latest/leadhook/axum/
[`actix`]: https://docs.rs/leadhook/latest/leadhook/actix/
[`tower`]: https://docs.rs/leadhook/latest/leadhook/tower/
[`dedup`]: https://docs.rs/leadhook/latest/leadhook/dedup/
[`metrics`]: https://docs.rs/leadhook/latest/leadhook/metrics/
[`samples`]: https://docs.rs/leadhook/latest/leadhook/samples/
[`guide`]: https://docs.rs/leadhook/latest/leadhook/guide/
"
)]

#[doc(hidden)]
pub extern crate alloc;
#[doc(hidden)]
pub extern crate serde;

mod adapters;
mod auth;
#[cfg(feature = "dedup")]
pub mod dedup;
mod delivery;
#[cfg(all(
    doc,
    feature = "actix",
    feature = "axum",
    feature = "metrics",
    feature = "redis",
    feature = "samples",
    feature = "tower",
    feature = "tracing"
))]
pub mod guide;
mod lead;
#[cfg(feature = "metrics")]
pub mod metrics;
mod provider;
mod providers;
mod read;
mod receiver;
mod rejection;
#[cfg(feature = "samples")]
pub mod samples;
mod signer;

#[cfg(any(feature = "axum", feature = "actix"))]
pub use adapters::Webhook;
#[cfg(feature = "actix")]
pub use adapters::actix;
#[cfg(feature = "axum")]
pub use adapters::axum;
#[cfg(feature = "tower")]
pub use adapters::tower;
pub use auth::error::VerifyError;
pub use auth::secret::{Secret, SecretError, SecretErrorKind};
pub use auth::signature::{MalformedSignature, Signature, SignatureFormat};
pub use auth::verifier::{BodyVerifier, SecretIndex, Verifier};
pub use delivery::Delivery;
pub use lead::Lead;
pub use provider::{
    DedupBy, EnvelopeKeys, Event, Layout, Provider, SignedProvider, UnsignedProvider,
};
pub use providers::{Grader, Graphoid, ScoreApp, Tomba, grader, graphoid, scoreapp, tomba};
pub use read::contract::ContractError;
pub use read::envelope::Envelope;
pub use read::error::{ReadError, ShapeError};
pub use read::field::Field;
pub use read::json::Json;
pub use read::member::Member;
pub use read::payload::{FastObject, Object, Payload};
pub use read::raw_json::RawJson;
pub use read::unread::Unread;
pub use receiver::{CredentialSource, NameError, PendingDelivery, Receiver};
pub use rejection::{Rejection, RejectionKind};
pub use signer::Signer;

/// The README's code, which is tested with the features that it needs.
#[cfg(all(
    doctest,
    feature = "actix",
    feature = "axum",
    feature = "dedup",
    feature = "samples",
    feature = "tracing"
))]
#[doc = include_str!("../README.md")]
struct Readme;
