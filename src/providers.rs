//! The four providers: the facts about each, its events and its payload types.

use alloc::boxed::Box;

use crate::lead::Lead;
use crate::read::raw_json::RawJson;

#[macro_use]
mod macros;
pub mod grader;
pub mod graphoid;
pub mod scoreapp;
pub mod tomba;

/// The data of an event.
trait EventData {
    /// Returns the person or company that the data is about, if it is about one.
    fn lead(&self) -> Option<Lead> {
        None
    }
}

impl EventData for RawJson {}

impl<T: EventData> EventData for Box<T> {
    fn lead(&self) -> Option<Lead> {
        T::lead(self)
    }
}
