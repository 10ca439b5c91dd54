//! Connections of the inbox's own, which are used again only after they have answered.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, Pool, pool::PoolOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    database::{
        engine::{Backend, Server, within},
        statement::Statement,
        step::{Step, step},
    },
    error::Error,
};

/// How long it may take to open a connection, hooks included.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// An older connection is replaced, so that memory on the server does not grow and a changed DNS entry is
/// noticed.
const LIFETIME: Duration = Duration::from_mins(30);

/// Opens connections that are prepared by the hooks of the application's pool.
///
/// The hooks can't be called from here, so a second pool with the same hooks opens the connections, and each
/// is taken out of it at once.
pub(crate) struct Own<B: Backend> {
    application: Pool<B>,
    server: Server,
    /// Whether the same few statements run again and again.
    plans_once: bool,
    opener: Option<Pool<B>>,
}

/// One connection that a task uses again and again. It is opened when it is needed.
pub(crate) struct Link<B: Backend> {
    own: Own<B>,
    turns: Arc<Semaphore>,
    idle: Arc<Idle<B>>,
}

/// The connection of a link while nobody uses it.
pub(crate) struct Idle<B: Backend>(Mutex<Option<Prepared<B>>>);

struct Prepared<B: Backend> {
    connection: B::Connection,
    born: Instant,
    /// Identifies the file that the connection has open.
    mark: u64,
}

/// A connection on loan. It returns to its link by [`commit`](Self::commit) or [`keep`](Self::keep), and is
/// closed if it is dropped. So a connection that was cut off, that failed, or that is in a transaction is
/// never used again.
pub(crate) struct Lent<'l, B: Backend> {
    idle: &'l Idle<B>,
    prepared: Prepared<B>,
    _turn: OwnedSemaphorePermit,
}

impl<B: Backend> Own<B> {
    pub(crate) fn new(application: Pool<B>, server: Server, plans_once: bool) -> Self {
        Self {
            application,
            server,
            plans_once,
            opener: None,
        }
    }

    async fn open(&mut self) -> Result<Prepared<B>, Error> {
        // Passwords rotate, so the options are read again each time.
        let options = (*self.application.connect_options()).clone();
        let mark = B::mark(&options);
        let options = B::own_options(options, self.server)?;
        let opener = if let Some(opener) = &self.opener {
            opener.set_connect_options(options);
            opener
        } else {
            let hooks: PoolOptions<B> = self.application.options().clone();
            let one = hooks
                .min_connections(0)
                .max_connections(1)
                .acquire_timeout(CONNECT_LIMIT)
                .idle_timeout(None)
                .max_lifetime(None);
            self.opener.insert(one.connect_lazy_with(options))
        };
        let mut connection = opener.acquire().await?.detach();
        B::prepare(&mut connection, self.server, self.plans_once).await?;
        Ok(Prepared {
            connection,
            born: Instant::now(),
            mark,
        })
    }
}

impl<B: Backend> Link<B> {
    pub(crate) fn new(own: Own<B>, turns: Arc<Semaphore>) -> Self {
        Self {
            own,
            turns,
            idle: Arc::new(Idle(Mutex::new(None))),
        }
    }

    /// Its connection, for whoever closes all of them.
    pub(crate) fn idle(&self) -> &Arc<Idle<B>> {
        &self.idle
    }

    /// Connects once without the pool, which would hide why it failed.
    pub(crate) async fn try_connect(&mut self) -> Result<(), Error> {
        let options = (*self.own.application.connect_options()).clone();
        let options = B::own_options(options, self.own.server)?;
        within(CONNECT_LIMIT, async {
            let connection = B::Connection::connect_with(&options).await?;
            connection.close().await?;
            Ok(())
        })
        .await
    }

    /// Lends the connection, in turn where only one can write.
    pub(crate) async fn lend(&mut self) -> Result<Lent<'_, B>, Error> {
        step(Step::Connection).await?;
        self.take().await
    }

    async fn take(&mut self) -> Result<Lent<'_, B>, Error> {
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Error::Closed)?;
        let options = self.own.application.connect_options();
        let kept = self
            .idle
            .take()
            .filter(|kept| kept.born.elapsed() < LIFETIME && B::is_in_place(&options, kept.mark));
        let prepared = match kept {
            Some(kept) => kept,
            None => self.own.open().await?,
        };
        Ok(Lent {
            idle: &self.idle,
            prepared,
            _turn: turn,
        })
    }

    /// Begins a transaction that may take as long as this.
    pub(crate) async fn begin(&mut self, limit: Duration) -> Result<Lent<'_, B>, Error> {
        step(Step::Begin).await?;
        let mut lent = self.take().await?;
        B::begin(&mut lent.prepared.connection, limit).await?;
        Ok(lent)
    }

    /// Runs statements in one transaction that may take as long as this, and returns the rows of each.
    pub(crate) async fn run(
        &mut self,
        limit: Duration,
        statements: impl IntoIterator<Item = Statement, IntoIter: Send> + Send,
    ) -> Result<Vec<Vec<B::Row>>, Error> {
        let statements = statements.into_iter();
        within(limit, async {
            let mut transaction = self.begin(limit).await?;
            let mut rows = Vec::new();
            for statement in statements {
                rows.push(transaction.fetch(statement).await?);
            }
            transaction.commit().await?;
            Ok(rows)
        })
        .await
    }
}

impl<B: Backend> Idle<B> {
    fn take(&self) -> Option<Prepared<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, prepared: Prepared<B>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(prepared);
    }

    /// Closes the connection and waits for that. SQLite still writes to the file then.
    pub(crate) async fn close(&self) {
        if let Some(prepared) = self.take() {
            let closed = within(CONNECT_LIMIT, async {
                Ok(prepared.connection.close().await?)
            });
            let _ = closed.await; // it is dropped at least
        }
    }
}

impl<B: Backend> Lent<'_, B> {
    pub(crate) async fn fetch(&mut self, statement: Statement) -> Result<Vec<B::Row>, Error> {
        step(Step::Statement).await?;
        Ok(B::fetch(&mut self.prepared.connection, statement).await?)
    }

    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, Error> {
        step(Step::Statement).await?;
        Ok(B::execute(&mut self.prepared.connection, statement).await?)
    }

    /// Commits, and keeps the connection if that was answered.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        step(Step::Commit).await?;
        B::execute_all(&mut self.prepared.connection, "COMMIT".into()).await?;
        step(Step::Answer).await?;
        self.keep();
        Ok(())
    }

    /// Keeps the connection, which has answered and is in no transaction.
    pub(crate) fn keep(self) {
        self.idle.put(self.prepared);
    }
}

impl<B: Backend> Deref for Lent<'_, B> {
    type Target = B::Connection;

    fn deref(&self) -> &B::Connection {
        &self.prepared.connection
    }
}

impl<B: Backend> DerefMut for Lent<'_, B> {
    fn deref_mut(&mut self) -> &mut B::Connection {
        &mut self.prepared.connection
    }
}
