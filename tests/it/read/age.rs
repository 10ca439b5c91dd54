//! The age of an event, which is exact to the nanosecond in both directions, and unknown without a
//! readable timestamp.

use chrono::{DateTime, TimeDelta, Utc};
use leadhook::{Grader, Graphoid, Provider, ReadError, ScoreApp};

use crate::support::read;

const EVENT: &str = "2026-04-03T14:22:00Z";

/// Returns the age of an event with this timestamp, which is JSON.
fn age<P: Provider>(timestamp: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let body = format!(r#"{{"event":"unknown.event","timestamp":{timestamp}}}"#);
    read::<P>(body).unwrap().age(now)
}

#[test]
fn the_age_is_exact_to_the_nanosecond() {
    let event: DateTime<Utc> = EVENT.parse().unwrap();
    let timestamp = format!("\"{EVENT}\"");
    let [nanosecond, second] = [TimeDelta::nanoseconds(1), TimeDelta::seconds(1)];
    let minutes = TimeDelta::minutes(5);
    for expected in [
        TimeDelta::zero(),
        nanosecond,
        second,
        minutes - second,
        minutes - nanosecond,
        minutes,
        minutes + nanosecond,
        minutes + second,
    ] {
        for expected in [expected, -expected] {
            let now = event + expected;
            assert_eq!(age::<Graphoid>(&timestamp, now), Some(expected), "{now}");
            assert_eq!(age::<Grader>(&timestamp, now), Some(expected), "{now}");
        }
    }
}

#[test]
fn fractions_and_offsets_count() {
    let now = EVENT.parse().unwrap();
    for (timestamp, nanoseconds) in [
        ("2026-04-03T14:21:59.500Z", 500_000_000),
        ("2026-04-03T14:21:59.499Z", 501_000_000),
        ("2026-04-03T14:22:00.500000000Z", -500_000_000),
        ("2026-04-03T14:22:00.500000001Z", -500_000_001),
        ("2026-04-03T16:22:00+02:00", 0),
        ("2026-04-03T14:22:00+02:00", 7_200_000_000_000),
    ] {
        assert_eq!(
            age::<Graphoid>(&format!("\"{timestamp}\""), now),
            Some(TimeDelta::nanoseconds(nanoseconds)),
            "{timestamp}"
        );
    }
}

#[test]
fn without_a_readable_timestamp_the_age_is_unknown() {
    let now = EVENT.parse().unwrap();
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
        assert_eq!(age::<Grader>(timestamp, now), None, "{timestamp}");
        assert_eq!(age::<Graphoid>(timestamp, now), None, "{timestamp}");
    }
    let missing = read::<Graphoid>(r#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#);
    assert_eq!(missing.unwrap().age(now), None);
}

#[test]
fn a_timestamp_counts_only_where_the_provider_documents_one() {
    let now = EVENT.parse().unwrap();
    let body = r#"{"event_name":"X","timestamp":"2026-04-03T14:22:00Z","data":{}}"#;
    assert_eq!(read::<ScoreApp>(body).unwrap().age(now), None);
    let twice = r#"{"event":"x","timestamp":"2026-04-03T14:22:00Z","timestamp":null}"#;
    assert_eq!(
        read::<Graphoid>(twice).unwrap_err(),
        ReadError::DuplicateKey { key: "timestamp" }
    );
}

#[test]
fn far_dates_do_not_overflow() {
    for now in [
        DateTime::<Utc>::MIN_UTC,
        DateTime::UNIX_EPOCH,
        EVENT.parse().unwrap(),
        DateTime::<Utc>::MAX_UTC,
    ] {
        for timestamp in [
            "0000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-31T23:59:60Z",
        ] {
            let event: DateTime<Utc> = timestamp.parse().unwrap();
            assert_eq!(
                age::<Graphoid>(&format!("\"{timestamp}\""), now),
                Some(now - event),
                "{timestamp} at {now}"
            );
        }
    }
}
