//! The adapters. Every adapter runs the table of cases, and has a file for its own features.

#[cfg(any(feature = "actix", feature = "axum", feature = "tower"))]
#[macro_use]
mod http;

#[cfg(all(
    feature = "actix",
    feature = "axum",
    feature = "dedup",
    feature = "tower"
))]
mod accounts;
#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
#[cfg(all(
    feature = "actix",
    feature = "axum",
    feature = "dedup",
    feature = "tower"
))]
mod outcomes;
#[cfg(feature = "tower")]
mod tower;
#[cfg(all(
    feature = "axum",
    feature = "dedup",
    feature = "tower",
    feature = "tracing"
))]
mod tracing;
