//! PostgreSQL: for several machines, or beside tables of your own.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    PgConnection, Postgres, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    backend::{Backend, Engine, Statement, statements},
    error::Error,
    inbox::Inbox,
};

/// Intake, workers and handlers share them.
const CONNECTIONS: u32 = 16;

/// A response is due soon after; what waits longer than this gets no connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

impl Inbox<Postgres> {
    /// Connects to `postgres://user@host/database` with a pool of its own of up to 16 connections,
    /// and creates or migrates the inbox's tables first if need be.
    ///
    /// To migrate in a step of your deployment, or to use a pool of yours, see
    /// [`with_pool`](Inbox::with_pool).
    ///
    /// # Errors
    ///
    /// If the URL is not one of PostgreSQL, the server can't be reached or runs with `fsync = off`,
    /// or the schema is newer than this library.
    pub async fn open(url: &str) -> Result<Self, Error> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::Url);
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| Error::Url)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        let inbox = Self::with_pool(pool);
        inbox.migrate().await?;
        inbox.check().await?;
        Ok(inbox)
    }
}

impl Backend for Postgres {}

impl Engine for Postgres {
    const NOW: &'static str = "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)";
    const SKIP_LOCKED: &'static str = "FOR UPDATE SKIP LOCKED";
    // The settings hold until the end of the transaction, its commit included. `remote_apply` is stricter than
    // `on`, the others are weaker. Without a limit, the duplicates of a row that a console has locked would take
    // all connections of the pool.
    const DURABLE: &'static str = "(SELECT set_config('synchronous_commit', \
        CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, \
        true) AS level, set_config('lock_timeout', '1s', true) AS lock_timeout OFFSET 0) AS durable \
        WHERE durable.level IS NOT NULL AND durable.lock_timeout IS NOT NULL \
        AND current_setting('fsync') = 'on'";
    const ONE_WRITER: bool = false;
    const BEGIN: &'static str = "BEGIN";
    const MIGRATIONS: &'static [&'static str] = &[include_str!("sql/postgres-1.sql")];

    statements!();

    async fn lock_schema(connection: &mut PgConnection) -> sqlx::Result<()> {
        // Any number will do, so long as no one else uses it.
        let lock = sqlx::raw_sql("SELECT pg_advisory_xact_lock(7308604895)");
        lock.execute(connection).await.map(drop)
    }

    async fn has_tables(connection: &mut PgConnection) -> sqlx::Result<bool> {
        let exists = "SELECT to_regclass('leadhook_inbox_meta') IS NOT NULL";
        sqlx::query_scalar(exists).fetch_one(connection).await
    }

    async fn check(connection: &mut PgConnection) -> Result<(), Error> {
        let settings =
            "SELECT current_setting('fsync'), current_setting('default_transaction_isolation')";
        let (fsync, isolation): (String, String) =
            sqlx::query_as(settings).fetch_one(connection).await?;
        if fsync != "on" {
            return Err(Error::NotDurable(
                "PostgreSQL runs with fsync = off; set it to on",
            ));
        }
        if isolation != "read committed" {
            return Err(Error::Isolation { level: isolation });
        }
        Ok(())
    }

    async fn make_durable(_: &mut PgConnection) -> sqlx::Result<()> {
        Ok(()) // the statement itself does
    }

    async fn scrub(_: &mut PgConnection) -> Result<(), Error> {
        Ok(()) // VACUUM does, and PostgreSQL runs it by itself
    }
}
