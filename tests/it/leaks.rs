//! The crate's own output and log events contain no secret, no signature and no personal data.
//!
//! `Debug` and `Display` of a value are checked for the marked secrets and personal data below. The table has a row for each public type. The test fails for a public type without a row, for an
//! error type whose row is not marked as an error, and for a `tracing` event that is not written here.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    error::Error,
    fmt::{Debug, Write},
    fs,
    future::ready,
    io::{self, Read, Write as _},
    net::TcpListener,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use axum::{body::Body, extract::FromRequest};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use leadhook::{
    ContractError, Delivery, Envelope, EnvelopeKeys, Event, Grader, Graphoid, Json, Layout,
    MalformedSignature, Object, Provider, ReadError, Receiver, Rejection, RejectionKind, ScoreApp,
    Secret, SecretError, SecretErrorKind, ShapeError, Signature, SignatureFormat, SignedProvider,
    Signer, Tomba, Verifier, VerifyError, Webhook,
    dedup::{
        ClaimStatus, Dedup, Key, MemoryStore, OnceError, Outcome, RedisStore, Store, StoreError,
    },
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    samples::SampleRequest,
    scoreapp::ScoreAppEvent,
    tomba::{EmailVerifier, LookupResult, PhoneFinder, SaveLead, TombaEvent},
    tower::AuthenticateLayer,
};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tracing::{
    Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{
    events::with_subscriber,
    support::{Sample, samples, secret, signed},
};

const SECRET: &str = "wh1sec_Zq7_Lm3";
const PREVIOUS: &str = "wh0sec_Yp6_Kn2";
const EMAIL: &str = "jane.roe@private.example";
const PHONE: &str = "4915112345678";
const SURNAME: &str = "Roe-Zimmermann";

/// Personal data as values and as keys, in documented and undocumented places.
const BODY: &str = concat!(
    r#"{"id":"evt_1","event":"lead.won","jane.roe@private.example":4915112345678,"data":"#,
    r#"{"lead":{"id":"lead_1","name":["Roe-Zimmermann"],"value":"4915112345678 Roe-Zimmermann","#,
    r#""closed_at":{"jane.roe@private.example":[]},"Roe-Zimmermann":"jane.roe@private.example"}}}"#,
);
/// A body whose lead has no id, so the event can't be read.
const UNREADABLE: &str = concat!(
    r#"{"event":"lead.won","data":{"lead":{"jane.roe@private.example":"4915112345678"}},"#,
    r#""Roe-Zimmermann":1}"#,
);
/// An unknown event, whose name is personal data.
const UNKNOWN: &str = concat!(
    r#"{"event":"Roe-Zimmermann","id":"4915112345678","#,
    r#""data":{"jane.roe@private.example":"4915112345678"}}"#,
);

/// Types that can't be made here, with the reason.
const WITHOUT_A_ROW: &[(&str, &str)] = &[
    (
        "Json",
        "it lives while a body is read, where `Probe` prints it",
    ),
    (
        "Object",
        "it lives while a body is read, where `Probe` prints it",
    ),
    (
        "FastObject",
        "it holds the deserializer's own map, which prints nothing",
    ),
    (
        "Fields",
        "it is the body's content, which the application asked for",
    ),
    ("Sample", "it is a documented body without a secret"),
    ("RedisClaim", "it needs a server, and prints its name alone"),
    (
        "Envelope",
        "it is the body's content, which the application asked for",
    ),
    (
        "RawJson",
        "it is the body's content, which the application asked for",
    ),
    (
        "Lead",
        "it is the body's content, which the application asked for",
    ),
    (
        "Webhook",
        "it is the body's content, which the application asked for",
    ),
    (
        "Unread",
        "its paths name the body's own keys, which its documentation says",
    ),
];

#[derive(Default)]
struct Table {
    rows: BTreeSet<String>,
    errors: BTreeSet<String>,
    forbidden: Vec<String>,
}

impl Table {
    fn new() -> Self {
        let mut forbidden: Vec<String> = [EMAIL, PHONE, SURNAME, "private.example", "jane"]
            .map(str::to_lowercase)
            .into();
        let signer = Signer::<Graphoid>::new(&secret(SECRET));
        let signatures =
            [BODY, UNREADABLE, UNKNOWN].map(|body| *signer.sign(body.as_bytes()).as_bytes());
        for bytes in [SECRET.as_bytes(), PREVIOUS.as_bytes()]
            .into_iter()
            .chain(signatures.iter().map(<[u8; 32]>::as_slice))
        {
            // Eight bytes are too many to occur by chance.
            let bytes = &bytes[..8];
            let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>();
            forbidden.extend([
                String::from_utf8_lossy(bytes).to_lowercase(),
                hex::encode(bytes),
                BASE64.encode(bytes)[..10].to_lowercase(),
                list.join(", "),
                list.join(",\n    "),
            ]);
        }
        Self {
            forbidden,
            ..Self::default()
        }
    }

    #[track_caller]
    fn check(&self, printed: &str) {
        assert!(!printed.is_empty());
        let lower = printed.to_lowercase();
        for forbidden in &self.forbidden {
            assert!(!lower.contains(forbidden), "{forbidden} is in: {printed}");
        }
    }

    #[track_caller]
    fn value(&mut self, value: &impl Debug) {
        self.check(&format!("{value:?}"));
        self.check(&format!("{value:#?}"));
        self.rows.insert(type_name(value));
    }

    #[track_caller]
    fn error<E: Error + 'static>(&mut self, error: &E) {
        self.value(error);
        let message = error.to_string();
        assert!(!message.ends_with('.'), "{message}");
        let start = message.trim_start_matches("LEADHOOK_IS_NOT_SET: ");
        assert!(start.starts_with(char::is_lowercase), "{message}");
        assert!(!message.contains("  "), "a gap in a message: {message}");
        let mut cause: Option<&dyn Error> = Some(error);
        while let Some(error) = cause {
            self.check(&error.to_string());
            self.check(&format!("{error:?}"));
            self.check(&format!("{error:#?}"));
            cause = error.source();
        }
        self.errors.insert(type_name(error));
    }
}

/// Returns the name of a type, without its path and parameters.
fn type_name<T>(_: &T) -> String {
    let whole = std::any::type_name::<T>();
    let path = whole.split('<').next().unwrap();
    path.rsplit("::").next().unwrap().to_owned()
}

#[test]
fn nothing_public_prints_a_secret_a_signature_or_personal_data() {
    let mut table = Table::new();
    signed_types::<Grader>(&mut table);
    signed_types::<ScoreApp>(&mut table);
    let (header, delivery) = signed_types::<Graphoid>(&mut table);
    let [secret, previous] = [SECRET, PREVIOUS].map(secret);
    table.value(&secret);
    table.value(&Signature::from([7; 32]));
    table.value(&SignatureFormat::Hex);
    table.value(&EnvelopeKeys::new("event", "data"));
    table.error(&Receiver::<Tomba>::header_token(EMAIL, &secret).unwrap_err());
    for tokens in [
        Receiver::<Tomba>::header_token("x-token", &secret),
        Receiver::<Tomba>::query_token("token", &secret),
    ] {
        let tokens = tokens.unwrap().with_previous(&previous);
        table.value(&tokens);
        table.value(&tokens.begin([SECRET]).unwrap());
        table.value(&tokens.authenticate([PREVIOUS], BODY).unwrap());
        table.error(&tokens.begin([EMAIL]).unwrap_err());
        table.error(&tokens.begin([SECRET, PREVIOUS]).unwrap_err());
    }
    let sample = SampleRequest::<Tomba>::new(BODY);
    table.value(&sample.clone().with_header_token("x-token", &secret));
    table.value(&sample.with_query_token("token", &secret));

    errors_of_secrets(&mut table);
    errors_of_requests(&mut table, &header);
    errors_of_bodies(&mut table);
    deduplication(&mut table, &delivery);

    let (public, public_errors) = public_types();
    let excused: BTreeSet<String> = WITHOUT_A_ROW
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let missing: Vec<_> = public
        .iter()
        .filter(|name| !table.rows.contains(*name) && !excused.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "public types without a row: {missing:?}"
    );
    let missing: Vec<_> = public_errors.difference(&table.errors).collect();
    assert!(
        missing.is_empty(),
        "public errors without a row: {missing:?}"
    );
    assert!(public_errors.len() >= 7, "{public_errors:?}");
}

/// The types for a provider that signs. Returns a signature and the delivery that it authenticates.
fn signed_types<P: SignedProvider>(table: &mut Table) -> (String, Delivery<P>) {
    let [secret, previous] = [SECRET, PREVIOUS].map(secret);
    let signer = Signer::<P>::new(&secret);
    let (_, header) = signer.header(BODY.as_bytes());
    let verifier = Verifier::new(P::FORMAT, &secret).with_previous(&previous);
    let receiver = Receiver::<P>::new(&secret).with_previous(&previous);
    let delivery = receiver.authenticate([&header], BODY).unwrap();

    table.value(&signer);
    table.value(&signer.sign(BODY.as_bytes()));
    table.value(&verifier);
    table.value(&verifier.begin(header.as_bytes()).unwrap());
    table.value(&receiver);
    table.value(&receiver.begin([&header]).unwrap());
    table.value(&receiver.credential_source());
    table.value(&delivery);
    table.value(&delivery.matched_secret().unwrap());
    table.value(&delivery.key());
    table.value(&AuthenticateLayer::new(receiver.clone()));
    table.value(&AuthenticateLayer::new(receiver.clone()).layer(()));
    table.value(&SampleRequest::<P>::new(BODY).sign(&secret));
    table.value(&P::LAYOUT);
    table.value(&P::DEDUP_BY);
    assert!(format!("{delivery:?}").contains(&format!("length: {}", BODY.len())));
    (header, delivery)
}

fn errors_of_secrets(table: &mut Table) {
    for text in [
        format!(" {SECRET}"),
        format!("{SECRET}\n"),
        format!("{SECRET}\u{feff}"),
        String::new(),
        "\0".into(),
    ] {
        let error: SecretError = Secret::new(&text).unwrap_err();
        let kind: SecretErrorKind = error.kind();
        table.error(&error);
        table.error(&kind);
        table.error(&Secret::try_from(text.clone()).unwrap_err());
        let json = serde_json::to_string(&text).unwrap();
        let error = serde_json::from_str::<Secret>(&json).unwrap_err();
        table.check(&format!("{error} {error:?}"));
    }
    for json in [
        format!("[\"{SECRET}\"]"),
        PHONE.into(),
        format!("{{\"{SECRET}\":1}}"),
    ] {
        let error = serde_json::from_str::<Secret>(&json).unwrap_err();
        table.check(&format!("{error} {error:?}"));
    }
    table.error(&Secret::from_env("LEADHOOK_IS_NOT_SET").unwrap_err());
}

fn errors_of_requests(table: &mut Table, header: &str) {
    let receiver = Receiver::<Graphoid>::new(&secret(PREVIOUS));
    let digits = header.strip_prefix("sha256=").unwrap();
    for value in [
        String::new(),
        digits.into(),
        digits[1..].into(),
        digits.to_uppercase()[1..].into(),
        digits.repeat(2),
        format!("{header}0"),
        format!(" {header}"),
        format!("\"{header}\""),
        format!("{header},{header}"),
        format!("sha256={header}"),
        format!("SHA256={digits}"),
        format!("0x{digits}"),
        format!("{digits},{digits}"),
        format!(" {digits}"),
        format!("\"{digits}\""),
        header.to_uppercase(),
        format!("sha1={digits}"),
        format!("sha256={}", BASE64.encode(hex::decode(digits).unwrap())),
        BASE64.encode(hex::decode(digits).unwrap()) + "=",
        SECRET.into(),
        format!("{SECRET}="),
        format!("{SECRET}é"),
        BASE64.encode(SECRET) + "==",
        EMAIL.into(),
        format!("{SURNAME}é"),
    ] {
        let error: VerifyError = receiver.begin([&value]).unwrap_err();
        table.error(&error);
        if let VerifyError::MalformedSignature(malformed) = error {
            let _: MalformedSignature = malformed;
            table.error(&malformed);
        }
        table.error(&Rejection::from(error));
    }
    let bare = Receiver::<Grader>::new(&secret(PREVIOUS));
    table.error(&bare.begin([""; 0]).unwrap_err());
    table.error(&bare.authenticate([digits], BODY).unwrap_err());
    table.error(&receiver.begin([""; 0]).unwrap_err());
    table.error(&receiver.begin([header, header]).unwrap_err());
    table.error(&receiver.authenticate([header], BODY).unwrap_err());
    for none in [Receiver::<Graphoid>::unknown(), Receiver::unavailable()] {
        table.value(&none);
        table.error(&none.authenticate([header], BODY).unwrap_err());
    }
}

/// One error of each kind. `read_errors_quote_nothing_from_the_body` breaks every sample in every place.
fn errors_of_bodies(table: &mut Table) {
    for body in [
        "",
        EMAIL,
        UNREADABLE,
        &BODY[..BODY.len() - 1],
        &format!("[{BODY}]"),
        &format!("{BODY}{EMAIL}"),
        &format!("{{\"event\":{PHONE}}}"),
        &format!("{{\"{SURNAME}\":{BODY}}}"),
        &BODY.replacen("\"id\"", "\"event\"", 1),
    ] {
        let delivery = Delivery::<Graphoid>::from_storage(body.to_owned());
        let error: ReadError = delivery.read().unwrap_err();
        let contract = Envelope::<GraphoidEvent>::check_contract(delivery.body());
        let contract: ContractError = contract.unwrap_err();
        table.error(&contract);
        table.error(&error);
        let rejection = Rejection::unreadable(&delivery, error);
        let kind: &RejectionKind = rejection.kind();
        table.error(kind);
        table.error(&rejection);
    }
    let latin_1 = [SURNAME.as_bytes(), b"\xfc"].concat();
    let delivery = Delivery::<Graphoid>::from_storage(latin_1);
    table.error(&delivery.read().unwrap_err());
    let delivery = Delivery::<Graphoid>::from_storage(BODY);
    table.error(&delivery.json::<HashMap<String, bool>>().unwrap_err());
    let probe = delivery.read_as::<Probe>().unwrap().event;
    assert_eq!(probe.printed, "Json { .. }, Object(Json { .. })");
    table.error(&probe.error);
}

/// An event that prints the value that it is read from.
#[derive(serde::Serialize)]
struct Probe {
    printed: String,
    #[serde(skip)]
    error: ShapeError,
}

impl Event for Probe {
    type Provider = Graphoid;
    const NAMES: &'static [&'static str] = &["lead.won"];

    fn read(_: &str, data: Json<'_>) -> Result<Self, ShapeError> {
        let object = Object::of(data)?.unwrap();
        Ok(Self {
            printed: format!("{data:?}, {object:?}"),
            error: data.read::<HashMap<String, bool>>().unwrap_err(),
        })
    }

    fn name(&self) -> &'static str {
        "lead.won"
    }
}

/// A future that is ready at its first polls.
fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn deduplication(table: &mut Table, delivery: &Delivery<Graphoid>) {
    let store = MemoryStore::with_capacity(1);
    let minute = Duration::from_secs(60);
    let claim: ClaimStatus<_> = block_on(store.claim(delivery.key(), minute)).unwrap();
    table.value(&claim);
    if let ClaimStatus::Acquired(claim) = &claim {
        table.value(claim);
    }
    table.value(&store);
    let dedup = Dedup::new(store);
    table.value(&dedup);
    let full: StoreError = block_on(dedup.once(
        &Delivery::<Graphoid>::from_storage(UNREADABLE),
        ready(Ok::<_, io::Error>(())),
    ))
    .map(|_| ())
    .map_err(|error| match error {
        OnceError::Store(error) => error,
        other => panic!("{other}"),
    })
    .unwrap_err();
    table.error(&full);
    table.error(&OnceError::<io::Error>::Store(full));
    table.value(&Outcome::<()>::AlreadyHandled);

    // The URL of a store has a password.
    for url in [
        format!("redis://:{SECRET}@127.0.0.1:1"),
        format!("redis://jane:{SECRET}@127.0.0.1:1/{PHONE}"),
        format!("http://{SECRET}"),
        SECRET.into(),
    ] {
        table.error(&block_on(RedisStore::connect(&url)).unwrap_err());
    }
    table.value(&redis_store());
    table.error(&SECRET.parse::<Key>().unwrap_err());
}

/// Connects to a server that accepts every password.
fn redis_store() -> RedisStore {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://:{SECRET}@{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut calls = [0; 1024];
        while let Ok(length @ 1..) = client.read(&mut calls) {
            let count = calls[..length].split(|byte| *byte == b'*').count() - 1;
            client.write_all(&b"+OK\r\n".repeat(count)).unwrap();
        }
    });
    block_on(RedisStore::connect(&url)).unwrap()
}

/// Returns the names of the public types and of the public error types. The payload types of
/// `providers` are left out, because they hold the body's content.
fn public_types() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut all, mut types, mut errors) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (path, code) in sources() {
        let mut is_error = false;
        for line in code.lines() {
            let line = line.trim_start();
            is_error |= line.starts_with("#[derive(") && line.contains("thiserror::Error");
            let name = ["pub struct ", "pub enum "]
                .iter()
                .find_map(|start| line.strip_prefix(start))
                .map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap());
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                if is_error {
                    errors.insert(name.to_owned());
                }
                all.insert(name.to_owned());
                if !path.contains("/providers") {
                    types.insert(name.to_owned());
                }
                is_error = false;
            }
            if let Some((_, name)) = line
                .split_once("Error for ")
                .filter(|_| line.starts_with("impl"))
            {
                let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                errors.insert(name.to_owned());
            }
        }
    }
    assert!(types.len() > 25, "{types:?}");
    (types, &errors & &all)
}

/// Returns the path and code of each file under `src`, up to its unit tests.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, sources: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, sources);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
                sources.push((path.to_str().unwrap().replace('\\', "/"), code));
            }
        }
    }
    let mut sources = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut sources,
    );
    sources
}

/// A subscriber that keeps the text and the source line of each event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(String, String)>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("leadhook")
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut line = Line::default();
        attributes.record(&mut line);
        self.0.lock().unwrap().push((String::new(), line.0));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        let place = format!("{}:{}", metadata.file().unwrap(), metadata.line().unwrap());
        self.0.lock().unwrap().push((place, line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

#[test]
fn no_event_logs_a_secret_a_signature_or_personal_data() {
    let log = Log::default();
    with_subscriber(log.clone(), || {
        block_on(async {
            requests().await;
            duplicates().await;
        });
    });

    let table = Table::new();
    let events = log.0.lock().unwrap();
    for (place, line) in events.iter() {
        table.check(&format!("{place}{line}"));
    }

    // Every event that the source can write was written.
    let written: BTreeSet<&str> = events.iter().map(|(place, _)| place.as_str()).collect();
    let root = format!("{}/", env!("CARGO_MANIFEST_DIR"));
    for (path, code) in sources() {
        for (index, line) in code.lines().enumerate() {
            let has_event = ["trace!(", "debug!(", "info!(", "warn!(", "error!("]
                .iter()
                .any(|start| line.contains(start));
            let is_code = !line.trim_start().starts_with("//");
            if has_event && is_code {
                let place = format!("{}:{}", path.strip_prefix(&root).unwrap(), index + 1);
                assert!(
                    written.iter().any(|written| written.ends_with(&place)),
                    "{place} is never written: {line}"
                );
            }
        }
    }
    assert!(written.len() >= 6, "{written:?}");
}

/// Requests with every kind of mistake, through the layer and the extractor.
async fn requests() {
    let [secret, previous] = [SECRET, PREVIOUS].map(secret);
    let receiver = Receiver::<Graphoid>::new(&secret);
    let long = format!("{BODY}{}", EMAIL.repeat(100));
    let signed = |secret: &Secret, body: &str| vec![signed::<Graphoid>(secret, body)];
    let mut duplicate = signed(&secret, BODY);
    duplicate.extend(signed(&previous, BODY));
    let mut encoded = signed(&secret, BODY);
    encoded.push(("content-encoding", format!("gzip, {SURNAME}")));
    let requests = [
        (vec![], BODY),
        (vec![("x-graphoid-signature", SECRET.into())], BODY),
        (vec![("x-graphoid-signature", EMAIL.into())], BODY),
        (duplicate, BODY),
        (encoded, BODY),
        (signed(&previous, BODY), BODY),
        (signed(&secret, &long), &long),
        (signed(&secret, UNREADABLE), UNREADABLE),
        (signed(&secret, UNKNOWN), UNKNOWN),
        (signed(&secret, BODY), BODY),
    ];
    let layer = AuthenticateLayer::new(receiver.clone()).with_body_limit(1000);
    let inner = service_fn(async |request: Request<Full<Bytes>>| {
        let delivery: &Delivery<Graphoid> = request.extensions().get().unwrap();
        let read = delivery.read().map(drop);
        Ok::<_, ()>(match read {
            Ok(()) => Response::<Full<Bytes>>::default(),
            Err(error) => Rejection::unreadable(delivery, error).into(),
        })
    });
    for (headers, body) in requests {
        let request = || {
            let mut request = Request::builder().uri(format!("/?token={SECRET}&{EMAIL}"));
            for (name, value) in &headers {
                request = request.header(*name, value);
            }
            request
        };
        let body = Bytes::copy_from_slice(body.as_bytes());
        let whole = request().body(Full::new(body.clone())).unwrap();
        layer.layer(inner).oneshot(whole).await.unwrap();
        let whole = request().body(Body::from(body)).unwrap();
        let _ = Webhook::<Graphoid>::from_request(whole, &receiver).await;
    }
    let tokens = Receiver::<Tomba>::query_token("token", &previous).unwrap();
    let request = Request::builder().uri(format!("/?token={SECRET}"));
    let request = request.body(BODY.into()).unwrap();
    assert!(
        Webhook::<Tomba>::from_request(request, &tokens)
            .await
            .is_err()
    );
}

/// Each outcome of `once`, and a store that fails.
async fn duplicates() {
    static AHEAD: AtomicU64 = AtomicU64::new(0);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    let start = Instant::now();
    let now = move || start + Duration::from_secs(AHEAD.load(Ordering::Relaxed));
    let key = |text: &'static str| Delivery::<Graphoid>::from_storage(text).key();
    let failure = || io::Error::other(EMAIL);

    let dedup = Dedup::new(MemoryStore::default().with_clock(now)).with_clock(now);
    let handled = dedup.once_as(key(BODY), DAY, ready(Ok::<_, io::Error>(SECRET)));
    assert!(matches!(handled.await, Ok(Outcome::Handled(_))));
    let again = dedup.once_as(key(BODY), DAY, ready(Ok::<_, io::Error>(SECRET)));
    assert!(matches!(again.await, Ok(Outcome::AlreadyHandled)));
    let failed = dedup.once_as(key(UNREADABLE), DAY, ready(Err::<(), _>(failure())));
    assert!(matches!(failed.await, Err(OnceError::Failed(_))));
    let nested = dedup.once_as(key(EMAIL), DAY, async {
        dedup
            .once_as(key(EMAIL), DAY, ready(Ok::<_, io::Error>(())))
            .await
    });
    assert!(matches!(
        nested.await,
        Ok(Outcome::Handled(Outcome::InProgress { .. }))
    ));
    let expired = dedup.once_as(key(SURNAME), DAY, async {
        AHEAD.store(3600, Ordering::Relaxed);
        tokio::task::yield_now().await;
        Ok::<_, io::Error>(())
    });
    assert!(matches!(expired.await, Ok(Outcome::LeaseExpired)));

    let full = Dedup::new(MemoryStore::with_capacity(0));
    let rejected = full.once_as(key(BODY), DAY, ready(Ok::<_, io::Error>(())));
    assert!(matches!(rejected.await, Err(OnceError::Store(_))));
}

/// Returns the document with one value replaced by personal data, or with personal data as a key beside
/// it.
fn changed(document: &Value) -> Vec<Value> {
    let [email, phone, name] = [EMAIL, PHONE, SURNAME];
    let mut all = vec![
        json!(email),
        json!(phone.parse::<u64>().unwrap()),
        json!(1e300),
        json!([email, { name: phone }]),
        json!({ email: { name: phone } }),
        json!(format!("missing field `{email}`")),
    ];
    match document {
        Value::Object(members) => {
            for (key, value) in members {
                for value in changed(value) {
                    let mut members = members.clone();
                    members.insert(key.clone(), value);
                    all.push(members.clone().into());
                    members.insert(email.into(), json!([name]));
                    all.push(members.into());
                }
                let mut members = members.clone();
                let value = members.remove(key).unwrap();
                members.insert(email.into(), value);
                all.push(members.into());
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                for value in changed(value) {
                    let mut list = list.clone();
                    list[index] = value;
                    all.push(list.into());
                }
            }
        }
        _ => {}
    }
    all
}

/// Returns bodies with personal data in a wrong place, incomplete bodies, and bodies that are not JSON.
fn broken(body: &[u8]) -> Vec<String> {
    let mut bodies: Vec<String> = changed(&serde_json::from_slice(body).unwrap())
        .iter()
        .map(Value::to_string)
        .collect();
    let whole = String::from_utf8(body.to_vec()).unwrap();
    for (place, _) in whole.match_indices(['"', ':', ',', '{', '}']) {
        let (before, after) = whole.split_at(place);
        bodies.push(format!("{before}{EMAIL}{after}"));
        bodies.push(format!("{before}\"{EMAIL}"));
    }
    bodies
}

/// Returns all keys in the samples of a provider.
fn keys_of(samples: &[Sample]) -> HashSet<String> {
    fn collect(value: &Value, keys: &mut HashSet<String>) {
        match value {
            Value::Object(object) => object.iter().for_each(|(key, value)| {
                keys.insert(key.clone());
                collect(value, keys);
            }),
            Value::Array(list) => list.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }
    let mut keys = HashSet::new();
    for sample in samples {
        collect(&serde_json::from_slice(&sample.body).unwrap(), &mut keys);
    }
    keys
}

/// Returns whether a path has documented names and indices only.
fn is_documented<E: Event>(path: &str, documented: &HashSet<String>) -> bool {
    let keys = match E::Provider::LAYOUT {
        Layout::Enveloped(_) => ["event", "event_name", "data"].as_slice(),
        _ => &["data", "meta", "errors"],
    };
    path.split('.').all(|segment| {
        let (name, indexes) = segment.split_once('[').unwrap_or((segment, "0]"));
        let indexes = indexes.strip_suffix(']').is_some_and(|indexes| {
            indexes
                .split("][")
                .all(|index| index.parse::<usize>().is_ok())
        });
        indexes && (matches!(name, "*" | "") || keys.contains(&name) || documented.contains(name))
    })
}

fn tell_nothing_of<E: Event>(samples: &[Sample]) -> usize {
    let mut shapes = 0;
    let documented = keys_of(samples);
    for Sample { path, body } in samples {
        for body in broken(body) {
            let Err(error) = Delivery::<E::Provider>::from_storage(body).read_as::<E>() else {
                continue;
            };
            for printed in [
                error.to_string(),
                format!("{error:?}"),
                format!("{error:#?}"),
            ] {
                for personal in [EMAIL, PHONE, SURNAME, "jane", "private", "@"] {
                    assert!(!printed.contains(personal), "{path}: {printed}");
                }
            }
            if let ReadError::UnexpectedShape { event, path, .. } = &error {
                shapes += 1;
                assert!(is_documented::<E>(path, &documented), "{path}");
                assert!(event.is_none_or(|event| E::NAMES.contains(&event)));
            }
        }
    }
    shapes
}

#[test]
fn read_errors_quote_nothing_from_the_body() {
    assert!(tell_nothing_of::<GraderEvent>(&samples("grader")) > 0);
    assert!(tell_nothing_of::<GraphoidEvent>(&samples("graphoid")) > 0);
    let scoreapp: Vec<_> = samples("scoreapp")
        .into_iter()
        .filter(|sample| sample.path.ends_with("quiz_finished"))
        .collect();
    assert!(tell_nothing_of::<ScoreAppEvent>(&scoreapp) > 0);
    let tomba = samples("tomba");
    // A body that is recognized by its shape, and can't be read, is an unknown event.
    assert_eq!(tell_nothing_of::<TombaEvent>(&tomba), 0);
    let of = |name: &str| -> Vec<Sample> {
        samples("tomba")
            .into_iter()
            .filter(|sample| sample.path.contains(name))
            .collect()
    };
    assert!(tell_nothing_of::<LookupResult<EmailVerifier>>(&of("email_verifier_2025")) > 0);
    assert!(tell_nothing_of::<SaveLead>(&of("save_lead")) > 0);
    assert!(tell_nothing_of::<LookupResult<PhoneFinder>>(&of("phone_finder_2025")) > 0);
}

#[test]
fn a_key_that_is_not_documented_is_a_star() {
    #[derive(serde::Deserialize, Debug)]
    #[expect(dead_code, reason = "only read")]
    struct Own {
        jane_roe: HashMap<String, u8>,
    }
    let delivery =
        Delivery::<Graphoid>::from_storage(r#"{"jane_roe":{"jane@private.example":"x"}}"#);
    let error = delivery.json::<Own>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "unexpected shape at `jane_roe.*` (line 1, column 37)"
    );
}
