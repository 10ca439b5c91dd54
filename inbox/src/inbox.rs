//! The inbox: a table of deliveries in a database.

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use leadhook::{Provider, dedup::Key};
use sqlx::Pool;

use crate::{
    cipher::{Bodies, Cipher},
    database::{
        Database,
        engine::{Backend, Server, millis},
        schema,
    },
    error::Error,
    operate::{
        self,
        batches::Batches,
        figures::{self, Figures},
        filter::Filter,
        groups::Groups,
        listing::Listing,
        person::Person,
        prune::{self, Pruned, Retention},
        rows::{Page, StoredRow},
        stats::{self, SourceStats},
    },
    source::{Intake, Registry, Source},
    subject::{Subject, SubjectKey, SubjectKeys},
    work::Workers,
};

/// A table of verified deliveries in SQLite or PostgreSQL.
///
/// [`source`](Self::source) names where deliveries come from and accepts them, [`workers`](Self::workers) handle
/// what is stored, and the other methods are for operators. It is cheap to clone.
///
/// The inbox has connections of its own, which the hooks of the pool prepare. They live on a thread of the
/// inbox, so neither a busy application nor one that cancels requests disturbs them. The pool itself serves the
/// transactions of handlers.
pub struct Inbox<B: Backend> {
    intake: Intake<B>,
    registry: Arc<Registry>,
}

impl<B: Backend> Inbox<B> {
    /// Creates an inbox beside the tables of an application, on a pool of any size.
    ///
    /// It changes nothing: call [`migrate`](Self::migrate) when you deploy. On PostgreSQL, up to four connections
    /// are opened beside those of the pool.
    #[must_use]
    pub fn with_pool(pool: Pool<B>) -> Self {
        Self::new(pool, Server::default(), Bodies::default())
    }

    fn new(pool: Pool<B>, server: Server, bodies: Bodies) -> Self {
        Self {
            intake: Intake {
                database: Database::new(pool, server),
                queue: Arc::default(),
                bodies,
                keys: Arc::default(),
            },
            registry: Arc::default(),
        }
    }

    /// Encrypts bodies from now on. Rows that are in the clear stay readable.
    ///
    /// Call it before the inbox is cloned or used.
    #[must_use]
    pub fn with_cipher(mut self, cipher: impl Cipher) -> Self {
        self.intake.bodies = Bodies::encrypted(cipher);
        self
    }

    /// Sets the key under which subjects are stored, and those that were used before, so that
    /// [`person`](Self::person) also finds what was stored under them. It always finds what was stored under the key that is
    /// kept in the database.
    ///
    /// Call it before the inbox is cloned or used.
    #[must_use]
    pub fn with_subject_keys(mut self, current: SubjectKey, previous: &[SubjectKey]) -> Self {
        let mut keys = vec![current];
        keys.extend_from_slice(previous);
        self.intake.keys = Arc::new(SubjectKeys::new(keys));
        self
    }

    /// Returns a source of deliveries from provider `P`.
    ///
    /// The name is stored with each row and is part of its key, so don't change it while rows of it are kept. In
    /// one process, a name stands for one provider.
    #[must_use]
    pub fn source<P: Provider>(&self, name: &str) -> Source<P, B> {
        self.registry.source(self.intake.clone(), name)
    }

    /// Returns workers for this inbox, to be given handlers and settings and then started.
    pub fn workers(&self) -> Workers<B> {
        Workers::new(self.database().clone(), self.intake.bodies.clone())
    }

    /// Returns the pool, which serves the transactions of handlers.
    #[must_use]
    pub fn pool(&self) -> &Pool<B> {
        self.database().pool()
    }

    /// Closes all connections, including those of a pool you passed in.
    pub async fn close(&self) {
        self.database().close().await;
    }

    /// Returns the SQL of each version of the schema, oldest first, for your own migration tool.
    ///
    /// Run each once and in order, in a transaction. A later version adds to an earlier one, so the processes of a
    /// rolling deployment can run on either.
    #[must_use]
    pub fn migrations() -> &'static [&'static str] {
        B::MIGRATIONS
    }

    /// Creates the inbox's tables or brings them to the latest version. Several processes may do it at the same
    /// time.
    ///
    /// # Errors
    ///
    /// If the database fails, its commits would not be durable, or another session has held the lock of
    /// migrations for 8 s. Nothing is changed then.
    pub async fn migrate(&self) -> Result<(), Error> {
        schema::migrate(self.database()).await
    }

    /// Checks that the tables are there in a version that this library can use, that they can be written to, and
    /// that the database's commits are durable.
    ///
    /// # Errors
    ///
    /// If not, or the database fails. The error says what is wrong and what to do about it.
    pub async fn check(&self) -> Result<(), Error> {
        schema::check(self.database()).await?;
        self.intake.keys.check(self.database()).await.map(drop)
    }

    /// Returns the figures of each source that has waiting or dead rows.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn stats(&self) -> Result<Vec<SourceStats>, Error> {
        let is_handled = |source: &str| self.registry.is_handled(source);
        stats::stats(self.database(), is_handled).await
    }

    /// Returns the figures of each source for a page: what waits and is due, in backoff, in progress or dead, what
    /// was handled in each hour of a day, and how old it was by then.
    ///
    /// Counts stop at [`Count::MOST`](crate::Count::MOST), so that a large table costs no more than a small one.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn figures(&self) -> Result<Figures, Error> {
        let is_handled = |source: &str| self.registry.is_handled(source);
        figures::figures(self.database(), is_handled).await
    }

    /// Returns the current time of the database's clock, which sets all times in the inbox.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn now(&self) -> Result<DateTime<Utc>, Error> {
        operate::clock::now(self.database()).await
    }

    /// Lists a page of rows, in the order of their keys, and counts all that are selected, up to [`Count::MOST`](crate::Count::MOST).
    ///
    /// It is quick over a million rows if the filter names a state, a key or subjects.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn listing(&self, filter: &Filter, page: Page) -> Result<Listing, Error> {
        operate::listing::listing(self.database(), filter, page).await
    }

    /// Groups rows by source, reason and label, because many dead rows usually have few causes.
    ///
    /// It looks at [`Count::MOST`](crate::Count::MOST) rows at most.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn groups(&self, filter: &Filter) -> Result<Groups, Error> {
        operate::groups::groups(self.database(), filter).await
    }

    /// Lists rows that share a subject with the row of this key, in the order of their keys.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn neighbours(&self, key: Key, limit: u32) -> Result<Vec<StoredRow>, Error> {
        operate::neighbours::neighbours(self.database(), key, limit).await
    }

    /// Makes a row in backoff due at once, and returns whether it was in backoff. Its attempts stay counted.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn retry_now(&self, key: Key) -> Result<bool, Error> {
        operate::retry::now(self.database(), key).await
    }

    /// Stops handling the rows of a source, in all processes, and returns whether it was not paused before.
    ///
    /// Deliveries are still accepted, and what is in progress goes on. [`resume`](Self::resume) ends the pause.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn pause(&self, source: &str) -> Result<bool, Error> {
        operate::pause::pause(self.database(), source).await
    }

    /// Handles the rows of a source again, and returns whether it was paused. Other processes notice at their next
    /// poll.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn resume(&self, source: &str) -> Result<bool, Error> {
        operate::pause::resume(self.database(), source).await
    }

    /// Returns when a source was paused, or none if it is not paused.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn paused_since(&self, source: &str) -> Result<Option<DateTime<Utc>>, Error> {
        operate::pause::since(self.database(), source).await
    }

    /// Lists a page of rows, in the order of their keys.
    ///
    /// ```
    /// # use leadhook_inbox::{Filter, Inbox, Page, State};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let inbox = Inbox::temporary().await?;
    /// let mut page = Page::first(100);
    /// loop {
    ///     let rows = inbox.rows(&Filter::state(State::Dead), page).await?;
    ///     for row in &rows {
    ///         println!("{} {} {:?}", row.key, row.source, row.error);
    ///     }
    ///     let Some(last) = rows.last() else { break };
    ///     page = Page::after(last.key, 100);
    /// }
    /// # Ok::<(), leadhook_inbox::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn rows(&self, filter: &Filter, page: Page) -> Result<Vec<StoredRow>, Error> {
        operate::rows::rows(self.database(), filter, page).await
    }

    /// Returns the body of a row, decrypted, which holds personal data. None if it was pruned or erased, or there
    /// is no such row.
    ///
    /// # Errors
    ///
    /// If the database or the cipher fails.
    pub async fn body(&self, key: Key) -> Result<Option<Vec<u8>>, Error> {
        operate::rows::body(self.database(), &self.intake.bodies, key).await
    }

    /// Finds what is stored about the person with an e-mail address. See [`Person`].
    ///
    /// Case and surrounding white space do not matter.
    ///
    /// # Errors
    ///
    /// If the database fails, or a [`SubjectKey`] is not the one that was used under its id.
    pub async fn person(&self, email: &str) -> Result<Person<B>, Error> {
        let subject = Subject::email(email);
        let numbers = self.intake.keys.all(self.database(), &subject).await?;
        let (database, bodies) = (self.database().clone(), self.intake.bodies.clone());
        Person::find(database, bodies, numbers, &self.intake.keys.ids()).await
    }

    /// Makes settled rows due at once, as if they had just been accepted.
    ///
    /// It works in batches: see [`Batches`]. Rows that wait already and rows without a body are passed over.
    pub fn replay(&self, filter: &Filter) -> Batches<B> {
        Batches::replay(self.database().clone(), filter.clone())
    }

    /// Erases bodies and ids of leads and keeps the keys, so that duplicates stay duplicates. Rows that wait are dead
    /// afterwards.
    ///
    /// It works in batches: see [`Batches`]. Nothing of the bodies is left in SQLite's files. PostgreSQL
    /// overwrites them some time after the next `VACUUM`. Backups are not touched.
    pub fn erase(&self, filter: &Filter) -> Batches<B> {
        Batches::erase(self.database().clone(), filter.clone())
    }

    /// Removes the bodies and then the rows of events that were handled long ago, in small batches.
    ///
    /// Running workers do it once an hour. Other processes may do so at the same time.
    ///
    /// # Errors
    ///
    /// If the database fails. What was pruned by then stays pruned.
    pub async fn prune(&self, retention: Retention) -> Result<Pruned, Error> {
        prune::all(self.database(), retention).await
    }

    /// Advances this inbox's clock, and that of its clones. For tests, of pruning for example.
    pub fn advance(&self, time: Duration) {
        self.database().advance_clock(millis(time));
    }

    pub(crate) fn database(&self) -> &Database<B> {
        &self.intake.database
    }
}

#[cfg(feature = "sqlite")]
impl Inbox<sqlx::Sqlite> {
    /// Opens an inbox in a file of its own, and creates or migrates it first if need be.
    ///
    /// A new file is readable by its owner only. It is written in WAL mode with `synchronous = FULL`, and what is
    /// deleted in it is overwritten. It must not be on a network drive.
    ///
    /// # Errors
    ///
    /// If the path is a URL or `:memory:`, the file or its directory can't be written, SQLite is older than
    /// 3.51.3, or the file's schema is newer than this library.
    pub async fn open(path: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        let options = crate::database::sqlite::options(path.as_ref())?;
        let pool = sqlx::sqlite::SqlitePoolOptions::new()
            .max_connections(HANDLER_CONNECTIONS)
            .test_before_acquire(false) // no connection to a file breaks by itself
            .connect_with(options)
            .await
            .map_err(|error| Error::File(error.into()))?;
        let inbox = Self::with_pool(pool);
        inbox.migrate().await?;
        inbox.check().await?;
        Ok(inbox)
    }

    /// Opens an empty inbox for a test, in a file that is removed with the inbox.
    ///
    /// # Errors
    ///
    /// If the file can't be created.
    pub async fn temporary() -> Result<Self, Error> {
        let file = crate::database::file::TemporaryFile::new()?;
        let inbox = Self::open(file.path()).await?;
        inbox.database().keep_until_dropped(file);
        Ok(inbox)
    }
}

#[cfg(feature = "_postgres")]
impl Inbox<sqlx::Postgres> {
    /// Connects to `postgres://user@host/database` and creates or migrates the inbox's tables first if need be.
    ///
    /// The connection to another machine is encrypted, or it fails. Add `sslmode=disable` to the URL to connect in
    /// clear text, and `sslmode=verify-full` to check the server's certificate.
    ///
    /// # Errors
    ///
    /// If the URL is not a PostgreSQL URL, the server can't be reached or reports `fsync = off`, a right is
    /// missing, or the schema is newer than this library.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let inbox = Self::at(url)?;
        inbox.migrate().await?;
        inbox.check().await?;
        Ok(inbox)
    }

    /// Creates an inbox at a URL and does not connect yet, so that settings can be stated before.
    ///
    /// Call [`migrate`](Self::migrate) when you deploy; the workers' start checks the schema. It must be called
    /// within a tokio runtime.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), leadhook_inbox::Error> {
    /// use leadhook_inbox::{Inbox, Postgres};
    ///
    /// let inbox = Inbox::<Postgres>::at("postgres://app@pooler.example.com:6543/app")?.behind_a_pooler();
    /// inbox.migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the URL is not a PostgreSQL URL, or names several hosts.
    pub fn at(url: &str) -> Result<Self, Error> {
        let options = crate::database::postgres::options(url)?;
        let options = crate::database::postgres::encrypted(options);
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(HANDLER_CONNECTIONS)
            .connect_lazy_with(options);
        Ok(Self::with_pool(pool))
    }

    fn with_server(self, server: Server) -> Self {
        let pool = self.pool().clone();
        let mut inbox = Self::new(pool, server, self.intake.bodies);
        inbox.intake.keys = self.intake.keys;
        inbox
    }

    /// States that a pooler in transaction mode is in front of the server, such as PgBouncer, Supabase's port 6543
    /// or Neon's `-pooler` hosts. Then the inbox prepares no named statements.
    ///
    /// It holds for the inbox's own connections, and those that its pool opens from now on cache no statements. In
    /// the transactions of handlers, call sqlx's `persistent(false)` on each query.
    ///
    /// Call it before the inbox is cloned or used.
    #[must_use]
    pub fn behind_a_pooler(self) -> Self {
        let options = (*self.pool().connect_options()).clone();
        let options = options.extra_float_digits(None); // poolers reject it
        self.pool()
            .set_connect_options(options.statement_cache_capacity(0));
        let server = Server {
            pooler: true,
            ..self.database().server()
        };
        self.with_server(server)
    }

    /// States that the server's commits are durable although it reports `fsync = off`, as on Neon, which
    /// keeps the log on other machines.
    ///
    /// Call it before the inbox is cloned or used.
    #[must_use]
    pub fn trust_fsync_off(self) -> Self {
        let server = Server {
            trust_fsync_off: true,
            ..self.database().server()
        };
        self.with_server(server)
    }
}

/// Of a pool that the inbox makes itself, for the transactions of handlers.
const HANDLER_CONNECTIONS: u32 = 4;

impl<B: Backend> Clone for Inbox<B> {
    fn clone(&self) -> Self {
        Self {
            intake: self.intake.clone(),
            registry: self.registry.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Inbox<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("database", &B::NAME)
            .field("encrypted", &self.intake.bodies.are_encrypted())
            .finish_non_exhaustive()
    }
}
