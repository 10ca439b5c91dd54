//! Limits to the age of an event, on a time that the caller passes in.

use core::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ReadError;

/// How old an event may be, and how far in the future.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AgeLimit {
    past: TimeDelta,
    future: TimeDelta,
}

impl AgeLimit {
    pub(crate) fn new(past: Duration, future: Duration) -> Self {
        let delta = |limit| TimeDelta::from_std(limit).unwrap_or(TimeDelta::MAX);
        Self {
            past: delta(past),
            future: delta(future),
        }
    }

    pub(crate) fn check(
        &self,
        timestamp: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), ReadError> {
        let timestamp = timestamp.ok_or(ReadError::NoTimestamp)?;
        let age = now.signed_duration_since(timestamp);
        let ahead = timestamp.signed_duration_since(now);
        if age > self.past {
            Err(ReadError::TooOld {
                seconds: age.num_seconds(),
            })
        } else if ahead > self.future {
            Err(ReadError::TooNew {
                seconds: ahead.num_seconds(),
            })
        } else {
            Ok(())
        }
    }
}
