//! Deduplication: the contract of the stores, `once`, load and faults.
//!
//! Tests that need Redis start a `redis-server` of their own. If it is not installed, they are skipped
//! with a message, or fail if `LEADHOOK_REQUIRE_REDIS` is set.

mod contract;
mod key;
mod load;
mod memory;
mod once;
pub(crate) mod support;
#[cfg(feature = "tracing")]
mod trace;

#[cfg(feature = "redis")]
mod failover;
#[cfg(feature = "redis")]
mod faults;
#[cfg(feature = "redis")]
mod proxy;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod server;
