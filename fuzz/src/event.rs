//! Rightly signed bodies: what reading them promises.

use std::{fmt::Debug, sync::LazyLock};

use allocation_counter::measure;
use leadhook::{
    Delivery, Envelope, Event, Grader, Graphoid, Layout, Provider, ReadError, Receiver, ScoreApp,
    Secret, SignedProvider, Signer, Tomba,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder,
        PhoneValidator, SaveLead, TombaEvent,
    },
};
use serde_json::{Map, Value};

use crate::{header::SECRET, oracle, reference};

/// A body of Grader.io.
pub fn grader(body: &[u8]) {
    static PAIR: LazyLock<Pair<Grader>> = LazyLock::new(Pair::new);
    check_enveloped(&*PAIR, body, |name, data| {
        if !name.starts_with("submission.") {
            return Identity::NotNeeded;
        }
        let submission = data.and_then(|data| data.get("submission"));
        match submission {
            Some(Value::Object(submission)) => found(reference::identity(submission.get("id"))),
            None => found(reference::identity(
                data.and_then(|data| data.get("submission_id")),
            )),
            Some(_) => Identity::Unclear,
        }
    });
}

/// A body of Graphoid.
pub fn graphoid(body: &[u8]) {
    static PAIR: LazyLock<Pair<Graphoid>> = LazyLock::new(Pair::new);
    check_enveloped(&*PAIR, body, |name, data| {
        if !name.starts_with("lead.") {
            return Identity::NotNeeded;
        }
        let lead = data.and_then(|data| data.get("lead")?.as_object());
        found(reference::identity(lead.and_then(|lead| lead.get("id"))))
    });
}

/// A body of ScoreApp.
pub fn scoreapp(body: &[u8]) {
    static PAIR: LazyLock<Pair<ScoreApp>> = LazyLock::new(Pair::new);
    check_enveloped(&*PAIR, body, |_, data| {
        found(reference::identity(data.and_then(|data| data.get("id"))))
    });
}

/// A body of Tomba, read by its shape and as every lookup.
pub fn tomba(body: &[u8]) {
    static RECEIVER: LazyLock<Receiver<Tomba>> = LazyLock::new(|| {
        Receiver::header_token("x-token", &Secret::from_bytes(SECRET).unwrap()).unwrap()
    });
    let delivery = RECEIVER.authenticate([SECRET], body.to_vec()).unwrap();
    let reference = reference::body(body);
    let _ = check::<TombaEvent>(&delivery, reference.as_ref(), true);
    let _ = check::<SaveLead>(&delivery, reference.as_ref(), false);
    let _ = check::<LookupResult<EmailVerifier>>(&delivery, reference.as_ref(), false);
    let _ = check::<LookupResult<EmailFinder>>(&delivery, reference.as_ref(), false);
    let _ = check::<LookupResult<AuthorFinder>>(&delivery, reference.as_ref(), false);
    let _ = check::<LookupResult<DomainSearch>>(&delivery, reference.as_ref(), false);
    let _ = check::<LookupResult<PhoneFinder>>(&delivery, reference.as_ref(), false);
    let _ = check::<LookupResult<PhoneValidator>>(&delivery, reference.as_ref(), false);
}

/// Both ends of a provider.
struct Pair<P> {
    signer: Signer<P>,
    receiver: Receiver<P>,
}

impl<P: SignedProvider> Pair<P> {
    fn new() -> Self {
        let secret = Secret::from_bytes(SECRET).unwrap();
        Self {
            signer: Signer::new(&secret),
            receiver: Receiver::new(&secret),
        }
    }
}

/// What the reference says about the id that a documented event must have.
enum Identity {
    NotNeeded,
    Found,
    Unclear,
}

fn found(identity: Option<String>) -> Identity {
    identity.map_or(Identity::Unclear, |_| Identity::Found)
}

fn check_enveloped<P: SignedProvider>(
    pair: &Pair<P>,
    body: &[u8],
    identity: impl Fn(&str, Option<&Map<String, Value>>) -> Identity,
) where
    P::Event: PartialEq + Debug,
{
    let (_, header) = pair.signer.header(body);
    let delivery = pair.receiver.authenticate([header], body.to_vec()).unwrap();
    let reference = reference::body(body);
    let read = check::<P::Event>(&delivery, reference.as_ref(), false);

    let [event_key, id_key] = match P::NAME {
        "scoreapp" => ["event_name", ""],
        "grader" => ["event", "webhook_id"],
        _ => ["event", "id"],
    };
    let Some(reference) = reference else {
        return;
    };
    let Some(Value::String(name)) = reference.get(event_key) else {
        assert!(read.is_err(), "an event without a name");
        return;
    };
    let data = reference.get("data").and_then(Value::as_object);
    let is_documented = P::Event::NAMES.contains(&name.as_str());
    match identity(name, data) {
        Identity::Unclear if is_documented => return,
        _ => {}
    }

    // The event is named and identified, so nothing else may reject it.
    let envelope = read.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(envelope.name(), name);
    if P::NAME != "scoreapp" {
        assert_eq!(envelope.timestamp, oracle::time(reference.get("timestamp")));
        if let Some(id) = reference::identity(reference.get(id_key)) {
            assert_eq!(envelope.id, Some(id));
        }
    }
}

/// Adds a key with half an emoji to a body, which the fast pass does not read.
fn for_second_pass(body: &[u8]) -> Option<String> {
    let members = str::from_utf8(body).ok()?.trim_end().strip_suffix('}')?;
    let is_empty = members.trim_end().ends_with('{');
    (!is_empty).then(|| format!(r#"{members},"\ud83d":0}}"#))
}

/// What holds for every body and every event type.
fn check<E: Event + PartialEq + Debug>(
    delivery: &Delivery<E::Provider>,
    reference: Option<&Map<String, Value>>,
    is_guessed: bool,
) -> Result<Envelope<E>, ReadError> {
    let mut result = None;
    let memory = measure(|| result = Some(delivery.read_as::<E>()));
    let limit = 16 * delivery.body().len() as u64 + 1024 * 1024;
    assert!(
        memory.bytes_max <= limit,
        "{} bytes for {limit}",
        memory.bytes_max
    );
    let envelope = result.unwrap()?;
    // Without an envelope, there is only the second pass.
    let is_enveloped = matches!(E::Provider::LAYOUT, Layout::Enveloped(_));
    if let Some(body) = for_second_pass(delivery.body()).filter(|_| is_enveloped) {
        let second = Delivery::<E::Provider>::from_storage(body).read_as::<E>();
        assert!(
            second.as_ref() == Ok(&envelope),
            "{second:?} after {envelope:?}"
        );
    }

    let written = serde_json::to_string(&envelope).unwrap();
    // `None` if raw JSON has an unpaired surrogate, because raw JSON is kept as it was sent.
    let typed: Option<Value> = serde_json::from_str(&written).ok();
    // A lookup with undocumented values alone is written as one that found nothing, as documented.
    let found_nothing = |typed: &Value| {
        let data = typed
            .get("data")
            .filter(|_| <E::Provider as Provider>::NAME == "tomba");
        oracle::is_nothing(data.unwrap_or(typed))
    };
    if !typed.as_ref().is_some_and(found_nothing) {
        let again = Delivery::<E::Provider>::from_storage(written.clone()).read_as::<E>();
        // A null, which is not written, may have told the lookup.
        assert!(
            again.is_ok() && is_guessed || again.as_ref() == Ok(&envelope),
            "{written}"
        );
    }

    if let Some(lead) = envelope.lead() {
        let known = [
            &lead.email,
            &lead.first_name,
            &lead.full_name,
            &lead.company,
            &lead.phone,
        ];
        assert!(
            known
                .iter()
                .all(|text| text.as_ref().is_none_or(|text| !text.trim().is_empty()))
        );
    }
    if let (Some(body), Some(typed)) = (reference, typed) {
        let body = oracle::as_written(Value::Object(body.clone()), &typed);
        assert!(oracle::says(Some(&body), &typed), "{written}");
        // What is not said again must be told.
        let unread = delivery.unread::<E>().unwrap();
        assert!(
            !unread.is_empty() || oracle::says(Some(&typed), &body),
            "{written}"
        );
    }
    Ok(envelope)
}
