//! Stores verified lead webhooks, so that you respond at once and handle them later.
//!
//! An [`Inbox`] is a table in SQLite or PostgreSQL. A route [accepts](Inbox::accept) a
//! [`leadhook::Delivery`] into it and responds with 200 once it is on the disk. [`Workers`] call your handler with the typed
//! event, as a [`Job`]. They retry what fails, and keep what can't be handled as dead rows, to be
//! [replayed](Inbox::replay) or [erased](Inbox::erase).
//!
//! ```
//! use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
//! use leadhook_inbox::{Accepted, Done, Failure, Inbox, Job, Sqlite};
//!
//! async fn handle(job: Job<GraphoidEvent, Sqlite>) -> Result<Done, Failure> {
//!     match job.event() {
//!         GraphoidEvent::LeadWon(won) => assert_eq!(won.lead.name.as_deref(), Some("Acme")),
//!         _ => {} // an event that is not handled is done, too
//!     }
//!     Ok(job.done())
//! }
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let inbox = Inbox::temporary().await?; // or Inbox::<Sqlite>::open("inbox.db")
//! # let body = r#"{"id":"evt_1","event":"lead.won","data":{"lead":{"id":"1","name":"Acme"}}}"#;
//! let delivery = Delivery::<Graphoid>::from_storage(body); // or from a receiver
//! assert_eq!(inbox.accept("graphoid", &delivery).await?, Accepted::New);
//! assert_eq!(inbox.accept("graphoid", &delivery).await?, Accepted::Duplicate);
//!
//! let workers = inbox.workers().on("graphoid", handle);
//! assert_eq!(workers.run_until_idle().await?.tries, 1); // in a server: workers.start()
//! # Ok::<(), leadhook_inbox::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! A row has a key, which the duplicates of an event share. It is *waiting*, *done* or *dead*. A worker claims
//! a waiting row with a lease, and each change it makes from then on is conditional on the lease's
//! token, so that a worker that is late changes nothing. A heartbeat extends the leases of
//! running handlers. A lease that runs out was *abandoned*: the process is gone.
//!
//! | what happens | what becomes of the row |
//! |---|---|
//! | the handler returns [`Job::done`], or [`Job::commit`] succeeds | done |
//! | it returns [`Failure::retry`], panics, or runs past the deadline | waiting, due after the [`Backoff`]; dead when it has failed for too long |
//! | it returns [`Failure::dead`] | dead |
//! | the body can't be read as the handler's event | dead |
//! | the process dies | waiting, due when the lease ends; claimed while no other handler runs; dead after three times |
//! | [`RunningWorkers::shutdown`] cuts it off | waiting, due at once, and the try is not counted |
//!
//! The README lists the guarantees, and for each what is not promised, and how to run an inbox in production.
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `sqlite` (default) | [`Inbox<Sqlite>`](Sqlite), with SQLite compiled in |
//! | `postgres` | [`Inbox<Postgres>`](Postgres) |
//! | `axum` | [`Inbox::axum`] and a server with a bounded shutdown, [`axum::serve`] |
//! | `actix` | [`Inbox::actix`] |
#![cfg_attr(docsrs, feature(doc_cfg))]
// These hold for the library and not for its examples. The rest is in the workspace's `Cargo.toml`.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod cipher;
mod database;
mod error;
mod health;
mod inbox;
mod intake;
mod log;
#[cfg(test)]
mod model;
mod operate;
mod random;
mod source;
mod testing;
mod work;

pub use cipher::{BodyContext, Cipher, CipherError};
pub use database::{Backend, transaction::Transaction};
pub use error::Error;
pub use health::{Health, Problem};
pub use inbox::Inbox;
#[cfg(feature = "actix")]
pub use intake::actix;
#[cfg(feature = "axum")]
pub use intake::axum;
pub use intake::Accepted;
#[doc(no_inline)]
pub use leadhook::dedup::{Key, KeyError};
pub use operate::{
    batches::Batches,
    filter::Filter,
    prune::{Pruned, Retention},
    rows::{Page, Reason, State, StoredRow},
    stats::SourceStats,
};
pub use source::Source;
pub use sqlx;
#[cfg(feature = "_postgres")]
#[doc(no_inline)]
pub use sqlx::Postgres;
#[cfg(feature = "sqlite")]
#[doc(no_inline)]
pub use sqlx::Sqlite;
pub use testing::Report;
pub use work::{
    RunningWorkers, Workers,
    backoff::Backoff,
    failure::{Failure, OrFail},
    job::{Done, Job},
};

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
