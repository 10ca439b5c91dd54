//! What a delivery says: the reader, which takes a fast pass and, only if that fails, one that
//! explains.

use crate::provider::{Event, Layout, Provider};
use crate::read::envelope::Envelope;
use crate::read::error::ReadError;
use crate::read::parse::Head;

pub(crate) mod age_limit;
mod diagnose;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod json;
pub(crate) mod lenient;
pub(crate) mod parse;
pub(crate) mod raw_json;

/// Reads a body as an event.
pub(crate) fn event<E: Event>(body: &[u8]) -> Result<Envelope<E>, ReadError> {
    let text = json::utf8(body)?;
    parse::event(text).or_else(|_| explain(text))
}

/// Reads a body once more to find out what is wrong with it.
#[cold]
fn explain<E: Event>(text: &str) -> Result<Envelope<E>, ReadError> {
    json::check_syntax(text)?;
    if !parse::is_object(text) {
        return Err(ReadError::NotAnObject);
    }
    let layout = E::Provider::LAYOUT;
    let head = Head::read(text, layout).map_err(|error| ReadError::not_json(&error))?;
    if let Some(key) = head.duplicate {
        return Err(ReadError::DuplicateKey { key });
    }
    let is_documented_key =
        |key: &str| E::is_documented_key(key) || layout.keys().any(|known| known == key);
    match layout {
        Layout::Enveloped(keys) => {
            let name = head
                .event
                .ok_or(ReadError::MissingEventName { key: keys.event })?;
            let event = E::NAMES.iter().copied().find(|known| name == *known);
            diagnose::read(text, event, is_documented_key, |json| {
                parse::enveloped(keys, Some(name), json)
            })
        }
        Layout::Bare { .. } => {
            let name = diagnose::read(text, None, is_documented_key, |json| E::detect(json))?;
            diagnose::read(text, Some(name), is_documented_key, |json| {
                parse::bare(name, json)
            })
        }
    }
}
