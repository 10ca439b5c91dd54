//! The results of Tomba's lookups.

use core::fmt::Debug;

use crate::support::{found, read_as};
use leadhook::{
    Delivery, Event, ReadError, Tomba,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, TombaEvent,
    },
};

/// Checks that a body without data has the same result for every lookup.
fn has_results<T>()
where
    T: Debug + PartialEq,
    LookupResult<T>: Event + Debug + PartialEq,
{
    let [name] = LookupResult::<T>::NAMES else {
        panic!("a lookup has one name");
    };
    for body in [
        "{}",
        r#"{"data":null}"#,
        r#"{"data":{}}"#,
        r#"{"data":[ ]}"#,
        r#"{"data": { "email" : null , "sources":[] }}"#,
        r#"{"data":null,"errors":null,"meta":{}}"#,
        r#"{"errors":[],"data":{}}"#,
    ] {
        let envelope = read_as::<LookupResult<T>>(body).unwrap();
        assert_eq!(envelope.event, LookupResult::NotFound, "{name} {body}");
        assert_eq!((envelope.name(), envelope.lead()), (*name, None));
        assert_eq!(serde_json::to_string(&envelope.event).unwrap(), "null");
        let written = serde_json::to_string(&envelope).unwrap();
        assert_eq!(written, r#"{"data":null}"#);
        assert_eq!(read_as::<LookupResult<T>>(written).unwrap(), envelope);
    }

    let failed =
        r#"{"errors":{"type":"invalid_request","message":"The bulk was not found","code":404}}"#;
    let envelope = read_as::<LookupResult<T>>(failed).unwrap();
    assert_eq!((envelope.name(), envelope.lead()), (*name, None));
    let LookupResult::Failed(error) = &envelope.event else {
        panic!("{envelope:?}");
    };
    assert_eq!(error.code, Some(404));
    assert_eq!(serde_json::to_string(&envelope).unwrap(), failed);
    assert_eq!(envelope.event.found(), None);

    let text = read_as::<LookupResult<T>>(r#"{"data":"text"}"#).unwrap_err();
    let ReadError::UnexpectedShape { event, path, .. } = text else {
        panic!("{text:?}");
    };
    assert_eq!((event, path.as_str()), (Some(*name), "data"));
}

#[test]
fn finding_nothing_and_failing_are_results_of_every_look_up() {
    has_results::<EmailVerifier>();
    has_results::<EmailFinder>();
    has_results::<DomainSearch>();
    has_results::<AuthorFinder>();
    has_results::<PhoneFinder>();
    has_results::<PhoneValidator>();
}

/// Tomba says that it found something, so nothing but the values is left out, and `unread` lists them.
#[test]
fn a_result_of_undocumented_values_alone_is_no_empty_one() {
    let body = r#"{"data":{"confidence":{"level":0.5},"email":null}}"#;
    let delivery = Delivery::<Tomba>::from_storage(body);
    let envelope = delivery.read_as::<LookupResult<EmailFinder>>().unwrap();
    let LookupResult::Found(found) = &envelope.event else {
        panic!("{envelope:?}");
    };
    assert_eq!((found.email.as_deref(), found.lead()), (None, None));
    assert_eq!(
        delivery
            .unread::<LookupResult<EmailFinder>>()
            .unwrap()
            .paths(),
        ["data.confidence"]
    );

    // What is written has documented values only, of which there are none.
    let written = serde_json::to_string(&envelope).unwrap();
    let again = read_as::<LookupResult<EmailFinder>>(written).unwrap();
    assert_eq!(again.event, LookupResult::NotFound);
}

#[test]
fn all_numbers_of_phone_finder_are_read() {
    let body =
        r#"{"data":[{"email":"a@b.c","e164_format":"+1"},{"email":"a@b.c","e164_format":"+2"}]}"#;
    let phones: PhoneFinder = found(body);
    let numbers = phones
        .phones()
        .iter()
        .map(|phone| phone.e164_format.as_deref());
    assert!(numbers.eq([Some("+1"), Some("+2")]));

    let recognized = read_as::<TombaEvent>(body).unwrap();
    assert_eq!(recognized.name(), "phone-finder");
    let written = serde_json::to_string(&recognized).unwrap();
    assert_eq!(read_as::<TombaEvent>(written).unwrap(), recognized);
    assert!(matches!(
        read_as::<TombaEvent>(r#"{"data":[{"linkedin":"x"}]}"#)
            .unwrap()
            .event,
        TombaEvent::Unknown(_)
    ));

    // A list of one stays a list.
    let one = r#"{"data":[{"e164_format":"+1","timezones":[]}]}"#;
    let envelope = read_as::<LookupResult<PhoneFinder>>(one).unwrap();
    assert_eq!(serde_json::to_string(&envelope).unwrap(), one);
}

#[cfg(feature = "dedup")]
#[test]
fn only_results_with_data_have_duplicates() {
    let key = |body: &'static str, scope| {
        Delivery::<Tomba>::from_storage(body)
            .with_scope(scope)
            .key()
    };
    for nothing in [
        r#"{"data":null}"#,
        r#"{"data":{}}"#,
        r#"{"data":{"email":null}}"#,
        r#"{"errors":{"code":404}}"#,
    ] {
        assert_ne!(key(nothing, "a"), key(nothing, "a"), "{nothing}");
    }
    for something in [r#"{"data":{"email":"a@b.c"}}"#, r#"{"data":{"#, ""] {
        assert_eq!(key(something, "a"), key(something, "a"), "{something}");
        assert_ne!(key(something, "a"), key(something, "b"), "{something}");
    }
}
