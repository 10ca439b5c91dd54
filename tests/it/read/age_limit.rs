//! Age limits, which are exact to the nanosecond in both directions, and off by default.

use core::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use leadhook::{Grader, Graphoid, ReadError, Receiver, SignedProvider, TimestampedProvider};

use crate::support::{secret, signed};

const PAST: Duration = Duration::from_secs(300);
const FUTURE: Duration = Duration::from_secs(60);
const EVENT: &str = "2026-04-03T14:22:00Z";

/// Reads an event with this timestamp at a time, with limits.
fn read_at<P: TimestampedProvider + SignedProvider>(
    timestamp: &str,
    now: DateTime<Utc>,
    (past, future): (Duration, Duration),
) -> Result<(), ReadError> {
    let body = format!(r#"{{"event":"unknown.event","timestamp":{timestamp}}}"#);
    let (_, header) = signed::<P>(&secret("right"), &body);
    let receiver = Receiver::<P>::new(&secret("right"))
        .with_max_age(past)
        .with_max_clock_skew(future);
    receiver
        .authenticate([header], body)
        .unwrap()
        .read_at(now)
        .map(drop)
}

#[test]
fn the_limits_are_inclusive_to_the_nanosecond() {
    let event: DateTime<Utc> = EVENT.parse().unwrap();
    let timestamp = format!("\"{EVENT}\"");
    let nanosecond = TimeDelta::nanoseconds(1);
    let second = TimeDelta::seconds(1);
    let oldest = event + PAST;
    let newest = event - FUTURE;
    for (now, expected) in [
        (event, Ok(())),
        (oldest - second, Ok(())),
        (oldest - nanosecond, Ok(())),
        (oldest, Ok(())),
        (oldest + nanosecond, Err(ReadError::TooOld { seconds: 300 })),
        (oldest + second, Err(ReadError::TooOld { seconds: 301 })),
        (newest + second, Ok(())),
        (newest + nanosecond, Ok(())),
        (newest, Ok(())),
        (
            newest - nanosecond,
            Err(ReadError::FromFuture { seconds: 60 }),
        ),
        (newest - second, Err(ReadError::FromFuture { seconds: 61 })),
    ] {
        assert_eq!(
            read_at::<Graphoid>(&timestamp, now, (PAST, FUTURE)),
            expected,
            "{now}"
        );
        assert_eq!(
            read_at::<Grader>(&timestamp, now, (PAST, FUTURE)),
            expected,
            "{now}"
        );
    }
    // Zero is a limit, too.
    let zero = (Duration::ZERO, Duration::ZERO);
    assert_eq!(read_at::<Graphoid>(&timestamp, event, zero), Ok(()));
    assert!(read_at::<Graphoid>(&timestamp, event + nanosecond, zero).is_err());
    assert!(read_at::<Graphoid>(&timestamp, event - nanosecond, zero).is_err());
}

#[test]
fn fractions_and_offsets_count() {
    let now = "2026-04-03T14:22:00Z".parse().unwrap();
    let limits = (Duration::from_millis(500), Duration::from_millis(500));
    for (timestamp, is_fresh) in [
        ("2026-04-03T14:21:59.500Z", true),
        ("2026-04-03T14:21:59.499Z", false),
        ("2026-04-03T14:22:00.500000000Z", true),
        ("2026-04-03T14:22:00.500000001Z", false),
        ("2026-04-03T16:22:00+02:00", true),
        ("2026-04-03T14:22:00+02:00", false),
    ] {
        let read = read_at::<Graphoid>(&format!("\"{timestamp}\""), now, limits);
        assert_eq!(read.is_ok(), is_fresh, "{timestamp}: {read:?}");
    }
}

#[test]
fn with_a_limit_an_event_needs_a_readable_timestamp() {
    let now = EVENT.parse().unwrap();
    let widest = (Duration::MAX, Duration::MAX);
    for timestamp in [
        "null",
        "\"\"",
        "\"now\"",
        "1775226120",
        "1775226120000",
        "\"1775226120\"",
        "-1",
        "18446744073709551616",
        "1e400",
        "{}",
        "[]",
        "\"2026-04-03\"",
        "\"2026-04-03T14:22:00\"",
        "\"NaN\"",
    ] {
        assert_eq!(
            read_at::<Grader>(timestamp, now, widest),
            Err(ReadError::MissingTimestamp),
            "{timestamp}"
        );
    }
    let body = r#"{"event":"lead.exploded"}"#;
    let (_, header) = signed::<Graphoid>(&secret("right"), &body);
    let receiver = Receiver::<Graphoid>::new(&secret("right"));
    let limited = receiver
        .clone()
        .with_max_age(PAST)
        .with_max_clock_skew(FUTURE);
    let read =
        |receiver: &Receiver<Graphoid>| receiver.authenticate([&header], body).unwrap().read();
    assert_eq!(read(&limited).unwrap_err(), ReadError::MissingTimestamp);
    assert!(read(&receiver).is_ok(), "there is no limit by default");
}

#[test]
fn far_dates_and_limits_do_not_overflow() {
    let widest = (Duration::MAX, Duration::MAX);
    let none = (Duration::ZERO, Duration::ZERO);
    for now in [
        DateTime::<Utc>::MIN_UTC,
        DateTime::UNIX_EPOCH,
        EVENT.parse().unwrap(),
        DateTime::<Utc>::MAX_UTC,
    ] {
        for timestamp in [
            "\"0000-01-01T00:00:00Z\"",
            "\"1969-12-31T23:59:59Z\"",
            "\"9999-12-31T23:59:59.999999999Z\"",
            "\"9999-12-31T23:59:60Z\"",
        ] {
            assert_eq!(
                read_at::<Graphoid>(timestamp, now, widest),
                Ok(()),
                "{timestamp} at {now}"
            );
            let read = read_at::<Graphoid>(timestamp, now, none);
            assert!(
                matches!(
                    read,
                    Err(ReadError::TooOld { .. } | ReadError::FromFuture { .. })
                ),
                "{read:?}"
            );
        }
    }
}

#[test]
fn without_a_given_time_the_systems_clock_is_used() {
    let read = |timestamp: DateTime<Utc>| {
        let body = format!(
            r#"{{"event":"x","timestamp":"{}"}}"#,
            timestamp.to_rfc3339()
        );
        let (_, header) = signed::<Graphoid>(&secret("right"), &body);
        let receiver = Receiver::<Graphoid>::new(&secret("right"))
            .with_max_age(Duration::from_secs(3600))
            .with_max_clock_skew(Duration::from_secs(3600));
        receiver
            .authenticate([header], body)
            .unwrap()
            .read()
            .map(drop)
    };
    let hours = TimeDelta::hours(2);
    assert_eq!(read(Utc::now()), Ok(()));
    assert!(matches!(
        read(Utc::now() - hours),
        Err(ReadError::TooOld { .. })
    ));
    assert!(matches!(
        read(Utc::now() + hours),
        Err(ReadError::FromFuture { .. })
    ));
}
