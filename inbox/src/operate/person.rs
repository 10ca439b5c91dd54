//! What is stored about somebody.

use std::fmt;

use serde::Serialize;

use crate::{
    cipher::{Bodies, CipherError},
    database::{Database, engine::Backend},
    error::Error,
    operate::{
        batches::Batches,
        filter::Filter,
        rows::{self, Page, StoredRow},
    },
};

/// What is stored about the person with an e-mail address, in every state.
///
/// [`Inbox::person`](crate::Inbox::person) returns it. No body is read to find the rows. Rows are not found if
/// their event has no e-mail address or can't be read, if their source [has no
/// subjects](crate::Source::without_subjects) (see [`not_searched`](Self::not_searched)), or if they were stored
/// under a [`SubjectKey`](crate::SubjectKey) that this inbox does not have (see
/// [`missing_keys`](Self::missing_keys)). Backups are not searched.
///
/// A shared mailbox such as `info@example.com` is one person here, so look at the rows before you erase them.
///
/// ```
/// # use leadhook::{Delivery, ScoreApp};
/// # use leadhook_inbox::Page;
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let inbox = leadhook_inbox::Inbox::temporary().await?;
/// # let scoreapp = inbox.source::<ScoreApp>("scoreapp");
/// # let body = r#"{"event_name":"LEAD_SIGNED_UP","data":{"id":"1","email":"ann@example.com"}}"#;
/// # scoreapp.accept(&Delivery::from_storage(body)).await?;
/// let person = inbox.person("ann@example.com").await?;
/// for source in person.sources() {
///     println!("{}: {} rows, {} bodies", source.source, source.rows, source.bodies);
/// }
/// // A request for access: the rows with their bodies.
/// let rows = person.export(Page::first(100)).await?;
/// # assert_eq!(rows.len(), 1);
/// // A request for erasure.
/// let erased = person.erase(person.rows())?.finish().await?;
/// # assert_eq!(erased, 1);
/// # Ok::<(), leadhook_inbox::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Person<B: Backend> {
    database: Database<B>,
    bodies: Bodies,
    filter: Filter,
    sources: Vec<PersonSource>,
    not_searched: Vec<String>,
    missing_keys: Vec<String>,
}

/// How much a source has of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PersonSource {
    /// The source.
    pub source: String,
    /// Rows of the person.
    pub rows: u64,
    /// Those that have a body.
    pub bodies: u64,
}

/// A row of somebody with its body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exported {
    /// The row.
    pub row: StoredRow,
    /// The body, decrypted. None if it was pruned, and an error if its key is gone.
    pub body: Result<Option<Vec<u8>>, CipherError>,
}

impl<B: Backend> Person<B> {
    pub(crate) async fn find(
        database: Database<B>,
        bodies: Bodies,
        subject: Vec<i64>,
        key_ids: &[&str],
    ) -> Result<Self, Error> {
        let filter = Filter::subjects(&subject);
        let count = filter.bind(database.statement(include_str!("sql/person.sql")));
        let not_searched = "SELECT source FROM leadhook_inbox_without_subjects ORDER BY source";
        let not_searched = database.statement(not_searched);
        let keys = "SELECT id FROM leadhook_inbox_subject_key WHERE secret IS NULL ORDER BY id";
        let keys = database.statement(keys);
        let rows = database.run(vec![count, not_searched, keys]).await?;
        let mut rows = rows.into_iter();
        let sources = rows.next().unwrap_or_default();
        let sources = sources.iter().map(|row| {
            let count = |column| -> sqlx::Result<u64> {
                let count = B::integer(row, column)?.unwrap_or(0);
                Ok(u64::try_from(count).unwrap_or(0))
            };
            Ok(PersonSource {
                source: B::text(row, "source")?.unwrap_or_default(),
                rows: count("of_person")?,
                bodies: count("bodies")?,
            })
        });
        let not_searched = rows.next().unwrap_or_default();
        let not_searched = not_searched
            .iter()
            .map(|row| Ok(B::text(row, "source")?.unwrap_or_default()));
        let mut missing_keys = Vec::new();
        for row in rows.next().unwrap_or_default() {
            let id = B::text(&row, "id")?.unwrap_or_default();
            if !key_ids.contains(&&*id) {
                missing_keys.push(id);
            }
        }
        Ok(Self {
            missing_keys,
            sources: sources.collect::<Result<_, Error>>()?,
            not_searched: not_searched.collect::<Result<_, Error>>()?,
            database,
            bodies,
            filter,
        })
    }

    /// Returns how much each source has of the person.
    #[must_use]
    pub fn sources(&self) -> &[PersonSource] {
        &self.sources
    }

    /// Returns how many rows there are in all.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.sources.iter().map(|source| source.rows).sum()
    }

    /// Returns the sources that store no subjects, or did not at some time. Their rows may be about the person
    /// and are not found.
    #[must_use]
    pub fn not_searched(&self) -> &[String] {
        &self.not_searched
    }

    /// Returns the ids of the subject keys that were used and that this inbox does not have. What was stored under
    /// them is not found.
    #[must_use]
    pub fn missing_keys(&self) -> &[String] {
        &self.missing_keys
    }

    /// Returns the selection of the person's rows, for [`Inbox::rows`](crate::Inbox::rows).
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns the numbers under which the person is stored, for [`Filter::subjects`]. They name nobody to those
    /// who don't have the [`SubjectKey`](crate::SubjectKey).
    #[must_use]
    pub fn subjects(&self) -> &[i64] {
        self.filter.numbers()
    }

    /// Returns a page of rows with their bodies, which hold personal data.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn export(&self, page: Page) -> Result<Vec<Exported>, Error> {
        let mut exported = Vec::new();
        for row in rows::rows(&self.database, &self.filter, page).await? {
            let body = match rows::body(&self.database, &self.bodies, row.key).await {
                Ok(body) => Ok(body),
                Err(Error::Cipher(error)) => Err(error),
                Err(error) => return Err(error),
            };
            exported.push(Exported { row, body });
        }
        Ok(exported)
    }

    /// Erases the bodies, keeps the keys, and cancels what waits. Afterwards no row is the person's any more.
    ///
    /// It takes the number of [rows](Self::rows) as confirmation, so that somebody has looked at it.
    ///
    /// # Errors
    ///
    /// If the number is another one.
    pub fn erase(&self, expected_rows: u64) -> Result<Batches<B>, Error> {
        let found = self.rows();
        if expected_rows != found {
            return Err(Error::OtherCount {
                expected: expected_rows,
                found,
            });
        }
        Ok(Batches::erase(self.database.clone(), self.filter.clone()))
    }
}

impl<B: Backend> fmt::Debug for Person<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("sources", &self.sources)
            .field("not_searched", &self.not_searched)
            .finish_non_exhaustive()
    }
}
