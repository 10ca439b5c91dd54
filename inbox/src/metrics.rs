//! Counters, histograms and gauges for the [`metrics`](https://docs.rs/metrics) facade.
//!
//! Needs the `metrics` feature. The inbox records with the recorder that your application installs, such as
//! [`metrics-exporter-prometheus`](https://docs.rs/metrics-exporter-prometheus). Without a recorder, it records
//! nothing. `docs/operations` in leadhook's repository and package has a Grafana dashboard and Prometheus alert rules.
//!
//! These are recorded where they happen, by the process in which they happen:
//!
//! | metric | type | labels | unit | records |
//! |---|---|---|---|---|
//! | `leadhook_inbox_deliveries_total` | counter | `source`, `provider`, `outcome` | deliveries | results of [`Source::accept`](crate::Source::accept) |
//! | `leadhook_inbox_attempts_total` | counter | `source`, `outcome` | attempts | recorded results of attempts |
//! | `leadhook_inbox_deaths_total` | counter | `source`, `reason` | rows | rows that became dead |
//! | `leadhook_inbox_attempt_seconds` | histogram | `source` | seconds | how long each attempt took, reading the body included |
//! | `leadhook_inbox_age_seconds` | histogram | `source` | seconds | how long after it was accepted an event was done |
//!
//! [`Gauges`] records what is stored in the table, which is the same in every process:
//!
//! | metric | type | labels | unit | records |
//! |---|---|---|---|---|
//! | `leadhook_inbox_waiting` | gauge | `source` | rows | rows that no handler has, including those in backoff |
//! | `leadhook_inbox_in_progress` | gauge | `source` | rows | rows that a handler has |
//! | `leadhook_inbox_dead` | gauge | `source` | rows | rows that wait for a decision |
//! | `leadhook_inbox_oldest_due_seconds` | gauge | `source` | seconds | for how long the oldest due row has been due, 0 if none is |
//! | `leadhook_inbox_recorded_timestamp_seconds` | gauge | none | seconds since 1970 | when the gauges were recorded, because they stay as they are while the database can't be reached |
//!
//! - `source` is the name of a [`Source`](crate::Source), and `provider` is its
//!   [`Provider::NAME`](leadhook::Provider::NAME).
//! - `outcome` of a delivery is `new`, `duplicate`, or `failed` if it is not certain that the delivery is stored. A
//!   delivery whose future is dropped is not counted.
//! - `outcome` of an attempt is one of these:
//!   - `done`: the event was handled.
//!   - `failed`: the attempt failed, and there will be another.
//!   - `put_off`: the handler returned [`Failure::snooze`](crate::Failure::snooze).
//!   - `dead`: the row is dead.
//!   - `fenced`: the row belonged to another attempt by then, so nothing was recorded.
//! - `reason` is a [`Reason`](crate::Reason): `rejected`, `unreadable`, `failed`, or `abandoned` if the process died
//!   too often. Erased rows are not counted.
//!
//! ```no_run
//! use leadhook_inbox::metrics::{self, BUCKETS};
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), metrics_exporter_prometheus::BuildError> {
//! PrometheusBuilder::new()
//!     .set_buckets_for_metric(Matcher::Prefix("leadhook_inbox_".into()), &BUCKETS)?
//!     .with_http_listener(([127, 0, 0, 1], 9000))
//!     .install()?;
//! leadhook::metrics::describe();
//! metrics::describe();
//! # Ok(())
//! # }
//! ```
//!
//! All values of labels come from your code or from these lists, so nothing from a body gets into a label,
//! and the number of time series is bounded. In particular, the label of a [`Failure`](crate::Failure) is
//! logged and not counted.
//!
//! The age compares the clock of this process with the database's clock, which has set the time of acceptance, so it is
//! wrong by the difference of the two.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime},
};

use ::metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::{log::log, operate::stats::SourceStats};

const DELIVERIES: &str = "leadhook_inbox_deliveries_total";
const ATTEMPTS: &str = "leadhook_inbox_attempts_total";
const DEATHS: &str = "leadhook_inbox_deaths_total";
const ATTEMPT_SECONDS: &str = "leadhook_inbox_attempt_seconds";
const AGE_SECONDS: &str = "leadhook_inbox_age_seconds";
const WAITING: &str = "leadhook_inbox_waiting";
const IN_PROGRESS: &str = "leadhook_inbox_in_progress";
const DEAD: &str = "leadhook_inbox_dead";
const OLDEST_DUE_SECONDS: &str = "leadhook_inbox_oldest_due_seconds";
const RECORDED: &str = "leadhook_inbox_recorded_timestamp_seconds";

/// Upper bounds for the buckets of the two histograms: from 10 ms, for a fast handler, to a week, for an event
/// that waited until its CRM was back.
///
/// The dashboard and the alert rules need histograms with buckets, and exporters have their own defaults:
/// `metrics-exporter-prometheus` exports summaries unless it is given buckets.
pub const BUCKETS: [f64; 14] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 28_800.0, 86_400.0,
    604_800.0,
];

/// Gives the descriptions and units of the metrics to the recorder, which exporters show as help texts.
///
/// Call it once, after you have installed the recorder. Everything is recorded without it as well.
pub fn describe() {
    describe_counter!(DELIVERIES, "Results of accepting deliveries.");
    describe_counter!(ATTEMPTS, "Results of attempts to handle an event.");
    describe_counter!(DEATHS, "Rows that became dead.");
    describe_histogram!(ATTEMPT_SECONDS, Unit::Seconds, "How long attempts took.");
    describe_histogram!(
        AGE_SECONDS,
        Unit::Seconds,
        "How long after it was accepted an event was done."
    );
    describe_gauge!(WAITING, "Rows that no handler has.");
    describe_gauge!(IN_PROGRESS, "Rows that a handler has.");
    describe_gauge!(DEAD, "Rows that wait for a decision.");
    describe_gauge!(
        OLDEST_DUE_SECONDS,
        Unit::Seconds,
        "For how long the oldest due row has been due."
    );
    describe_gauge!(RECORDED, Unit::Seconds, "When the gauges were recorded.");
}

/// The gauges of the sources, recorded from [`Inbox::stats`](crate::Inbox::stats) whenever you call
/// [`record`](Self::record).
///
/// The inbox runs no query and no task of its own for them. One task in one process is enough, because the figures
/// are of the whole table. Keep the value between calls: it remembers the sources, and a source that has no rows
/// any more gets zeros.
///
/// ```
/// use std::time::Duration;
/// use leadhook_inbox::{Inbox, Sqlite, metrics::Gauges};
///
/// async fn record(inbox: Inbox<Sqlite>) {
///     let mut gauges = Gauges::default();
///     let mut interval = tokio::time::interval(Duration::from_secs(15));
///     loop {
///         interval.tick().await;
///         match inbox.stats().await {
///             Ok(stats) => gauges.record(&stats),
///             Err(error) => tracing::warn!(%error, "no figures of the inbox"),
///         }
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Gauges {
    sources: BTreeSet<String>,
}

impl Gauges {
    /// Sets the gauges of each source, and the time at which they were recorded.
    pub fn record(&mut self, stats: &[SourceStats]) {
        for source in &self.sources {
            if !stats.iter().any(|stats| stats.source == *source) {
                set(source, 0, 0, 0, Duration::ZERO);
            }
        }
        for stats in stats {
            let SourceStats {
                source,
                waiting,
                in_progress,
                dead,
                oldest_due,
                ..
            } = stats;
            let oldest_due = oldest_due.unwrap_or_default();
            set(source, *waiting, *in_progress, *dead, oldest_due);
            self.sources.insert(source.clone());
        }
        gauge!(RECORDED).set(now().as_secs_f64());
    }
}

fn set(source: &str, waiting: u64, in_progress: u64, dead: u64, oldest_due: Duration) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "gauges are floats, and exact up to 2^53 rows"
    )]
    let rows = |rows: u64| rows as f64;
    for (name, value) in [
        (WAITING, rows(waiting)),
        (IN_PROGRESS, rows(in_progress)),
        (DEAD, rows(dead)),
        (OLDEST_DUE_SECONDS, oldest_due.as_secs_f64()),
    ] {
        gauge!(name, "source" => source.to_owned()).set(value);
    }
}

// A recorder may panic as a subscriber may, and the workers must outlive it. So what they record is recorded as
// they log.

pub(crate) fn delivery(source: &str, provider: &'static str, outcome: &'static str) {
    log(|| {
        let source = source.to_owned();
        counter!(DELIVERIES, "source" => source, "provider" => provider, "outcome" => outcome)
            .increment(1);
    });
}

pub(crate) fn attempt(source: &str, outcome: &'static str) {
    log(|| {
        counter!(ATTEMPTS, "source" => source.to_owned(), "outcome" => outcome).increment(1);
    });
}

pub(crate) fn death(source: &str, reason: &'static str) {
    log(|| counter!(DEATHS, "source" => source.to_owned(), "reason" => reason).increment(1));
}

/// Records the age of an event that is done. `accepted_at` is in milliseconds since 1970.
pub(crate) fn done(source: &str, accepted_at: i64) {
    let accepted = Duration::from_millis(u64::try_from(accepted_at).unwrap_or(0));
    let age = now().saturating_sub(accepted);
    log(|| histogram!(AGE_SECONDS, "source" => source.to_owned()).record(age));
}

/// The time since 1970.
fn now() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default()
}

/// Records how long an attempt took when it is dropped, also if the attempt is cancelled or panics.
pub(crate) struct Timer {
    source: String,
    began: Instant,
}

impl Timer {
    pub(crate) fn start(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            began: Instant::now(),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let source = std::mem::take(&mut self.source);
        let took = self.began.elapsed();
        log(|| histogram!(ATTEMPT_SECONDS, "source" => source).record(took));
    }
}
