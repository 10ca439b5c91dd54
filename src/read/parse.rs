//! The envelope parser, which reads every provider's envelope in one pass.

use alloc::{borrow::Cow, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::provider::{EnvelopeKeys, Event, Layout, Provider};
use crate::read::envelope::Envelope;
use crate::read::lenient;

/// Reads an event in one pass.
pub(super) fn event<E: Event>(text: &str) -> serde_json::Result<Envelope<E>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let envelope = match E::Provider::LAYOUT {
        Layout::Enveloped(keys) => enveloped(keys, None, &mut json)?,
        Layout::Bare { .. } => {
            if !is_object(text) {
                return Err(Error::custom("no object"));
            }
            let name = E::detect(&mut serde_json::Deserializer::from_str(text))?;
            bare(name, &mut json)?
        }
    };
    json.end()?;
    Ok(envelope)
}

/// Whether JSON is an object, by its first character.
pub(super) fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{')
}

/// Reads an enveloped event in one pass if its name is known or comes before its data.
pub(super) fn enveloped<'de, E: Event, D: Deserializer<'de>>(
    keys: EnvelopeKeys,
    name: Option<Cow<'de, str>>,
    deserializer: D,
) -> Result<Envelope<E>, D::Error> {
    deserializer.deserialize_map(EnvelopeVisitor {
        keys,
        name,
        event: PhantomData,
    })
}

/// Reads an event that is the whole body.
pub(super) fn bare<'de, E: Event, D: Deserializer<'de>>(
    name: &'static str,
    deserializer: D,
) -> Result<Envelope<E>, D::Error> {
    Ok(Envelope {
        id: None,
        timestamp: None,
        workspace_id: None,
        api_version: None,
        event: E::read(name, deserializer)?,
    })
}

struct EnvelopeVisitor<'de, E> {
    keys: EnvelopeKeys,
    name: Option<Cow<'de, str>>,
    event: PhantomData<E>,
}

impl<'de, E: Event> Visitor<'de> for EnvelopeVisitor<'de, E> {
    type Value = Envelope<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { keys, mut name, .. } = self;
        let mut named = false;
        let mut event = None;
        let mut early_data = None;
        let mut id = None;
        let mut timestamp = None;
        let mut workspace_id = None;
        let mut api_version = None;

        while let Some(Text(key)) = map.next_key()? {
            if key == keys.event {
                once(!named, keys.event)?;
                named = true;
                let Text(value) = map.next_value()?;
                name.get_or_insert(value);
            } else if key == keys.data {
                once(event.is_none() && early_data.is_none(), keys.data)?;
                match &name {
                    Some(name) => event = Some(map.next_value_seed(Data::new(name))?),
                    None => early_data = Some(map.next_value::<&RawValue>()?),
                }
            } else if let Some((key, slot)) = [
                (keys.id, &mut id),
                (keys.timestamp, &mut timestamp),
                (keys.workspace_id, &mut workspace_id),
                (keys.api_version, &mut api_version),
            ]
            .into_iter()
            .find_map(|(known, slot)| known.filter(|known| key == *known).zip(Some(slot)))
            {
                once(slot.is_none(), key)?;
                *slot = Some(map.next_value::<&RawValue>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }

        let name = name.ok_or_else(|| A::Error::missing_field(keys.event))?;
        let event = match (event, early_data) {
            (Some(event), _) => event,
            (None, Some(data)) => {
                E::read(&name, &mut serde_json::Deserializer::from_str(data.get()))
                    .map_err(A::Error::custom)?
            }
            (None, None) => E::read(&name, &mut serde_json::Deserializer::from_str("null"))
                .map_err(|_| A::Error::missing_field(keys.data))?,
        };
        let text = |raw: Option<&'de RawValue>| raw.and_then(scalar);
        Ok(Envelope {
            id: text(id).map(Cow::into_owned),
            timestamp: text(timestamp).and_then(|text| lenient::time(&text)),
            workspace_id: text(workspace_id).map(Cow::into_owned),
            api_version: text(api_version).map(Cow::into_owned),
            event,
        })
    }
}

/// Rejects a key that appeared before.
fn once<E: Error>(is_first: bool, key: &'static str) -> Result<(), E> {
    if is_first {
        Ok(())
    } else {
        Err(E::duplicate_field(key))
    }
}

/// Reads the data of the event that is called so.
struct Data<'a, E> {
    name: &'a str,
    event: PhantomData<E>,
}

impl<'a, E> Data<'a, E> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            event: PhantomData,
        }
    }
}

impl<'de, E: Event> DeserializeSeed<'de> for Data<'_, E> {
    type Value = E;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<E, D::Error> {
        E::read(self.name, deserializer)
    }
}

/// Text that is borrowed from the body, unless there are escapes in it.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.into())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// A text, or a number as it is written; none for anything else. It can't fail, so that an envelope
/// does not fail by what stands beside its event.
fn scalar(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(text) if !text.contains('\\') => Some(Cow::Borrowed(text)),
        Some(_) => serde_json::from_str(json).ok().map(Cow::Owned),
        None => json
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
            .then_some(Cow::Borrowed(json)),
    }
}

/// The scalars at the top of a body, read without its event.
#[derive(Default)]
pub(crate) struct Head<'de> {
    pub(crate) event: Option<Cow<'de, str>>,
    pub(crate) id: Option<Cow<'de, str>>,
    pub(crate) workspace_id: Option<Cow<'de, str>>,
    /// A known key that appears more than once.
    pub(crate) duplicate: Option<&'static str>,
}

impl<'de> Head<'de> {
    pub(crate) fn read(text: &'de str, layout: Layout) -> serde_json::Result<Self> {
        let mut json = serde_json::Deserializer::from_str(text);
        let head = json.deserialize_map(HeadVisitor(layout))?;
        json.end()?;
        Ok(head)
    }
}

struct HeadVisitor(Layout);

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut head = Head::default();
        let mut seen = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            let Some(key) = self.0.keys().find(|known| key == *known) else {
                continue;
            };
            if seen.contains(&key) {
                head.duplicate = Some(key);
            } else {
                seen.push(key);
            }
            if let Layout::Enveloped(keys) = self.0 {
                if key == keys.event {
                    head.event = value
                        .get()
                        .starts_with('"')
                        .then(|| scalar(value))
                        .flatten();
                } else if keys.id == Some(key) {
                    head.id = scalar(value);
                } else if keys.workspace_id == Some(key) {
                    head.workspace_id = scalar(value);
                }
            }
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::scalar;
    use serde_json::value::RawValue;

    #[test]
    fn a_scalar_is_a_text_or_a_number_and_never_an_error() {
        let cases = [
            (r#""evt_1...""#, Some("evt_1...")),
            (r#""""#, Some("")),
            (r#""\u0065vt\/1""#, Some("evt/1")),
            (r#""\ud800""#, None),
            ("9007199254740993", Some("9007199254740993")),
            ("-1e400", Some("-1e400")),
            ("null", None),
            ("true", None),
            ("[\"a\"]", None),
            ("{\"a\":\"b\"}", None),
        ];
        for (json, expected) in cases {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(scalar(raw).as_deref(), expected, "{json}");
        }
    }
}
