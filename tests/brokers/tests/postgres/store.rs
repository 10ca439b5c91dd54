//! A store of handled events in PostgreSQL.

use std::time::Duration;

use leadhook::dedup::{ClaimStatus, Key, Store, StoreError};
use sqlx::PgPool;
use tokio::time::timeout;

/// No call takes longer, however long the server is silent.
const LIMIT: Duration = Duration::from_secs(2);

pub struct Postgres(PgPool);

/// A key, and a token that no other claim has.
pub struct Claim(Key, [u8; 16]);

impl Postgres {
    /// Creates the table if it does not exist.
    pub async fn new(pool: PgPool) -> Result<Self, StoreError> {
        // A key without a token is done. After `ends`, a key is free again.
        let table = "CREATE TABLE IF NOT EXISTS leadhook_key (
            key bytea PRIMARY KEY, token bytea, ends timestamptz NOT NULL)";
        sqlx::query(table)
            .execute(&pool)
            .await
            .map_err(StoreError::unavailable)?;
        Ok(Self(pool))
    }

    /// Deletes the keys that are free again. Call it once an hour.
    pub async fn prune(&self) -> Result<u64, StoreError> {
        let delete =
            sqlx::query("DELETE FROM leadhook_key WHERE ends < clock_timestamp()");
        Ok(limited(delete.execute(&self.0)).await?.rows_affected())
    }
}

impl Store for Postgres {
    type Claim = Claim;

    async fn claim(
        &self,
        key: Key,
        lease: Duration,
    ) -> Result<ClaimStatus<Claim>, StoreError> {
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(StoreError::unavailable)?;
        // The condition and the change are one statement, so two claims can't both succeed.
        let insert = "INSERT INTO leadhook_key AS held (key, token, ends)
            VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
            ON CONFLICT (key) DO UPDATE SET token = excluded.token, ends = excluded.ends
            WHERE held.ends <= clock_timestamp()";
        let insert = sqlx::query(insert)
            .bind(key.as_bytes().as_slice())
            .bind(token.as_slice())
            .bind(millis(lease));
        if limited(insert.execute(&self.0)).await?.rows_affected() == 1 {
            return Ok(ClaimStatus::Acquired(Claim(key, token)));
        }
        let select = "SELECT token IS NULL,
            (extract(epoch FROM ends - clock_timestamp()) * 1000)::bigint
            FROM leadhook_key WHERE key = $1";
        let select = sqlx::query_as(select).bind(key.as_bytes().as_slice());
        let held: Option<(bool, i64)> = limited(select.fetch_optional(&self.0)).await?;
        Ok(match held {
            Some((true, _)) => ClaimStatus::Done,
            // If the key was freed meanwhile, the provider's next try gets it.
            held => ClaimStatus::Held {
                remaining: Duration::from_millis(
                    held.map_or(0, |(_, millis)| millis.try_into().unwrap_or(0)),
                ),
            },
        })
    }

    async fn complete(
        &self,
        claim: Claim,
        retention: Duration,
    ) -> Result<(), StoreError> {
        let upsert = "INSERT INTO leadhook_key AS held (key, token, ends)
            VALUES ($1, NULL, clock_timestamp() + $3 * interval '1 millisecond')
            ON CONFLICT (key) DO UPDATE SET token = NULL, ends = excluded.ends
            WHERE held.token = $2 OR held.token IS NULL OR held.ends <= clock_timestamp()";
        let upsert = sqlx::query(upsert)
            .bind(claim.0.as_bytes().as_slice())
            .bind(claim.1.as_slice())
            .bind(millis(retention));
        match limited(upsert.execute(&self.0)).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Superseded), // another claim holds the key
        }
    }

    async fn release(&self, claim: Claim) -> Result<(), StoreError> {
        let delete =
            sqlx::query("DELETE FROM leadhook_key WHERE key = $1 AND token = $2")
                .bind(claim.0.as_bytes().as_slice())
                .bind(claim.1.as_slice());
        limited(delete.execute(&self.0)).await.map(drop)
    }
}

/// Waits for the database, but only for so long.
async fn limited<T>(
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    let result = timeout(LIMIT, call)
        .await
        .map_err(StoreError::unavailable)?;
    result.map_err(StoreError::unavailable)
}

/// Returns whole milliseconds, at most a century of them.
fn millis(time: Duration) -> f64 {
    let century = Duration::from_secs(100 * 366 * 24 * 60 * 60);
    (time.min(century).as_secs_f64() * 1000.0).ceil().max(1.0)
}
