//! A second, slow reading of a body, by `serde_json::Value` and nothing of leadhook.

use chrono::{DateTime, Datelike, Utc};
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

/// A time in RFC 3339 within the years that can be written as such.
pub(crate) fn time(value: Option<&Value>) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(value?.as_str()?)
        .ok()?
        .to_utc();
    (0..=9999).contains(&time.year()).then_some(time)
}

/// Whether all that the typed value says is said by the body, at the same place.
pub(crate) fn says(body: Option<&Value>, typed: &Value) -> bool {
    match (body, typed) {
        (None | Some(Value::Null), typed) => is_nothing(typed),
        // PHP writes an empty object so.
        (Some(Value::Array(list)), typed) if list.is_empty() && is_nothing(typed) => true,
        (Some(Value::Object(body)), Value::Object(typed)) => {
            typed.iter().all(|(key, typed)| says(body.get(key), typed))
        }
        // What can't be read is left out, and the rest keeps its order.
        (Some(Value::Array(body)), Value::Array(typed)) => {
            let mut body = body.iter();
            typed
                .iter()
                .all(|typed| body.any(|element| says(Some(element), typed)))
        }
        (Some(body), Value::Array(typed)) => match typed.as_slice() {
            [] => true,
            [typed] => says(Some(body), typed),
            _ => false,
        },
        (Some(Value::Array(body)), typed) => {
            is_nothing(typed) || body.iter().any(|element| says(Some(element), typed))
        }
        // A text where an object with one text is documented.
        (Some(body), Value::Object(typed)) => {
            typed.values().filter(|typed| !is_nothing(typed)).count() <= 1
                && typed
                    .values()
                    .all(|typed| is_nothing(typed) || says(Some(body), typed))
        }
        (Some(_), Value::Null) => true,
        (Some(body), typed) => is_same(body, typed),
    }
}

/// Whether a value has nothing to say.
pub(crate) fn is_nothing(typed: &Value) -> bool {
    match typed {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.iter().all(is_nothing),
        Value::Object(members) => members.values().all(is_nothing),
        _ => false,
    }
}

/// Whether two scalars mean the same: a number may be sent as text, and text as a number.
fn is_same(body: &Value, typed: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        _ => None,
    };
    let truth = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        Value::Bool(value) => Some(*value),
        _ => None,
    };
    body == typed
        || number(body).is_some_and(|value| number(typed) == Some(value))
        || truth(body).is_some_and(|value| truth(typed) == Some(value))
        || time(Some(body)).is_some_and(|value| time(Some(typed)) == Some(value))
}
