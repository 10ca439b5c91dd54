//! The fast pass, in which serde reads an envelope in its documented form.
//!
//! Whatever it does not accept goes to the second pass, so it needs no leniency. It expects the event's
//! name before the data, as in the documented bodies, and reads the data straight into the event.

use core::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};

use crate::provider::{Event, Layout, Part, Provider};
use crate::read::envelope::Envelope;
use crate::read::field::Text;
use crate::read::payload::FastObject;

/// Reads the event of a body, or returns `None` if the second pass must read it.
pub(super) fn read<E: Event>(text: &str) -> Option<Envelope<E>> {
    let is_enveloped = matches!(E::Provider::LAYOUT, Layout::Enveloped(_));
    if !is_enveloped || !takes_little_memory(text) {
        return None;
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let envelope = json
        .deserialize_map(EnvelopeVisitor::<E>(PhantomData))
        .ok()?;
    json.end().ok()?;
    Some(envelope)
}

/// Returns whether a body has so few values that lists of them can't take much memory.
///
/// A short body may be read as many values that are much larger in memory. Real quizzes stay far below.
fn takes_little_memory(text: &str) -> bool {
    const MAX_OBJECTS: usize = 400;
    const MAX_COMMAS: usize = 1_500;

    // An object takes at least two bytes and a comma.
    text.len() <= 3 * MAX_OBJECTS
        || count(text, b'{') <= MAX_OBJECTS && count(text, b',') <= MAX_COMMAS
}

/// Counts a byte, in chunks whose counts fit into a byte, so that the compiler vectorizes it.
fn count(text: &str, wanted: u8) -> usize {
    let chunks = text.as_bytes().chunks(usize::from(u8::MAX));
    let counts =
        chunks.map(|chunk| -> u8 { chunk.iter().map(|byte| u8::from(*byte == wanted)).sum() });
    counts.map(usize::from).sum()
}

struct EnvelopeVisitor<E>(PhantomData<E>);

impl<'de, E: Event> Visitor<'de> for EnvelopeVisitor<E> {
    type Value = Envelope<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Envelope<E>, A::Error> {
        let Layout::Enveloped(keys) = E::Provider::LAYOUT else {
            return Err(A::Error::custom("no envelope"));
        };
        let mut object = FastObject(map);
        let (mut name, mut event) = (None, None);
        let (mut id, mut workspace_id, mut api_version) = (None, None, None);
        let mut timestamp = None;
        while let Some(key) = object.next_key()? {
            match keys.part(&key).map(|(_, part)| part) {
                Some(Part::Event) if name.is_none() => {
                    let Text(text) = object.0.next_value()?;
                    name = Some(text);
                }
                Some(Part::Data) if event.is_none() => {
                    let name = name.as_deref();
                    let name = name.ok_or_else(|| A::Error::custom("data before its name"))?;
                    event = Some(object.0.next_value_seed(Data(name, PhantomData))?);
                }
                Some(Part::Event | Part::Data) => return Err(A::Error::custom("a duplicate key")),
                Some(Part::Id) => object.read(&mut id)?,
                Some(Part::Timestamp) => object.read(&mut timestamp)?,
                Some(Part::WorkspaceId) => object.read(&mut workspace_id)?,
                Some(Part::ApiVersion) => object.read(&mut api_version)?,
                None => object.ignore()?,
            }
        }
        Ok(Envelope {
            id: id.flatten(),
            timestamp: timestamp.flatten(),
            workspace_id: workspace_id.flatten(),
            api_version: api_version.flatten(),
            event: event.ok_or_else(|| A::Error::custom("no data"))?,
        })
    }
}

/// Reads the data of the event with this name.
struct Data<'a, E>(&'a str, PhantomData<E>);

impl<'de, E: Event> DeserializeSeed<'de> for Data<'_, E> {
    type Value = E;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<E, D::Error> {
        E::read_fast(self.0, deserializer)
    }
}
