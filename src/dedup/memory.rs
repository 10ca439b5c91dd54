//! The store in memory.

use alloc::{collections::BTreeMap, sync::Arc};
use core::{fmt, time::Duration};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::clock::Clock;
use super::key::Key;
use super::store::{ClaimStatus, Store, StoreError};

/// A store in the memory of this process, for an application that runs as a single instance.
///
/// It holds a bounded number of keys, 100,000 by default, in about 350 bytes each. When it is full, it
/// forgets the key that was completed first. It never forgets a live claim, so if every key is a live
/// claim, the next claim fails with [`StoreError::Full`]. The store has no thread. Instead, each call
/// removes the keys whose time has ended. After a restart of the process the store is empty, so a retry
/// is handled again.
///
/// A dropped claim frees its key at once. Clones share their keys.
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
    /// The number of keys that a store holds by default.
    pub const DEFAULT_CAPACITY: usize = 100_000;

    /// Creates a store that holds up to `capacity` keys.
    ///
    /// With a capacity of 0, every claim is an error.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            table: Arc::new(Mutex::new(Table::new(capacity))),
            clock: Clock::default(),
        }
    }

    /// Replaces the clock, which is [`Instant::now`] by default, for tests.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }
}

/// Creates a store for [`DEFAULT_CAPACITY`](MemoryStore::DEFAULT_CAPACITY) keys.
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

    async fn claim(
        &self,
        key: Key,
        lease: Duration,
    ) -> Result<ClaimStatus<MemoryClaim>, StoreError> {
        let now = self.clock.now();
        let status = lock(&self.table).claim(key, now, lease)?;
        Ok(status.map(|token| MemoryClaim {
            table: Some(self.table.clone()),
            key,
            token,
        }))
    }

    async fn complete(
        &self,
        mut claim: MemoryClaim,
        retention: Duration,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        match claim.table.take() {
            Some(table) => lock(&table).complete(claim.key, claim.token, now, retention),
            None => Ok(()),
        }
    }

    async fn release(&self, claim: MemoryClaim) -> Result<(), StoreError> {
        drop(claim);
        Ok(())
    }
}

/// A claim in a [`MemoryStore`]. Dropping it frees its key.
pub struct MemoryClaim {
    /// `None` if the claim is completed, so that dropping it takes no lock.
    table: Option<Arc<Mutex<Table>>>,
    key: Key,
    token: u64,
}

impl Drop for MemoryClaim {
    fn drop(&mut self) {
        if let Some(table) = &self.table {
            lock(table).release(self.key, self.token);
        }
    }
}

impl fmt::Debug for MemoryClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryClaim").finish_non_exhaustive()
    }
}

/// Locks a table. Nothing panics while a table is locked, so a poisoned table is intact.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The keys, and the two orders in which they are removed.
struct Table {
    capacity: usize,
    keys: HashMap<Key, State>,
    /// All keys, by the end of their lease or retention.
    by_end: BTreeMap<(Instant, u64), Key>,
    /// The done keys, in the order in which they were completed.
    done: BTreeMap<u64, Key>,
    last_number: u64,
}

/// The state of a claimed or done key.
#[derive(Clone, Copy)]
struct State {
    /// Every state change takes the next number, so the number identifies one state. The number of a
    /// claim is its token. It stays within this process, so it need not be random.
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
            last_number: 0,
        }
    }

    fn claim(
        &mut self,
        key: Key,
        now: Instant,
        lease: Duration,
    ) -> Result<ClaimStatus<u64>, StoreError> {
        self.remove_ended(now);
        let claimed = self.new_state(now, lease, false);
        match self.keys.entry(key) {
            Entry::Vacant(vacant) => vacant.insert(claimed),
            Entry::Occupied(held) if held.get().done => return Ok(ClaimStatus::Done),
            Entry::Occupied(held) => {
                let remaining = held.get().end.saturating_duration_since(now);
                return Ok(ClaimStatus::Held { remaining });
            }
        };
        self.by_end.insert((claimed.end, claimed.number), key);
        self.make_room_for(&key)?;
        Ok(ClaimStatus::Acquired(claimed.number))
    }

    fn complete(
        &mut self,
        key: Key,
        token: u64,
        now: Instant,
        retention: Duration,
    ) -> Result<(), StoreError> {
        self.remove_ended(now);
        let done = self.new_state(now, retention, true);
        match self.keys.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(done);
            }
            Entry::Occupied(held) if !held.get().done && held.get().number != token => {
                return Err(StoreError::Superseded);
            }
            Entry::Occupied(mut held) => {
                let old = held.insert(done);
                self.forget_order(old);
            }
        }
        self.by_end.insert((done.end, done.number), key);
        self.make_room_for(&key)?;
        self.done.insert(done.number, key);
        Ok(())
    }

    fn release(&mut self, key: Key, token: u64) {
        if self
            .keys
            .get(&key)
            .is_some_and(|state| state.number == token)
        {
            self.remove(&key);
        }
    }

    fn new_state(&mut self, now: Instant, time: Duration, done: bool) -> State {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

        self.last_number = self.last_number.wrapping_add(1);
        State {
            number: self.last_number,
            end: now.checked_add(time.min(CENTURY)).unwrap_or(now),
            done,
        }
    }

    /// Removes the key that was completed first, if a new key exceeds the capacity. If all other keys
    /// are live claims, the new key is removed instead.
    fn make_room_for(&mut self, new: &Key) -> Result<(), StoreError> {
        if self.keys.len() > self.capacity {
            let Some((_, oldest)) = self.done.pop_first() else {
                self.remove(new);
                return Err(StoreError::Full);
            };
            self.remove(&oldest);
        }
        Ok(())
    }

    fn remove(&mut self, key: &Key) {
        if let Some(state) = self.keys.remove(key) {
            self.forget_order(state);
        }
    }

    fn forget_order(&mut self, state: State) {
        self.by_end.remove(&(state.end, state.number));
        if state.done {
            self.done.remove(&state.number);
        }
    }

    fn remove_ended(&mut self, now: Instant) {
        while let Some((&(end, _), &key)) = self.by_end.first_key_value()
            && end <= now
        {
            self.remove(&key);
        }
    }
}
