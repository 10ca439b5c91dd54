//! The `tracing` events of `once`, whose fields are part of the API.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use leadhook::dedup::{Dedup, MemoryStore};

use super::support::{LONG, Scripted, TestClock, key};
use crate::events::{Fields, traced};

type Work = Result<(), &'static str>;

/// Creates the fields of an event about event 1.
fn event(level: &str, message: &str, fields: &[(&'static str, &str)]) -> Fields {
    let mut fields = crate::events::event(level, message, fields);
    fields.insert("key", key(1).to_string());
    fields
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn each_outcome_has_its_event() {
    let dedup = Dedup::default();
    let once = |work: Work| poll(dedup.once_as(key(1), LONG, async move { work })).is_ready();

    let failed = traced(|| assert!(once(Err("ann.lee@example.com is not a customer"))));
    assert_eq!(
        failed,
        [event(
            "DEBUG",
            "the work failed, and the key was released",
            &[("outcome", "failed")]
        )]
    );
    let handled = traced(|| assert!(once(Ok(()))));
    assert_eq!(
        handled,
        [event(
            "DEBUG",
            "the event was handled",
            &[("outcome", "handled")]
        )]
    );
    let duplicate = traced(|| assert!(once(Ok(()))));
    assert_eq!(
        duplicate,
        [event(
            "DEBUG",
            "the delivery is a duplicate",
            &[("outcome", "already_handled")]
        )]
    );
}

#[test]
fn an_event_in_progress_and_an_expired_lease_have_their_events() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    let dedup = Dedup::new(store).with_clock(clock.read());
    let mut first = pin!(dedup.once_as(key(1), LONG, pending::<Work>()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());

    clock.advance(Duration::from_millis(500));
    let in_progress =
        traced(|| assert!(poll(dedup.once_as(key(1), LONG, pending::<Work>())).is_ready()));
    assert_eq!(
        in_progress,
        [event(
            "DEBUG",
            "the event is in progress elsewhere",
            &[("outcome", "in_progress"), ("remaining_ms", "59500")]
        )]
    );
    clock.advance(LONG);
    let expired = traced(|| assert!(first.poll(&mut context).is_ready()));
    assert_eq!(
        expired,
        [event(
            "WARN",
            "the lease ended before the work did",
            &[("outcome", "lease_expired")]
        )]
    );
}

#[test]
fn a_failing_store_has_an_event_with_the_call_and_the_cause() {
    let failed = |operation| {
        let fields = [
            ("operation", operation),
            ("reason", "the store is unavailable"),
            ("cause", "no route to the store"),
        ];
        event("WARN", "the deduplication store failed", &fields)
    };
    let run = |fails, work: Work| {
        let calls = Arc::default();
        let dedup = Dedup::new(Scripted { calls, fails });
        traced(|| assert!(poll(dedup.once_as(key(1), LONG, async move { work })).is_ready()))
    };
    assert_eq!(run("claim", Ok(())), [failed("claim")]);
    assert_eq!(run("complete", Ok(())), [failed("complete")]);
    let events = run("release", Err("failed"));
    assert_eq!(events[0], failed("release"));
    assert_eq!(events[1]["outcome"], "failed");

    let full = Dedup::new(MemoryStore::with_capacity(0));
    let events =
        traced(|| assert!(poll(full.once_as(key(1), LONG, async { Work::Ok(()) })).is_ready()));
    let reason = "the store is full of live claims; raise its capacity";
    let fields = [("operation", "claim"), ("reason", reason)];
    assert_eq!(
        events,
        [event("WARN", "the deduplication store failed", &fields)]
    );
}
