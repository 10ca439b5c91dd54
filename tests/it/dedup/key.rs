//! Which deliveries have equal keys.

use std::{collections::HashSet, time::Duration};

use leadhook::{
    Delivery, Grader, Graphoid, Provider, Receiver, ScoreApp, Secret, SignedProvider, Signer,
    Tomba, dedup::Key,
};
use proptest::prelude::*;

fn key<P: Provider>(body: &str) -> Key {
    Delivery::<P>::from_storage(body.to_owned()).key()
}

fn signed_key<P: SignedProvider>(secret: &str, scope: Option<&str>, body: &'static str) -> Key {
    let secret = Secret::new(secret).unwrap();
    let (_, signature) = Signer::<P>::new(&secret).header(body.as_bytes());
    let mut receiver = Receiver::<P>::new(&secret);
    if let Some(scope) = scope {
        receiver = receiver.with_scope(scope);
    }
    receiver.authenticate([signature], body).unwrap().key()
}

const WON: &str = r#"{"id":"evt_1","event":"lead.won","workspace_id":"ws_1","data":{}}"#;

#[test]
fn graphoid_repeats_have_equal_keys_though_their_bytes_differ() {
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
fn without_a_readable_id_the_body_is_the_identity() {
    let bodies = [
        r#"{"event":"lead.won","data":1}"#,
        r#"{"event":"lead.won","data":2}"#,
        r#"{"id":null,"event":"lead.won","data":1}"#,
        r#"{"id":null,"event":"lead.won","data":2}"#,
        r#"{"id":"","event":"lead.won","data":1}"#,
        r#"{"id":"","event":"lead.won","data":2}"#,
        r#"{"id":{},"event":"lead.won"}"#,
        r#"{"id":"evt_3","event":"lead.won"}"#,
        r#"{"id":"evt_1","id":"evt_2","event":"lead.won"}"#,
        r#"{"id":"evt_1","id":"evt_3","event":"lead.won"}"#,
        "not JSON",
        "",
    ];
    let keys: HashSet<Key> = bodies.into_iter().map(key::<Graphoid>).collect();
    assert_eq!(keys.len(), bodies.len());
}

#[test]
fn what_follows_an_event_makes_it_another() {
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
fn the_other_senders_repeat_the_bytes() {
    // Grader.io's `webhook_id` may be one of the endpoint.
    let first =
        r#"{"webhook_id":"wh_1","event":"submission.created","data":{"submission":{"id":"a"}}}"#;
    let second =
        r#"{"webhook_id":"wh_1","event":"submission.created","data":{"submission":{"id":"b"}}}"#;
    assert_eq!(key::<Grader>(first), key::<Grader>(first));
    assert_ne!(key::<Grader>(first), key::<Grader>(second));
    assert_ne!(key::<Tomba>("{}"), key::<Tomba>("{ }"));
}

#[test]
fn equal_bytes_of_two_senders_are_two_events() {
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
    }
    check::<Grader>();
    check::<Graphoid>();
    check::<ScoreApp>();
}

#[test]
fn an_id_is_never_taken_for_a_body() {
    // Parts are hashed with their lengths: none can run into the next one.
    let split = |workspace: &str, id: &str| {
        key::<Graphoid>(&format!(
            r#"{{"id":"{id}","event":"lead.won","workspace_id":"{workspace}"}}"#
        ))
    };
    assert_ne!(split("a", "bc"), split("ab", "c"));
    assert_ne!(split("", "abc"), split("abc", "abc"));
}

#[test]
fn keys_are_the_same_in_every_version() {
    // Made with Python's hashlib: a change of these would make every stored key unknown.
    let by_id = "c1a9629a9cb2ca401949eaed022675b21125e34cce884473ff077790fd92fe1b";
    let by_body = "2a8f74a5f0c06f01715bd828c7e81cffbe11ee8081c3d571498fe4da54390115";
    assert_eq!(key::<Graphoid>(WON).to_string(), by_id);
    assert_eq!(key::<ScoreApp>(WON).to_string(), by_body);
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
fn a_key_knows_for_how_long_its_sender_repeats() {
    const HOUR: u64 = 60 * 60;
    let hours = |key: Key| key.repeats_within().as_secs() / HOUR;

    // Graphoid's last retry comes 10 h 35 min after the first try.
    assert!(key::<Graphoid>(WON).repeats_within() > Duration::from_secs(10 * HOUR + 35 * 60));
    assert_eq!(hours(key::<Graphoid>(WON)), 24);
    assert_eq!(hours(key::<Grader>(WON)), 24);
    assert_eq!(hours(key::<ScoreApp>(WON)), 12);
    assert_eq!(hours(key::<Tomba>(WON)), 3);
}

proptest! {
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
