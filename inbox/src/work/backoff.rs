//! When a failed job is tried again.

use std::time::Duration;

/// Exponential backoff with jitter, and when to give up.
///
/// The default waits 2 s after the first attempt and twice as long after each further one, up to an hour,
/// each ± 20 %, and gives up 14 days after the first failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    give_up_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_hours(1),
            give_up_after: Duration::from_hours(14 * 24),
        }
    }
}

impl Backoff {
    /// Sets the delay after the first attempt.
    #[must_use]
    pub fn with_first(mut self, delay: Duration) -> Self {
        self.first = delay;
        self
    }

    /// Sets the longest delay.
    #[must_use]
    pub fn with_longest(mut self, delay: Duration) -> Self {
        self.longest = delay;
        self
    }

    /// Sets for how long a job may keep failing. Its next failure after that makes it dead.
    #[must_use]
    pub fn with_give_up_after(mut self, time: Duration) -> Self {
        self.give_up_after = time;
        self
    }

    pub(crate) fn give_up_after(&self) -> Duration {
        self.give_up_after
    }

    pub(crate) fn times(&self) -> [Duration; 3] {
        [self.first, self.longest, self.give_up_after]
    }

    /// The delay after a number of attempts; `random` picks the jitter.
    pub(crate) fn delay(&self, attempts: i64, random: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).clamp(0, 31);
        let delay = self.first.saturating_mul(1 << doublings).min(self.longest);
        let share = f64::from(random) / f64::from(u32::MAX); // 0 to 1
        delay.mul_f64(0.8 + 0.4 * share)
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Duration};

    #[test]
    fn the_delay_doubles_up_to_an_hour_and_strays_by_a_fifth() {
        let backoff = Backoff::default();
        let cases = [
            (1, 2),
            (2, 4),
            (3, 8),
            (11, 2048),
            (12, 3600),
            (i64::MAX, 3600),
            (0, 2),
        ];
        for (attempts, seconds) in cases {
            let middle = Duration::from_secs(seconds);
            assert_eq!(
                backoff.delay(attempts, 0),
                middle.mul_f64(0.8),
                "{attempts}"
            );
            assert_eq!(
                backoff.delay(attempts, u32::MAX),
                middle.mul_f64(1.2),
                "{attempts}"
            );
            for random in (0..u32::MAX).step_by(100_000_007) {
                let delay = backoff.delay(attempts, random);
                assert!(middle.mul_f64(0.8) <= delay && delay <= middle.mul_f64(1.2));
            }
        }
    }
}
