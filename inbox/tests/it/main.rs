//! The inbox's guarantees, on SQLite and on PostgreSQL.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]

mod support;

mod accept;
mod handle;
