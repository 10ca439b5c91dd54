//! Reading a body in a strict and fast pass, and in a tolerant pass if the strict pass fails.

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
mod tolerant;
pub(crate) mod unread;

/// Reads a body as an event.
pub(crate) fn event<E: Event>(body: &[u8]) -> Result<Envelope<E>, ReadError> {
    let text = json::utf8(body)?;
    if tolerant::fits_in_memory(text, E::ELEMENT_SIZES)
        && let Ok((head, event)) = parse::event(text)
    {
        return Ok(head.around(event));
    }
    event_tolerantly(text)
}

/// Reads a body that the strict pass could not read, or returns the reason why it can't be read.
#[cold]
fn event_tolerantly<E: Event>(text: &str) -> Result<Envelope<E>, ReadError> {
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
            let event = data_tolerantly(name, data, &place, findings)?;
            Ok(head.around(event))
        }
        Layout::Bare { .. } => {
            let body = Tolerant::new(text, &root, &findings);
            let Ok(name) = body.note(E::detect(body)) else {
                return Err(findings.into_error(None));
            };
            let findings = Findings::new(text, &is_documented_key);
            let event = data_tolerantly(name, text, &root, findings)?;
            Ok(head.around(event))
        }
    }
}

fn data_tolerantly<E: Event>(
    name: &str,
    data: &str,
    place: &Place<'_>,
    findings: Findings<'_>,
) -> Result<E, ReadError> {
    let value = Tolerant::new(data, place, &findings);
    if let Ok(event) = value.note(E::read(name, value)) {
        trace(&event, &findings.into_left_out());
        return Ok(event);
    }
    match E::read_unexpected(name, &mut serde_json::Deserializer::from_str(data)) {
        Ok(Some(event)) => Ok(event),
        Ok(None) | Err(_) => Err(findings.into_error(documented_name::<E>(name))),
    }
}

/// Logs that values were left out. The paths contain documented keys only.
#[cfg(feature = "tracing")]
fn trace<E: Event>(event: &E, left_out: &LeftOut) {
    if left_out.count > 0 {
        tracing::warn!(
            provider = <E::Provider as Provider>::NAME,
            event = documented_name::<E>(event.name()),
            paths = left_out.paths.join(", "),
            count = left_out.count,
            "values in an unexpected form were left out"
        );
    }
}

#[cfg(not(feature = "tracing"))]
fn trace<E: Event>(_: &E, _: &LeftOut) {}

/// Returns the event's name if it is documented. Any other name may be personal data.
pub(crate) fn documented_name<E: Event>(name: &str) -> Option<&'static str> {
    E::NAMES.iter().copied().find(|known| name == *known)
}
