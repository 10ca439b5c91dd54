//! Changes to the JSON of a sample's body.

use serde_json::Value;

/// Returns the value at a path such as `data.quiz_questions[0].question`.
///
/// Everything but its last part must exist. If the last part is a missing key or the index after the
/// end of a list, a null is added there.
pub(super) fn entry<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let (parent, last) = parent(value, path)?;
    match parent {
        Value::Object(object) => Some(object.entry(last).or_insert(Value::Null)),
        Value::Array(items) => {
            let index: usize = last.parse().ok()?;
            if index == items.len() {
                items.push(Value::Null);
            }
            items.get_mut(index)
        }
        _ => None,
    }
}

/// Removes the value at a path, if it exists.
pub(super) fn remove(value: &mut Value, path: &str) -> Option<Value> {
    let (parent, last) = parent(value, path)?;
    match parent {
        Value::Object(object) => object.remove(last),
        Value::Array(items) => {
            let index: usize = last.parse().ok()?;
            (index < items.len()).then(|| items.remove(index))
        }
        _ => None,
    }
}

/// Returns the value that contains the last part of a path, and that part.
fn parent<'a, 'p>(value: &'a mut Value, path: &'p str) -> Option<(&'a mut Value, &'p str)> {
    let mut parts = path
        .split(['.', '['])
        .map(|part| part.trim_end_matches(']'));
    let last = parts.next_back()?;
    let parent = parts.try_fold(value, |value, part| match value {
        Value::Object(object) => object.get_mut(part),
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    })?;
    Some((parent, last))
}
