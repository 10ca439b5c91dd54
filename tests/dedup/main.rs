//! Each event handled once: the contract of the stores, `once`, load and faults.
//!
//! What needs Redis starts a `redis-server` of its own, and is skipped with a message where there is
//! none, unless `LEADHOOK_REQUIRE_REDIS` is set.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc
)]

mod contract;
mod key;
mod load;
mod memory;
mod once;
mod support;

#[cfg(feature = "redis")]
mod faults;
#[cfg(feature = "redis")]
mod proxy;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod server;
