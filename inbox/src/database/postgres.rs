//! PostgreSQL: for several machines, or beside the application's own tables.

use std::{net::IpAddr, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, PgConnection, Postgres, Row as _,
    postgres::{PgArguments, PgConnectOptions, PgSslMode},
    query::Query,
};
use sqlx_core::transaction::TransactionManager as _;

use crate::{
    database::{
        engine::{Backend, Engine, NewRow, Server, statements},
        statement::{Statement, Value},
    },
    error::Error,
};

/// The options that a URL states.
pub(crate) fn options(url: &str) -> Result<PgConnectOptions, Error> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(Error::Url);
    }
    let authority = url.split(['/', '?']).nth(2).unwrap_or_default();
    if authority.contains(',') {
        return Err(Error::SeveralHosts);
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| Error::Url)?;
    Ok(options.extra_float_digits(None)) // poolers reject it
}

/// Requires TLS on the way to another machine. sqlx's default tries it, and goes on in clear text if the server
/// has none.
pub(crate) fn encrypted(options: PgConnectOptions) -> PgConnectOptions {
    let is_optional = matches!(options.get_ssl_mode(), PgSslMode::Allow | PgSslMode::Prefer);
    if is_optional && !is_local(&options) {
        options.ssl_mode(PgSslMode::Require)
    } else {
        options
    }
}

/// Whether nobody can listen on the way to this host.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl Backend for Postgres {}

impl Engine for Postgres {
    const NOW: &'static str = "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)";
    const LOCK: &'static str = "FOR UPDATE";
    const SKIP_LOCKED: &'static str = "FOR UPDATE SKIP LOCKED";
    const SHARE_SKIP_LOCKED: &'static str = "FOR SHARE SKIP LOCKED";
    const SKIP_LOCKED_OF_ROW: &'static str = "FOR UPDATE OF i SKIP LOCKED";
    const SHARE: &'static str = "FOR KEY SHARE";
    const IN: &'static str = "= ANY({})";
    const LIST: &'static str = "unnest({})";
    // Always in the same order. The first number is the inbox's own.
    const LOCK_LINES: &'static str = "SELECT count(pg_advisory_xact_lock(730860489, place)) AS locks FROM ( \
        SELECT DISTINCT CAST(value % 2147483647 AS INTEGER) AS place FROM {} AS lines ORDER BY place) AS places";
    const ACCEPT: &'static str = include_str!("sql/postgres-accept.sql");
    const RESULTS: &'static str = "json_to_recordset(CAST($1 AS json)) \
        AS r (key TEXT, token TEXT, ending TEXT, error TEXT, delay BIGINT, give_up BIGINT)";
    const GUARD: &'static str = "set_config('idle_in_transaction_session_timeout', '10000', true)";
    const WRITERS: usize = 2;
    const ONE_WRITER: bool = false;
    const MIGRATIONS: &'static [&'static str] = &[include_str!("sql/postgres-1.sql")];

    statements!();

    fn own_options(options: PgConnectOptions, server: Server) -> Result<PgConnectOptions, Error> {
        let options = encrypted(options)
            .extra_float_digits(None) // poolers reject it
            .disable_statement_logging();
        Ok(if server.pooler {
            options.statement_cache_capacity(0)
        } else {
            options
        })
    }

    async fn prepare(
        connection: &mut PgConnection,
        server: Server,
        plans_once: bool,
    ) -> Result<(), Error> {
        let mut prepare = "SELECT current_setting('fsync')".to_owned();
        // Behind a pooler, the session is not ours.
        if !server.pooler {
            // Deliveries are stored without a BEGIN, so the session must not begin transactions that are read-only,
            // or that fail each other. Behind a pooler they are stored in a transaction.
            prepare += ", set_config('default_transaction_isolation', 'read committed', false), \
                set_config('default_transaction_read_only', 'off', false)";
            // Each statement finds its rows by an index, even if it is planned while the table is empty. Where there
            // is none, a scan seems so expensive that it would be compiled each time.
            if plans_once {
                prepare += ", set_config('plan_cache_mode', 'force_generic_plan', false), \
                    set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)";
            }
        }
        // Not prepared: behind a pooler, the statement could be another client's by the time it is executed.
        let prepare = sqlx::raw_sql(sqlx::AssertSqlSafe(prepare));
        let row = prepare.fetch_one(&mut *connection).await?;
        let fsync: String = row.try_get(0)?;
        if fsync != "on" && !server.trust_fsync_off {
            return Err(Error::NotDurable(
                "PostgreSQL reports fsync = off; set it to on, or call trust_fsync_off() if your provider makes \
                 commits durable in another way, as Neon does",
            ));
        }
        Ok(())
    }

    /// Everything that a setting of the server, the role or a hook could change is set for the transaction
    /// itself, in the same message. So it also holds behind a pooler. A process that is frozen, or whose machine
    /// is gone, must not keep its locks: nobody could take its rows.
    async fn begin(connection: &mut PgConnection, limit: Duration) -> sqlx::Result<()> {
        let limit = limit.as_millis().clamp(1, 3_600_000);
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SET LOCAL statement_timeout = {limit}; \
             SET LOCAL lock_timeout = 1000; \
             SET LOCAL idle_in_transaction_session_timeout = {limit}; \
             {DURABLE}"
        );
        Self::execute_all(connection, begin).await
    }

    async fn begin_for_handler(connection: &mut PgConnection) -> sqlx::Result<()> {
        <Self as sqlx::Database>::TransactionManager::begin(connection, None).await
    }

    async fn store(
        connection: &mut PgConnection,
        sql: Statement,
        rows: &[&NewRow],
        server: Server,
    ) -> Result<Vec<bool>, Error> {
        // Behind a pooler, an unnamed statement outside of a transaction can be another client's.
        if server.pooler {
            Self::begin(connection, Duration::from_secs(2)).await?;
        }
        let keys = rows;
        let mut rows = rows.to_vec();
        // Two transactions that insert equal keys must do so in the same order. Those of ordered events can't
        // meet, because their lines are locked, and stay in the order in which they came.
        rows.sort_by_key(|row| {
            let is_locked = row.ordered == 1 && row.subjects[0].is_some();
            (is_locked, if is_locked { row.place } else { 0 })
        });
        let texts = |text: fn(&NewRow) -> Option<&str>| -> Vec<Option<&str>> {
            rows.iter().map(|row| text(row)).collect()
        };
        let store = sqlx::query::<Postgres>(sqlx::AssertSqlSafe(sql.sql))
            .bind(texts(|row| Some(&row.key)))
            .bind(texts(|row| Some(&row.source)))
            .bind(texts(|row| Some(row.provider)))
            .bind(texts(|row| row.scope.as_deref()))
            .bind(
                rows.iter()
                    .map(|row| row.matched_secret)
                    .collect::<Vec<_>>(),
            )
            .bind(texts(|row| row.event.as_deref()))
            .bind(texts(|row| row.lead_id.as_deref()))
            .bind(rows.iter().map(|row| row.subjects[0]).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.subjects[1]).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.subjects[2]).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.subjects[3]).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &row.body[..]).collect::<Vec<_>>())
            .bind(texts(|row| row.body_cipher.as_deref()))
            .bind(rows.iter().map(|row| row.retry_window).collect::<Vec<_>>())
            .bind(server.trust_fsync_off)
            .bind(rows.iter().map(|row| row.ordered).collect::<Vec<_>>())
            .bind(texts(|row| row.trace_context.as_deref()))
            .persistent(!server.pooler);
        let answer = store.fetch_all(&mut *connection).await?;
        if server.pooler {
            Self::execute_all(connection, "COMMIT".into()).await?;
        }
        let mut is_durable = false;
        let mut new = std::collections::HashSet::new();
        for row in &answer {
            match row.try_get::<Option<String>, _>("key")? {
                Some(key) => drop(new.insert(key)),
                None => is_durable = true,
            }
        }
        if !is_durable {
            return Err(Error::NotDurable(
                "PostgreSQL has begun to report fsync = off; set it to on",
            ));
        }
        Ok(keys.iter().map(|row| new.contains(&row.key)).collect())
    }

    fn is_of_a_row(error: &sqlx::Error) -> bool {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        // Data, constraints, and limits such as the size of an index's entry.
        code.is_some_and(|code| {
            ["22", "23", "54"]
                .iter()
                .any(|class| code.starts_with(class))
        })
    }

    async fn lock_schema(connection: &mut PgConnection) -> Result<(), Error> {
        // Any number will do, as long as nobody else uses it.
        let lock = "SET LOCAL lock_timeout = 8000; SELECT pg_advisory_xact_lock(7308604895)";
        match Self::execute_all(connection, lock.into()).await {
            Err(error) if is_code(&error, "55P03") => Err(Error::MigrationLocked),
            locked => Ok(locked?),
        }
    }

    async fn has_tables(connection: &mut PgConnection) -> sqlx::Result<bool> {
        // `to_regclass` would not do, because the session remembers that the table was missing, even after
        // it has waited for the process that creates it.
        let exists = "SELECT EXISTS (SELECT FROM pg_class \
            WHERE relname = 'leadhook_inbox_meta' AND pg_table_is_visible(oid))";
        let exists = sqlx::query_scalar(exists).persistent(false);
        exists.fetch_one(connection).await
    }

    async fn check_rights(connection: &mut PgConnection) -> Result<(), Error> {
        let missing = "SELECT string_agg(name || ': ' || privilege, ', ') FROM \
            unnest(ARRAY['leadhook_inbox', 'leadhook_inbox_duplicate', 'leadhook_inbox_process', \
                'leadhook_inbox_line', 'leadhook_inbox_subject_key', 'leadhook_inbox_without_subjects', \
                'leadhook_inbox_paused']) AS name, \
            unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege \
            WHERE NOT has_table_privilege(name, privilege)";
        let missing: Option<String> = sqlx::query_scalar(missing)
            .persistent(false)
            .fetch_one(connection)
            .await?;
        match missing {
            Some(missing) => Err(Error::MissingRights { missing }),
            None => Ok(()),
        }
    }

    async fn scrub(_: &mut PgConnection) -> Result<(), Error> {
        Ok(()) // VACUUM does, and PostgreSQL runs it by itself
    }

    fn is_in_place(_: &PgConnectOptions, _: u64) -> bool {
        true // a server that is gone does not answer
    }

    fn mark(_: &PgConnectOptions) -> u64 {
        0
    }
}

/// Makes the transaction's commit durable. `remote_apply` is stricter than `on`, the others are weaker.
const DURABLE: &str = "SELECT set_config('synchronous_commit', \
    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)";

/// Whether an error has this SQLSTATE.
fn is_code(error: &sqlx::Error, code: &str) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| error.code().as_deref() == Some(code))
}

/// Binds a statement's parameters. Its SQL comes from this crate's constants, values are bound.
fn bound(statement: Statement) -> Query<'static, Postgres, PgArguments> {
    let query = sqlx::query(sqlx::AssertSqlSafe(statement.sql)).persistent(statement.is_persistent);
    statement
        .values
        .into_iter()
        .fold(query, |query, value| match value {
            Value::Integer(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::List(values) => query.bind(values),
        })
}
