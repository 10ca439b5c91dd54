//! The body around the data of an event, and the shape by which the event is recognized.

use crate::lead::Lead;
use crate::read::error::ShapeError;
use crate::read::field::Field;
use crate::read::json::Json;
use crate::read::member::Member;

/// The data of an event, which a body holds under the key `data`.
pub(super) trait Data: Field {
    /// The event's name, which the body does not have.
    const NAME: &'static str;

    /// Returns the person or company that the data is about.
    fn lead(&self) -> Option<Lead>;

    /// Reads what the body holds under the key `meta`, beside the data.
    fn read_meta(&mut self, meta: Json<'_>) {
        meta.ignore();
    }
}

/// A body, which has data or errors.
#[derive(Clone, Copy)]
pub(super) struct Body<'a>(pub(super) Json<'a>);

impl<'a> Body<'a> {
    /// Returns the data, unless the lookup found nothing.
    pub(super) fn data(self) -> Option<Json<'a>> {
        self.0.get("data").filter(|data| has_value(*data, 0))
    }

    /// Returns whether the lookup failed. An error may be empty.
    pub(super) fn is_failure(self) -> bool {
        let errors = self.0.get("errors");
        errors.is_some_and(|errors| errors.is_object() || has_value(errors, 0))
    }

    pub(super) fn read_data<T: Data>(self) -> Result<T, ShapeError> {
        let mut data: T = self.read("data")?;
        for (key, value) in self.0.members() {
            match &*key {
                "data" => {}
                "meta" => data.read_meta(value),
                _ => value.ignore(),
            }
        }
        Ok(data)
    }

    pub(super) fn read_errors<T: Member>(self) -> Result<T, ShapeError> {
        self.ignore_all_but("errors");
        self.read("errors")
    }

    pub(super) fn ignore_all_but(self, known: &str) {
        let others = self.0.members().filter(|(key, _)| key != known);
        others.for_each(|(_, value)| value.ignore());
    }

    fn read<T: Member>(self, key: &'static str) -> Result<T, ShapeError> {
        let missing = || self.0.unexpected().below(key);
        T::read(self.0.get(key).ok_or_else(missing)?)
    }
}

/// Returns whether there is a value in the JSON, or within its lists and objects, that is neither null nor
/// the empty text.
fn has_value(json: Json<'_>, depth: usize) -> bool {
    /// JSON that is nested deeper counts as a value.
    const MAX_DEPTH: usize = 16;

    let inner = depth.saturating_add(1);
    match json.as_str().as_bytes().first() {
        _ if depth > MAX_DEPTH => true,
        Some(b'{') => json.members().any(|(_, value)| has_value(value, inner)),
        Some(b'[') => json.elements().any(|value| has_value(value, inner)),
        _ => !matches!(json.as_str(), "null" | "\"\""),
    }
}
