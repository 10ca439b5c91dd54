//! The inbox's guarantees, on SQLite and on PostgreSQL.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail and report so"
)]

mod support;

mod accept;
mod handle;
mod kill;
mod server;
