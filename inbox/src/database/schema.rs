//! The versions of the inbox's tables.

use std::time::Duration;

use crate::{
    database::{
        Database,
        engine::{Backend, within},
        link::Lent,
    },
    error::Error,
};

/// How long a migration may take, another process's included.
const MIGRATION_LIMIT: Duration = Duration::from_mins(1);

/// Creates the tables or brings them to the latest version.
pub(crate) async fn migrate<B: Backend>(database: &Database<B>) -> Result<(), Error> {
    let own = database.clone();
    let migrating = database.thread().spawn(async move {
        let mut link = own.operator().await;
        link.try_connect().await?;
        within(MIGRATION_LIMIT, async {
            let mut transaction = link.begin(MIGRATION_LIMIT).await?;
            let mut found = version(&own, &mut transaction).await?;
            // Without a lock if there is nothing to do: a process that starts might wait for it for long.
            if found
                .as_ref()
                .is_none_or(|schema| schema.version < known::<B>())
            {
                B::lock_schema(&mut transaction).await?;
                found = version(&own, &mut transaction).await?;
            }
            let version = found.map_or(0, |schema| schema.version);
            let version = usize::try_from(version).unwrap_or(usize::MAX);
            for sql in B::MIGRATIONS.iter().skip(version) {
                B::execute_all(&mut transaction, (*sql).into()).await?;
            }
            transaction.commit().await
        })
        .await
    });
    migrating?.await
}

/// Checks that the tables are there in a version that this library can use, and that they can be written to.
pub(crate) async fn check<B: Backend>(database: &Database<B>) -> Result<(), Error> {
    let own = database.clone();
    let checking = database.thread().spawn(async move {
        let mut link = own.operator().await;
        link.try_connect().await?;
        let limit = Duration::from_secs(10);
        within(limit, async {
            let mut transaction = link.begin(limit).await?;
            let schema = version(&own, &mut transaction).await?;
            let schema = schema.ok_or(Error::NotMigrated)?;
            let known = known::<B>();
            if schema.version < known {
                return Err(Error::SchemaTooOld {
                    found: schema.version,
                    needed: known,
                });
            }
            if schema.works_from > known {
                return Err(Error::SchemaTooNew {
                    found: schema.version,
                    known,
                });
            }
            B::check_rights(&mut transaction).await?;
            transaction.commit().await
        })
        .await
    });
    checking?.await
}

/// The newest version that this library knows.
fn known<B: Backend>() -> i64 {
    i64::try_from(B::MIGRATIONS.len()).unwrap_or(i64::MAX)
}

struct Schema {
    version: i64,
    works_from: i64,
}

async fn version<B: Backend>(
    database: &Database<B>,
    transaction: &mut Lent<'_, B>,
) -> Result<Option<Schema>, Error> {
    if !B::has_tables(transaction).await? {
        return Ok(None);
    }
    let sql = "SELECT version, works_from FROM leadhook_inbox_meta";
    let rows = transaction.fetch(database.statement(sql)).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Schema {
        version: B::integer(row, "version")?.unwrap_or(0),
        works_from: B::integer(row, "works_from")?.unwrap_or(0),
    }))
}
