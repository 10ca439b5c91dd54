//! Both passes agree on every type of value: what the fast pass accepts, the second pass reads as equal.

use chrono::{DateTime, Utc};
use leadhook::{
    Delivery, EnvelopeKeys, Layout, Provider, RawJson, events, grader::FormData, payload,
    tomba::PhoneNumber,
};

struct Shop;

impl Provider for Shop {
    const NAME: &'static str = "shop";
    const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("type", "payload"));
    type Event = ShopEvent;
}

events! {
    /// An event with a value of every type.
    enum ShopEvent of Shop {
        /// The only event.
        Values(Values) = "values",
    }
}

payload! {
    /// A value of every type.
    struct Values {
        text: Option<String>,
        number: Option<f64>,
        count: Option<u64>,
        flag: Option<bool>,
        time: Option<DateTime<Utc>>,
        phone: Option<PhoneNumber>,
        object: Option<Inner>,
        boxed: Option<Box<Inner>>,
        texts: Vec<String>,
        numbers: Vec<f64>,
        times: Vec<DateTime<Utc>>,
        objects: Vec<Inner>,
        form: FormData,
    }
}

payload! {
    /// An object with a required value.
    struct Inner {
        id: String,
        #[key = "type"]
        kind: Option<String>,
    }
}

payload! {
    /// Required values.
    struct Required {
        text: String,
        number: f64,
        object: Inner,
        raw: RawJson,
    }
}

const FIELDS: [&str; 13] = [
    "text", "number", "count", "flag", "time", "phone", "object", "boxed", "texts", "numbers",
    "times", "objects", "form",
];

/// Values in documented and undocumented forms.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-0",
    "-1",
    "1.5",
    "1.0",
    "5e1",
    "-0.0",
    "1e400",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    r#""""#,
    r#"" ""#,
    r#""a""#,
    r#""\ud83d""#,
    r#""\u0061""#,
    r#""true""#,
    r#""0""#,
    r#""1""#,
    r#""67.00""#,
    r#"" 67.00 ""#,
    r#""+1""#,
    r#""NaN""#,
    r#""inf""#,
    r#""1e400""#,
    r#""9007199254740993""#,
    r#""2026-04-03T12:00:00Z""#,
    r#""2026-04-03t14:00:00.500+02:00""#,
    r#""2026-04-03T12:00:00+0000""#,
    r#"" 2026-04-03T12:00:00Z""#,
    r#""2026-04-03 12:00:00Z""#,
    r#""12023-04-03T12:00:00Z""#,
    r#""2026-04-03""#,
    "[]",
    "[ ]",
    "[null]",
    r#"["a"]"#,
    r#"["a",null,"b"]"#,
    r#"["a",7]"#,
    "[1,2.5]",
    "[9007199254740993]",
    r#"["2026-04-03T12:00:00Z"]"#,
    r#"["2026-04-03T12:00:00+0000"]"#,
    r#"[["1"]]"#,
    r#"[["1","a"]]"#,
    r#"["1","a"]"#,
    "{}",
    r#"{"id":"1"}"#,
    r#"{"id":1}"#,
    r#"{"id":null}"#,
    r#"{"id":"1","type":"a"}"#,
    r#"{"id":"1","id":"2"}"#,
    r#"{"id":"1","type":"a","type":"b"}"#,
    r#"{"id":"1","new":[]}"#,
    r#"{"\u0069d":"1"}"#,
    r#"{"id":"1","\ud83d":1}"#,
    r#"[{"id":"1"},{"id":"2","type":null}]"#,
    r#"[{"id":"1"},{}]"#,
    r#"[{"id":"1"},[]]"#,
    r#"{"email":"a@b.c","email":"d@e.f","x":{}}"#,
];

/// Reads the payload in the second pass, which must read a body whose data comes before its name.
fn second(payload: &str) -> Values {
    let body = format!(r#"{{"payload":{payload},"type":"values"}}"#);
    match Delivery::<Shop>::from_storage(body).read().unwrap().event {
        ShopEvent::Values(values) => values,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_fast_pass_accepts_is_equal_in_the_second_pass() {
    let mut accepted = Vec::new();
    for field in FIELDS {
        for value in VALUES {
            let payload = format!(r#"{{"{field}":{value}}}"#);
            let second = second(&payload);
            if let Ok(fast) = serde_json::from_str::<Values>(&payload) {
                assert_eq!(fast, second, "{payload}");
                accepted.push(format!("{field} {value}"));
            }
            let written = serde_json::to_string(&second).unwrap();
            assert_eq!(
                serde_json::from_str::<Values>(&written).unwrap(),
                second,
                "the fast pass reads what is written: {written}"
            );
        }
    }
    // The fast pass accepts the documented forms and little more.
    for rejected in [
        "text 1",
        r#"number "NaN""#,
        r#"number " 67.00 ""#,
        "number 9007199254740992",
        "number true",
        r#"count "1""#,
        "count -1",
        "flag 1",
        r#"flag "true""#,
        r#"time "2026-04-03T12:00:00+0000""#,
        r#"time " 2026-04-03T12:00:00Z""#,
        r#"time "12023-04-03T12:00:00Z""#,
        "object []",
        r#"object ["1","a"]"#,
        r#"boxed ["1","a"]"#,
        r#"objects [["1","a"]]"#,
        "numbers [9007199254740993]",
        r#"times ["2026-04-03T12:00:00+0000"]"#,
        r#"texts "a""#,
        "form []",
    ] {
        assert!(
            !accepted.iter().any(|input| input == rejected),
            "{rejected}"
        );
    }
    for documented in [
        r#"text "a""#,
        "number 1.5",
        r#"number "67.00""#,
        "count 18446744073709551615",
        "flag true",
        r#"time "2026-04-03t14:00:00.500+02:00""#,
        "phone false",
        r#"object {"id":"1","new":[]}"#,
        r#"texts ["a"]"#,
        r#"objects [{"id":"1"},{"id":"2","type":null}]"#,
        "form {}",
    ] {
        assert!(
            accepted.iter().any(|input| input == documented),
            "{documented}"
        );
    }
}

#[test]
fn required_values_are_required_in_both_passes() {
    let whole = r#"{"text":"a","number":1,"object":{"id":"1"},"raw":null}"#;
    let read: Required = serde_json::from_str(whole).unwrap();
    assert_eq!((read.text.as_str(), read.number), ("a", 1.0));
    assert_eq!((read.object.id.as_str(), read.raw.as_str()), ("1", "null"));
    for broken in [
        r#"["a",1,{"id":"1"},null]"#,
        r#"{"number":1,"object":{"id":"1"},"raw":null}"#,
        r#"{"text":null,"number":1,"object":{"id":"1"},"raw":null}"#,
        r#"{"text":"a","number":1,"object":{},"raw":null}"#,
        r#"{"text":"a","text":"b","number":1,"object":{"id":"1"},"raw":null}"#,
        r#"{"text":"a","number":1,"object":{"id":"1"}}"#,
    ] {
        assert!(
            serde_json::from_str::<Required>(broken).is_err(),
            "{broken}"
        );
    }
}
