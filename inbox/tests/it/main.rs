//! The inbox's guarantees, on SQLite and on PostgreSQL.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::items_after_statements,
    reason = "tests fail and report so"
)]

mod support;

mod accept;
mod clocks;
mod durability;
mod failures;
mod fairness;
mod figures;
mod foreign;
mod handle;
mod kill;
mod lines;
mod load;
mod locks;
mod logging;
mod metrics;
mod network;
mod operate;
mod outage;
mod person;
mod pooler;
mod receiver;
mod routes;
mod schema;
mod secrecy;
mod server;
mod settings;
mod shutdown;
mod sources;
mod time_limits;
mod tls;
mod trace;
