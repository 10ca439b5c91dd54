//! A second, slow reading of a body, by `serde_json::Value` and nothing of leadhook.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

/// An object whose keys differ; two readers could read two meanings otherwise.
struct Distinct(Map<String, Value>);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Distinct;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distinct, A::Error> {
                let mut members = Map::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    let value = value_of(value).map_err(A::Error::custom)?;
                    if members.insert(key, value).is_some() {
                        return Err(A::Error::custom("a duplicate key"));
                    }
                }
                Ok(Distinct(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn value_of(raw: &RawValue) -> serde_json::Result<Value> {
    let json = raw.get();
    match json.as_bytes().first() {
        Some(b'{') => Ok(Value::Object(serde_json::from_str::<Distinct>(json)?.0)),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json)?
            .into_iter()
            .map(value_of)
            .collect::<Result<_, _>>()
            .map(Value::Array),
        _ => serde_json::from_str(json),
    }
}

/// The body, if it is an object without duplicate keys, 60 levels deep at most.
///
/// The depth keeps this reader from recursing too far, and is below every limit of leadhook.
pub(crate) fn body(body: &[u8]) -> Option<Map<String, Value>> {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in body {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > 60 {
        return None;
    }
    serde_json::from_str::<Distinct>(str::from_utf8(body).ok()?)
        .ok()
        .map(|object| object.0)
}

/// A text that is not empty, or a whole number, as text: what identifies something.
pub(crate) fn identity(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if number.as_i64().is_some_and(|n| n.abs() < 1 << 53) => {
            Some(number.to_string())
        }
        _ => None,
    }
}
