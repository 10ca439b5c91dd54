//! The four senders: the facts about each, its events and its payload types.

#[macro_use]
mod events;
pub mod grader;
pub mod graphoid;
pub mod scoreapp;
pub mod tomba;
