//! A source of deliveries: what a route, `accept` and a handler share.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

#[cfg(any(feature = "actix", feature = "axum"))]
use leadhook::Receiver;
use leadhook::{Delivery, Envelope, Event, Provider, dedup::Key};
use tokio::time;

#[cfg(any(feature = "actix", feature = "axum"))]
use crate::intake;
use crate::{
    cipher::Bodies,
    database::{
        Database,
        engine::{Backend, NewRow, millis},
    },
    error::Error,
    intake::{Accepted, queue::Queue, trace::TraceContext},
    log::log,
    subject::{Subject, SubjectKeys},
};

/// Names and ids in the listing are cut to this many characters.
const LONGEST_NAME: usize = 200;

/// A named source of deliveries from provider `P`.
///
/// [`Inbox::source`](crate::Inbox::source) returns it. The route that accepts deliveries and the
/// [handler](crate::Workers::on) of their events share it, so a delivery of another provider or a handler for
/// another provider's event does not compile. One event that is accepted at two sources is stored and handled
/// twice. It is cheap to clone.
///
/// ```compile_fail,E0308
/// use leadhook::{Delivery, Grader, ScoreApp};
/// use leadhook_inbox::{Inbox, Sqlite};
///
/// async fn accept(inbox: Inbox<Sqlite>, delivery: Delivery<Grader>) {
///     let scoreapp = inbox.source::<ScoreApp>("scoreapp");
///     let _ = scoreapp.accept(&delivery).await;
/// }
/// ```
pub struct Source<P: Provider, B: Backend> {
    intake: Intake<B>,
    named: Named,
    subjects: Subjects<P>,
}

/// Whom the events of a source are about.
enum Subjects<P: Provider> {
    /// Their lead's address and id.
    OfTheLead,
    Own(Arc<Choose<P>>),
    None,
}

type Choose<P> = dyn Fn(&Envelope<<P as Provider>::Event>) -> Vec<Subject> + Send + Sync;

/// What all sources of an inbox share.
pub(crate) struct Intake<B: Backend> {
    pub(crate) database: Database<B>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) bodies: Bodies,
    pub(crate) keys: Arc<SubjectKeys>,
}

/// A source's name and limits.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: Arc<str>,
    state: Arc<State>,
    /// How many of its handlers may run at the same time.
    pub(crate) concurrency: Option<usize>,
    pub(crate) rate: Option<Rate>,
    /// Its events wait for each other if they share a subject.
    pub(crate) is_ordered: bool,
    pub(crate) has_subjects: bool,
}

/// So many attempts in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) attempts: u32,
    pub(crate) per: Duration,
}

/// What this process knows about a source.
#[derive(Debug)]
struct State {
    provider: &'static str,
    is_of_two_providers: AtomicBool,
    is_handled: AtomicBool,
    was_said: AtomicBool,
    /// The database knows that the source has no subjects.
    is_noted: AtomicBool,
}

/// The sources that were named in this process.
#[derive(Default)]
pub(crate) struct Registry(Mutex<BTreeMap<String, Arc<State>>>);

impl Registry {
    pub(crate) fn source<P: Provider, B: Backend>(
        &self,
        intake: Intake<B>,
        name: &str,
    ) -> Source<P, B> {
        let mut states = self.lock();
        let state = states.entry(name.into()).or_insert_with(|| {
            Arc::new(State {
                provider: P::NAME,
                is_of_two_providers: AtomicBool::new(false),
                is_handled: AtomicBool::new(false),
                was_said: AtomicBool::new(false),
                is_noted: AtomicBool::new(false),
            })
        });
        if state.provider != P::NAME {
            state.is_of_two_providers.store(true, Ordering::Relaxed);
        }
        Source {
            intake,
            named: Named {
                name: name.into(),
                state: state.clone(),
                concurrency: None,
                rate: None,
                is_ordered: false,
                has_subjects: true,
            },
            subjects: Subjects::OfTheLead,
        }
    }

    /// Whether workers of this process handle a source.
    pub(crate) fn is_handled(&self, name: &str) -> bool {
        let states = self.lock();
        let state = states.get(name);
        state.is_some_and(|state| state.is_handled.load(Ordering::Relaxed))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<State>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Named {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.state.is_of_two_providers.load(Ordering::Relaxed) {
            return Err(Error::TwoProviders(self.name.to_string()));
        }
        Ok(())
    }

    /// Notes that workers of this process handle the source.
    pub(crate) fn set_handled(&self) {
        self.state.is_handled.store(true, Ordering::Relaxed);
    }

    /// Says once that nobody here handles what is accepted.
    fn say_unhandled(&self) {
        if !self.state.is_handled.load(Ordering::Relaxed)
            && !self.state.was_said.swap(true, Ordering::Relaxed)
        {
            log(|| {
                tracing::warn!(
                    source = &*self.name,
                    "accepted, but this process has no handler for the source; its rows wait for another process"
                );
            });
        }
    }
}

impl<P: Provider, B: Backend> Source<P, B> {
    /// Limits how many handlers of this source run at the same time in a process, for a CRM that allows only a
    /// few requests at once.
    ///
    /// Without this limit, a source leaves one of the workers' slots to each other source, and at least half of
    /// them if there are more sources than slots.
    #[must_use]
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.named.concurrency = Some(handlers);
        self
    }

    /// Limits how many attempts of this source begin in a time, in each process, for a CRM with a quota.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use leadhook::ScoreApp;
    /// # async fn run() -> Result<(), leadhook_inbox::Error> {
    /// # let inbox = leadhook_inbox::Inbox::temporary().await?;
    /// let scoreapp = inbox.source::<ScoreApp>("scoreapp").rate(10, Duration::from_secs(1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn rate(mut self, attempts: u32, per: Duration) -> Self {
        self.named.rate = Some(Rate { attempts, per });
        self
    }

    /// Chooses whom an event is about, up to four subjects. By default these are the e-mail address of its lead and
    /// the provider's id of the lead or sitting.
    ///
    /// ```
    /// # use leadhook::ScoreApp;
    /// use leadhook_inbox::Subject;
    ///
    /// # async fn run() -> Result<(), leadhook_inbox::Error> {
    /// # let inbox = leadhook_inbox::Inbox::temporary().await?;
    /// let scoreapp = inbox.source::<ScoreApp>("scoreapp").subjects(|envelope| {
    ///     let phone = envelope.lead().and_then(|lead| lead.phone);
    ///     phone.iter().map(|phone| Subject::new("phone", phone)).collect()
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn subjects<F>(mut self, choose: F) -> Self
    where
        F: Fn(&Envelope<P::Event>) -> Vec<Subject> + Send + Sync + 'static,
    {
        self.subjects = Subjects::Own(Arc::new(choose));
        self
    }

    /// Handles the events of a [`Subject`] one at a time, in the order in which they were accepted.
    ///
    /// An event waits until the earlier ones of its subjects are done or dead, at this source and at all others with
    /// this setting, in any number of processes. Events of other subjects don't wait for it. A failed event is
    /// retried before the next one runs. If it has failed for [an hour](crate::Workers::pass_over_after) and is not
    /// due, the next one runs, and the failed one moves behind it. [`Job::skipped`](crate::Job::skipped) tells the
    /// handler of the next one.
    ///
    /// The setting is stored with each event that is accepted. Workers keep to it even if their own source lacks it.
    /// They don't start if the source is also [without subjects](Self::without_subjects).
    ///
    /// ```
    /// # use leadhook::ScoreApp;
    /// # async fn run() -> Result<(), leadhook_inbox::Error> {
    /// # let inbox = leadhook_inbox::Inbox::temporary().await?;
    /// let scoreapp = inbox.source::<ScoreApp>("scoreapp").one_at_a_time();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn one_at_a_time(mut self) -> Self {
        self.named.is_ordered = true;
        self
    }

    /// Stores nothing of whom the events are about. Then [`Inbox::person`](crate::Inbox::person) does not find
    /// them, and says so.
    #[must_use]
    pub fn without_subjects(mut self) -> Self {
        self.subjects = Subjects::None;
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.named.name
    }

    /// Returns the key of a delivery at this source.
    #[must_use]
    pub fn key(&self, delivery: &Delivery<P>) -> Key {
        // The length keeps a name that ends like a scope apart from a scope that begins like a name.
        let name = &self.named.name;
        let scope = match delivery.scope() {
            None => format!("{}:{name}", name.len()),
            Some(scope) => format!("{}:{name}:{scope}", name.len()),
        };
        delivery.clone().with_scope(&scope).key()
    }

    /// Stores a delivery, to be handled by the handler of this source.
    ///
    /// When it returns, the delivery is committed and flushed to the database's disk, whatever the pool's
    /// settings say. It returns within the provider's [`RESPOND_WITHIN`](Provider::RESPOND_WITHIN), which
    /// is below every limit that a provider documents. If the returned future is dropped, the delivery may
    /// be stored nevertheless.
    ///
    /// ```
    /// use leadhook::{Delivery, Grader};
    /// use leadhook_inbox::{Accepted, Inbox};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let inbox = Inbox::temporary().await?;
    /// let grader = inbox.source::<Grader>("grader");
    /// # let delivery = Delivery::<Grader>::from_storage("{}");
    /// let status = match grader.accept(&delivery).await {
    ///     Ok(Accepted::New | Accepted::Duplicate) => 200,
    ///     Err(_) => 503, // logged; the provider may retry
    /// };
    /// # assert_eq!(status, 200);
    /// # Ok::<(), leadhook_inbox::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not certain that the delivery is stored. Respond with 503: if it was stored after all, the
    /// provider's retry is a duplicate.
    pub async fn accept(&self, delivery: &Delivery<P>) -> Result<Accepted, Error> {
        self.accept_with(delivery, None).await
    }

    /// Stores a delivery as [`accept`](Self::accept) does, together with the trace context of its request, for a
    /// route of your own. The inbox's routes do so.
    ///
    /// `traceparent` is all values of the header `traceparent`. The context is stored if there is one value and it
    /// is valid. Each attempt's span then has it as the field `trace_context`.
    ///
    /// ```
    /// # use leadhook::{Delivery, Grader};
    /// # use leadhook_inbox::{Accepted, Error, Source, Sqlite};
    /// async fn accept(
    ///     grader: &Source<Grader, Sqlite>,
    ///     delivery: &Delivery<Grader>,
    ///     traceparent: Option<&str>, // or `headers.get_all("traceparent")`
    /// ) -> Result<Accepted, Error> {
    ///     grader.accept_traced(delivery, traceparent).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub async fn accept_traced(
        &self,
        delivery: &Delivery<P>,
        traceparent: impl IntoIterator<Item: AsRef<[u8]>>,
    ) -> Result<Accepted, Error> {
        let context = TraceContext::parse(traceparent);
        self.accept_with(delivery, context).await
    }

    async fn accept_with(
        &self,
        delivery: &Delivery<P>,
        context: Option<TraceContext>,
    ) -> Result<Accepted, Error> {
        let key = self.key(delivery);
        let source = &*self.named.name;
        let stored = time::timeout(P::RESPOND_WITHIN, self.store(key, delivery, context));
        let accepted = stored.await.unwrap_or(Err(Error::Timeout));
        match &accepted {
            Ok(accepted) => {
                let secret = delivery.matched_secret().map(leadhook::SecretIndex::get);
                log(|| tracing::debug!(source, %key, ?accepted, secret, "delivery accepted"));
                self.named.say_unhandled();
            }
            Err(error) => log(|| tracing::error!(source, %key, %error, "delivery not accepted")),
        }
        #[cfg(feature = "metrics")]
        crate::metrics::delivery(
            source,
            P::NAME,
            match &accepted {
                Ok(Accepted::New) => "new",
                Ok(Accepted::Duplicate) => "duplicate",
                Err(_) => "failed",
            },
        );
        accepted
    }

    async fn store(
        &self,
        key: Key,
        delivery: &Delivery<P>,
        context: Option<TraceContext>,
    ) -> Result<Accepted, Error> {
        self.named.check()?;
        let (mut row, subjects) = self.row(key, delivery)?;
        row.trace_context = context.map(|context| context.as_str().into());
        let Intake {
            database,
            queue,
            keys,
            ..
        } = &self.intake;
        if matches!(self.subjects, Subjects::None) {
            self.note_without_subjects().await?;
        } else {
            let numbers = keys.current(database, &subjects).await?;
            for (place, number) in row.subjects.iter_mut().zip(numbers) {
                *place = Some(number);
            }
        }
        queue.store(database, row).await
    }

    /// Lets `Inbox::person` know that it does not find the rows of this source.
    async fn note_without_subjects(&self) -> Result<(), Error> {
        if self.named.state.is_noted.load(Ordering::Relaxed) {
            return Ok(());
        }
        let database = &self.intake.database;
        let note = "INSERT INTO leadhook_inbox_without_subjects (source) VALUES ($1) ON CONFLICT (source) DO NOTHING";
        database
            .fetch(database.statement(note).bind(self.name()))
            .await?;
        self.named.state.is_noted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// What is stored of a delivery, and whom it is about.
    fn row(&self, key: Key, delivery: &Delivery<P>) -> Result<(NewRow, Vec<Subject>), Error> {
        let source = self.named.name.clone();
        let (body, body_cipher) = self.intake.bodies.seal(key, &source, delivery.body())?;
        let envelope = delivery.read().ok();
        let matched_secret = delivery.matched_secret();
        let choose: &Choose<P> = match &self.subjects {
            Subjects::OfTheLead => &Subject::of,
            Subjects::Own(choose) => &**choose,
            Subjects::None => &|_| Vec::new(),
        };
        let subjects = envelope.as_ref().map_or_else(Vec::new, choose);
        let row = NewRow {
            key: key.to_string(),
            source,
            provider: P::NAME,
            scope: delivery.scope().map(Into::into),
            matched_secret: matched_secret.and_then(|secret| i64::try_from(secret.get()).ok()),
            event: envelope.as_ref().map(|envelope| name(envelope.name())),
            lead_id: envelope
                .as_ref()
                .and_then(|envelope| envelope.event.lead_id())
                .map(|id| name(&id)),
            body,
            body_cipher,
            subjects: [None; 4],
            ordered: i64::from(self.named.is_ordered),
            place: 0,
            retry_window: millis(P::RETRY_WINDOW),
            trace_context: None,
        };
        Ok((row, subjects))
    }

    /// Returns an axum route that authenticates deliveries, accepts them, and responds with 200 or 503.
    ///
    /// Requests that are not authentic are rejected as by leadhook's own extractors. The body's size is limited
    /// by axum's `DefaultBodyLimit`.
    #[cfg(feature = "axum")]
    pub fn axum<S>(&self, receiver: Receiver<P>) -> axum::routing::MethodRouter<S> {
        let source = self.clone();
        intake::axum::route(receiver, move |delivery, context| {
            let source = source.clone();
            async move { source.accept_with(&delivery, context).await.is_ok() }
        })
    }

    /// Returns an actix-web route that authenticates deliveries, accepts them, and responds with 200 or 503.
    ///
    /// Requests that are not authentic are rejected as by leadhook's own extractors. The body's size is limited
    /// by actix-web's `PayloadConfig`.
    #[cfg(feature = "actix")]
    #[must_use]
    pub fn actix(&self, path: &str, receiver: Receiver<P>) -> actix_web::Resource {
        let source = self.clone();
        intake::actix::route(path, receiver, move |delivery, context| {
            let source = source.clone();
            async move { source.accept_with(&delivery, context).await.is_ok() }
        })
    }

    /// What the workers need to know.
    pub(crate) fn named(&self) -> Named {
        Named {
            has_subjects: !matches!(self.subjects, Subjects::None),
            ..self.named.clone()
        }
    }
}

/// A name from a body, as the databases can store and list it.
fn name(text: &str) -> String {
    text.chars()
        .filter(|character| *character != '\0')
        .take(LONGEST_NAME)
        .collect()
}

impl<B: Backend> Clone for Intake<B> {
    fn clone(&self) -> Self {
        Self {
            database: self.database.clone(),
            queue: self.queue.clone(),
            bodies: self.bodies.clone(),
            keys: self.keys.clone(),
        }
    }
}

impl<P: Provider> Clone for Subjects<P> {
    fn clone(&self) -> Self {
        match self {
            Self::OfTheLead => Self::OfTheLead,
            Self::Own(choose) => Self::Own(choose.clone()),
            Self::None => Self::None,
        }
    }
}

impl<P: Provider, B: Backend> Clone for Source<P, B> {
    fn clone(&self) -> Self {
        Self {
            intake: self.intake.clone(),
            named: self.named.clone(),
            subjects: self.subjects.clone(),
        }
    }
}

impl<P: Provider, B: Backend> fmt::Debug for Source<P, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name())
            .field("provider", &P::NAME)
            .finish_non_exhaustive()
    }
}
