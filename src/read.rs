//! What a delivery says: a strict and fast pass over the body, and only if it fails, a tolerant one.

use serde_json::value::RawValue;

use crate::provider::{Event, Layout, Provider};
use crate::read::envelope::Envelope;
use crate::read::error::ReadError;
use crate::read::parse::Head;
use crate::read::tolerant::{Findings, LeftOut, Place, Tolerant};

pub(crate) mod age_limit;
mod diagnose;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod json;
pub(crate) mod lenient;
pub(crate) mod parse;
pub(crate) mod raw_json;
mod scan;
pub(crate) mod tolerant;
pub(crate) mod unread;

/// Reads a body as an event, with the paths of the values that were left out.
pub(crate) fn event<E: Event>(body: &[u8]) -> Result<(Envelope<E>, LeftOut), ReadError> {
    let text = json::utf8(body)?;
    if tolerant::fits_in_memory(text, E::ELEMENT_SIZES)
        && let Ok(envelope) = parse::event(text)
    {
        return Ok((envelope, LeftOut::default()));
    }
    event_tolerantly(text)
}

/// Reads a body that the strict pass could not read, or finds out why it can't be read.
#[cold]
fn event_tolerantly<E: Event>(text: &str) -> Result<(Envelope<E>, LeftOut), ReadError> {
    json::check_syntax(text)?;
    if !scan::is_object(text) {
        return Err(ReadError::NotAnObject);
    }
    let layout = E::Provider::LAYOUT;
    let head = Head::read(text, layout).map_err(|error| ReadError::not_json(&error))?;
    if let Some(key) = head.duplicate {
        return Err(ReadError::DuplicateKey { key });
    }
    let is_documented_key =
        |key: &str| E::is_documented_key(key) || layout.keys().any(|known| known == key);
    let findings = Findings::new(text, &is_documented_key);
    let root = Place::root();
    match layout {
        Layout::Enveloped(keys) => {
            let name = head
                .name()
                .ok_or(ReadError::MissingEventName { key: keys.event })?;
            let data = head.data.map_or("null", RawValue::get);
            let place = root.of_key(keys.data);
            let (event, left_out) = data_tolerantly(name, data, &place, findings)?;
            Ok((head.around(event), left_out))
        }
        Layout::Bare { .. } => {
            let body = Tolerant::new(text, &root, &findings);
            let Ok(name) = body.note(E::detect(body)) else {
                return Err(findings.into_error(None));
            };
            let findings = Findings::new(text, &is_documented_key);
            let (event, left_out) = data_tolerantly(name, text, &root, findings)?;
            Ok((head.around(event), left_out))
        }
    }
}

fn data_tolerantly<E: Event>(
    name: &str,
    data: &str,
    place: &Place<'_>,
    findings: Findings<'_>,
) -> Result<(E, LeftOut), ReadError> {
    let value = Tolerant::new(data, place, &findings);
    if let Ok(event) = value.note(E::read(name, value)) {
        return Ok((event, findings.into_left_out()));
    }
    match E::read_unexpected(name, &mut serde_json::Deserializer::from_str(data)) {
        Ok(Some(event)) => Ok((event, LeftOut::default())),
        Ok(None) | Err(_) => {
            let event = E::NAMES.iter().copied().find(|known| name == *known);
            Err(findings.into_error(event))
        }
    }
}
