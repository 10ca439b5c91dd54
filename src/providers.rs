//! The four providers: the facts about each, its events and its payload types.

use crate::lead::Lead;
use crate::read::raw_json::RawJson;

#[macro_use]
mod macros;
mod contact;
pub mod grader;
pub mod graphoid;
pub mod scoreapp;
pub mod tomba;

/// What every kind of data has. Payload types that are about somebody have a `lead` of their own.
trait EventData {
    fn lead(&self) -> Option<Lead> {
        None
    }
}

impl EventData for RawJson {}
