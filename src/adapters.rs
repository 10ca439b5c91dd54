//! The adapters between a receiver and the web frameworks.
//!
//! Every adapter takes the same steps in this order: the body's encoding, the credential's presence
//! and format, the body, the signature, the event.

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
pub mod axum;
#[cfg(any(feature = "axum", feature = "tower"))]
mod body;
#[cfg(any(feature = "axum", feature = "tower"))]
mod response;
#[cfg(any(feature = "axum", feature = "actix", feature = "tower"))]
mod steps;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(any(feature = "axum", feature = "actix"))]
mod webhook;

#[cfg(any(feature = "axum", feature = "actix"))]
pub use webhook::Webhook;
