//! Each event handled once: the contract of the stores, `once`, load and faults.
//!
//! What needs Redis starts a `redis-server` of its own, and is skipped with a message where there is
//! none, unless `LEADHOOK_REQUIRE_REDIS` is set.

mod contract;
mod key;
mod load;
mod memory;
mod once;
mod support;
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
