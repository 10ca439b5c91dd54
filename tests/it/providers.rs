//! The events and payloads of each provider.

mod samples;
