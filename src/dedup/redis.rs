//! The store in Redis.

use alloc::{format, string::String, sync::Arc};
use core::{fmt, time::Duration};

use redis::{Client, Cmd, FromRedisValue};

use super::key::Key;
use super::store::{ClaimStatus, Store, StoreError};

mod connection;

use connection::Connection;

/// The value of a done key. The value of a claimed key is the claim's token.
const DONE: &str = "done";

/// Claims a key and returns nothing, or returns the value of the key and its remaining milliseconds.
///
/// If an operator has removed the time to live of a claim, the claim gets a new lease, so that it ends.
const CLAIM: &str = "
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local held, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
if left == -1 and held ~= ARGV[3] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = redis.call('PTTL', KEYS[1])
end
return {held, left}";

/// Marks a key as done unless another claim holds it. Returns whether the key is done.
const COMPLETE: &str = "
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] and held ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// Frees a key if the claim holds it. Returns the number of freed keys.
const RELEASE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// A store in Redis, for an application that runs as several instances.
///
/// Needs the `redis` feature. Every call runs one script on one key in one round trip, so it works with
/// any server that has `EVAL`, `PEXPIRE`, and `SET` with `NX` and `PX`. If the server can't be reached or
/// does not respond in time, the response is 503, and a provider that retries sends the delivery again. For
/// a cluster, the guide has [another store](https://docs.rs/leadhook/latest/leadhook/guide/stores/).
///
/// The store survives a failover. After any error it connects again, at most five times a second, and
/// works again as soon as its address leads to a primary. A call that finds its connection closed, or its
/// server demoted to a replica, is tried once more on a new connection. A call waits at most 1 second for
/// a connection, and as long for a response.
///
/// Redis measures leases and retentions in whole milliseconds, so fractions are rounded up.
///
/// # Forgotten keys
///
/// If the server loses a key before its retention ends, a retry is handled again. That happens after a
/// restart without persistence, after a failover to a replica that has not received the key yet, and
/// after an eviction. Set `maxmemory-policy` to `noeviction`. A full server then returns an error instead of
/// evicting keys.
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
pub struct RedisStore {
    connection: Connection,
    prefix: Arc<str>,
}

impl RedisStore {
    /// Connects to a server by its URL, such as `redis://127.0.0.1:6379`.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// For TLS, which is `rediss://`, turn on a TLS library of the crate `redis` and its cryptography.
    /// Without the second line, rustls panics at the first connection. The server's certificate is
    /// verified by the certificates of the system, or those in the file that `SSL_CERT_FILE` names.
    ///
    /// ```toml
    /// redis = { version = "1", default-features = false, features = ["tokio-rustls-comp"] }
    /// rustls = { version = "0.23", default-features = false, features = ["ring", "tls12"] }
    /// ```
    ///
    /// If another dependency turns on a second provider of cryptography, such as `aws-lc-rs`, choose one
    /// at the start of `main`: `rustls::crypto::ring::default_provider().install_default()`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the URL is invalid or the server can't be reached.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let client = connection::client(url).map_err(StoreError::unavailable)?;
        Self::from_client(client).await
    }

    /// Connects with your own client, for example one with a client certificate.
    ///
    /// Must be called within a Tokio runtime. The TCP settings are the client's. Those of
    /// [`connect`](Self::connect) let the system probe an idle connection, and give up a connection that
    /// is silent for 10 seconds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the server can't be reached.
    pub async fn from_client(client: Client) -> Result<Self, StoreError> {
        let connection = Connection::connect(client).await;
        Ok(Self {
            connection: connection.map_err(StoreError::unavailable)?,
            prefix: "leadhook:".into(),
        })
    }

    /// Sets the prefix of all key names in Redis, which is `leadhook:` by default.
    ///
    /// The rest of a name is the [`Key`] in hex digits.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    async fn call<T: FromRedisValue>(&self, script: &Cmd) -> Result<T, StoreError> {
        let response = self.connection.send(script).await;
        let value = response.map_err(StoreError::unavailable)?;
        redis::from_redis_value(value).map_err(StoreError::unavailable)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Store for RedisStore {
    type Claim = RedisClaim;

    async fn claim(
        &self,
        key: Key,
        lease: Duration,
    ) -> Result<ClaimStatus<RedisClaim>, StoreError> {
        let claim = RedisClaim {
            name: format!("{}{key}", self.prefix),
            token: new_token()?,
        };
        let mut script = claim.script(CLAIM);
        script.arg(millis(lease)).arg(DONE);
        let held: Option<(String, i64)> = self.call(&script).await?;
        Ok(match held {
            None => ClaimStatus::Acquired(claim),
            // A connection sends a call again if its first response was lost.
            Some((value, _)) if value == claim.token => ClaimStatus::Acquired(claim),
            Some((value, _)) if value == DONE => ClaimStatus::Done,
            Some((_, left)) => ClaimStatus::Held {
                remaining: Duration::from_millis(left.try_into().unwrap_or_default()),
            },
        })
    }

    async fn complete(&self, claim: RedisClaim, retention: Duration) -> Result<(), StoreError> {
        let mut script = claim.script(COMPLETE);
        script.arg(DONE).arg(millis(retention));
        let is_done: bool = self.call(&script).await?;
        is_done.then_some(()).ok_or(StoreError::Superseded)
    }

    async fn release(&self, claim: RedisClaim) -> Result<(), StoreError> {
        self.call(&claim.script(RELEASE)).await
    }
}

/// A claim in a [`RedisStore`]. A dropped claim ends with its lease.
pub struct RedisClaim {
    name: String,
    token: String,
}

impl RedisClaim {
    /// Calls a script with the name of the key, and the token as its first argument.
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

/// Returns a token that no other claim has: 128 random bits from the operating system, as hex digits.
fn new_token() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(StoreError::unavailable)?;
    Ok(hex::encode(bytes))
}

/// Converts a duration to whole milliseconds, rounded up, at least 1 and at most a century.
fn millis(time: Duration) -> u64 {
    const CENTURY: u64 = 100 * 365 * 24 * 60 * 60 * 1000;

    let rounded_up = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(rounded_up)
        .unwrap_or(CENTURY)
        .clamp(1, CENTURY)
}
