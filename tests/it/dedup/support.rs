//! Helpers that the tests of deduplication share.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use leadhook::{
    Delivery, Graphoid,
    dedup::{ClaimStatus, Key, Store, StoreError},
};

/// A lease that does not end during a test.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// Returns the key of the event with this number.
pub(crate) fn key(number: usize) -> Key {
    Delivery::<Graphoid>::from_storage(format!(r#"{{"id":"evt_{number}","event":"lead.won"}}"#))
        .key()
}

pub(crate) fn fresh<C>(claimed: ClaimStatus<C>) -> C {
    match claimed {
        ClaimStatus::Acquired(claim) => claim,
        ClaimStatus::Done => panic!("it is done"),
        ClaimStatus::Held { remaining } => panic!("it is claimed for another {remaining:?}"),
    }
}

/// A clock that stands still until it is set.
#[derive(Clone)]
pub(crate) struct TestClock {
    start: Instant,
    millis: Arc<AtomicI64>,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self {
            // Far enough from the clock's zero to jump back.
            start: Instant::now() + Duration::from_secs(1_000_000),
            millis: Arc::default(),
        }
    }

    pub(crate) fn jump(&self, seconds: i64) {
        self.millis.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Instant {
        let millis = self.millis.load(Ordering::SeqCst);
        let offset = Duration::from_millis(millis.unsigned_abs());
        if millis < 0 {
            self.start.checked_sub(offset).unwrap()
        } else {
            self.start + offset
        }
    }

    pub(crate) fn read(&self) -> impl Fn() -> Instant + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}

/// A store that records its calls, and in which one kind of call fails.
#[derive(Clone, Default)]
pub(crate) struct Scripted {
    pub(crate) calls: Arc<Mutex<Vec<(&'static str, Duration)>>>,
    pub(crate) fails: &'static str,
}

impl Scripted {
    fn call(&self, name: &'static str, time: Duration) -> Result<(), StoreError> {
        self.calls.lock().unwrap().push((name, time));
        if self.fails.contains(name) {
            Err(StoreError::unavailable("no route to the store"))
        } else {
            Ok(())
        }
    }
}

impl Store for Scripted {
    type Claim = ();

    async fn claim(&self, _: Key, lease: Duration) -> Result<ClaimStatus<()>, StoreError> {
        self.call("claim", lease).map(ClaimStatus::Acquired)
    }

    async fn complete(&self, (): (), retention: Duration) -> Result<(), StoreError> {
        self.call("complete", retention)
    }

    async fn release(&self, (): ()) -> Result<(), StoreError> {
        self.call("release", Duration::ZERO)
    }
}

/// Random numbers from a seed, by `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
