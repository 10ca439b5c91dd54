//! Claims rows for the workers, and settles them.

use std::{sync::Arc, time::Duration};

use leadhook::dedup::Key;

use crate::{
    backend::{Backend, Statement, Value},
    error::Error,
    inbox::{Inbox, millis},
};

/// A row that was claimed: every change of it is fenced by the lease.
pub(crate) struct Claim<B: Backend> {
    pub(crate) inbox: Inbox<B>,
    pub(crate) key: Key,
    pub(crate) lease: Arc<str>,
    pub(crate) source: Arc<str>,
    pub(crate) tries: i64,
    pub(crate) received_at: i64,
}

/// A claimed row and its body as it is stored.
pub(crate) struct Claimed<B: Backend> {
    pub(crate) claim: Claim<B>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) body_cipher: Option<String>,
}

/// Which rows to claim.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    /// A worker that had the row before was gone before it settled it.
    Suspect,
}

/// A row whose worker was gone.
pub(crate) struct Abandoned {
    pub(crate) key: String,
    pub(crate) source: String,
    pub(crate) is_dead: bool,
    pub(crate) times: i64,
}

impl<B: Backend> Inbox<B> {
    /// Claims up to `limit` rows that have been due for longest.
    pub(crate) async fn claim(
        &self,
        kind: Kind,
        sources: &[Arc<str>],
        lease: &Arc<str>,
        time: Duration,
        limit: usize,
    ) -> Result<Vec<Claimed<B>>, Error> {
        let kind = match kind {
            Kind::Normal => "abandoned = 0",
            Kind::Suspect => "abandoned > 0",
        };
        // Each source is looked up by itself, so that a backlog of a source without a handler here
        // costs nothing.
        let places = (4..).map(|place| format!("${place}"));
        let due = sources.iter().zip(places).map(|(_, place)| {
            let due = include_str!("sql/due.sql").replace("{source}", &place);
            due.replace("{kind}", kind)
        });
        let due: Vec<String> = due.collect();
        let sql = include_str!("sql/claim.sql").replace("{due}", &due.join("UNION ALL\n"));
        let statement = self
            .statement(&sql)
            .bind(&**lease)
            .bind(millis(time))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let sources = sources.iter().map(|source| &**source);
        let statement = sources.fold(statement, Statement::bind);
        let rows = self.fetch(statement).await?;
        let claimed = rows.iter().map(|row| {
            let text = |column| B::text(row, column).map(Option::unwrap_or_default);
            let key = text("key")?.parse();
            Ok(Claimed {
                claim: Claim {
                    inbox: self.clone(),
                    key: key.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                    lease: lease.clone(),
                    source: text("source")?.into(),
                    tries: B::integer(row, "tries")?.unwrap_or(0),
                    received_at: B::integer(row, "received_at")?.unwrap_or(0),
                },
                body: B::bytes(row, "body")?,
                body_cipher: B::text(row, "body_cipher")?,
            })
        });
        claimed.collect()
    }

    /// Whether a suspect row is due.
    pub(crate) async fn is_suspect_due(&self, sources: &[Arc<str>]) -> Result<bool, Error> {
        let statement = self
            .statement(include_str!("sql/suspect_due.sql"))
            .bind_list("{sources}", sources.iter().map(ToString::to_string));
        Ok(!self.fetch(statement).await?.is_empty())
    }

    /// Frees rows whose lease has run out, except for `own`, which this process still has.
    pub(crate) async fn recover(
        &self,
        sources: &[Arc<str>],
        own: Vec<Key>,
        dead_after: u32,
    ) -> Result<Vec<Abandoned>, Error> {
        let statement = self
            .statement(include_str!("sql/recover.sql"))
            .bind(i64::from(dead_after))
            .bind_list("{sources}", sources.iter().map(ToString::to_string))
            .bind_list("{own}", own.iter().map(ToString::to_string));
        let rows = self.fetch(statement).await?;
        let abandoned = rows.iter().map(|row| {
            Ok(Abandoned {
                key: B::text(row, "key")?.unwrap_or_default(),
                source: B::text(row, "source")?.unwrap_or_default(),
                is_dead: B::text(row, "state")?.as_deref() == Some("dead"),
                times: B::integer(row, "abandoned")?.unwrap_or(0),
            })
        });
        abandoned.collect()
    }

    /// Makes rows due at once for anyone, and does not count the try.
    pub(crate) async fn release(&self, rows: Rows) -> Result<u64, Error> {
        let statement = self.statement(include_str!("sql/release.sql"));
        self.execute(rows.bind(statement)).await
    }

    /// When the next row is due, from now; negative if it has been due for a while.
    pub(crate) async fn next_due(&self, sources: &[Arc<str>]) -> Result<Option<i64>, Error> {
        let statement = self
            .statement(include_str!("sql/next_due.sql"))
            .bind_list("{sources}", sources.iter().map(ToString::to_string));
        match self.fetch(statement).await?.first() {
            Some(row) => Ok(B::integer(row, "due_in")?),
            None => Ok(None),
        }
    }
}

/// Rows by key and lease.
pub(crate) struct Rows {
    pub(crate) leases: Vec<Arc<str>>,
    /// None for all rows of the leases.
    pub(crate) keys: Option<Vec<Key>>,
}

impl Rows {
    pub(crate) fn bind(self, statement: Statement) -> Statement {
        let leases = self.leases.iter().map(ToString::to_string);
        let statement = statement.bind_list("{leases}", leases);
        match self.keys {
            Some(keys) => {
                let keys = keys.iter().map(ToString::to_string);
                statement
                    .part("{rows}", "key IN ({keys})")
                    .bind_list("{keys}", keys)
            }
            None => statement.part("{rows}", "TRUE"),
        }
    }
}

impl<B: Backend> Claim<B> {
    fn statement(&self, sql: &str) -> Statement {
        let statement = self.inbox.statement(sql);
        statement.bind(self.key.to_string()).bind(&*self.lease)
    }

    pub(crate) fn done(&self) -> Statement {
        self.statement(include_str!("sql/settle_done.sql"))
    }

    pub(crate) fn failed(&self, label: &str, delay: Duration, give_up: Duration) -> Statement {
        self.statement(include_str!("sql/settle_failed.sql"))
            .bind(millis(delay))
            .bind(label)
            .bind(millis(give_up))
    }

    pub(crate) fn dead(&self, reason: &str, label: impl Into<Value>) -> Statement {
        self.statement(include_str!("sql/settle_dead.sql"))
            .bind(reason)
            .bind(label)
    }
}

impl<B: Backend> Clone for Claim<B> {
    fn clone(&self) -> Self {
        Self {
            inbox: self.inbox.clone(),
            key: self.key,
            lease: self.lease.clone(),
            source: self.source.clone(),
            ..*self
        }
    }
}
