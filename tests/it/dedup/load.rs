//! Many tasks deliver the same events, and the work fails at random.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use leadhook::dedup::{Dedup, Key, MemoryStore, OnceError, Outcome, Store, StoreError};

use super::support::{LONG, Random, key};

pub(crate) const EVENTS: usize = 1_000;
pub(crate) const TASKS: usize = 100;

/// Much longer than the work, and short enough to wait for a claim whose response was late.
const LEASE: Duration = Duration::from_secs(20);

/// How often the work on an event has succeeded, and how many successes the store has not recorded.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) successes: AtomicUsize,
    pub(crate) unrecorded: AtomicUsize,
}

/// Asserts that each event succeeded exactly once. On a loaded machine, Redis may not respond in time. Then
/// an event whose success was not recorded may succeed again.
pub(crate) fn assert_once(counts: impl IntoIterator<Item = (usize, usize)>) {
    let mut events = 0;
    for (successes, unrecorded) in counts {
        assert!(
            (1..=1 + unrecorded).contains(&successes),
            "{events}: {successes} successes, of which {unrecorded} not recorded"
        );
        events += 1;
    }
    assert_eq!(events, EVENTS);
}

/// Lets each task deliver all events in an order of its own until they are handled. Returns the successes
/// of each event, and how many were not recorded.
pub(crate) async fn deliver(store: impl Store, seed: u64) -> Vec<(usize, usize)> {
    let dedup = Dedup::new(store).with_lease(LEASE);
    let counts: Arc<Vec<Counts>> = Arc::new((0..EVENTS).map(|_| Counts::default()).collect());
    let keys: Arc<Vec<Key>> = Arc::new((0..EVENTS).map(key).collect());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (dedup, counts, keys) = (dedup.clone(), counts.clone(), keys.clone());
            tokio::spawn(async move {
                let mut random = Random(seed + task as u64);
                let mut left: Vec<usize> = (0..EVENTS).collect();
                while !left.is_empty() {
                    random.shuffle(&mut left);
                    let mut retried = Vec::new();
                    for event in left {
                        if !deliver_one(&dedup, &counts[event], keys[event], &mut random).await {
                            retried.push(event);
                        }
                    }
                    left = retried;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let load = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    let counts = counts.iter();
    counts
        .map(|counts| (load(&counts.successes), load(&counts.unrecorded)))
        .collect()
}

/// Delivers an event, and returns whether the provider would stop retrying.
async fn deliver_one(dedup: &Dedup, counts: &Counts, key: Key, random: &mut Random) -> bool {
    let (fails, pauses) = (random.below(3) == 0, random.below(4) == 0);
    let work = async {
        if pauses {
            tokio::time::sleep(Duration::from_micros(100)).await;
        } else {
            tokio::task::yield_now().await;
        }
        if fails {
            return Err("at random");
        }
        counts.successes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    match dedup.once_as(key, LONG, work).await {
        Ok(Outcome::Handled(()) | Outcome::AlreadyHandled) => true,
        Ok(Outcome::InProgress { .. })
        | Err(OnceError::Failed(_) | OnceError::Store(StoreError::Unavailable(_))) => false,
        // Redis did not respond in time.
        Ok(Outcome::HandledUnrecorded { .. }) => {
            counts.unrecorded.fetch_add(1, Ordering::SeqCst);
            true
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_succeeds_exactly_once_in_memory() {
    let counts = deliver(MemoryStore::default(), 4).await;
    assert_eq!(counts, [(1, 0); EVENTS]);
}
