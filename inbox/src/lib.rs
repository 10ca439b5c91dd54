//! Stores verified lead webhooks, so that you respond at once and handle them later.

mod accept;
#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
pub mod axum;
mod backend;
mod backoff;
mod cipher;
mod error;
mod failure;
mod handler;
mod heartbeat;
mod held;
mod inbox;
mod job;
mod key;
mod log;
mod poller;
#[cfg(feature = "postgres")]
mod postgres;
mod prune;
mod rows;
mod schema;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stats;
mod take;
mod testing;
mod workers;

pub use accept::Accepted;
pub use backend::Backend;
pub use backoff::Backoff;
pub use cipher::{BodyContext, Cipher, CipherError};
pub use error::Error;
pub use failure::Failure;
pub use inbox::Inbox;
pub use job::{Done, Job};
pub use key::{Key, KeyError};
pub use prune::{Keep, Pruned};
pub use rows::{Reason, Select, State, StoredRow};
pub use sqlx;
#[cfg(feature = "postgres")]
#[doc(no_inline)]
pub use sqlx::Postgres;
#[cfg(feature = "sqlite")]
#[doc(no_inline)]
pub use sqlx::Sqlite;
pub use stats::SourceStats;
pub use testing::Report;
pub use workers::{Health, RunningWorkers, Workers};
