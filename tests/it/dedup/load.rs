//! Many tasks deliver the same events, and the work fails at random.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use leadhook::dedup::{Dedup, Key, MemoryStore, OnceError, Outcome, Store};

use super::support::{LONG, Random, key};

pub(crate) const EVENTS: usize = 1_000;
pub(crate) const TASKS: usize = 100;

/// Lets each task deliver all events in an order of its own until they are handled. Returns how often the
/// work on each event has succeeded.
pub(crate) async fn deliver(store: impl Store, seed: u64) -> Vec<usize> {
    let dedup = Dedup::new(store).with_lease(LONG);
    let successes: Arc<Vec<AtomicUsize>> =
        Arc::new((0..EVENTS).map(|_| AtomicUsize::new(0)).collect());
    let keys: Arc<Vec<Key>> = Arc::new((0..EVENTS).map(key).collect());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (dedup, successes, keys) = (dedup.clone(), successes.clone(), keys.clone());
            tokio::spawn(async move {
                let mut random = Random(seed + task as u64);
                let mut left: Vec<usize> = (0..EVENTS).collect();
                while !left.is_empty() {
                    random.shuffle(&mut left);
                    let mut retried = Vec::new();
                    for event in left {
                        if !deliver_one(&dedup, &successes[event], keys[event], &mut random).await {
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
    successes
        .iter()
        .map(|count| count.load(Ordering::SeqCst))
        .collect()
}

/// Delivers an event, and returns whether the provider would stop retrying.
async fn deliver_one(
    dedup: &Dedup,
    successes: &AtomicUsize,
    key: Key,
    random: &mut Random,
) -> bool {
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
        successes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    match dedup.once_as(key, LONG, work).await {
        Ok(Outcome::Handled(()) | Outcome::AlreadyHandled) => true,
        Ok(Outcome::InProgress { .. }) | Err(OnceError::Failed(_)) => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_succeeds_exactly_once_in_memory() {
    let successes = deliver(MemoryStore::default(), 4).await;
    assert_eq!(successes, [1; EVENTS]);
}
