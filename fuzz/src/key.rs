//! Deduplication keys.

use arbitrary::{Arbitrary, Unstructured};
use leadhook::{Delivery, Grader, Graphoid, Provider, ScoreApp, dedup::Key};
use serde_json::Value;

use crate::reference;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    first: Sent<'a>,
    second: Option<Sent<'a>>,
    /// Without a second delivery: the first again, written in another way.
    spelling: u8,
}

#[derive(Arbitrary, Clone, Debug)]
struct Sent<'a> {
    provider: u8,
    scope: Option<&'a str>,
    parts: Parts<'a>,
}

#[derive(Arbitrary, Clone, Debug)]
enum Parts<'a> {
    Raw(&'a [u8]),
    Graphoid {
        event: &'a str,
        workspace: Option<&'a str>,
        id: Option<&'a str>,
        number: Option<i32>,
        data: bool,
    },
}

/// What makes two deliveries the same event. Scope and provider are part of it.
#[derive(Debug, PartialEq)]
enum Identity {
    Id(String, Option<String>, String),
    Body(Vec<u8>),
}

/// Two keys are equal if and only if provider, scope and identity are equal.
pub fn key(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let first = body(&input.first.parts, 0);
    let (sent, second) = match input.second {
        Some(sent) => (sent.clone(), body(&sent.parts, 0)),
        None => (
            input.first.clone(),
            body(&input.first.parts, input.spelling),
        ),
    };
    let Some(one) = identity(&input.first, &first) else {
        return;
    };
    let Some(other) = identity(&sent, &second) else {
        return;
    };
    let is_same = one == other;
    let (first, second) = (key_of(&input.first, first), key_of(&sent, second));
    assert_eq!(first == second, is_same, "{one:?} {other:?}");
    assert_eq!(first.as_bytes() == second.as_bytes(), is_same);
}

fn key_of(sent: &Sent<'_>, body: Vec<u8>) -> Key {
    fn of<P: Provider>(scope: Option<&str>, body: Vec<u8>) -> Key {
        let delivery = Delivery::<P>::from_storage(body);
        match scope {
            Some(scope) => delivery.with_scope(scope),
            None => delivery,
        }
        .key()
    }
    match sent.provider % 3 {
        0 => of::<Graphoid>(sent.scope, body),
        1 => of::<Grader>(sent.scope, body),
        _ => of::<ScoreApp>(sent.scope, body),
    }
}

/// A body with these parts, in one of several spellings.
fn body(parts: &Parts<'_>, spelling: u8) -> Vec<u8> {
    let (event, workspace, id, number, data) = match *parts {
        Parts::Raw(body) => return body.to_vec(),
        Parts::Graphoid {
            event,
            workspace,
            id,
            number,
            data,
        } => (event, workspace, id, number, data),
    };
    let text = |text: &str| {
        let json = serde_json::to_string(text).unwrap();
        if spelling & 1 == 0 {
            return json;
        }
        let escaped: String = text
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        format!("\"{escaped}\"")
    };
    let mut members = vec![format!("\"event\":{}", text(event))];
    members.extend(workspace.map(|workspace| format!("\"workspace_id\":{}", text(workspace))));
    let id = id.map(text).or(number.map(|number| number.to_string()));
    members.extend(id.map(|id| format!("\"id\":{id}")));
    if data {
        members.push(r#""data":{"lead":{"id":"lead_1"}}"#.into());
    }
    let middle = usize::from(spelling >> 4) % members.len();
    members.rotate_left(middle);
    let separator = if spelling & 2 == 0 { "," } else { " ,\n" };
    format!("{{{}}}", members.join(separator)).into_bytes()
}

/// The provider, the scope and the identity.
type Whole<'a> = (u8, Option<&'a str>, Identity);

/// The identity, if the reference can tell it.
fn identity<'a>(sent: &Sent<'a>, body: &[u8]) -> Option<Whole<'a>> {
    let provider = sent.provider % 3;
    let scope = sent.scope;
    if provider != 0 {
        return Some((provider, scope, Identity::Body(body.to_vec())));
    }
    let object = reference::body(body)?;
    let Some(Value::String(event)) = object.get("event") else {
        return None;
    };
    let identity = match object.get("id") {
        None | Some(Value::Null) => Identity::Body(body.to_vec()),
        id => {
            let workspace = match object.get("workspace_id") {
                None | Some(Value::Null) => None,
                workspace => Some(reference::identity(workspace)?),
            };
            Identity::Id(event.clone(), workspace, reference::identity(id)?)
        }
    };
    Some((provider, scope, identity))
}
