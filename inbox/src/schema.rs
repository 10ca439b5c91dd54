//! The versions of the inbox's tables.

use crate::{
    backend::{Backend, Statement},
    error::Error,
    inbox::Inbox,
};

impl<B: Backend> Inbox<B> {
    /// Returns the SQL of each version of the schema, oldest first, for your own migration tool.
    ///
    /// Run each once and in order, in a transaction. A later version adds to an earlier one, so that
    /// the processes of a rolling deployment can run on either.
    #[must_use]
    pub fn migrations() -> &'static [&'static str] {
        B::MIGRATIONS
    }

    /// Creates the inbox's tables or brings them to the latest version. Several processes may do it at
    /// the same time.
    ///
    /// # Errors
    ///
    /// If the database fails, or its commits would not be durable. Nothing is changed then.
    pub async fn migrate(&self) -> Result<(), Error> {
        let is_migrated = {
            let mut connection = self.acquire().await?;
            B::check(&mut connection).await?;
            let schema = version::<B>(&mut connection).await?;
            schema.is_some_and(|schema| schema.version >= known::<B>())
        };
        if is_migrated {
            return Ok(()); // without a lock, for which a process that starts might wait for long
        }
        let mut transaction = self.begin().await?;
        B::lock_schema(&mut transaction).await?;
        let version = match version::<B>(&mut transaction).await? {
            Some(schema) => schema.version,
            None => 0,
        };
        for sql in B::MIGRATIONS
            .iter()
            .skip(usize::try_from(version).unwrap_or(usize::MAX))
        {
            B::execute_all(&mut transaction, (*sql).into()).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Checks that the tables are there in a version that this library can use, that they can be written to, and
    /// that the database's commits are durable.
    ///
    /// # Errors
    ///
    /// If not, or the database fails. The error says what is wrong and what to do about it.
    pub async fn check(&self) -> Result<(), Error> {
        let mut connection = self.acquire().await?;
        B::check(&mut connection).await?;
        let schema = version::<B>(&mut connection)
            .await?
            .ok_or(Error::NotMigrated)?;
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
        let writes = Statement::new::<B>(include_str!("sql/write.sql"), 0);
        match B::execute(&mut connection, writes).await {
            Err(error) if !is_locked(&error) => Err(Error::ReadOnly(error)),
            _ => Ok(()),
        }
    }
}

/// The newest version that this library knows.
fn known<B: Backend>() -> i64 {
    i64::try_from(B::MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Whether another connection writes to SQLite, as is to be expected. PostgreSQL's codes are longer.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("5" | "261" | "517" | "773")) // SQLITE_BUSY and its extended codes
}

struct Schema {
    version: i64,
    works_from: i64,
}

async fn version<B: Backend>(connection: &mut B::Connection) -> Result<Option<Schema>, Error> {
    if !B::has_tables(connection).await? {
        return Ok(None);
    }
    let sql = "SELECT version, works_from FROM leadhook_inbox_meta";
    let rows = B::fetch(connection, Statement::new::<B>(sql, 0)).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Schema {
        version: B::integer(row, "version")?.unwrap_or(0),
        works_from: B::integer(row, "works_from")?.unwrap_or(0),
    }))
}
