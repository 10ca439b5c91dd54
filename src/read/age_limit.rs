//! Limits to the age of an event, which are checked against a time that the caller passes in.

use core::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::read::error::ReadError;

/// The limits to how old an event may be and how far in the future. Neither is set by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AgeLimit {
    past: Option<TimeDelta>,
    future: Option<TimeDelta>,
}

impl AgeLimit {
    pub(crate) fn set_past(&mut self, limit: Duration) {
        self.past = Some(delta(limit));
    }

    pub(crate) fn set_future(&mut self, limit: Duration) {
        self.future = Some(delta(limit));
    }

    /// Checks the limits. The clock is read only if there is a limit, because reading it costs a tenth of
    /// reading a small body.
    pub(crate) fn check(
        &self,
        timestamp: Option<DateTime<Utc>>,
        now: impl FnOnce() -> DateTime<Utc>,
    ) -> Result<(), ReadError> {
        if self.past.is_none() && self.future.is_none() {
            return Ok(());
        }
        let timestamp = timestamp.ok_or(ReadError::MissingTimestamp)?;
        let now = now();
        let age = now.signed_duration_since(timestamp);
        let ahead = timestamp.signed_duration_since(now);
        if self.past.is_some_and(|limit| age > limit) {
            Err(ReadError::TooOld {
                seconds: age.num_seconds(),
            })
        } else if self.future.is_some_and(|limit| ahead > limit) {
            Err(ReadError::FromFuture {
                seconds: ahead.num_seconds(),
            })
        } else {
            Ok(())
        }
    }
}

fn delta(limit: Duration) -> TimeDelta {
    TimeDelta::from_std(limit).unwrap_or(TimeDelta::MAX)
}
