//! Counters for the [`metrics`](https://docs.rs/metrics) facade.
//!
//! Needs the `metrics` feature. leadhook counts with the recorder that your application installs, such as
//! [`metrics-exporter-prometheus`](https://docs.rs/metrics-exporter-prometheus). Without a recorder, counting does
//! nothing. The [guide](https://docs.rs/leadhook/latest/leadhook/guide/metrics/) shows how to install one, and
//! `docs/operations` in the repository and the package has a Grafana dashboard and Prometheus alert rules.
//!
//! | metric | type | labels | unit | counts |
//! |---|---|---|---|---|
//! | `leadhook_deliveries_total` | counter | `provider` | deliveries | requests that were authenticated |
//! | `leadhook_rejections_total` | counter | `provider`, `status`, `reason` | requests | rejected requests, as the log event `webhook rejected` |
//! | `leadhook_events_total` | counter | `provider`, `outcome` | deliveries | results of [`Dedup::once`](https://docs.rs/leadhook/latest/leadhook/dedup/struct.Dedup.html#method.once) |
//!
//! The three are stages of one request. A delivery that can't be read is in the first two, because it was
//! authenticated before it was rejected. A request whose future is dropped, for example because the client has
//! gone away, may be in none.
//!
//! - `provider` is [`Provider::NAME`](crate::Provider::NAME). It is `unknown` for
//!   [`Dedup::once_as`](https://docs.rs/leadhook/latest/leadhook/dedup/struct.Dedup.html#method.once_as), whose key
//!   names no provider.
//! - `status` is the status of the response: `400`, `401`, `413`, `415`, `422`, `500` or `503`.
//! - `reason` is one of these:
//!   - 401: `missing_signature`, `duplicate_signature`, `malformed_signature`, `signature_mismatch`, `empty_body`,
//!     `missing_token`, `duplicate_token`, `token_mismatch`, `unknown_account`
//!   - 503: `account_unavailable`
//!   - 415: `unsupported_encoding`
//!   - 413: `body_too_large`
//!   - 400: `body_incomplete`, `not_utf8`, `not_json`, `not_an_object`, `missing_event_name`, `duplicate_key`
//!   - 422: `unexpected_shape`
//!   - 500: `missing_receiver`, `body_taken`
//! - `outcome` is one of these:
//!   - 200: `handled`, `duplicate`, and `unrecorded` if the work succeeded but the store could not record it
//!   - 409: `in_progress`
//!   - 503: `lease_expired`, and `store_failed` if the work did not run because the store could not claim the key
//!   - the status of the work's error: `failed`
//!
//! All values are from these lists, so nothing from a request gets into a label, and the number of time
//! series is bounded.

use ::metrics::{counter, describe_counter};

const DELIVERIES: &str = "leadhook_deliveries_total";
const REJECTIONS: &str = "leadhook_rejections_total";
#[cfg(feature = "dedup")]
const EVENTS: &str = "leadhook_events_total";

/// The provider where none is known.
const UNKNOWN: &str = "unknown";

/// Gives the descriptions of the counters to the recorder, which exporters show as help texts.
///
/// Call it once, after you have installed the recorder. Everything is counted without it as well.
pub fn describe() {
    describe_counter!(DELIVERIES, "Requests that were authenticated.");
    describe_counter!(REJECTIONS, "Requests that were rejected.");
    #[cfg(feature = "dedup")]
    describe_counter!(EVENTS, "Results of handling each event once.");
}

pub(crate) fn authenticated(provider: &'static str) {
    counter!(DELIVERIES, "provider" => provider).increment(1);
}

pub(crate) fn rejected(provider: Option<&'static str>, status: u16, reason: &'static str) {
    let provider = provider.unwrap_or(UNKNOWN);
    let status = match status {
        400 => "400",
        401 => "401",
        413 => "413",
        415 => "415",
        422 => "422",
        503 => "503",
        _ => "500",
    };
    counter!(REJECTIONS, "provider" => provider, "status" => status, "reason" => reason)
        .increment(1);
}

#[cfg(feature = "dedup")]
pub(crate) fn handled(provider: Option<&'static str>, outcome: &'static str) {
    let provider = provider.unwrap_or(UNKNOWN);
    counter!(EVENTS, "provider" => provider, "outcome" => outcome).increment(1);
}
