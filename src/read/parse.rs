//! The fast pass over a provider's envelope, and the envelope's scalars without the event.

use alloc::{borrow::Cow, string::ToString, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::provider::{EnvelopeKeys, Event, Layout, Provider};
use crate::read::envelope::Envelope;
use crate::read::lenient::{self, NUMBER};
use crate::read::scan::{self, Text};

/// Reads an event and its envelope in one strict pass.
pub(super) fn event<E: Event>(text: &str) -> serde_json::Result<(Head<'_>, E)> {
    let mut json = serde_json::Deserializer::from_str(text);
    let parts = match E::Provider::LAYOUT {
        Layout::Enveloped(keys) => json.deserialize_map(EnvelopeVisitor {
            keys,
            event: PhantomData,
        })?,
        Layout::Bare { .. } => {
            if !scan::is_object(text) {
                return Err(Error::custom("no object"));
            }
            let name = E::detect(&mut serde_json::Deserializer::from_str(text))?;
            (Head::default(), E::read(name, &mut json)?)
        }
    };
    json.end()?;
    Ok(parts)
}

struct EnvelopeVisitor<E> {
    keys: EnvelopeKeys,
    event: PhantomData<E>,
}

impl<'de, E: Event> Visitor<'de> for EnvelopeVisitor<E> {
    type Value = (Head<'de>, E);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let keys = self.keys;
        let mut head = Head::default();
        let mut event = None;
        while let Some(known) = map.next_key_seed(KnownKey(keys))? {
            match known {
                Some((key, Part::Scalar(name))) => {
                    let slot = head.scalar(name);
                    once(slot.is_none(), key)?;
                    *slot = Some(map.next_value()?);
                }
                Some((key, Part::Data)) => {
                    once(event.is_none() && head.data.is_none(), key)?;
                    if let Some(name) = head.name() {
                        event = Some(map.next_value_seed(Data::new(name))?);
                    } else {
                        head.data = Some(map.next_value()?);
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let event = if let Some(event) = event {
            event
        } else {
            let name = head
                .name()
                .ok_or_else(|| A::Error::missing_field(keys.event))?;
            let data = head.data.map_or("null", RawValue::get);
            E::read(name, &mut serde_json::Deserializer::from_str(data))
                .map_err(A::Error::custom)?
        };
        Ok((head, event))
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

/// Reads the data of the event with this name.
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

/// The envelope without its event.
#[derive(Default)]
pub(crate) struct Head<'de> {
    event: Option<Scalar<'de>>,
    id: Option<Scalar<'de>>,
    timestamp: Option<Scalar<'de>>,
    workspace_id: Option<Scalar<'de>>,
    api_version: Option<Scalar<'de>>,
    /// The event's data, if it was not read as an event.
    pub(super) data: Option<&'de RawValue>,
    /// A documented key that appears more than once.
    pub(super) duplicate: Option<&'static str>,
}

/// The part of the envelope under a key.
#[derive(Clone, Copy)]
enum Part {
    Scalar(Name),
    Data,
}

/// The scalars of an envelope.
#[derive(Clone, Copy)]
enum Name {
    Event,
    Id,
    Timestamp,
    WorkspaceId,
    ApiVersion,
}

impl Part {
    /// Returns the part under a key, if it is a key of the envelope.
    fn of(keys: EnvelopeKeys, key: &str) -> Option<(&'static str, Self)> {
        [
            (Some(keys.event), Self::Scalar(Name::Event)),
            (Some(keys.data), Self::Data),
            (keys.id, Self::Scalar(Name::Id)),
            (keys.timestamp, Self::Scalar(Name::Timestamp)),
            (keys.workspace_id, Self::Scalar(Name::WorkspaceId)),
            (keys.api_version, Self::Scalar(Name::ApiVersion)),
        ]
        .into_iter()
        .find_map(|(known, part)| Some((known.filter(|known| key == *known)?, part)))
    }
}

/// Reads a key, and finds out whether it is a key of the envelope.
struct KnownKey(EnvelopeKeys);

impl<'de> DeserializeSeed<'de> for KnownKey {
    type Value = Option<(&'static str, Part)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KnownKey {
    type Value = Option<(&'static str, Part)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Part::of(self.0, key))
    }
}

impl<'de> Head<'de> {
    /// Reads the envelope and skips its data.
    ///
    /// # Errors
    ///
    /// An error if the text is not a JSON object.
    pub(crate) fn read(text: &'de str, layout: Layout) -> serde_json::Result<Self> {
        let mut json = serde_json::Deserializer::from_str(text);
        let head = json.deserialize_map(HeadVisitor(layout))?;
        json.end()?;
        Ok(head)
    }

    fn scalar(&mut self, name: Name) -> &mut Option<Scalar<'de>> {
        match name {
            Name::Event => &mut self.event,
            Name::Id => &mut self.id,
            Name::Timestamp => &mut self.timestamp,
            Name::WorkspaceId => &mut self.workspace_id,
            Name::ApiVersion => &mut self.api_version,
        }
    }

    /// Returns the event's name, which must be a text.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.event {
            Some(Scalar::Text(name)) => Some(name),
            _ => None,
        }
    }

    /// Returns the event's name, workspace and id, if they identify an event.
    #[cfg(feature = "dedup")]
    pub(crate) fn identity(&self) -> Option<[&str; 3]> {
        let name = self.name()?;
        let id = self.id.as_ref()?.text().filter(|id| !id.is_empty())?;
        let workspace = self.workspace_id.as_ref().and_then(Scalar::text);
        self.duplicate
            .is_none()
            .then(|| [name, workspace.unwrap_or_default(), id])
    }

    /// Creates the envelope around an event.
    pub(super) fn around<E>(self, event: E) -> Envelope<E> {
        let text = |scalar: Option<Scalar<'de>>| scalar.and_then(Scalar::into_text);
        Envelope {
            id: text(self.id).map(Cow::into_owned),
            timestamp: text(self.timestamp).and_then(|text| lenient::time(&text)),
            workspace_id: text(self.workspace_id).map(Cow::into_owned),
            api_version: text(self.api_version).map(Cow::into_owned),
            event,
        }
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
        let mut bare = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            let duplicate = match self.0 {
                Layout::Enveloped(keys) => match Part::of(keys, &key) {
                    Some((key, Part::Scalar(name))) => {
                        let before = head.scalar(name).replace(Scalar::of(value));
                        before.map(|_| key)
                    }
                    Some((key, Part::Data)) => head.data.replace(value).map(|_| key),
                    None => None,
                },
                Layout::Bare { keys } => {
                    let known = keys.iter().copied().find(|known| key == *known);
                    let duplicate = known.filter(|known| bare.contains(known));
                    bare.extend(known);
                    duplicate
                }
            };
            head.duplicate = duplicate.or(head.duplicate);
        }
        Ok(head)
    }
}

/// A value beside the event, which can't fail the event.
#[derive(Debug, PartialEq)]
enum Scalar<'de> {
    Text(Cow<'de, str>),
    Number(Cow<'de, str>),
    Unusable,
}

impl<'de> Scalar<'de> {
    fn of(raw: &'de RawValue) -> Self {
        let json = raw.get();
        if json.starts_with('"') {
            // An id with a lone surrogate is unusable, because different ids could be equal without it.
            serde_json::from_str(json).unwrap_or(Self::Unusable)
        } else if json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            Self::Number(Cow::Borrowed(json))
        } else {
            Self::Unusable
        }
    }

    #[cfg(feature = "dedup")]
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Unusable => None,
        }
    }

    fn into_text(self) -> Option<Cow<'de, str>> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Unusable => None,
        }
    }
}

/// Fails for a number that would not be kept digit for digit. [`Scalar::of`] keeps such a number.
impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;

        impl<'de> Visitor<'de> for ScalarVisitor {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a whole number")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(text.into())))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(Cow::Owned(value.to_string())))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Number(Cow::Owned(value.to_string())))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Unusable)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Unusable)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while let Some(IgnoredAny) = seq.next_element()? {}
                Ok(Scalar::Unusable)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while let Some(Text(key)) = map.next_key()? {
                    if key == NUMBER {
                        return Err(A::Error::custom("a number as a map"));
                    }
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Scalar::Unusable)
            }
        }

        deserializer.deserialize_any(ScalarVisitor)
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::Cow;

    use super::Scalar;
    use serde_json::value::RawValue;

    #[test]
    fn a_scalar_is_a_text_or_a_number_and_never_an_error() {
        let text = |text| Scalar::Text(Cow::Borrowed(text));
        let number = |digits| Scalar::Number(Cow::Borrowed(digits));
        let cases = [
            (r#""evt_1...""#, text("evt_1...")),
            (r#""""#, text("")),
            (r#""\u0065vt\/1""#, text("evt/1")),
            (r#""\ud800""#, Scalar::Unusable),
            ("0", number("0")),
            ("-12", number("-12")),
            ("18446744073709551615", number("18446744073709551615")),
            ("9007199254740993", number("9007199254740993")),
            ("-1e400", number("-1e400")),
            ("-0", number("-0")),
            ("1.50", number("1.50")),
            ("null", Scalar::Unusable),
            ("true", Scalar::Unusable),
            ("[\"a\"]", Scalar::Unusable),
            ("{\"a\":\"b\"}", Scalar::Unusable),
        ];
        for (json, expected) in cases {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(Scalar::of(raw), expected, "{json}");
            // The fast pass reads the same, or leaves it to the tolerant pass.
            if let Ok(scalar) = serde_json::from_str::<Scalar<'_>>(json) {
                assert_eq!(scalar, expected, "{json}");
            }
        }
    }
}
