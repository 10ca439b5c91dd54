//! The settings of workers, and which of them have a meaning.

use std::time::Duration;

use crate::{
    error::Error,
    operate::prune::Retention,
    source::Named,
    work::{backoff::Backoff, process::LONGEST_DELAY},
};

/// Each slot is a thread.
const MOST_SLOTS: usize = 256;

/// The workers remember when each of them began.
const MOST_ATTEMPTS: usize = 1_000_000;

/// A process beats six times in a lease, and each beat is a round trip.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// Longer settings are mistakes.
const LONGEST: Duration = Duration::from_hours(366 * 24);

#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) concurrency: usize,
    pub(crate) timeout: Duration,
    pub(crate) transaction_timeout: Duration,
    pub(crate) lease: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) dead_after: u32,
    pub(crate) pass_over_after: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) retention: Retention,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            timeout: Duration::from_mins(1),
            transaction_timeout: Duration::from_secs(1),
            lease: Duration::from_secs(18),
            poll_interval: Duration::from_secs(1),
            dead_after: 3,
            pass_over_after: Duration::from_hours(1),
            backoff: Backoff::default(),
            retention: Retention::default(),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        number(
            "concurrency()",
            self.concurrency,
            1,
            MOST_SLOTS,
            "expected 1 to 256",
        )?;
        number(
            "dead_after()",
            self.dead_after as usize,
            2,
            1000,
            "expected 2 to 1000, because the last attempt runs alone",
        )?;
        let tick = Duration::from_millis(1);
        duration("timeout()", self.timeout, tick, LONGEST)?;
        duration(
            "transaction_timeout()",
            self.transaction_timeout,
            tick,
            LONGEST,
        )?;
        duration(
            "lease()",
            self.lease,
            SHORTEST_LEASE,
            Duration::from_hours(1),
        )?;
        duration(
            "poll_interval()",
            self.poll_interval,
            tick,
            Duration::from_hours(1),
        )?;
        duration("pass_over_after()", self.pass_over_after, tick, LONGEST)?;
        let [first, longest, give_up_after] = self.backoff.times();
        duration("Backoff::with_first()", first, tick, LONGEST_DELAY)?;
        duration("Backoff::with_longest()", longest, first, LONGEST_DELAY)?;
        duration(
            "Backoff::with_give_up_after()",
            give_up_after,
            tick,
            LONGEST * 100,
        )?;
        let [bodies, keys] = self.retention.times();
        duration(
            "Retention::with_bodies()",
            bodies,
            Duration::ZERO,
            LONGEST * 100,
        )?;
        duration("Retention::with_keys()", keys, tick, LONGEST * 100)
    }
}

/// Checks the limits of a source.
pub(crate) fn check_source(source: &Named) -> Result<(), Error> {
    if source.is_ordered && !source.has_subjects {
        return Err(Error::Setting {
            setting: "Source::one_at_a_time()",
            value: "without_subjects()".into(),
            expected: "expected a source with subjects",
        });
    }
    if let Some(handlers) = source.concurrency {
        number(
            "Source::concurrency()",
            handlers,
            1,
            MOST_SLOTS,
            "expected 1 to 256",
        )?;
    }
    if let Some(rate) = source.rate {
        let attempts = rate.attempts as usize;
        number(
            "Source::rate()",
            attempts,
            1,
            MOST_ATTEMPTS,
            "expected 1 to 1000000 attempts",
        )?;
        duration(
            "Source::rate()",
            rate.per,
            Duration::from_millis(1),
            LONGEST,
        )?;
    }
    Ok(())
}

fn number(
    setting: &'static str,
    value: usize,
    least: usize,
    most: usize,
    expected: &'static str,
) -> Result<(), Error> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting {
        setting,
        value: value.to_string(),
        expected,
    })
}

fn duration(
    setting: &'static str,
    value: Duration,
    least: Duration,
    most: Duration,
) -> Result<(), Error> {
    let expected = if value < least {
        if value.is_zero() {
            "expected more than zero"
        } else {
            "expected more"
        }
    } else if value > most {
        "expected less"
    } else {
        return Ok(());
    };
    Err(Error::Setting {
        setting,
        value: format!("{value:?}"),
        expected,
    })
}
