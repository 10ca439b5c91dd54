//! Keys remembered in memory.

use alloc::{collections::BTreeMap, sync::Arc};
use core::{fmt, time::Duration};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{Claimed, Key, Store, StoreError, clock::Clock};

/// A store in the memory of this process, for an application that runs as one instance.
///
/// It holds a bounded number of keys, 100,000 by default, in some 350 bytes each. When it is
/// full, the key that was done first is forgotten; a live claim never is, and where all keys are live
/// claims, another is an error. Keys whose time has ended are removed by the calls that come later,
/// without a thread. What it knows ends with the process: after a restart, a repeat is handled again.
///
/// A claim that is dropped frees its key at once. Clones share their keys.
///
/// ```
/// use leadhook::dedup::{Dedup, MemoryStore};
///
/// let dedup = Dedup::new(MemoryStore::with_capacity(10_000));
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    table: Arc<Mutex<Table>>,
    clock: Clock,
}

impl MemoryStore {
    /// How many keys a store holds unless told otherwise.
    pub const DEFAULT_CAPACITY: usize = 100_000;

    /// Makes a store that holds up to this number of keys. One that holds none refuses every claim.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            table: Arc::new(Mutex::new(Table::new(capacity))),
            clock: Clock::default(),
        }
    }

    /// Measures time by another clock than [`Instant::now`], for tests.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }
}

/// Holds [`DEFAULT_CAPACITY`](MemoryStore::DEFAULT_CAPACITY) keys.
impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_capacity(Self::DEFAULT_CAPACITY)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = lock(&self.table);
        f.debug_struct("MemoryStore")
            .field("keys", &table.keys.len())
            .field("capacity", &table.capacity)
            .finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    type Claim = MemoryClaim;

    async fn claim(&self, key: Key, lease: Duration) -> Result<Claimed<MemoryClaim>, StoreError> {
        let now = self.clock.now();
        let claimed = lock(&self.table).claim(*key.as_bytes(), now, lease)?;
        Ok(match claimed {
            Claimed::Fresh(token) => Claimed::Fresh(MemoryClaim {
                table: self.table.clone(),
                key: *key.as_bytes(),
                token,
            }),
            Claimed::Done => Claimed::Done,
            Claimed::Busy { left } => Claimed::Busy { left },
        })
    }

    async fn complete(&self, claim: MemoryClaim, keep: Duration) -> Result<(), StoreError> {
        let now = self.clock.now();
        lock(&claim.table).complete(claim.key, claim.token, now, keep)
    }

    async fn release(&self, claim: MemoryClaim) -> Result<(), StoreError> {
        drop(claim);
        Ok(())
    }
}

/// A claim in a [`MemoryStore`]. Dropped, it frees its key.
pub struct MemoryClaim {
    table: Arc<Mutex<Table>>,
    key: KeyBytes,
    token: u64,
}

impl Drop for MemoryClaim {
    fn drop(&mut self) {
        lock(&self.table).release(self.key, self.token);
    }
}

impl fmt::Debug for MemoryClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryClaim").finish_non_exhaustive()
    }
}

/// Locks a table. Nothing panics while one is locked, so that it is whole even if poisoned.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

type KeyBytes = [u8; 32];

/// The keys, and the two orders in which they go.
struct Table {
    capacity: usize,
    keys: HashMap<KeyBytes, Entry>,
    /// All keys, by when their time ends.
    by_end: BTreeMap<(Instant, u64), KeyBytes>,
    /// The done keys, by when they were done.
    done: BTreeMap<u64, KeyBytes>,
    /// The number of the last entry.
    last: u64,
}

/// A key that is claimed or done. Each change of a key makes a new one.
struct Entry {
    /// Its number, which grows with time. That of a claim is its token.
    number: u64,
    end: Instant,
    done: bool,
}

impl Table {
    fn new(capacity: usize) -> Self {
        Self {
            capacity,
            keys: HashMap::new(),
            by_end: BTreeMap::new(),
            done: BTreeMap::new(),
            last: 0,
        }
    }

    fn claim(
        &mut self,
        key: KeyBytes,
        now: Instant,
        lease: Duration,
    ) -> Result<Claimed<u64>, StoreError> {
        self.forget_ended(now);
        match self.keys.get(&key) {
            Some(entry) if entry.done => Ok(Claimed::Done),
            Some(entry) => Ok(Claimed::Busy {
                left: entry.end.saturating_duration_since(now),
            }),
            None => self.insert(key, now, lease, false).map(Claimed::Fresh),
        }
    }

    fn complete(
        &mut self,
        key: KeyBytes,
        token: u64,
        now: Instant,
        keep: Duration,
    ) -> Result<(), StoreError> {
        self.forget_ended(now);
        match self.keys.get(&key) {
            Some(entry) if !entry.done && entry.number != token => {
                return Err(StoreError::Superseded);
            }
            _ => self.remove(&key),
        }
        self.insert(key, now, keep, true)?;
        Ok(())
    }

    fn release(&mut self, key: KeyBytes, token: u64) {
        if self
            .keys
            .get(&key)
            .is_some_and(|entry| entry.number == token)
        {
            self.remove(&key);
        }
    }

    /// Adds a key that isn't there, and gives its number.
    fn insert(
        &mut self,
        key: KeyBytes,
        now: Instant,
        time: Duration,
        done: bool,
    ) -> Result<u64, StoreError> {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

        if self.keys.len() >= self.capacity {
            let (_, oldest) = self.done.pop_first().ok_or(StoreError::Full)?;
            self.remove(&oldest);
        }
        self.last = self.last.wrapping_add(1);
        let number = self.last;
        let end = now.checked_add(time.min(CENTURY)).unwrap_or(now);
        self.keys.insert(key, Entry { number, end, done });
        self.by_end.insert((end, number), key);
        if done {
            self.done.insert(number, key);
        }
        Ok(number)
    }

    fn remove(&mut self, key: &KeyBytes) {
        if let Some(entry) = self.keys.remove(key) {
            self.by_end.remove(&(entry.end, entry.number));
            self.done.remove(&entry.number);
        }
    }

    fn forget_ended(&mut self, now: Instant) {
        while let Some((&(end, _), &key)) = self.by_end.first_key_value()
            && end <= now
        {
            self.remove(&key);
        }
    }
}
