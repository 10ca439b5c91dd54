//! The database of an inbox, and connections of the inbox's own.
//!
//! No caller's future ever holds one of these connections. A caller asks a task on the inbox's own thread
//! and waits for the answer, so a request that is cancelled leaves no statement half done.

use std::{
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use sqlx::Pool;
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    database::{
        engine::{Backend, Dialect, Server},
        link::{Idle, Link, Own},
        statement::Statement,
        thread::Thread,
    },
    error::Error,
};

pub(crate) mod engine;
#[cfg(feature = "sqlite")]
pub(crate) mod file;
pub(crate) mod link;
#[cfg(feature = "_postgres")]
pub(crate) mod postgres;
pub(crate) mod schema;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
pub(crate) mod statement;
pub(crate) mod step;
pub(crate) mod thread;
pub(crate) mod transaction;

/// How long a statement of operators may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// The database of an inbox. It is cheap to clone.
pub(crate) struct Database<B: Backend>(Arc<Shared<B>>);

struct Shared<B: Backend> {
    /// The application's pool, for the transactions of handlers.
    pool: Pool<B>,
    dialect: Dialect,
    /// Waiting for SQLite's lock means polling. In a queue, each writer gets its turn.
    turns: Arc<Semaphore>,
    /// One handler at a time waits in that queue, so that a delivery waits for one of them at most.
    handler_turns: Arc<Semaphore>,
    /// Signals a delivery or a replayed row to the workers of this process.
    changed: Arc<watch::Sender<()>>,
    /// Where the connections of the inbox's own live.
    thread: Thread,
    /// Those connections, to be closed.
    idle: std::sync::Mutex<Vec<Weak<Idle<B>>>>,
    /// The connection of operators.
    operator: Mutex<Link<B>>,
    /// Removed when the inbox is dropped.
    #[cfg(feature = "sqlite")]
    file: std::sync::OnceLock<file::TemporaryFile>,
}

impl<B: Backend> Database<B> {
    pub(crate) fn new(pool: Pool<B>, server: Server) -> Self {
        let turns = Arc::new(Semaphore::new(if B::ONE_WRITER {
            1
        } else {
            Semaphore::MAX_PERMITS
        }));
        let own = Own::new(pool.clone(), server, false);
        let operator = Link::new(own, turns.clone());
        Self(Arc::new(Shared {
            idle: vec![Arc::downgrade(operator.idle())].into(),
            operator: Mutex::new(operator),
            pool,
            dialect: Dialect::new(server),
            turns,
            handler_turns: Arc::new(Semaphore::new(1)),
            changed: Arc::new(watch::Sender::new(())),
            thread: Thread::default(),
            #[cfg(feature = "sqlite")]
            file: std::sync::OnceLock::new(),
        }))
    }

    pub(crate) fn pool(&self) -> &Pool<B> {
        &self.0.pool
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.0.dialect
    }

    pub(crate) fn server(&self) -> Server {
        self.dialect().server
    }

    pub(crate) fn turns(&self) -> &Arc<Semaphore> {
        &self.0.turns
    }

    /// The right of a handler to write, where only one connection can.
    pub(crate) async fn handler_turn(&self) -> Option<HandlerTurn> {
        if !B::ONE_WRITER {
            return None;
        }
        let among_handlers = self.0.handler_turns.clone().acquire_owned().await.ok()?;
        let turn = self.turns().clone().acquire_owned().await.ok()?;
        Some(HandlerTurn {
            _turn: turn,
            _among_handlers: among_handlers,
        })
    }

    pub(crate) fn thread(&self) -> &Thread {
        &self.0.thread
    }

    /// A connection of the inbox's own for one task. It connects when it is first used.
    pub(crate) fn link(&self) -> Link<B> {
        let own = Own::new(self.pool().clone(), self.server(), true);
        let link = Link::new(own, self.turns().clone());
        let mut idle = self.idle();
        idle.retain(|idle| idle.strong_count() > 0);
        idle.push(Arc::downgrade(link.idle()));
        link
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Idle<B>>>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a file when the last clone of this inbox is dropped.
    #[cfg(feature = "sqlite")]
    pub(crate) fn keep_until_dropped(&self, file: file::TemporaryFile) {
        let _ = self.0.file.set(file); // there is one at most
    }

    /// Wakes the workers of this process.
    pub(crate) fn wake(&self) {
        self.0.changed.send_replace(());
    }

    /// Who signals to the workers of this process.
    pub(crate) fn changed(&self) -> &Arc<watch::Sender<()>> {
        &self.0.changed
    }

    pub(crate) fn advance_clock(&self, millis: i64) {
        self.dialect().advance_clock(millis);
    }

    pub(crate) fn statement(&self, sql: &str) -> Statement {
        self.dialect().statement::<B>(sql)
    }

    /// Runs statements of an operator in one transaction, and returns the rows of each.
    pub(crate) async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Vec<B::Row>>, Error> {
        let database = self.clone();
        let running = self.thread().spawn(async move {
            let mut link = database.0.operator.lock().await;
            link.run(STATEMENT_LIMIT, statements).await
        });
        running?.await
    }

    /// Runs one statement of an operator.
    pub(crate) async fn fetch(&self, statement: Statement) -> Result<Vec<B::Row>, Error> {
        let rows = self.run(vec![statement]).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Lets an operator's task use the operators' connection.
    pub(crate) async fn operator(&self) -> MutexGuard<'_, Link<B>> {
        self.0.operator.lock().await
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        let idle: Vec<_> = self
            .idle()
            .drain(..)
            .filter_map(|idle| idle.upgrade())
            .collect();
        let closing = self.thread().spawn(async move {
            for idle in idle {
                idle.close().await;
            }
            Ok(())
        });
        if let Ok(closing) = closing {
            let _ = closing.await; // it can't fail
        }
        self.thread().stop().await;
        self.pool().close().await;
    }
}

/// A handler's turn, until it is dropped.
pub(crate) struct HandlerTurn {
    _turn: OwnedSemaphorePermit,
    _among_handlers: OwnedSemaphorePermit,
}

impl<B: Backend> Clone for Database<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
