//! One table of cases, which the plain receiver and every adapter run: a request, and what must come
//! of it. The endpoints that they are sent to are here, too.

use std::{fmt, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use leadhook::{
    Event, Grader, Graphoid, MalformedSignature, Provider, ReadError, Receiver, ScoreApp, Secret,
    Tomba,
    VerifyError::{self, *},
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{EmailVerifier, LookupResult, SaveLead, TombaEvent},
};
use sha2::Sha256;

use crate::support::{not_hex, wrong_length};

/// The limit to a body that every adapter is given.
#[allow(dead_code, reason = "the plain receiver has none")]
pub(crate) const LIMIT: usize = 64 * 1024;

/// A request, and what must come of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    /// Why that must come of it.
    #[allow(dead_code, reason = "it is for who reads the table, or a failure")]
    pub(crate) reason: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Where,
    pub(crate) expected: Expected,
}

/// Where a case can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Where {
    /// In the plain receiver and over HTTP.
    Everywhere,
    /// In the plain receiver only: HTTP changes what arrives.
    Core,
    /// Over HTTP only: the plain receiver knows nothing of it.
    Http,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Status 200, and the event is called so.
    Accepted(&'static str),
    /// This status, for this kind of rejection.
    Rejected(u16, Kind),
}

/// `leadhook::RejectionKind`, which is there with the adapters only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Verify(VerifyError),
    Read(ReadError),
    UnsupportedEncoding,
    BodyTooLarge,
}

/// A kind of rejection as text, without an age: that grows while the test runs.
pub(crate) fn shown(kind: &impl fmt::Debug) -> String {
    let mut text = format!("{kind:?}");
    if let Some(age) = text.find(" { seconds: ") {
        text.truncate(age);
    }
    text
}

/// Collects every endpoint: its path, its receiver, and the type that its deliveries are read as.
pub(crate) trait Endpoints {
    fn add<P: Provider, E: Event<Provider = P> + Send + 'static>(
        &mut self,
        path: &'static str,
        receiver: Receiver<P>,
    );
}

pub(crate) fn endpoints(endpoints: &mut impl Endpoints) {
    endpoints.add::<Grader, GraderEvent>(
        GRADER.path,
        Receiver::new(&secret(GRADER.secret)).with_previous(&secret(GRADER.previous)),
    );
    endpoints.add::<Graphoid, GraphoidEvent>(
        GRAPHOID.path,
        Receiver::new(&secret(GRAPHOID.secret)).with_previous(&secret(GRAPHOID.previous)),
    );
    endpoints.add::<ScoreApp, ScoreAppEvent>(
        SCOREAPP.path,
        Receiver::new(&secret(SCOREAPP.secret)).with_previous(&secret(SCOREAPP.previous)),
    );
    endpoints.add::<ScoreApp, ScoreAppEvent>(
        "/scoreapp/second",
        Receiver::new(&secret("the second account's")).with_scope("second"),
    );
    endpoints.add::<Graphoid, GraphoidEvent>(
        "/graphoid/aged",
        Receiver::new(&secret(GRAPHOID.secret))
            .with_max_age(Duration::from_secs(300))
            .with_max_clock_skew(Duration::from_secs(300)),
    );
    endpoints.add::<Tomba, SaveLead>(
        "/tomba/save-lead",
        Receiver::header_token("X-Webhook-Token", &secret(TOKEN))
            .with_previous(&secret("the previous token")),
    );
    endpoints.add::<Tomba, LookupResult<EmailVerifier>>(
        "/tomba/email-verifier",
        Receiver::query_token("token", &secret(TOKEN)).with_previous(&secret("the previous token")),
    );
    endpoints.add::<Tomba, LookupResult<EmailVerifier>>(
        "/tomba/bytes",
        Receiver::query_token("token", &Secret::from_bytes(b"\xff\xfe+a").unwrap()),
    );
    endpoints.add::<Tomba, LookupResult<EmailVerifier>>(
        "/tomba/replaced",
        Receiver::query_token("token", &secret("\u{fffd}\u{fffd}+a")),
    );
    endpoints.add::<Tomba, TombaEvent>("/tomba/open", Receiver::unauthenticated());
}

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

const TOKEN: &str = "0123456789abcdef";

/// A provider that signs.
#[derive(Clone, Copy)]
pub(crate) struct SigningProvider {
    pub(crate) path: &'static str,
    pub(crate) header: &'static str,
    pub(crate) prefix: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) previous: &'static str,
    pub(crate) body: &'static str,
    pub(crate) event: &'static str,
}

pub(crate) const GRADER: SigningProvider = SigningProvider {
    path: "/grader",
    header: "x-grader-signature",
    prefix: "",
    secret: "grader's secret",
    previous: "grader's previous secret",
    body: r#"{"event":"submission.scored","webhook_id":"wh_abc123","timestamp":"2023-10-15T14:30:00Z","data":{"submission":{"id":"sub_xyz789","score":87,"grade":"hot","form_data":{"email":"ann.lee@example.com"}}}}"#,
    event: "submission.scored",
};

pub(crate) const GRAPHOID: SigningProvider = SigningProvider {
    path: "/graphoid",
    header: "x-graphoid-signature",
    prefix: "sha256=",
    secret: "graphoid's secret",
    previous: "graphoid's previous secret",
    body: r#"{"id":"evt_9pQrXy2k","event":"lead.won","timestamp":"2026-04-03T14:22:00Z","workspace_id":"ws_7hGt","api_version":"v2","data":{"lead":{"id":"lead_4mNp","name":"Acme Corp","value":45000}}}"#,
    event: "lead.won",
};

pub(crate) const SCOREAPP: SigningProvider = SigningProvider {
    path: "/scoreapp",
    header: "scoreapp-signature",
    prefix: "",
    secret: "12345",
    previous: "scoreapp's previous secret",
    body: r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1e11c712-c4f7-48e9-8bc7-7d86ea273a6f","email":"ann.lee@example.com","report":"https:\/\/example.com\/results\/1\/pdf","total_score":{"actual":"67.00","percent":67,"tier":"H\u00f6chstwert"}}}"#,
    event: "QUIZ_FINISHED",
};

const SIGNING_PROVIDERS: [SigningProvider; 3] = [GRADER, GRAPHOID, SCOREAPP];

const SAVE_LEAD: &str =
    r#"{"data":{"email":"ann.lee@example.com","website":"","notes":"","score":0}}"#;
const VERIFIED: &str =
    r#"{"data":{"email":{"email":"ann.lee@example.com","status":"valid"},"sources":[]}}"#;

impl SigningProvider {
    /// The header's value, made without the crate.
    pub(crate) fn sign(&self, secret: &str, body: &[u8]) -> String {
        format!("{}{}", self.prefix, digits(secret, body))
    }

    /// The provider's request with this body, signed.
    pub(crate) fn case(&self, id: &str, reason: &'static str, body: impl Into<Vec<u8>>) -> Case {
        let body = body.into();
        let signature = self.sign(self.secret, &body);
        Case {
            id: format!("{}/{id}", self.path),
            reason,
            path: self.path,
            query: None,
            headers: vec![(self.header, signature.into())],
            body,
            at: Where::Everywhere,
            expected: Expected::Accepted(self.event),
        }
    }
}

fn digits(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}

/// A request of Tomba to an endpoint that takes a token.
fn tomba(path: &'static str, id: &str, reason: &'static str) -> Case {
    let is_save_lead = path == "/tomba/save-lead";
    Case {
        id: format!("{path}/{id}"),
        reason,
        path,
        query: None,
        headers: vec![],
        body: if is_save_lead { SAVE_LEAD } else { VERIFIED }.into(),
        at: Where::Everywhere,
        expected: Expected::Accepted(if is_save_lead {
            "save_lead"
        } else {
            "email-verifier"
        }),
    }
}

impl Case {
    fn to(self, path: &'static str) -> Self {
        Self {
            id: self.id.replacen(self.path, path, 1),
            path,
            ..self
        }
    }

    fn query(self, query: &'static str) -> Self {
        Self {
            query: Some(query),
            ..self
        }
    }

    fn body(self, body: &str) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn headers(self, headers: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self { headers, ..self }
    }

    fn only(self, at: Where) -> Self {
        Self { at, ..self }
    }

    fn accepted(self, event: &'static str) -> Self {
        Self {
            expected: Expected::Accepted(event),
            ..self
        }
    }

    fn rejected(self, status: u16, kind: Kind) -> Self {
        Self {
            expected: Expected::Rejected(status, kind),
            ..self
        }
    }

    fn unauthentic(self, error: VerifyError) -> Self {
        self.rejected(401, Kind::Verify(error))
    }

    fn unreadable(self, error: ReadError) -> Self {
        self.rejected(400, Kind::Read(error))
    }

    fn unknown_shape(self, event: &'static str, path: &str, column: usize) -> Self {
        self.rejected(
            422,
            Kind::Read(ReadError::UnexpectedShape {
                event: Some(event),
                path: path.into(),
                line: 1,
                column,
            }),
        )
    }

    fn encoded(self) -> Self {
        self.rejected(415, Kind::UnsupportedEncoding)
            .only(Where::Http)
    }
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for provider in SIGNING_PROVIDERS {
        cases.extend(good(provider));
        cases.extend(presence(provider));
        cases.extend(grammar(provider));
        cases.extend(signature(provider));
        cases.extend(encoding(provider));
        cases.extend(body(provider));
    }
    cases.extend(shapes());
    cases.extend(ages());
    cases.extend(header_token());
    cases.extend(query_token());
    cases.extend(unauthenticated());
    cases
}

#[rustfmt::skip] // a case a line
fn good(provider: SigningProvider) -> Vec<Case> {
    let case = |id, reason| provider.case(id, reason, provider.body);
    let with = |id, reason, name, value: &str| case(id, reason).header(name, value);
    let sign = |secret| provider.sign(secret, provider.body.as_bytes());
    vec![
        case("good", "it is what the provider sends"),
        case("upper-case-digits", "hex digits have no case").headers(vec![(
            provider.header,
            (provider.prefix.to_owned() + &digits(provider.secret, provider.body.as_bytes()).to_uppercase())
                .into(),
        )]),
        case("mixed-case-digits", "hex digits have no case").headers(vec![(
            provider.header,
            sign(provider.secret).replace('b', "B").replace('d', "D").into(),
        )]),
        case("previous-secret", "it is accepted while the provider changes to the new one")
            .headers(vec![(provider.header, sign(provider.previous).into())]),
        with("text", "the type says nothing about the bytes", "content-type", "text/plain"),
        with("utf-16", "a charset changes no bytes", "content-type", "application/json; charset=utf-16"),
        with("form", "curl -d labels JSON so", "content-type", "application/x-www-form-urlencoded"),
        with("identity", "it is no encoding", "content-encoding", "identity"),
        with("Identity", "encodings have no case", "content-encoding", "Identity"),
        with("another-header", "it is not the provider's header", "x-hub-signature-256", "sha256=00"),
        case("a-query", "nothing is expected there").query("token=0"),
    ]
}

#[rustfmt::skip] // a case a line
fn presence(provider: SigningProvider) -> Vec<Case> {
    let good = provider.sign(provider.secret, provider.body.as_bytes());
    let forged = provider.sign("a guess", provider.body.as_bytes());
    let case = |id, reason, headers: &[(&'static str, &str)]| {
        let headers = headers.iter().map(|&(name, value)| (name, value.into()));
        provider.case(id, reason, provider.body).headers(headers.collect())
    };
    let missing = |id, reason, headers: &[_]| case(id, reason, headers).unauthentic(MissingSignature);
    let name = provider.header;
    let repeated = |id, reason, first: &str, second: &str| {
        case(id, reason, &[(name, first), (name, second)]).unauthentic(DuplicateSignature)
    };
    vec![
        missing("unsigned", "nobody signed it", &[]),
        missing("other-header", "no other header stands in", &[("x-hub-signature-256", &good)]),
        missing("longer-name", "a name is not a prefix", &[("scoreapp-signature-2", &good)]),
        missing("authorization", "no other header stands in", &[("authorization", &good)]),
        missing("in-the-query", "a signature is in the header", &[]).query("signature=0"),
        repeated("good-forged", "a proxy might look at the other one", &good, &forged),
        repeated("forged-good", "a proxy might look at the other one", &forged, &good),
        repeated("good-good", "one was expected, equal or not", &good, &good),
        repeated("good-empty", "one was expected, of any form", &good, ""),
        repeated("empty-good", "one was expected, of any form", "", &good),
    ]
}

#[rustfmt::skip] // a case a line
fn grammar(provider: SigningProvider) -> Vec<Case> {
    use MalformedSignature::*;

    let is_bare = provider.prefix.is_empty();
    let prefix = provider.prefix;
    let right = digits(provider.secret, provider.body.as_bytes());
    let right = right.as_str();
    let good = format!("{prefix}{right}");
    let good = good.as_str();
    let case = |id, reason, value: &[u8], malformed| {
        provider
            .case(id, reason, provider.body)
            .headers(vec![(provider.header, value.into())])
            .unauthentic(MalformedSignature(malformed))
    };
    let text = |id, reason, value: String, malformed| case(id, reason, value.as_bytes(), malformed);
    let either = |bare: MalformedSignature, prefixed| if is_bare { bare } else { prefixed };
    let of_other_scheme = if is_bare { format!("sha256={right}") } else { right.to_owned() };

    let mut cases = vec![
        text("empty", "it is no signature", String::new(), Empty),
        text("63-digits", "a signature is 64", format!("{prefix}{}", &right[..63]), wrong_length(63)),
        text("65-digits", "a signature is 64", format!("{good}0"), wrong_length(65)),
        text("62-digits", "whole bytes are not enough", format!("{prefix}{}", &right[..62]), wrong_length(62)),
        text("32-digits", "a truncated signature proves less", format!("{prefix}{}", &right[..32]), wrong_length(32)),
        text("128-digits", "one was expected", format!("{good}{right}"), wrong_length(128)),
        text("8-KiB", "no length is copied or decoded", format!("{prefix}{}", "a".repeat(8192)), wrong_length(8192)),
        text("not-hex-at-the-start", "g is no digit", format!("{prefix}g{}", &right[1..]), not_hex(0)),
        text("not-hex-at-the-end", "g is no digit", format!("{good:.0$}g", good.len() - 1), not_hex(63)),
        text("plus-sign", "a number's sign is no digit", format!("{prefix}+f{}", &right[2..]), not_hex(0)),
        text("0x", "it is no digit pair", format!("{prefix}0x{right}"), not_hex(1)),
        text("0x-of-64", "it is no digit pair", format!("{prefix}0x{}", &right[2..]), not_hex(1)),
        text("colons", "digits stand without separators", format!("{prefix}{}:{}", &right[..2], &right[2..]), not_hex(2)),
        text("double-quotes", "quotes are no digits", format!("\"{good}\""), Quoted),
        text("single-quotes", "quotes are no digits", format!("'{good}'"), Quoted),
        text("space-inside", "no white space is skipped", format!("{prefix}{} {}", &right[..32], &right[32..]), Whitespace),
        text("tab-inside", "no white space is skipped", format!("{prefix}{}\t{}", &right[..32], &right[32..]), Whitespace),
        text("comma-joined", "a proxy may have joined two headers", format!("{good},{good}"), List),
        text("comma-joined-forged", "a proxy may have joined two headers", format!("{good},{prefix}{}", "0".repeat(64)), List),
        text("comma-at-the-end", "it is a list of one", format!("{good},"), List),
        text("base64", "hex was expected", "XrY7u+Ae7tCTyyK7j1rNww86JXnCu1eS9YIyEBDoJ6Q=".into(), Base64),
        text("prefixed-base64", "hex was expected", "sha256=XrY7u+Ae7tCTyyK7j1rNww86JXnCu1eS9YIyEBDoJ6Q=".into(), Base64),
        text("short-base64", "it is not the form of 32 bytes", "c2hvcnQ=".into(), OtherAlgorithm),
        text("other-scheme", "the provider's scheme is a fact about it", of_other_scheme, either(UnexpectedPrefix, MissingPrefix)),
        text("prefix-alone", "a prefix is no signature", "sha256=".into(), either(UnexpectedPrefix, wrong_length(0))),
        text("prefix-twice", "a prefix is taken off once", format!("sha256=sha256={right}"), DuplicatePrefix),
        text("SHA256=", "a prefix is in lower case", format!("SHA256={right}"), either(UnexpectedPrefix, PrefixCase)),
        text("sha1=", "the request does not pick the algorithm", format!("sha1={}", &right[..40]), OtherAlgorithm),
        text("sha512=", "the request does not pick the algorithm", format!("sha512={right}{right}"), OtherAlgorithm),
        text("md5=", "the request does not pick the algorithm", format!("md5={}", &right[..32]), OtherAlgorithm),
        text("none=", "the request does not pick the algorithm", format!("none={right}"), OtherAlgorithm),
        text("=", "an empty algorithm is another one", format!("={right}"), OtherAlgorithm),
        text("v1=", "it is another provider's scheme", format!("t=1,v1={right}"), List),
        text("hyphenated-prefix", "a prefix is written exactly", format!("sha-256={right}"), OtherAlgorithm),
        text("full-width-digits", "they are no ASCII", format!("{prefix}{}", "\u{ff11}".repeat(64)), NotAscii),
        text("full-width-digit-for-three", "it is three bytes", format!("{prefix}\u{ff11}{}", &right[3..]), NotAscii),
        case("latin-1", "it is neither ASCII nor UTF-8", &[prefix.as_bytes(), &[0xe9; 64]].concat(), NotAscii),
        case("last-byte-ff", "it is no ASCII", &[&good.as_bytes()[..good.len() - 1], &[0xff]].concat(), NotAscii),
        text("NUL-inside", "a text doesn't end there", format!("{good:.0$}\0", good.len() - 1), not_hex(63)).only(Where::Core),
        text("NUL-at-the-end", "a text doesn't end there", format!("{good}\0"), not_hex(64)).only(Where::Core),
        text("line-feed-at-the-end", "no white space is skipped", format!("{good}\n"), Whitespace).only(Where::Core),
    ];
    for (id, value) in [
        ("space-before", format!(" {good}")),
        ("space-after", format!("{good} ")),
        ("tab-before", format!("\t{good}")),
        ("tab-after", format!("{good}\t ")),
    ] {
        let plain = text(id, "no white space is skipped", value.clone(), Whitespace);
        cases.push(plain.only(Where::Core));
        let over_http = provider.case(id, "HTTP takes it off: it is no part of a value", provider.body);
        let headers = vec![(provider.header, value.into())];
        cases.push(over_http.headers(headers).only(Where::Http));
    }
    cases
}

#[rustfmt::skip] // a case a line
fn signature(provider: SigningProvider) -> Vec<Case> {
    let case = |id: &str, reason, signature: String| {
        provider
            .case(id, reason, provider.body)
            .headers(vec![(provider.header, signature.into())])
            .unauthentic(SignatureMismatch)
    };
    let body = provider.body.as_bytes();
    let others = SIGNING_PROVIDERS.into_iter().filter(|other| other.path != provider.path);
    let mut cases = vec![
        case("guessed-secret", "it is not the provider's", provider.sign("a guess", body)),
        case("empty-secret", "anyone could sign so", provider.sign("", body)),
        case("zeros", "a signature is no guess", format!("{}{}", provider.prefix, "0".repeat(64))),
        case("secret-with-line-feed", "a secret is its bytes", provider.sign(&format!("{}\n", provider.secret), body)),
        case("other-body", "it was signed for another body", provider.sign(provider.secret, b"{}")),
        case("empty-body-signed", "it was signed for another body", provider.sign(provider.secret, b"")),
        case("without-the-last-byte", "every byte is signed", provider.sign(provider.secret, &body[..body.len() - 1])),
        case("with-one-more-byte", "every byte is signed", provider.sign(provider.secret, &[body, b"\n"].concat())),
        case("signed-twice", "the signature is not the body", provider.sign(provider.secret, digits(provider.secret, body).as_bytes())),
        case("changed-body", "every byte is signed", provider.sign(provider.secret, body)).body(&provider.body.replacen(':', ": ", 1)),
        case("changed-case", "every byte is signed", provider.sign(provider.secret, body)).body(&provider.body.replacen("data", "Data", 1)),
        case("not-json-forged", "nothing is parsed before it is authentic", provider.sign("a guess", b"{")).body("{"),
        case("deep-forged", "nothing is parsed before it is authentic", provider.sign("a guess", body)).body(&"[".repeat(60_000)),
    ];
    cases.extend(others.map(|other| {
        case(&format!("signed-by{}", other.path), "each provider has a secret of its own", provider.sign(other.secret, body))
    }));
    cases
}

#[rustfmt::skip] // a case a line
fn encoding(provider: SigningProvider) -> Vec<Case> {
    let case = |id, reason, encodings: &[&str]| {
        encodings
            .iter()
            .fold(provider.case(id, reason, provider.body), |case, &encoding| {
                case.header("content-encoding", encoding)
            })
            .encoded()
    };
    let unknown = "what a signature covers then is not known";
    vec![
        case("gzip", unknown, &["gzip"]),
        case("GZIP", "encodings have no case", &["GZIP"]),
        case("br", unknown, &["br"]),
        case("deflate", unknown, &["deflate"]),
        case("zstd", unknown, &["zstd"]),
        case("unknown-encoding", unknown, &["x-lead"]),
        case("encoding-list", "one of them is not identity", &["identity, gzip"]),
        case("encoding-list-of-identity", "it is not exactly identity", &["identity, identity"]),
        case("empty-encoding", "it is not identity", &[""]),
        case("non-ascii-encoding", "it is not identity", &["gz\u{ef}p"]),
        case("second-encoding", "every value counts", &["identity", "gzip"]),
        case("first-encoding", "every value counts", &["gzip", "identity"]),
        case("gzip-unsigned", "the encoding is looked at first", &["gzip"])
            .headers(vec![("content-encoding", b"gzip".to_vec())]),
    ]
}

#[rustfmt::skip] // a case a line
fn body(provider: SigningProvider) -> Vec<Case> {
    let case = |id, reason, body: &[u8]| provider.case(id, reason, body);
    let name = if provider.header == SCOREAPP.header { "event_name" } else { "event" };
    let with_name = |value: &str| format!(r#"{{"{name}":{value},"data":{{}}}}"#).into_bytes();
    let bytes = provider.body.as_bytes();
    let not_json = |column| ReadError::NotJson { line: 1, column };
    let over_limit = |id, reason| {
        let padding = LIMIT + 1 - bytes.len();
        case(id, reason, &[bytes, &b" ".repeat(padding)].concat())
            .rejected(413, Kind::BodyTooLarge)
            .only(Where::Http)
    };
    vec![
        case("white-space", "JSON may stand in white space", &[b"\r\n\t ", bytes, b"\r\n"].concat()),
        case("unknown-event", "a new event is no error", &with_name(r#""lead.teleported""#)).accepted("lead.teleported"),
        case("empty-event", "a name is any text", &with_name(r#""""#)).accepted(""),
        case("escaped-event", "escapes are spelling", &with_name(r#""\u006cead\u002ex""#)).accepted("lead.x"),
        case("at-the-limit", "the limit is inclusive", &[bytes, &b" ".repeat(LIMIT - bytes.len())].concat()),
        over_limit("over-the-limit", "the limit holds for signed bodies, too"),
        over_limit("over-the-limit-unsigned", "the header is looked at before the body")
            .headers(vec![]).unauthentic(MissingSignature),
        over_limit("over-the-limit-gzip", "the encoding is looked at before the body")
            .header("content-encoding", "gzip").encoded(),
        case("empty-body", "nothing is no JSON", b"").unreadable(not_json(0)),
        case("broken-off-json", "half a JSON is none", &bytes[..bytes.len() - 1]).unreadable(not_json(bytes.len() - 1)),
        case("text-after", "one JSON was expected", &[bytes, b"x"].concat()).unreadable(not_json(bytes.len() + 1)),
        case("two-jsons", "one JSON was expected", &[bytes, bytes].concat()).unreadable(not_json(bytes.len() + 1)),
        case("form-body", "a form is no JSON", b"event=lead.won").unreadable(not_json(1)),
        case("byte-order-mark", "JSON has none", &["\u{feff}".as_bytes(), bytes].concat()).unreadable(not_json(1)),
        case("nan", "JSON has none", &with_name("NaN")).unreadable(not_json(name.len() + 5)),
        case("not-utf-8", "JSON is UTF-8", b"{\"\xff\":0}").unreadable(ReadError::NotUtf8 { index: 2 }),
        case("latin-1-value", "JSON is UTF-8", b"{\"a\":\"M\xfcller\"}").unreadable(ReadError::NotUtf8 { index: 7 }),
        case("utf-16-body", "JSON is UTF-8", b"\xff\xfe{\0}\0").unreadable(ReadError::NotUtf8 { index: 0 }),
        case("array", "an envelope is an object", b"[]").unreadable(ReadError::NotAnObject),
        case("null", "an envelope is an object", b"null").unreadable(ReadError::NotAnObject),
        case("string", "an envelope is an object", b"\"lead.won\"").unreadable(ReadError::NotAnObject),
        case("no-event", "an envelope names its event", br#"{"data":{}}"#).unreadable(ReadError::MissingEventName { key: name }),
        case("empty-object", "an envelope names its event", b"{}").unreadable(ReadError::MissingEventName { key: name }),
        case("number-for-event", "a name is text", &with_name("1")).unreadable(ReadError::MissingEventName { key: name }),
        case("null-for-event", "a name is text", &with_name("null")).unreadable(ReadError::MissingEventName { key: name }),
        case("event-in-another-case", "keys have a case", br#"{"EVENT":"lead.won"}"#).unreadable(ReadError::MissingEventName { key: name }),
        case("event-twice", "two readers could read two events", format!(r#"{{"{name}":"a","{name}":"b"}}"#).as_bytes())
            .unreadable(ReadError::DuplicateKey { key: name }),
        case("event-twice-escaped", "escapes are spelling", format!(r#"{{"{name}":"a","\u0065{}":"b"}}"#, &name[1..]).as_bytes())
            .unreadable(ReadError::DuplicateKey { key: name }),
        case("data-twice", "two readers could read two leads", format!(r#"{{"{name}":"a","data":{{}},"data":{{}}}}"#).as_bytes())
            .unreadable(ReadError::DuplicateKey { key: "data" }),
        case("unknown-key-twice", "nobody reads it", format!(r#"{{"{name}":"a","x":1,"x":2}}"#).as_bytes()).accepted("a"),
        case("deep", "its depth is not known to be harmless", &[b"[".repeat(10_000), b"]".repeat(10_000)].concat())
            .unreadable(ReadError::NotAnObject),
    ]
}

#[rustfmt::skip] // a case a line
fn shapes() -> Vec<Case> {
    let container = "the container and its identity are required";
    vec![
        GRADER.case("no-data", container, r#"{"event":"submission.scored"}"#)
            .unknown_shape("submission.scored", "data", 1),
        GRADER.case("no-id", container, r#"{"event":"submission.scored","data":{"submission":{"score":1}}}"#)
            .unknown_shape("submission.scored", "data.submission.id", 51),
        GRADER.case("flat", "the webhook tester sends this shape", r#"{"event":"submission.scored","data":{"submission_id":"sub_1","score":87}}"#),
        GRADER.case("numeric-id", "an id may be a number", r#"{"event":"submission.scored","webhook_id":7,"data":{"submission_id":"sub_1"}}"#),
        GRADER.case("untyped-event", "its data is not documented", r#"{"event":"grader.paused","data":[1,null]}"#)
            .accepted("grader.paused"),
        GRAPHOID.case("no-lead", container, r#"{"event":"lead.won","data":{}}"#)
            .unknown_shape("lead.won", "data.lead", 28),
        GRAPHOID.case("lead-is-text", container, r#"{"event":"lead.won","data":{"lead":"ann.lee@example.com"}}"#)
            .unknown_shape("lead.won", "data.lead", 36),
        GRAPHOID.case("data-first", "keys have no order", r#"{"data":{"lead":{"id":"lead_1"}},"event":"lead.won"}"#),
        GRAPHOID.case("unreadable-timestamp", "what stands beside the event does not fail it", r#"{"event":"lead.won","timestamp":"tomorrow","data":{"lead":{"id":"lead_1"}}}"#),
        SCOREAPP.case("no-id", container, r#"{"event_name":"QUIZ_STARTED","data":{"email":"ann.lee@example.com"}}"#)
            .unknown_shape("QUIZ_STARTED", "data.id", 37),
        SCOREAPP.case("responses-are-text", "an optional value in an unexpected form is left out", r#"{"event_name":"QUIZ_STARTED","data":{"id":"1","quiz_questions":"none"}}"#)
            .accepted("QUIZ_STARTED"),
        SCOREAPP.case("number-as-text", "ScoreApp sends points as text", r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1","total_score":{"actual":"67.00","percent":"67"}}}"#),
        SCOREAPP.case("empty-list-for-object", "PHP writes an empty object so", r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1","total_score":[]}}"#),
        SCOREAPP.case("second-account", "its secret is not the first account's", SCOREAPP.body)
            .to("/scoreapp/second").unauthentic(SignatureMismatch),
        SCOREAPP.case("second-account-good", "it is signed with the second account's secret", SCOREAPP.body)
            .to("/scoreapp/second")
            .headers(vec![(SCOREAPP.header, digits("the second account's", SCOREAPP.body.as_bytes()).into())]),
    ]
}

#[rustfmt::skip] // a case a line
fn ages() -> Vec<Case> {
    let case = |id, reason, body: &str| GRAPHOID.case(id, reason, body).to("/graphoid/aged");
    vec![
        case("no-timestamp", "a limit needs a time", r#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#)
            .unreadable(ReadError::MissingTimestamp),
        case("unreadable-timestamp", "a limit needs a time", r#"{"event":"lead.won","timestamp":"NaN","data":{"lead":{"id":"lead_1"}}}"#)
            .unreadable(ReadError::MissingTimestamp),
        case("too-old", "it is years old", r#"{"event":"lead.won","timestamp":"2020-01-01T00:00:00Z","data":{"lead":{"id":"lead_1"}}}"#)
            .unreadable(ReadError::TooOld { seconds: 0 }),
        case("too-new", "it is a lifetime ahead", r#"{"event":"lead.won","timestamp":"2120-01-01T00:00:00Z","data":{"lead":{"id":"lead_1"}}}"#)
            .unreadable(ReadError::FromFuture { seconds: 0 }),
    ]
}

#[rustfmt::skip] // a case a line
fn header_token() -> Vec<Case> {
    const NAME: &str = "x-webhook-token";
    let case = |id, reason, values: &[&[u8]]| {
        let headers = values.iter().map(|value| (NAME, value.to_vec()));
        tomba("/tomba/save-lead", id, reason).headers(headers.collect())
    };
    let good = TOKEN.as_bytes();
    let wrong = |id, reason, value: &[u8]| case(id, reason, &[value]).unauthentic(TokenMismatch);
    vec![
        case("good", "it is the token", &[good]),
        case("previous", "it is accepted while the provider changes to the new one", &[b"the previous token"]),
        case("missing", "nobody proved anything", &[]).unauthentic(MissingToken),
        case("in-the-query", "the token is in the header", &[]).query("x-webhook-token=0123456789abcdef").unauthentic(MissingToken),
        case("good-wrong", "one was expected", &[good, b"0"]).unauthentic(DuplicateToken),
        case("wrong-good", "one was expected", &[b"0", good]).unauthentic(DuplicateToken),
        case("good-good", "one was expected, equal or not", &[good, good]).unauthentic(DuplicateToken),
        wrong("empty", "it is another token", b""),
        wrong("shorter", "all of it is compared", &good[..15]),
        wrong("longer", "all of it is compared", b"0123456789abcdef0"),
        wrong("same-length", "all of it is compared", b"0123456789abcdee"),
        wrong("other-case", "a token has a case", b"0123456789ABCDEF"),
        wrong("bearer", "a token is its bytes", b"Bearer 0123456789abcdef"),
        wrong("quoted", "a token is its bytes", b"\"0123456789abcdef\""),
        wrong("joined", "one was expected", b"0123456789abcdef,0123456789abcdef"),
        wrong("not-ascii", "a token is its bytes", b"\xff\xfe"),
        wrong("8-KiB", "no length matters", &[b'0'; 8192]),
        case("gzip", "what is in the body is not known", &[good]).header("content-encoding", "gzip").encoded(),
        case("not-json", "a token says nothing about the body", &[good]).body("{").unreadable(ReadError::NotJson { line: 1, column: 1 }),
        case("not-json-unauthentic", "nothing is parsed before it is authentic", &[]).body("{").unauthentic(MissingToken),
        case("other-type", "no value of a lead is required", &[good]).body(VERIFIED).accepted("save_lead"),
    ]
}

#[rustfmt::skip] // a case a line
fn query_token() -> Vec<Case> {
    let case = |id, reason, query| tomba("/tomba/email-verifier", id, reason).query(query);
    let http = |id, reason, query| case(id, reason, query).only(Where::Http);
    let missing = |id, reason, query| case(id, reason, query).unauthentic(MissingToken);
    let wrong = |id, reason, query| case(id, reason, query).unauthentic(TokenMismatch);
    let repeated = |id, reason, query| case(id, reason, query).unauthentic(DuplicateToken);
    vec![
        case("good", "it is the token", "token=0123456789abcdef"),
        case("good-among-others", "other parameters are not asked for", "a=b&token=0123456789abcdef&c"),
        http("percent-encoded", "a query is decoded", "%74oken=%30123456789abcdef"),
        http("previous", "a plus is a space", "token=the+previous%20token"),
        tomba("/tomba/email-verifier", "no-query", "nobody proved anything").unauthentic(MissingToken),
        missing("empty-query", "nobody proved anything", ""),
        missing("other-parameter", "no other parameter stands in", "key=0123456789abcdef"),
        missing("longer-name", "a name is not a prefix", "token2=0123456789abcdef"),
        missing("other-case-name", "a parameter's name has a case", "Token=0123456789abcdef"),
        missing("semicolon", "only an ampersand separates", "a=b;token=0123456789abcdef"),
        tomba("/tomba/email-verifier", "in-the-header", "the token is in the query")
            .header("token", TOKEN).unauthentic(MissingToken),
        repeated("good-wrong", "one was expected", "token=0123456789abcdef&token=0"),
        repeated("wrong-good", "one was expected", "token=0&token=0123456789abcdef"),
        repeated("good-good", "one was expected, equal or not", "token=0123456789abcdef&token=0123456789abcdef"),
        repeated("encoded-name", "a name is decoded before it is compared", "token=0123456789abcdef&%74oken=0").only(Where::Http),
        wrong("empty", "it is another token", "token="),
        wrong("no-value", "it is another token", "token"),
        wrong("shorter", "all of it is compared", "token=0123456789abcde"),
        wrong("longer", "all of it is compared", "token=0123456789abcdef0"),
        wrong("same-length", "all of it is compared", "token=1123456789abcdef"),
        wrong("other-case", "a token has a case", "token=0123456789ABCDEF"),
        wrong("array", "a parameter is no list", "token=0123456789abcdef,").only(Where::Http),
        wrong("not-utf-8", "it is another token", "token=%ff%fe").only(Where::Http),
        wrong("half-an-escape", "it is another token", "token=%3").only(Where::Http),
        http("token-of-bytes", "a token is its bytes", "token=%ff%FE%2Ba").to("/tomba/bytes"),
        wrong("plus-for-space", "a plus is a space", "token=%ff%fe+a").only(Where::Http).to("/tomba/bytes"),
        wrong("bytes-for-text", "no byte is replaced", "token=%ff%fe%2Ba").only(Where::Http).to("/tomba/replaced"),
        wrong("text-for-bytes", "no byte is replaced", "token=%EF%BF%BD%EF%BF%BD%2Ba").only(Where::Http).to("/tomba/bytes"),
        http("token-of-text", "text is its bytes in UTF-8", "token=%EF%BF%BD%EF%BF%BD%2Ba").to("/tomba/replaced"),
        case("gzip", "what is in the body is not known", "token=0123456789abcdef").header("content-encoding", "gzip").encoded(),
        case("other-type", "a route has one type", "token=0123456789abcdef").body(SAVE_LEAD)
            .unknown_shape("email-verifier", "data.email", 18),
        case("no-data", "a look-up that found nothing has a result", "token=0123456789abcdef").body("{}"),
        case("data-text", "the data is an object", "token=0123456789abcdef").body(r#"{"data":"x"}"#)
            .unknown_shape("email-verifier", "data", 9),
        case("data-twice", "two readers could read two results", "token=0123456789abcdef")
            .body(r#"{"data":{},"data":{}}"#).unreadable(ReadError::DuplicateKey { key: "data" }),
    ]
}

#[rustfmt::skip] // a case a line
fn unauthenticated() -> Vec<Case> {
    let case = |id, reason, body| tomba("/tomba/open", id, reason).body(body);
    vec![
        case("save-lead", "the body is recognised by its shape", SAVE_LEAD).accepted("save_lead"),
        case("email-verifier", "the body is recognised by its shape", VERIFIED),
        case("nothing", "an unknown shape is no error here", r#"{"other":null}"#).accepted("unknown"),
        case("signed", "a signature is not asked for", VERIFIED).header("scoreapp-signature", "0"),
        case("gzip", "what is in the body is not known", VERIFIED).header("content-encoding", "gzip").encoded(),
        case("empty-body", "nothing is no JSON", "").unreadable(ReadError::NotJson { line: 1, column: 0 }),
    ]
}
