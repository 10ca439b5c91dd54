//! The events and payloads of each provider.

mod leads;
mod lookups;
mod samples;
mod times;
