//! The facts, events and payload types of the four providers.

use crate::lead::Lead;
use crate::read::raw_json::RawJson;

#[macro_use]
mod macros;
mod contact;
pub mod grader;
pub mod graphoid;
pub mod scoreapp;
pub mod tomba;

/// The data of an event, which has no lead unless the payload type has a method `lead` of its own.
trait EventData {
    fn lead(&self) -> Option<Lead> {
        None
    }
}

impl EventData for RawJson {}
