//! The memory store: the contract, its bound, and its clock.

use std::{sync::Arc, time::Duration};

use leadhook::dedup::{Claimed, MemoryStore, Store, StoreError};

use crate::{
    contract,
    support::{LONG, Random, TestClock, fresh, key},
};

async fn complete(store: &MemoryStore, number: usize, keep: Duration) {
    let claim = fresh(store.claim(key(number), LONG).await.unwrap());
    store.complete(claim, keep).await.unwrap();
}

async fn knows(store: &MemoryStore, number: usize) -> bool {
    // Of a key that it doesn't know, the claim is dropped at once.
    let claimed = store.claim(key(number), LONG).await;
    matches!(claimed, Ok(Claimed::Done | Claimed::Busy { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    contract::run(store, |time| {
        clock.advance(time);
        async {}
    })
    .await;
}

#[tokio::test]
async fn keeps_the_contract_by_the_systems_clock() {
    contract::run(MemoryStore::default(), tokio::time::sleep).await;
}

#[tokio::test]
async fn a_dropped_claim_frees_its_key() {
    let store = MemoryStore::default();
    let claim = fresh(store.claim(key(1), LONG).await.unwrap());
    assert!(knows(&store, 1).await);
    drop(claim);
    assert!(!knows(&store, 1).await);
}

#[tokio::test]
async fn when_full_the_key_that_was_done_first_goes() {
    let store = MemoryStore::with_capacity(3);
    // Claimed in another order than done, and kept for times in a third.
    let first = fresh(store.claim(key(1), LONG).await.unwrap());
    complete(&store, 2, LONG * 3).await;
    complete(&store, 3, LONG).await;
    store.complete(first, LONG * 2).await.unwrap();

    let fourth = fresh(store.claim(key(4), LONG).await.unwrap());
    assert!(knows(&store, 1).await && knows(&store, 3).await);
    let fifth = fresh(store.claim(key(5), LONG).await.unwrap());
    assert!(knows(&store, 1).await);
    let sixth = fresh(store.claim(key(6), LONG).await.unwrap());

    let full = store.claim(key(7), LONG).await;
    assert!(matches!(full, Err(StoreError::Full)), "{full:?}");
    assert!(knows(&store, 4).await && knows(&store, 5).await && knows(&store, 6).await);

    store.complete(fifth, LONG).await.unwrap();
    let seventh = fresh(store.claim(key(7), LONG).await.unwrap());
    assert!(!knows(&store, 5).await);
    for claim in [fourth, sixth, seventh] {
        store.complete(claim, LONG).await.unwrap();
    }
}

#[tokio::test]
async fn when_full_what_has_ended_goes_before_what_is_done() {
    let clock = TestClock::new();
    let store = MemoryStore::with_capacity(2).with_clock(clock.read());
    complete(&store, 1, LONG).await;
    complete(&store, 2, Duration::from_secs(1)).await;
    clock.jump(1);
    let _claim = fresh(store.claim(key(3), LONG).await.unwrap());
    assert!(knows(&store, 1).await);
}

#[tokio::test]
async fn a_store_for_no_key_refuses_every_claim() {
    let full = MemoryStore::with_capacity(0).claim(key(1), LONG).await;
    assert!(matches!(full, Err(StoreError::Full)));
}

#[tokio::test]
async fn a_late_success_in_a_full_store_is_not_recorded() {
    let clock = TestClock::new();
    let store = MemoryStore::with_capacity(1).with_clock(clock.read());
    let late = fresh(store.claim(key(1), Duration::from_secs(1)).await.unwrap());
    clock.jump(1);
    let _live = fresh(store.claim(key(2), LONG).await.unwrap());
    let recorded = store.complete(late, LONG).await;
    assert!(matches!(recorded, Err(StoreError::Full)), "{recorded:?}");
    assert!(knows(&store, 2).await);
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_ends_times_early() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    complete(&store, 1, LONG).await;
    let early = fresh(store.claim(key(2), LONG).await.unwrap());
    clock.jump(24 * 60 * 60);
    assert!(!knows(&store, 1).await);
    let _successor = fresh(store.claim(key(2), LONG).await.unwrap());
    let recorded = store.complete(early, LONG).await;
    assert!(matches!(recorded, Err(StoreError::Superseded)));
}

#[tokio::test]
async fn a_clock_that_jumps_back_makes_repeats_wait() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    let claim = fresh(store.claim(key(1), LONG).await.unwrap());
    clock.jump(-24 * 60 * 60);
    match store.claim(key(1), LONG).await.unwrap() {
        Claimed::Busy { left } => assert!(left > LONG),
        other => panic!("{other:?}"),
    }
    store.complete(claim, LONG).await.unwrap();
    assert!(knows(&store, 1).await);
    clock.jump(600);
    assert!(!knows(&store, 1).await);
}

/// Compares the store with a plain list that does the same slowly.
#[tokio::test]
async fn does_what_a_plain_list_does() {
    struct Plain {
        number: usize,
        end: i64,
        done_at: Option<usize>,
    }

    for seed in 0..20 {
        let mut random = Random(seed);
        let clock = TestClock::new();
        let capacity = 1 + random.below(8);
        let store = MemoryStore::with_capacity(capacity).with_clock(clock.read());
        let mut list: Vec<Plain> = Vec::new();
        let mut claims = Vec::new();
        let mut now = 0;

        for step in 0..2_000 {
            let time = 1 + i64::try_from(random.below(20)).unwrap();
            let duration = Duration::from_secs(time.unsigned_abs());
            match random.below(4) {
                0 => {
                    now += time / 4;
                    clock.jump(time / 4);
                }
                1 if !claims.is_empty() => {
                    let (number, claim) = claims.swap_remove(random.below(claims.len()));
                    store.complete(claim, duration).await.unwrap();
                    let entry = list.iter_mut().find(|entry| entry.number == number);
                    let entry = entry.unwrap();
                    (entry.end, entry.done_at) = (now + time, Some(step));
                }
                2 if !claims.is_empty() => {
                    let (number, claim) = claims.swap_remove(random.below(claims.len()));
                    drop(claim);
                    list.retain(|entry| entry.number != number);
                }
                _ => {
                    let number = random.below(12);
                    let claimed = store.claim(key(number), duration).await;
                    match list.iter().find(|entry| entry.number == number) {
                        Some(entry) if entry.done_at.is_some() => {
                            assert!(matches!(claimed, Ok(Claimed::Done)), "{claimed:?}");
                            continue;
                        }
                        Some(entry) => {
                            let expected = Duration::from_secs((entry.end - now).unsigned_abs());
                            match claimed {
                                Ok(Claimed::Busy { left }) => assert_eq!(left, expected),
                                other => panic!("{other:?}"),
                            }
                            continue;
                        }
                        None => {}
                    }
                    if list.len() == capacity {
                        let done = list
                            .iter()
                            .enumerate()
                            .filter(|(_, entry)| entry.done_at.is_some());
                        match done.min_by_key(|(_, entry)| entry.done_at) {
                            Some((oldest, _)) => drop(list.remove(oldest)),
                            None => {
                                assert!(matches!(claimed, Err(StoreError::Full)), "{claimed:?}");
                                continue;
                            }
                        }
                    }
                    claims.push((number, fresh(claimed.unwrap())));
                    let end = now + time;
                    list.push(Plain {
                        number,
                        end,
                        done_at: None,
                    });
                }
            }
            list.retain(|entry| entry.end > now);
            let live = |number| {
                let mut entries = list.iter();
                entries.any(|entry| entry.number == number && entry.done_at.is_none())
            };
            claims.retain(|(number, _)| live(*number));
        }
    }
}

/// Claims of many threads at once never pass the bound, and none is lost.
#[test]
fn is_safe_under_contention() {
    const THREADS: usize = 4;

    let store = MemoryStore::with_capacity(16);
    let successes: Vec<usize> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let store = Arc::new(store.clone());
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    let mut random = Random(thread as u64);
                    let mut successes = 0;
                    for _ in 0..5_000 {
                        let number = random.below(64);
                        match runtime.block_on(store.claim(key(number), LONG)).unwrap() {
                            Claimed::Fresh(claim) if random.below(2) == 0 => drop(claim),
                            Claimed::Fresh(claim) => {
                                runtime.block_on(store.complete(claim, LONG)).unwrap();
                                successes += 1;
                            }
                            Claimed::Done | Claimed::Busy { .. } => {}
                        }
                    }
                    successes
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(successes.iter().sum::<usize>() >= 64);
    assert_eq!(
        format!("{store:?}"),
        "MemoryStore { keys: 16, capacity: 16, .. }"
    );
}
