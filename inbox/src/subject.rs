//! The person or record that an event is about, stored only as a keyed hash.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit as _, Mac as _};
use leadhook::{Envelope, Event, Provider};
use sha2::Sha256;
use tokio::sync::OnceCell;

use crate::{
    database::{Database, engine::Backend},
    error::Error,
};

/// An event has at most this many.
pub(crate) const MOST: usize = 4;

/// The id of the key that is kept in the database.
const OF_THE_DATABASE: &str = "database";

/// A person, a lead or something else that an event is about.
///
/// A subject is stored as 64 bits of an HMAC under a [`SubjectKey`], never in the clear. By default an event has
/// two: the e-mail address of its lead, and the provider's id of the lead or sitting.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// The person with this e-mail address.
    ///
    /// White space at both ends is removed and ASCII letters are made lower case. Nothing else is changed, so
    /// `ann+quiz@example.com` and `ann@example.com` are two subjects.
    #[must_use]
    pub fn email(address: &str) -> Self {
        Self::new("email", &address.trim().to_ascii_lowercase())
    }

    /// The record with this id of provider `P`.
    #[must_use]
    pub fn lead<P: Provider>(id: &str) -> Self {
        Self::new(P::NAME, id)
    }

    /// A subject of your own kind, such as `Subject::new("order", "4711")`.
    #[must_use]
    pub fn new(kind: &str, value: &str) -> Self {
        // The length keeps a kind that ends like a value apart from a value that begins like a kind.
        Self(format!("{}:{kind}:{value}", kind.len()))
    }

    /// The subjects of an event unless its source chooses others.
    pub(crate) fn of<E: Event>(envelope: &Envelope<E>) -> Vec<Self> {
        let email = envelope.lead().and_then(|lead| lead.email);
        let lead = envelope.event.lead_id();
        let email = email.as_deref().map(Self::email);
        let lead = lead.as_deref().map(Self::lead::<E::Provider>);
        email.into_iter().chain(lead).collect()
    }
}

/// Writes nothing of it.
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(…)")
    }
}

/// The key under which subjects are stored.
///
/// Without one, a key is kept in the database. That hides nothing from whoever has the database, who can compute
/// the subject of any address. Give the same keys to all processes of an inbox.
#[derive(Clone)]
pub struct SubjectKey {
    id: Arc<str>,
    hmac: Hmac<Sha256>,
}

impl SubjectKey {
    /// Creates a key. The id is stored beside it, so that another key under the same id is an error at
    /// start. Use 32 random bytes.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "HMAC takes a key of any length")]
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn new(id: &str, key: &[u8]) -> Self {
        Self {
            id: id.into(),
            hmac: Hmac::new_from_slice(key).expect("a key of any length"),
        }
    }

    fn number(&self, text: &str) -> i64 {
        let mut hmac = self.hmac.clone();
        hmac.update(text.as_bytes());
        let bytes = hmac.finalize().into_bytes();
        let first = bytes.first_chunk::<8>().copied().unwrap_or_default();
        i64::from_be_bytes(first)
    }

    /// Tells two keys of one id apart, and nothing of the key.
    fn check_value(&self) -> i64 {
        self.number("check value")
    }
}

/// Writes the id.
impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SubjectKey").field(&self.id).finish()
    }
}

/// The keys of an inbox, the current one first.
#[derive(Default)]
pub(crate) struct SubjectKeys {
    given: Vec<SubjectKey>,
    /// As they are in use, after they were compared with the database.
    checked: OnceCell<Vec<SubjectKey>>,
}

impl SubjectKeys {
    pub(crate) fn new(given: Vec<SubjectKey>) -> Self {
        Self {
            given,
            checked: OnceCell::new(),
        }
    }

    /// Compares the keys with the database, or takes the one that is kept there.
    pub(crate) async fn check<B: Backend>(
        &self,
        database: &Database<B>,
    ) -> Result<&[SubjectKey], Error> {
        let checked = self.checked.get_or_try_init(|| self.compare(database));
        Ok(checked.await?)
    }

    async fn compare<B: Backend>(&self, database: &Database<B>) -> Result<Vec<SubjectKey>, Error> {
        let all = "SELECT id, secret FROM leadhook_inbox_subject_key";
        let rows = database.fetch(database.statement(all)).await?;
        let mut of_the_database = None;
        for row in &rows {
            if let (Some(OF_THE_DATABASE), Some(secret)) =
                (B::text(row, "id")?.as_deref(), B::text(row, "secret")?)
            {
                of_the_database = Some(SubjectKey::new(OF_THE_DATABASE, secret.as_bytes()));
            }
        }
        if self.given.is_empty() {
            return Ok(vec![of_the_database.ok_or(Error::NoSubjectKey)?]);
        }
        for key in &self.given {
            let insert = "INSERT INTO leadhook_inbox_subject_key (id, check_value) VALUES ($1, $2) \
                ON CONFLICT (id) DO NOTHING";
            let insert = database.statement(insert).bind(&*key.id);
            let find = "SELECT check_value FROM leadhook_inbox_subject_key WHERE id = $1";
            let find = database.statement(find).bind(&*key.id);
            let rows = database
                .run(vec![insert.bind(key.check_value()), find])
                .await?;
            let stored = rows.last().and_then(|rows| rows.first());
            let stored = stored
                .map(|row| B::integer(row, "check_value"))
                .transpose()?;
            if stored.flatten() != Some(key.check_value()) {
                return Err(Error::OtherSubjectKey(key.id.to_string()));
            }
        }
        // What was stored before the inbox was given a key is found too.
        Ok(self.given.iter().cloned().chain(of_the_database).collect())
    }

    /// The numbers under which subjects are stored from now on.
    pub(crate) async fn current<B: Backend>(
        &self,
        database: &Database<B>,
        subjects: &[Subject],
    ) -> Result<Vec<i64>, Error> {
        let keys = self.check(database).await?;
        let numbers = subjects.iter().take(MOST).filter_map(|subject| {
            let key = keys.first()?;
            Some(key.number(&subject.0))
        });
        let mut numbers: Vec<i64> = numbers.collect();
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// The ids of the keys in use.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let keys = self.checked.get().map_or(&[][..], Vec::as_slice);
        keys.iter().map(|key| &*key.id).collect()
    }

    /// All numbers under which a subject may be stored.
    pub(crate) async fn all<B: Backend>(
        &self,
        database: &Database<B>,
        subject: &Subject,
    ) -> Result<Vec<i64>, Error> {
        let keys = self.check(database).await?;
        Ok(keys.iter().map(|key| key.number(&subject.0)).collect())
    }
}
