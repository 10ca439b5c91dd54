//! The memory store: the contract, its bound, and its clock.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use leadhook::dedup::{ClaimStatus, MemoryStore, Store, StoreError};

use super::{
    contract,
    support::{LONG, Random, TestClock, fresh, key},
};

async fn complete(store: &MemoryStore, number: usize, retention: Duration) {
    let claim = fresh(store.claim(key(number), LONG).await.unwrap());
    store.complete(claim, retention).await.unwrap();
}

async fn knows(store: &MemoryStore, number: usize) -> bool {
    // The claim of a key that was never claimed is dropped at once.
    let claimed = store.claim(key(number), LONG).await;
    matches!(claimed, Ok(ClaimStatus::Done | ClaimStatus::Held { .. }))
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
async fn a_full_store_removes_the_key_that_was_completed_first() {
    let store = MemoryStore::with_capacity(3);
    // The keys are claimed, completed and forgotten in three different orders.
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
async fn a_full_store_removes_ended_keys_before_done_keys() {
    let clock = TestClock::new();
    let store = MemoryStore::with_capacity(2).with_clock(clock.read());
    complete(&store, 1, LONG).await;
    complete(&store, 2, Duration::from_secs(1)).await;
    clock.jump(1);
    let _claim = fresh(store.claim(key(3), LONG).await.unwrap());
    assert!(knows(&store, 1).await);
}

#[tokio::test]
async fn a_store_without_capacity_rejects_every_claim() {
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
async fn a_clock_that_jumps_back_makes_duplicates_wait() {
    let clock = TestClock::new();
    let store = MemoryStore::default().with_clock(clock.read());
    let claim = fresh(store.claim(key(1), LONG).await.unwrap());
    clock.jump(-24 * 60 * 60);
    match store.claim(key(1), LONG).await.unwrap() {
        ClaimStatus::Held { remaining } => assert!(remaining > LONG),
        other => panic!("{other:?}"),
    }
    store.complete(claim, LONG).await.unwrap();
    assert!(knows(&store, 1).await);
    clock.jump(600);
    assert!(!knows(&store, 1).await);
}

/// A model of the store in a plain list.
struct Plain {
    capacity: usize,
    now: u64,
    entries: Vec<PlainEntry>,
}

struct PlainEntry {
    number: usize,
    end: u64,
    /// The order in which keys were completed.
    done: Option<usize>,
}

impl Plain {
    /// `None` if the claim succeeds.
    fn claim(&mut self, number: usize, time: u64) -> Option<&'static str> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.number == number) {
            return Some(if entry.done.is_some() { "done" } else { "held" });
        }
        if self.entries.len() == self.capacity {
            let done = self.entries.iter().filter(|entry| entry.done.is_some());
            let Some(oldest) = done.min_by_key(|entry| entry.done) else {
                return Some("full");
            };
            let oldest = oldest.number;
            self.free(oldest);
        }
        let end = self.now + time;
        let done = None;
        self.entries.push(PlainEntry { number, end, done });
        None
    }

    fn complete(&mut self, number: usize, time: u64, step: usize) {
        let mut entries = self.entries.iter_mut();
        let entry = entries.find(|entry| entry.number == number).unwrap();
        (entry.end, entry.done) = (self.now + time, Some(step));
    }

    fn free(&mut self, number: usize) {
        self.entries.retain(|entry| entry.number != number);
    }

    fn pass(&mut self, time: u64) {
        self.now += time;
        self.entries.retain(|entry| entry.end > self.now);
    }

    fn is_live(&self, number: usize) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.number == number && entry.done.is_none())
    }
}

#[tokio::test]
async fn behaves_as_a_plain_list_does() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let capacity = 1 + random.below(8);
        let clock = TestClock::new();
        let store = MemoryStore::with_capacity(capacity).with_clock(clock.read());
        let mut plain = Plain {
            capacity,
            now: 0,
            entries: Vec::new(),
        };
        let mut claims = Vec::new();

        for step in 0..2_000 {
            let seconds = 1 + random.next() % 20;
            let time = Duration::from_secs(seconds);
            match (random.below(4), claims.len()) {
                (0, _) => {
                    clock.advance(Duration::from_secs(seconds / 4));
                    plain.pass(seconds / 4);
                }
                (1, 1..) => {
                    let (number, claim) = claims.swap_remove(random.below(claims.len()));
                    store.complete(claim, time).await.unwrap();
                    plain.complete(number, seconds, step);
                }
                (2, 1..) => {
                    let (number, claim) = claims.swap_remove(random.below(claims.len()));
                    drop(claim);
                    plain.free(number);
                }
                _ => {
                    let number = random.below(12);
                    let expected = plain.claim(number, seconds);
                    let found = match store.claim(key(number), time).await {
                        Ok(ClaimStatus::Acquired(claim)) => {
                            claims.push((number, claim));
                            None
                        }
                        Ok(ClaimStatus::Done) => Some("done"),
                        Ok(ClaimStatus::Held { .. }) => Some("held"),
                        Err(_) => Some("full"),
                    };
                    assert_eq!(found, expected, "seed {seed}, step {step}");
                }
            }
            claims.retain(|(number, _)| plain.is_live(*number));
        }
    }
}

/// Many threads claim the same keys. A key has one claim at a time, and no claim is left in the end.
#[test]
fn is_safe_under_contention() {
    const THREADS: u64 = 4;
    const CAPACITY: usize = 16;

    fn work(store: &MemoryStore, in_progress: &[AtomicBool], seed: u64) {
        let mut random = Random(seed);
        for _ in 0..2_000 {
            let number = random.below(in_progress.len());
            let ClaimStatus::Acquired(claim) = ready(store.claim(key(number), LONG)).unwrap()
            else {
                continue;
            };
            assert!(!in_progress[number].swap(true, Ordering::SeqCst));
            std::thread::yield_now();
            in_progress[number].store(false, Ordering::SeqCst);
            if random.below(2) == 0 {
                ready(store.complete(claim, LONG)).unwrap();
            }
        }
    }

    let store = MemoryStore::with_capacity(CAPACITY);
    let in_progress: Vec<_> = (0..64).map(|_| AtomicBool::new(false)).collect();
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            scope.spawn({
                let (store, in_progress) = (&store, &in_progress);
                move || work(store, in_progress, seed)
            });
        }
    });
    let claims: Vec<_> = (100..100 + CAPACITY)
        .map(|number| fresh(ready(store.claim(key(number), LONG)).unwrap()))
        .collect();
    let full = ready(store.claim(key(1), LONG));
    assert!(matches!(full, Err(StoreError::Full)));
    drop(claims);
}

/// Returns the result of a future that never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
