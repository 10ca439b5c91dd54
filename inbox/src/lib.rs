//! Stores verified lead webhooks, so that you respond at once and handle them later.
//!
//! An [`Inbox`] is a table in SQLite or PostgreSQL. A [`Source`] accepts each [`leadhook::Delivery`] into it, and its
//! route responds with 200 once the delivery is on the disk. [`Workers`] call your handler with the typed event, as
//! a [`Job`]. They retry what fails, and keep what can't be handled as dead rows, which you can
//! [replay](Inbox::replay) or [erase](Inbox::erase).
//!
//! ```
//! use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
//! use leadhook_inbox::{Accepted, Done, Failure, Inbox, Job, Sqlite};
//!
//! async fn handle(job: Job<GraphoidEvent, Sqlite>) -> Result<Done, Failure> {
//!     match job.event() {
//!         GraphoidEvent::LeadWon(won) => assert_eq!(won.lead.name.as_deref(), Some("Acme")),
//!         _ => {} // an event that you ignore is done as well
//!     }
//!     Ok(job.done())
//! }
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let inbox = Inbox::temporary().await?; // or Inbox::<Sqlite>::open("inbox.db")
//! let graphoid = inbox.source::<Graphoid>("graphoid");
//! # let body = r#"{"id":"evt_1","event":"lead.won","data":{"lead":{"id":"1","name":"Acme"}}}"#;
//! let delivery = Delivery::<Graphoid>::from_storage(body); // or from a receiver
//! assert_eq!(graphoid.accept(&delivery).await?, Accepted::New);
//! assert_eq!(graphoid.accept(&delivery).await?, Accepted::Duplicate);
//!
//! let workers = inbox.workers().on(&graphoid, handle);
//! assert_eq!(workers.run_until_idle().await?.attempts, 1); // in a server: workers.start()
//! # Ok::<(), leadhook_inbox::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! A row has a key, which the duplicates of an event at a source share. It is *waiting*, *done* or *dead*.
//!
//! The workers that a process starts have a row of their own in the database, with a counter that they
//! raise several times in a [lease](Workers::lease). When they claim a waiting row, they write their name
//! and a new token into it. Every later change of the row is conditional on the token, so a late attempt
//! changes nothing. As long as the counter grows, the claimed rows stay with their process, however long
//! the handlers take. When others have seen the counter stand still for 3/2 of the lease, they free the
//! rows of that process. Each measures this with its own clock, and only while it can reach the database,
//! so an outage never takes rows from a live process.
//!
//! The inbox has connections and a thread of its own, so neither a busy runtime nor a cancelled request disturbs it.
//! Handlers run within your runtime, each on a thread of the inbox, so a handler that blocks holds up no other.
//!
//! | what happens | what becomes of the row |
//! |---|---|
//! | the handler returns [`Job::done`], or [`Job::commit`] succeeds | done |
//! | it returns [`Failure::retry`], panics, or runs into its [timeout](Workers::timeout) | waiting, due after the [`Backoff`]; dead if it has failed for 14 days |
//! | it returns [`Failure::snooze`] | waiting, due after that time; the attempt is not counted |
//! | it returns [`Failure::dead`] | dead |
//! | the body can't be read as the handler's event | dead |
//! | the process dies | waiting, due when the others free it; retried apart from other rows; dead after [three times](Workers::dead_after) |
//! | [`RunningWorkers::shutdown`] cuts the handler off | waiting, due at once; the attempt is not counted |
//! | its source handles [one at a time](Source::one_at_a_time), and an earlier event of the lead waits | waiting, claimed after the earlier event |
//! | [`Inbox::replay`] | waiting, due at once |
//! | [`Inbox::erase`] | without a body; dead if it was waiting |
//! | [`Retention`] ends | a done row loses its body, and later it is deleted |
//!
//! [The README](https://crates.io/crates/leadhook-inbox) lists what is guaranteed and what is not, and says
//! how to run an inbox in production.
//!
//! # Log events
//!
//! The inbox logs everything an operator needs to know, with `tracing`. The messages and field names change
//! only in breaking releases. `key` identifies the row, and `source` is the source's name.
//!
//! | level | message | fields | meaning |
//! |---|---|---|---|
//! | ERROR | `delivery not accepted` | `source`, `key`, `error` | The delivery may not have been stored, so the response is a 503. |
//! | ERROR | `dead` | `source`, `key`, `reason`; `attempt`, `error` and `cause`, or `times` | The row stays until you replay or erase it. `reason` is `failed`, `rejected`, `unreadable` or `abandoned`. |
//! | WARN | `failed` | `source`, `key`, `attempt`, `error`, `cause`, `delay` | The attempt failed. The next one is due after `delay`. |
//! | INFO | `put off` | `source`, `key`, `attempt`, `error`, `cause`, `delay` | The handler returned [`Failure::snooze`]. |
//! | INFO | `handled` | `source`, `key`, `attempt` | The row is done. |
//! | WARN | `abandoned; it will run apart from the others` | `source`, `key`, `times` | The row's process died during an attempt. |
//! | WARN | `another attempt has the row; nothing was recorded` | `source`, `key`, `attempt` | The handler finished after its row had been given to another process. |
//! | ERROR | `a handler blocks its thread and can't be stopped` | `source`, `key`, `blocked` | The handler has timed out and does not return. Its row is retried, but its thread is lost until it returns. `blocked` is the number of lost threads. |
//! | INFO | `a blocked thread is free again` | `blocked` | The handler has returned. |
//! | ERROR | `a handler was not started` | `error` | The system could not start a thread, so the attempt failed. |
//! | ERROR | `the lease has ended, and other processes have the rows` | `lost` | The process could not reach the database for a lease. Its handlers were cancelled. |
//! | WARN | `the database can't be used; trying again` | `error`, `failures` | Nothing is claimed until the database works again. Logged after 1, 2, 4, 8, … failures in a row. |
//! | WARN | `rows not released; they are free when the lease has ended` | `error` | The database failed during the shutdown. |
//! | WARN | `accepted, but this process has no handler for the source; its rows wait for another process` | `source` | It is logged once for each source. |
//! | WARN | `not pruned` | `error` | Pruning failed, and is tried again an hour later. |
//! | INFO | `pruned` | `bodies`, `rows` | Handled rows lost their bodies, or were deleted. |
//! | INFO | `replayed`, `erased` | `changed` | An operator replayed or erased so many rows. |
//! | INFO | `made due` | `key` | An operator had a row retried at once. |
//! | INFO | `paused`, `resumed` | `source` | An operator paused or resumed a source. |
//! | ERROR | `a writer panicked; its deliveries were not accepted` | none | A hook of your pool panicked, for example. |
//! | DEBUG | `delivery accepted` | `source`, `key`, `accepted`, `secret` | The delivery was stored, or is a duplicate. |
//! | DEBUG | `duplicates not counted` | `error` | Some duplicates are missing from the count. |
//!
//! `error` is the label of a [`Failure`], or the text of the inbox's error. `cause` is the text of your own
//! error behind a label. Nothing else in these events comes from outside the inbox.
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `sqlite` (default) | [`Inbox<Sqlite>`](Sqlite), with SQLite compiled in |
//! | `postgres`, `tls-rustls` | [`Inbox<Postgres>`](Postgres), with TLS by rustls and the system's certificates |
//! | `tls-native-tls` | [`Inbox<Postgres>`](Postgres), with TLS by the system's library, such as OpenSSL |
//! | `axum` | [`Source::axum`] and [`axum::ready`] |
//! | `actix` | [`Source::actix`] |
//! | `metrics` | counters, histograms and gauges on the `metrics` facade, in [`metrics`](https://docs.rs/leadhook-inbox/latest/leadhook_inbox/metrics/) |
#![cfg_attr(docsrs, feature(doc_cfg))]
// These hold for the library and not for its examples. The rest is in the workspace's `Cargo.toml`.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod cipher;
mod database;
mod error;
mod health;
mod inbox;
mod intake;
mod line;
mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(test)]
mod model;
mod operate;
mod random;
mod source;
mod subject;
mod testing;
mod work;

pub use cipher::{BodyContext, Cipher, CipherError};
pub use database::{engine::Backend, transaction::Transaction};
pub use error::Error;
pub use health::{Health, Problem};
pub use inbox::Inbox;
pub use intake::Accepted;
#[cfg(feature = "actix")]
pub use intake::actix;
#[cfg(feature = "axum")]
pub use intake::axum;
#[doc(no_inline)]
pub use leadhook::dedup::{Key, KeyError};
pub use operate::{
    batches::Batches,
    count::Count,
    figures::{Figures, Hour, SourceFigures},
    filter::Filter,
    groups::{Group, Groups},
    listing::Listing,
    person::{Exported, Person, PersonSource},
    prune::{Pruned, Retention},
    rows::{Page, StoredRow},
    state::{Reason, State},
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
pub use subject::{Subject, SubjectKey};
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
