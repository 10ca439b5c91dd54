//! Keys remembered in Redis.

use alloc::{format, string::String, sync::Arc};
use core::{fmt, hash::BuildHasher, time::Duration};
use std::{hash::RandomState, process};

use redis::{
    Client, Cmd, FromRedisValue, RedisError,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
};

use super::key::Key;
use super::store::{ClaimStatus, Store, StoreError};

/// The value of a key that is done. That of a claimed key is the claim's token.
const DONE: &str = "done";

/// Claims a key, and gives nothing; or gives the value that holds it, and its time left.
const CLAIM: &str = "
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}";

/// Marks a key as done, unless another claim holds it. Gives whether it is done.
const COMPLETE: &str = "
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] and held ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// Frees a key if the claim holds it. Gives how many it has freed.
const RELEASE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// A store in Redis, for an application that runs as several instances. Needs the `redis` feature.
///
/// Every call is one script of one key, in one round trip: a cluster will do, and so will any server
/// that knows `EVAL` and `SET` with `NX` and `PX`. Where the server can't be reached or doesn't answer
/// in time, it is an error: the answer is 503, and the sender retries. A connection without a response
/// timeout waits for as long as the server hangs; mind to set one where you make the connection
/// yourself.
///
/// A key is forgotten before its time if the server loses it: by a restart without persistence, by a
/// failover to a replica that hasn't got it yet, or by an eviction (`maxmemory-policy` should be
/// `noeviction`, with which a full server is an error). A repeat is then handled again.
///
/// ```no_run
/// use leadhook::dedup::{Dedup, RedisStore, StoreError};
///
/// # async fn start() -> Result<(), StoreError> {
/// let store = RedisStore::connect("redis://127.0.0.1:6379").await?;
/// let dedup = Dedup::new(store.with_prefix("my-app:"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore<C = ConnectionManager> {
    connection: C,
    prefix: Arc<str>,
}

impl RedisStore {
    /// Connects to a server, by a URL such as `redis://127.0.0.1:6379`. Must be called within a Tokio
    /// runtime.
    ///
    /// The connection is made anew when it breaks; the call that finds it broken is an error. A second
    /// is given to connecting, twice, and to each answer, so that the sender is told before it gives
    /// up. For `rediss://` depend on the crate `redis`, too, and turn on its feature for TLS.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], where the URL is not one or the server can't be reached.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        const PATIENCE: Option<Duration> = Some(Duration::from_secs(1));

        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(PATIENCE)
            .set_response_timeout(PATIENCE)
            .set_number_of_retries(1);
        let client = Client::open(url).map_err(unavailable)?;
        let connection = ConnectionManager::new_with_config(client, config)
            .await
            .map_err(unavailable)?;
        Ok(Self::new(connection))
    }
}

impl<C> RedisStore<C> {
    /// Uses a connection, or any pool or cluster that implements [`ConnectionLike`]. It is cloned for
    /// each call.
    #[must_use]
    pub fn new(connection: C) -> Self {
        Self {
            connection,
            prefix: "leadhook:".into(),
        }
    }

    /// What the names of all keys in Redis begin with: `leadhook:` by default. The rest is the [`Key`]
    /// in hex digits.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }
}

impl<C> fmt::Debug for RedisStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Store for RedisStore<C> {
    type Claim = RedisClaim;

    async fn claim(
        &self,
        key: Key,
        lease: Duration,
    ) -> Result<ClaimStatus<RedisClaim>, StoreError> {
        let claim = RedisClaim {
            name: format!("{}{key}", self.prefix),
            token: new_token(),
        };
        let mut script = claim.script(CLAIM);
        script.arg(millis(lease));
        let held: Option<(String, i64)> = call(&self.connection, &script).await?;
        Ok(match held {
            None => ClaimStatus::Acquired(claim),
            // The client of a cluster repeats a call whose answer was lost.
            Some((value, _)) if value == claim.token => ClaimStatus::Acquired(claim),
            Some((value, _)) if value == DONE => ClaimStatus::Done,
            Some((_, left)) => ClaimStatus::Held {
                remaining: Duration::from_millis(left.try_into().unwrap_or_default()),
            },
        })
    }

    async fn complete(&self, claim: RedisClaim, keep: Duration) -> Result<(), StoreError> {
        let mut script = claim.script(COMPLETE);
        script.arg(DONE).arg(millis(keep));
        let is_done: bool = call(&self.connection, &script).await?;
        is_done.then_some(()).ok_or(StoreError::Superseded)
    }

    async fn release(&self, claim: RedisClaim) -> Result<(), StoreError> {
        call(&self.connection, &claim.script(RELEASE)).await
    }
}

/// A claim in a [`RedisStore`]. Dropped, it ends with its lease.
pub struct RedisClaim {
    name: String,
    token: String,
}

impl RedisClaim {
    /// A call of a script with the name of the key, and the token as first argument.
    fn script(&self, script: &str) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(1).arg(&self.name).arg(&self.token);
        command
    }
}

impl fmt::Debug for RedisClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisClaim").finish_non_exhaustive()
    }
}

async fn call<T: FromRedisValue>(
    connection: &(impl ConnectionLike + Clone),
    script: &Cmd,
) -> Result<T, StoreError> {
    let mut connection = connection.clone();
    script
        .query_async(&mut connection)
        .await
        .map_err(unavailable)
}

/// A token that no other claim has: 128 bits from two hashers, whose keys the standard library takes
/// at random.
fn new_token() -> String {
    let random = || RandomState::new().hash_one(process::id());
    format!("{:016x}{:016x}", random(), random())
}

/// A time as Redis takes it: whole milliseconds, at least one, and at most a century.
fn millis(time: Duration) -> u64 {
    const CENTURY: u64 = 100 * 365 * 24 * 60 * 60 * 1000;

    let rounded_up = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(rounded_up)
        .unwrap_or(CENTURY)
        .clamp(1, CENTURY)
}

fn unavailable(error: RedisError) -> StoreError {
    StoreError::unavailable(error)
}
