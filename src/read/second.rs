//! The second pass, which reads slices of a checked body and leaves out what it can't read.

use alloc::borrow::Cow;

use crate::provider::{EnvelopeKeys, Event, Layout, Part, Provider};
use crate::read::envelope::Envelope;
use crate::read::error::{ReadError, ShapeError};
use crate::read::field::Field;
use crate::read::json::Json;
use crate::read::pass::Pass;
use crate::read::slices;

/// Reads the event of a body, or returns the reason why it can't be read.
pub(super) fn read<E: Event>(text: &str, pass: &Pass<'_>) -> Result<Envelope<E>, ReadError> {
    slices::check_syntax(text)?;
    let body = Json::new(text.trim_ascii(), pass);
    if !body.is_object() {
        return Err(ReadError::NotAnObject);
    }
    match E::Provider::LAYOUT {
        Layout::Enveloped(keys) => enveloped(body, keys, pass),
        Layout::Bare { keys } => bare(body, keys, pass),
    }
}

fn enveloped<E: Event>(
    body: Json<'_>,
    keys: EnvelopeKeys,
    pass: &Pass<'_>,
) -> Result<Envelope<E>, ReadError> {
    let head = Head::of(body, keys)?;
    let name = head
        .name()
        .ok_or(ReadError::MissingEventName { key: keys.event })?;
    let event = match head.data {
        Some(data) => E::read(&name, data),
        // A missing value has the place of the object in which it is missing.
        None => {
            E::read(&name, Json::new("null", pass)).map_err(|_| body.unexpected().below(keys.data))
        }
    };
    let label = |json: Option<Json<'_>>| Some(json?.optional(label)??.into_owned());
    Ok(Envelope {
        id: label(head.id),
        timestamp: head.timestamp.and_then(|json| json.optional(Field::read)?),
        workspace_id: label(head.workspace_id),
        api_version: label(head.api_version),
        event: event.map_err(|error| pass.unexpected(error, documented::<E>(&name)))?,
    })
}

/// The parts of an envelope.
#[derive(Default)]
struct Head<'a> {
    event: Option<Json<'a>>,
    data: Option<Json<'a>>,
    id: Option<Json<'a>>,
    timestamp: Option<Json<'a>>,
    workspace_id: Option<Json<'a>>,
    api_version: Option<Json<'a>>,
}

impl<'a> Head<'a> {
    fn of(body: Json<'a>, keys: EnvelopeKeys) -> Result<Self, ReadError> {
        let mut head = Self::default();
        for (key, value) in body.members() {
            let Some((key, part)) = keys.part(&key) else {
                value.ignore();
                continue;
            };
            let slot = match part {
                Part::Event => &mut head.event,
                Part::Data => &mut head.data,
                Part::Id => &mut head.id,
                Part::Timestamp => &mut head.timestamp,
                Part::WorkspaceId => &mut head.workspace_id,
                Part::ApiVersion => &mut head.api_version,
            };
            if slot.replace(value).is_some() {
                return Err(ReadError::DuplicateKey { key });
            }
        }
        Ok(head)
    }

    fn name(&self) -> Option<Cow<'a, str>> {
        strict_text(self.event?)
    }
}

/// Returns the event's name, the workspace and the id of a body, if they identify an event.
#[cfg(feature = "dedup")]
pub(crate) fn identity(body: Json<'_>, keys: EnvelopeKeys) -> Option<[Cow<'_, str>; 3]> {
    let head = Head::of(body, keys).ok()?;
    let id = label(head.id?).ok()?.filter(|id| !id.is_empty())?;
    let workspace = head.workspace_id.and_then(|json| label(json).ok()?);
    Some([head.name()?, workspace.unwrap_or_default(), id])
}

/// Reads a body without an envelope.
fn bare<E: Event>(
    body: Json<'_>,
    keys: &[&'static str],
    pass: &Pass<'_>,
) -> Result<Envelope<E>, ReadError> {
    for key in keys {
        if body.members().filter(|(found, _)| found == key).count() > 1 {
            return Err(ReadError::DuplicateKey { key });
        }
    }
    let name = E::NAMES.first().copied().unwrap_or_default();
    let event = E::read(name, body);
    Ok(Envelope {
        id: None,
        timestamp: None,
        workspace_id: None,
        api_version: None,
        event: event.map_err(|error| pass.unexpected(error, documented::<E>(name)))?,
    })
}

/// Reads a text or a number of the envelope, digit for digit.
fn label(json: Json<'_>) -> Result<Option<Cow<'_, str>>, ShapeError> {
    let is_number =
        |text: &str| text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    match strict_text(json) {
        Some(text) => Ok(Some(text)),
        None if is_number(json.as_str()) => Ok(Some(Cow::Borrowed(json.as_str()))),
        None if json.is_null() => Ok(None),
        None => Err(json.unexpected()),
    }
}

/// Returns a text without lone surrogates, because different names and ids could be equal without them.
fn strict_text(json: Json<'_>) -> Option<Cow<'_, str>> {
    match json.text()? {
        // Without escapes, there is no surrogate.
        Cow::Borrowed(text) => Some(Cow::Borrowed(text)),
        Cow::Owned(_) => serde_json::from_str(json.as_str()).ok().map(Cow::Owned),
    }
}

/// Returns the event's name if it is documented. Any other name may be personal data.
pub(crate) fn documented<E: Event>(name: &str) -> Option<&'static str> {
    E::NAMES.iter().copied().find(|known| name == *known)
}
