//! The keys of deliveries.

use std::collections::HashSet;

use leadhook::{
    Delivery, Grader, Graphoid, Provider, Receiver, ScoreApp, SignedProvider, Tomba,
    dedup::{Key, KeyError},
};
use proptest::prelude::*;

use crate::support::{secret, signed};

fn key<P: Provider>(body: &str) -> Key {
    Delivery::<P>::from_storage(body.to_owned()).key()
}

fn signed_key<P: SignedProvider>(text: &str, scope: Option<&str>, body: &'static str) -> Key {
    let secret = secret(text);
    let (_, signature) = signed::<P>(&secret, body);
    let mut receiver = Receiver::<P>::new(&secret);
    if let Some(scope) = scope {
        receiver = receiver.with_scope(scope);
    }
    receiver.authenticate([signature], body).unwrap().key()
}

const WON: &str = r#"{"id":"evt_1","event":"lead.won","workspace_id":"ws_1","data":{}}"#;

#[test]
fn retries_of_graphoid_have_equal_keys_although_their_bytes_differ() {
    let same = [
        r#"{ "workspace_id": "ws_1", "data": null, "event": "lead.won", "id": "evt_1" }"#,
        r#"{"id":"evt_1","event":"lead.won","workspace_id":"ws_1","timestamp":"2026-04-03T14:27:00Z"}"#,
        r#"{"id":"\u0065vt_1","event":"lead.won","workspace_id":"ws_1","attempt":2}"#,
    ];
    for body in same {
        assert_eq!(key::<Graphoid>(body), key::<Graphoid>(WON), "{body}");
    }
    let other = [
        r#"{"id":"evt_2","event":"lead.won","workspace_id":"ws_1","data":{}}"#,
        r#"{"id":"evt_1","event":"lead.won","workspace_id":"ws_2","data":{}}"#,
        r#"{"id":"evt_1","event":"lead.won","data":{}}"#,
        r#"{"id":"evt_1","event":"lead.lost","workspace_id":"ws_1","data":{}}"#,
    ];
    for body in other {
        assert_ne!(key::<Graphoid>(body), key::<Graphoid>(WON), "{body}");
    }
}

#[test]
fn an_id_may_be_a_number() {
    let id = |id| key::<Graphoid>(&format!(r#"{{"id":{id},"event":"lead.won"}}"#));
    assert_eq!(id("17"), id("\"17\""));
    assert_ne!(id("17"), id("18"));
}

#[test]
fn without_a_readable_event_name_and_id_the_body_is_the_identity() {
    let bodies = [
        r#"{"event":"lead.won","data":1}"#,
        r#"{"event":"lead.won","data":2}"#,
        r#"{"id":null,"event":"lead.won","data":1}"#,
        r#"{"id":null,"event":"lead.won","data":2}"#,
        r#"{"id":"","event":"lead.won","data":1}"#,
        r#"{"id":"","event":"lead.won","data":2}"#,
        r#"{"id":{},"event":"lead.won"}"#,
        r#"{"id":"evt_3","event":"lead.won"}"#,
        r#"{"id":"evt_3","data":1}"#,
        r#"{"id":"evt_3","data":2}"#,
        r#"{"id":"evt_3","event":7,"data":1}"#,
        r#"{"id":"evt_3","event":7,"data":2}"#,
        r#"{"id":"evt_1","id":"evt_2","event":"lead.won"}"#,
        r#"{"id":"evt_1","id":"evt_3","event":"lead.won"}"#,
        "not JSON",
        "",
    ];
    let keys: HashSet<Key> = bodies.into_iter().map(key::<Graphoid>).collect();
    assert_eq!(keys.len(), bodies.len());
}

#[test]
fn bytes_after_the_object_make_it_another_event() {
    let event = r#"{"id":"evt_1","event":"lead.won"}"#;
    assert_ne!(
        key::<Graphoid>(&format!("{event} garbage")),
        key::<Graphoid>(event)
    );
    assert_eq!(
        key::<Graphoid>(&format!("{event} \n")),
        key::<Graphoid>(event)
    );
}

#[test]
fn retries_of_the_other_providers_have_equal_bytes() {
    // Grader.io's `webhook_id` may be the id of the endpoint.
    let first =
        r#"{"webhook_id":"wh_1","event":"submission.created","data":{"submission":{"id":"a"}}}"#;
    let second =
        r#"{"webhook_id":"wh_1","event":"submission.created","data":{"submission":{"id":"b"}}}"#;
    assert_eq!(key::<Grader>(first), key::<Grader>(first));
    assert_ne!(key::<Grader>(first), key::<Grader>(second));
    assert_ne!(key::<Tomba>("{}"), key::<Tomba>("{ }"));
}

#[test]
fn equal_bytes_of_two_providers_are_two_events() {
    let keys = [
        key::<Grader>(WON),
        key::<Graphoid>(WON),
        key::<ScoreApp>(WON),
        key::<Tomba>(WON),
    ];
    assert_eq!(HashSet::from(keys).len(), keys.len());
}

#[test]
fn a_delivery_from_storage_has_its_key_with_its_scope() {
    let stored = || Delivery::<Graphoid>::from_storage(WON);
    let received = signed_key::<Graphoid>("secret", Some("north"), WON);
    assert_eq!(stored().with_scope("north").key(), received);
    assert_ne!(stored().key(), received);
}

#[test]
fn secrets_do_not_matter_and_scopes_do() {
    fn check<P: SignedProvider>() {
        let key = |secret, scope| signed_key::<P>(secret, scope, WON);
        assert_eq!(key("before", None), key("after", None));
        assert_eq!(key("before", Some("a")), key("after", Some("a")));
        assert_ne!(key("before", Some("a")), key("before", Some("b")));
        assert_ne!(key("before", Some("a")), key("before", None));
        // An account whose name is empty is still an account.
        assert_ne!(key("before", Some("")), key("before", None));
        assert_eq!(key("before", Some("")), key("after", Some("")));
    }
    check::<Grader>();
    check::<Graphoid>();
    check::<ScoreApp>();
}

#[test]
fn a_key_of_an_id_never_equals_a_key_of_a_body() {
    // Parts are hashed with their lengths, so moving bytes between parts changes the key.
    let split = |workspace: &str, id: &str| {
        key::<Graphoid>(&format!(
            r#"{{"id":"{id}","event":"lead.won","workspace_id":"{workspace}"}}"#
        ))
    };
    assert_ne!(split("a", "bc"), split("ab", "c"));
    assert_ne!(split("", "abc"), split("abc", "abc"));
}

#[test]
fn parts_of_the_users_choice_make_a_key() {
    let delivery = || Delivery::<Grader>::from_storage(WON);
    let key = Key::from_parts(&delivery(), &["submission", "sub_1"]);
    let later = Key::from_parts(
        &Delivery::<Grader>::from_storage("{}"),
        &["submission", "sub_1"],
    );
    assert_eq!(key, later);

    let others = [
        Key::from_parts(&delivery(), &["submission", "sub_2"]),
        Key::from_parts(&delivery(), &["sub_1", "submission"]),
        Key::from_parts(&delivery(), &["submissionsub_1"]),
        Key::from_parts(&delivery(), &["submission", "sub_1", "submission.scored"]),
        Key::from_parts(&delivery().with_scope("north"), &["submission", "sub_1"]),
        Key::from_parts(
            &Delivery::<ScoreApp>::from_storage(WON),
            &["submission", "sub_1"],
        ),
        Key::from_parts(&delivery(), &[WON]),
        delivery().key(),
    ];
    assert_eq!(HashSet::from(others).len(), others.len());
    assert!(!others.contains(&key));
}

/// If the missing id were the identity, all events without an id would be duplicates of each other.
#[test]
fn an_empty_part_identifies_nothing() {
    let delivery = Delivery::<Grader>::from_storage(WON);
    let empty: [&[&str]; 5] = [&["", "sub_1"], &["submission", ""], &["", ""], &[""], &[]];
    for parts in empty {
        let key = Key::from_parts(&delivery, parts);
        assert_eq!(key, delivery.key(), "{parts:?}");
    }
}

#[test]
fn keys_are_the_same_in_every_version() {
    // Computed with Python: the SHA-256 of each part after `len(part).to_bytes(8, "little")`. The parts
    // are "1", the provider, the scope, the kind, and the identity. If these keys change, no stored key
    // is recognized.
    let by_id = "60b91e11d38096dc0940b14fb5effbf2686cc0e7ea984cf79caaa453d63f70c8";
    let by_body = "620d70ea08549ed3838b2e8ec357418e817cf00b03ce0f3273e81b24a315f422";
    let by_long_body = "28d0983420a9c8aa78df806410c5350a764ebccee721417e14a7975953e20dff";
    let by_parts = "842e3bdd77ad8dccf8dc21e75d98beaa354ae50e7ee29bb203e9b42e6f4a209d";
    let by_parts_in_an_empty_scope =
        "7ad9567a8e98f897565ab037193383f7df6f39f3ce8b2240f6255c739d04bfb5";
    assert_eq!(key::<Graphoid>(WON).to_string(), by_id);
    assert_eq!(key::<ScoreApp>(WON).to_string(), by_body);
    let long = Delivery::<ScoreApp>::from_storage(WON.repeat(300)).with_scope("north");
    assert_eq!(long.key().to_string(), by_long_body);
    let grader = Delivery::<Grader>::from_storage(WON);
    let parts = ["submission", "sub_1"];
    assert_eq!(Key::from_parts(&grader, &parts).to_string(), by_parts);
    let scoped = Key::from_parts(&grader.with_scope(""), &parts);
    assert_eq!(scoped.to_string(), by_parts_in_an_empty_scope);
    assert_eq!(
        format!("{:?}", key::<ScoreApp>(WON)),
        format!("Key({by_body})")
    );
    assert_eq!(
        &hex::decode(by_id).unwrap(),
        key::<Graphoid>(WON).as_bytes()
    );
}

#[test]
fn a_key_reads_what_it_writes_and_nothing_else() {
    let key = Key::from_bytes(std::array::from_fn(|index| {
        u8::try_from(index * 7 % 256).unwrap()
    }));
    assert_eq!(AsRef::<[u8]>::as_ref(&key), key.as_bytes());
    let text = key.to_string();
    assert_eq!(text, hex::encode(key));
    assert_eq!(text.parse(), Ok(key));
    assert_eq!(text.to_uppercase().parse(), Ok(key));

    let json = serde_json::to_string(&key).unwrap();
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key);
    for wrong in [
        "",
        "ab",
        text.trim_start_matches('0'),
        &format!("{text}0"),
        &format!("{text}00"),
        &format!(" {}", &text[1..]),
        &text.replace("00", "0é"),
    ] {
        let error: KeyError = wrong.parse::<Key>().unwrap_err();
        assert_eq!(error.to_string(), "not a key; expected 64 hex digits");
        assert!(serde_json::from_str::<Key>(&format!("\"{wrong}\"")).is_err());
    }
}

/// All values that a key may depend on.
#[derive(Clone, Debug, PartialEq)]
struct Identity {
    scope: Option<String>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Event(String, String, String),
    GraphoidBody(String),
    GraderBody(String),
    GraderParts(Vec<String>),
}

impl Identity {
    /// Returns the key of a delivery with this identity. `extra` is not part of the identity.
    fn key(&self, extra: u8) -> Key {
        fn stored<P: Provider>(scope: Option<&String>, body: String) -> Delivery<P> {
            let delivery = Delivery::from_storage(body);
            match scope {
                Some(scope) => delivery.with_scope(scope),
                None => delivery,
            }
        }
        let graphoid = |body: String| stored::<Graphoid>(self.scope.as_ref(), body);
        let grader = |body: String| stored::<Grader>(self.scope.as_ref(), body);
        match &self.kind {
            Kind::Event(event, workspace, id) => {
                let body = serde_json::json!({
                    "event": event, "workspace_id": workspace, "id": id, "attempt": extra,
                });
                graphoid(body.to_string()).key()
            }
            Kind::GraphoidBody(body) => graphoid(body.clone()).key(),
            Kind::GraderBody(body) => grader(body.clone()).key(),
            Kind::GraderParts(parts) => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                Key::from_parts(&grader(extra.to_string()), &parts)
            }
        }
    }
}

/// A few values, so that many are equal. Some values occur in several kinds of keys, and some are so
/// long that their lengths take two bytes.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("aa".to_owned()),
        Just("\u{1}a".to_owned()),
        Just("é\"\\".to_owned()),
        Just("own".to_owned()),
        Just("a".repeat(127)),
        Just("a".repeat(128)),
        ".{1,3}",
    ]
}

fn identity() -> impl Strategy<Value = Identity> {
    let kind = prop_oneof![
        (text(), text(), text())
            .prop_map(|(event, workspace, id)| Kind::Event(event, workspace, id)),
        text().prop_map(Kind::GraphoidBody),
        text().prop_map(Kind::GraderBody),
        prop::collection::vec(text(), 1..=3).prop_map(Kind::GraderParts),
    ];
    let scope = prop_oneof![Just(None), Just(Some(String::new())), text().prop_map(Some)];
    (scope, kind).prop_map(|(scope, kind)| Identity { scope, kind })
}

/// Envelopes with any members in any order, of which some identify an event.
fn envelope() -> impl Strategy<Value = String> {
    let member = (
        prop::sample::select(vec!["id", "\\u0069d", "event", "workspace_id", "other"]),
        prop::sample::select(vec![
            r#""lead.won""#,
            r#""evt_1""#,
            r#""evt\u005f1""#,
            r#""\ud83d""#,
            r#""""#,
            "12",
            "1.50",
            "null",
            "{}",
            "[1]",
        ]),
    );
    let lead = r#""data": {"lead": {"id": "evt_1"}}"#;
    (
        prop::collection::vec(member, 0..5),
        any::<prop::sample::Index>(),
        0..2_u8,
    )
        .prop_map(move |(members, place, anything)| {
            let mut members: Vec<_> = members
                .into_iter()
                .map(|(key, value)| format!(r#""{key}":  {value}"#))
                .collect();
            members.insert(place.index(members.len() + 1), lead.into());
            if anything == 0 {
                members.push(r#""event": "lead.won""#.into());
                members.push(r#""id": "evt_2""#.into());
            }
            format!("{{{}}}", members.join(", "))
        })
}

proptest! {
    #[test]
    fn reading_an_event_does_not_change_its_key(body in envelope()) {
        let unread = Delivery::<Graphoid>::from_storage(body.clone());
        let read = Delivery::<Graphoid>::from_storage(body);
        let _ = read.read();
        prop_assert_eq!(read.key(), unread.key());
        prop_assert_eq!(read.clone().key(), unread.key());
        prop_assert_eq!(Delivery::<Graphoid>::from_storage(read.into_body()).key(), unread.key());
    }

    #[test]
    fn keys_are_equal_if_and_only_if_identities_are_equal(
        one in identity(),
        other in identity(),
        extra: [u8; 2],
    ) {
        prop_assert_eq!(one.key(extra[0]), one.key(extra[1]));
        prop_assert_eq!(one.key(extra[0]) == other.key(extra[1]), one == other);
    }

    #[test]
    fn any_body_has_a_key(body: Vec<u8>) {
        let delivery = Delivery::<Graphoid>::from_storage(body);
        prop_assert_eq!(delivery.key(), delivery.clone().key());
    }

    #[test]
    fn bodies_with_equal_keys_are_equal(one: Vec<u8>, other: Vec<u8>) {
        let equal = one == other;
        let key = |body| Delivery::<ScoreApp>::from_storage(body).key();
        prop_assert_eq!(key(one) == key(other), equal);
    }
}
