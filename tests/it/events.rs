//! The `tracing` events that the crate writes.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, LazyLock, Mutex},
};

use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use tracing_subscriber::layer::SubscriberExt;

/// Runs a closure whose events go to a subscriber, although other tests run without one.
///
/// The first thread that reaches an event makes `tracing` remember whether any subscriber wants it. If the
/// process has only one subscriber, `tracing` asks the thread's own instead. The thread of another test has
/// none, so the event would be lost here too. A second subscriber makes `tracing` ask both. Its level is
/// `OFF`, so `tracing` remembers nothing while it is the only one.
pub(crate) fn with_subscriber(subscriber: impl Subscriber + Send + Sync, run: impl FnOnce()) {
    static SECOND: LazyLock<Dispatch> =
        LazyLock::new(|| tracing_subscriber::registry().with(LevelFilter::OFF).into());

    LazyLock::force(&SECOND);
    tracing::subscriber::with_default(subscriber, run);
}

/// The fields of an event, with its level as the field `level`.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// Returns the events that are written while a closure runs.
pub(crate) fn traced(run: impl FnOnce()) -> Vec<Fields> {
    let events = Events::default();
    with_subscriber(events.clone(), run);
    let events = events.0.lock().unwrap();
    events.clone()
}

/// Creates the fields of an event.
pub(crate) fn event(level: &str, message: &str, fields: &[(&'static str, &str)]) -> Fields {
    let always = [("level", level), ("message", message)];
    let fields = always.iter().chain(fields);
    fields
        .map(|&(name, value)| (name, value.to_owned()))
        .collect()
}

/// A subscriber that keeps the fields of each event.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Fields>>>);

impl Subscriber for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("leadhook")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = event.metadata().level().to_string();
        let mut fields = Recorder(Fields::from([("level", level)]));
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Recorder(Fields);

impl Visit for Recorder {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
