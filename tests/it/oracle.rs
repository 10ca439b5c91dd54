//! The one oracle for what was sent and what was kept, shared with the fuzz targets.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value};

/// Moves the values that are written in another place than they were sent: Grader.io's flat shape is
/// written nested, and the position of a page of a search within the search.
pub(crate) fn as_written(mut body: Value, typed: &Value) -> Value {
    let is_search = typed["data"].get("meta").is_some();
    let members = body.as_object_mut().filter(|_| is_search);
    let meta = members.and_then(|members| members.remove("meta"));
    let Some(data) = body.get_mut("data").and_then(Value::as_object_mut) else {
        return body;
    };
    let is_nested = typed["data"].get("submission").is_none()
        || data
            .get("submission")
            .is_some_and(|nested| !is_nothing(nested));
    if let Some(id) = data.get("submission_id").cloned().filter(|_| !is_nested) {
        let mut submission = Map::from_iter([("id".to_owned(), id)]);
        for key in ["score", "grade", "form_data"] {
            submission.extend(data.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        data.insert("submission".into(), submission.into());
        data.retain(|key, _| ["submission", "grader", "routing"].contains(&key.as_str()));
    }
    if let Some(meta) = meta {
        data.entry("meta").or_insert(meta);
    }
    body
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
