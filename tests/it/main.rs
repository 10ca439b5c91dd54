//! The integration tests: behaviour through the public API, in folders that mirror `src`.
#![cfg(feature = "std")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod adapters;
mod architecture;
mod auth;
mod cases;
mod custom_provider;
#[cfg(feature = "dedup")]
mod dedup;
#[cfg(all(feature = "dedup", feature = "tracing"))]
mod events;
#[cfg(all(
    feature = "axum",
    feature = "redis",
    feature = "samples",
    feature = "tower",
    feature = "tracing"
))]
mod leaks;
#[cfg(all(
    feature = "actix",
    feature = "axum",
    feature = "dedup",
    feature = "metrics",
    feature = "tower",
    feature = "tracing"
))]
mod metrics;
mod operations;
mod oracle;
mod providers;
mod read;
mod receiver;
#[cfg(all(
    feature = "actix",
    feature = "axum",
    feature = "dedup",
    feature = "tower",
    feature = "tracing"
))]
mod rejections;
mod samples;
mod security;
mod support;
mod types;
