//! The table of cases that the plain receiver and every adapter run, and the endpoints for them. A case is
//! a request and the expected result.

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

use crate::support::{not_hex, secret, wrong_length};

/// The body limit of every adapter.
#[allow(dead_code, reason = "the plain receiver has no limit")]
pub(crate) const LIMIT: usize = 64 * 1024;

/// A request and its expected result.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    /// The reason for the result.
    #[allow(dead_code, reason = "it explains the table, and a failure")]
    pub(crate) reason: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Where,
    pub(crate) expected: Expected,
}

/// The places where a case can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Where {
    /// In the plain receiver and over HTTP.
    Everywhere,
    /// In the plain receiver only, because HTTP changes the request.
    Core,
    /// Over HTTP only, because the plain receiver does not get that part of the request.
    Http,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Status 200, and the event has this name.
    Accepted(&'static str),
    /// This status and this kind of rejection.
    Rejected(u16, Kind),
}

/// The kinds of `leadhook::RejectionKind` that occur in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Verify(VerifyError),
    Read(ReadError),
    UnsupportedEncoding,
    BodyTooLarge,
}

/// Collects every endpoint with its path, its receiver, and the event type of its deliveries.
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
    endpoints.add::<Tomba, SaveLead>(
        "/tomba/save-lead",
        Receiver::header_token("X-Webhook-Token", &secret(TOKEN))
            .unwrap()
            .with_previous(&secret("the previous token")),
    );
    endpoints.add::<Tomba, SaveLead>(
        "/tomba/bearer",
        Receiver::header_token("Authorization", &secret("Bearer 0123456789abcdef")).unwrap(),
    );
    endpoints.add::<Tomba, LookupResult<EmailVerifier>>(
        "/tomba/email-verifier",
        Receiver::query_token("token", &secret(TOKEN))
            .unwrap()
            .with_previous(&secret("the previous token")),
    );
    endpoints.add::<Tomba, LookupResult<EmailVerifier>>(
        "/tomba/bytes",
        Receiver::query_token("token", &Secret::from_bytes(b"\xff\xfe+a").unwrap()).unwrap(),
    );
    endpoints.add::<Tomba, LookupResult<EmailVerifier>>(
        "/tomba/replaced",
        Receiver::query_token("token", &secret("\u{fffd}\u{fffd}+a")).unwrap(),
    );
    endpoints.add::<Tomba, TombaEvent>("/tomba/open", Receiver::unauthenticated());
    endpoints.add::<Graphoid, GraphoidEvent>(UNKNOWN, Receiver::unknown());
    endpoints.add::<Graphoid, GraphoidEvent>(UNAVAILABLE, Receiver::unavailable());
    endpoints.add::<Tomba, TombaEvent>("/tomba/unknown", Receiver::unknown_token());
    endpoints.add::<Tomba, TombaEvent>("/tomba/unavailable", Receiver::unavailable());
}

const UNKNOWN: &str = "/accounts/unknown";
const UNAVAILABLE: &str = "/accounts/unavailable";

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
    /// Returns the header's value, computed without the crate.
    pub(crate) fn sign(&self, secret: &str, body: &[u8]) -> String {
        format!("{}{}", self.prefix, digits(secret, body))
    }

    /// Returns a signed request of the provider with this body.
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

/// Returns a request of Tomba to an endpoint.
fn tomba(path: &'static str, id: &str, reason: &'static str) -> Case {
    let is_save_lead = ["/tomba/save-lead", "/tomba/bearer"].contains(&path);
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

    fn unexpected_shape(self, event: &'static str, path: &str, column: usize) -> Self {
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
    cases.extend(header_token());
    cases.extend(query_token());
    cases.extend(unauthenticated());
    cases.extend(unknown_account());
    cases.extend(unavailable_account());
    cases
}

#[rustfmt::skip] // one case on each line
fn good(provider: SigningProvider) -> Vec<Case> {
    let case = |id, reason| provider.case(id, reason, provider.body);
    let with = |id, reason, name, value: &str| case(id, reason).header(name, value);
    let sign = |secret| provider.sign(secret, provider.body.as_bytes());
    vec![
        case("good", "it is what the provider sends"),
        case("upper-case-digits", "hex digits may be in either case").headers(vec![(
            provider.header,
            (provider.prefix.to_owned() + &digits(provider.secret, provider.body.as_bytes()).to_uppercase())
                .into(),
        )]),
        case("mixed-case-digits", "hex digits may be in either case").headers(vec![(
            provider.header,
            sign(provider.secret).replace('b', "B").replace('d', "D").into(),
        )]),
        case("previous-secret", "the previous secret is valid during a rotation")
            .headers(vec![(provider.header, sign(provider.previous).into())]),
        with("text", "the content type does not change the bytes", "content-type", "text/plain"),
        with("utf-16", "the charset does not change the bytes", "content-type", "application/json; charset=utf-16"),
        with("form", "curl -d sends JSON with this content type", "content-type", "application/x-www-form-urlencoded"),
        with("identity", "`identity` means that there is no encoding", "content-encoding", "identity"),
        with("Identity", "the names of encodings ignore case", "content-encoding", "Identity"),
        with("another-header", "it is not the provider's header", "x-hub-signature-256", "sha256=00"),
        case("a-query", "a provider that signs has no query").query("token=0"),
    ]
}

#[rustfmt::skip] // one case on each line
fn presence(provider: SigningProvider) -> Vec<Case> {
    let good = provider.sign(provider.secret, provider.body.as_bytes());
    let forged = provider.sign("a guess", provider.body.as_bytes());
    let case = |id, reason, headers: &[(&'static str, &str)]| {
        let headers = headers.iter().map(|&(name, value)| (name, value.into()));
        provider.case(id, reason, provider.body).headers(headers.collect())
    };
    let missing = |id, reason, headers: &[_]| case(id, reason, headers).unauthentic(MissingSignature);
    let name = provider.header;
    let duplicate = |id, reason, first: &str, second: &str| {
        case(id, reason, &[(name, first), (name, second)]).unauthentic(DuplicateSignature)
    };
    vec![
        missing("unsigned", "the request has no signature", &[]),
        missing("other-header", "only the provider's own header counts", &[("x-hub-signature-256", &good)]),
        missing("longer-name", "the whole name must match", &[("scoreapp-signature-2", &good)]),
        missing("authorization", "only the provider's own header counts", &[("authorization", &good)]),
        missing("in-the-query", "the signature must be in the header", &[]).query("signature=0"),
        duplicate("good-forged", "a proxy might verify the other value", &good, &forged),
        duplicate("forged-good", "a proxy might verify the other value", &forged, &good),
        duplicate("good-good", "there must be one value, even if both are equal", &good, &good),
        duplicate("good-empty", "there must be one value, even if one is empty", &good, ""),
        duplicate("empty-good", "there must be one value, even if one is empty", "", &good),
    ]
}

#[rustfmt::skip] // one case on each line
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
        text("empty", "an empty value is not a signature", String::new(), Empty),
        text("63-digits", "a signature has 64 digits", format!("{prefix}{}", &right[..63]), wrong_length(63)),
        text("65-digits", "a signature has 64 digits", format!("{good}0"), wrong_length(65)),
        text("62-digits", "a signature has 64 digits", format!("{prefix}{}", &right[..62]), wrong_length(62)),
        text("32-digits", "a truncated signature is easier to guess", format!("{prefix}{}", &right[..32]), wrong_length(32)),
        text("128-digits", "there must be one value", format!("{good}{right}"), wrong_length(128)),
        text("8-KiB", "a long value is neither copied nor decoded", format!("{prefix}{}", "a".repeat(8192)), wrong_length(8192)),
        text("not-hex-at-the-start", "g is not a hex digit", format!("{prefix}g{}", &right[1..]), not_hex(0)),
        text("not-hex-at-the-end", "g is not a hex digit", format!("{good:.0$}g", good.len() - 1), not_hex(63)),
        text("plus-sign", "a sign is not a hex digit", format!("{prefix}+f{}", &right[2..]), not_hex(0)),
        text("0x", "x is not a hex digit", format!("{prefix}0x{right}"), not_hex(1)),
        text("0x-of-64", "x is not a hex digit", format!("{prefix}0x{}", &right[2..]), not_hex(1)),
        text("colons", "digits have no separators", format!("{prefix}{}:{}", &right[..2], &right[2..]), not_hex(2)),
        text("double-quotes", "quotes are not hex digits", format!("\"{good}\""), Quoted),
        text("single-quotes", "quotes are not hex digits", format!("'{good}'"), Quoted),
        text("space-inside", "no white space is skipped", format!("{prefix}{} {}", &right[..32], &right[32..]), Whitespace),
        text("tab-inside", "no white space is skipped", format!("{prefix}{}\t{}", &right[..32], &right[32..]), Whitespace),
        text("comma-joined", "a proxy may have joined two headers", format!("{good},{good}"), List),
        text("comma-joined-forged", "a proxy may have joined two headers", format!("{good},{prefix}{}", "0".repeat(64)), List),
        text("comma-at-the-end", "a list of one value is still a list", format!("{good},"), List),
        text("base64", "the provider writes hex digits", "XrY7u+Ae7tCTyyK7j1rNww86JXnCu1eS9YIyEBDoJ6Q=".into(), Base64),
        text("prefixed-base64", "the provider writes hex digits", "sha256=XrY7u+Ae7tCTyyK7j1rNww86JXnCu1eS9YIyEBDoJ6Q=".into(), Base64),
        text("short-base64", "32 bytes are 44 characters of Base64", "c2hvcnQ=".into(), OtherAlgorithm),
        text("other-scheme", "the provider determines the format", of_other_scheme, either(UnexpectedPrefix, MissingPrefix)),
        text("prefix-alone", "a prefix is not a signature", "sha256=".into(), either(UnexpectedPrefix, wrong_length(0))),
        text("prefix-twice", "the prefix is removed once", format!("sha256=sha256={right}"), DuplicatePrefix),
        text("SHA256=", "the prefix must be in lower case", format!("SHA256={right}"), either(UnexpectedPrefix, PrefixCase)),
        text("sha1=", "the request does not choose the algorithm", format!("sha1={}", &right[..40]), OtherAlgorithm),
        text("sha512=", "the request does not choose the algorithm", format!("sha512={right}{right}"), OtherAlgorithm),
        text("md5=", "the request does not choose the algorithm", format!("md5={}", &right[..32]), OtherAlgorithm),
        text("none=", "the request does not choose the algorithm", format!("none={right}"), OtherAlgorithm),
        text("=", "an empty name is another algorithm", format!("={right}"), OtherAlgorithm),
        text("v1=", "it is another provider's format", format!("t=1,v1={right}"), List),
        text("hyphenated-prefix", "the prefix must match exactly", format!("sha-256={right}"), OtherAlgorithm),
        text("full-width-digits", "full-width digits are not ASCII", format!("{prefix}{}", "\u{ff11}".repeat(64)), NotAscii),
        text("full-width-digit-for-three", "the digit has three bytes", format!("{prefix}\u{ff11}{}", &right[3..]), NotAscii),
        case("latin-1", "it is neither ASCII nor UTF-8", &[prefix.as_bytes(), &[0xe9; 64]].concat(), NotAscii),
        case("last-byte-ff", "0xff is not ASCII", &[&good.as_bytes()[..good.len() - 1], &[0xff]].concat(), NotAscii),
        text("NUL-inside", "NUL does not end a value", format!("{good:.0$}\0", good.len() - 1), not_hex(63)).only(Where::Core),
        text("NUL-at-the-end", "NUL does not end a value", format!("{good}\0"), not_hex(64)).only(Where::Core),
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
        let over_http = provider.case(id, "HTTP removes white space around a value", provider.body);
        let headers = vec![(provider.header, value.into())];
        cases.push(over_http.headers(headers).only(Where::Http));
    }
    cases
}

#[rustfmt::skip] // one case on each line
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
        case("guessed-secret", "the secret is not the provider's", provider.sign("a guess", body)),
        case("empty-secret", "anyone can sign with the empty secret", provider.sign("", body)),
        case("zeros", "zeros are not the signature", format!("{}{}", provider.prefix, "0".repeat(64))),
        case("secret-with-line-feed", "a line feed would be part of the secret", provider.sign(&format!("{}\n", provider.secret), body)),
        case("other-body", "it was signed for another body", provider.sign(provider.secret, b"{}")),
        case("empty-body-signed", "it was signed for another body", provider.sign(provider.secret, b"")),
        case("without-the-last-byte", "the signature covers every byte", provider.sign(provider.secret, &body[..body.len() - 1])),
        case("with-one-more-byte", "the signature covers every byte", provider.sign(provider.secret, &[body, b"\n"].concat())),
        case("signed-twice", "the body is signed, not its signature", provider.sign(provider.secret, digits(provider.secret, body).as_bytes())),
        case("changed-body", "the signature covers every byte", provider.sign(provider.secret, body)).body(&provider.body.replacen(':', ": ", 1)),
        case("changed-case", "the signature covers every byte", provider.sign(provider.secret, body)).body(&provider.body.replacen("data", "Data", 1)),
        case("body-taken", "the log names the likely cause", provider.sign(provider.secret, body)).body("").unauthentic(EmptyBody),
        case("not-json-forged", "nothing is parsed before it is authentic", provider.sign("a guess", b"{")).body("{"),
        case("deep-forged", "nothing is parsed before it is authentic", provider.sign("a guess", body)).body(&"[".repeat(60_000)),
    ];
    cases.extend(others.map(|other| {
        case(&format!("signed-by{}", other.path), "each provider has a secret of its own", provider.sign(other.secret, body))
    }));
    cases
}

#[rustfmt::skip] // one case on each line
fn encoding(provider: SigningProvider) -> Vec<Case> {
    let case = |id: &str, reason, encodings: &[&str]| {
        encodings
            .iter()
            .fold(provider.case(id, reason, provider.body), |case, &encoding| {
                case.header("content-encoding", encoding)
            })
    };
    let unknown = "it is unknown what the signature covers";
    let none = "it is no registered coding, so the signature decides";
    let encoded = [
        case("gzip", unknown, &["gzip"]),
        case("GZIP", "the names of encodings ignore case", &["GZIP"]),
        case("encoding-list", "the list contains another encoding", &["identity, gzip"]),
        case("encoding-list-without-spaces", "the list contains another encoding", &["utf-8,\tgzip\t,none"]),
        case("second-encoding", "all values of the header count", &["identity", "gzip"]),
        case("first-encoding", "all values of the header count", &["gzip", "identity"]),
        case("gzip-unsigned", "the encoding is checked first", &["gzip"])
            .headers(vec![("content-encoding", b"gzip".to_vec())]),
    ];
    // IANA's registry of content codings, without `identity`.
    let registered = [
        "aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "pack200-gzip",
        "x-compress", "x-gzip", "zstd",
    ];
    let registered = registered.map(|coding| case(&format!("coding-{coding}"), unknown, &[coding]));
    let unencoded = [
        case("unknown-encoding", none, &["x-lead"]),
        case("charset-as-encoding", none, &["UTF-8"]),
        case("no-encoding", none, &["none"]),
        case("almost-an-encoding", none, &["gzip2"]),
        case("encoding-list-of-identity", none, &["identity, identity"]),
        case("encoding-list-of-nothing", none, &[" , "]),
        case("empty-encoding", none, &[""]),
        case("non-ascii-encoding", none, &["gz\u{ef}p"]),
        case("charset-as-encoding-forged", none, &["UTF-8"])
            .headers(vec![
                ("content-encoding", b"UTF-8".to_vec()),
                (provider.header, provider.sign("a guess", provider.body.as_bytes()).into()),
            ])
            .unauthentic(SignatureMismatch),
    ];
    let encoded = encoded.into_iter().chain(registered).map(Case::encoded);
    encoded.chain(unencoded).collect()
}

#[rustfmt::skip] // one case on each line
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
        case("white-space", "JSON may have white space around it", &[b"\r\n\t ", bytes, b"\r\n"].concat()),
        case("unknown-event", "an unknown event is not an error", &with_name(r#""lead.teleported""#)).accepted("lead.teleported"),
        case("empty-event", "the name can be any text", &with_name(r#""""#)).accepted(""),
        case("escaped-event", "an escaped name is the same name", &with_name(r#""\u006cead\u002ex""#)).accepted("lead.x"),
        case("at-the-limit", "the limit is inclusive", &[bytes, &b" ".repeat(LIMIT - bytes.len())].concat()),
        over_limit("over-the-limit", "the limit also applies to signed bodies"),
        over_limit("over-the-limit-unsigned", "the header is checked before the body is read")
            .headers(vec![]).unauthentic(MissingSignature),
        over_limit("over-the-limit-gzip", "the encoding is checked before the body is read")
            .header("content-encoding", "gzip").encoded(),
        case("empty-body", "an empty body is not JSON", b"").unreadable(not_json(0)),
        case("broken-off-json", "incomplete JSON is not JSON", &bytes[..bytes.len() - 1]).unreadable(not_json(bytes.len() - 1)),
        case("text-after", "the body must be a single JSON value", &[bytes, b"x"].concat()).unreadable(not_json(bytes.len() + 1)),
        case("two-jsons", "the body must be a single JSON value", &[bytes, bytes].concat()).unreadable(not_json(bytes.len() + 1)),
        case("form-body", "a form is not JSON", b"event=lead.won").unreadable(not_json(1)),
        case("byte-order-mark", "JSON does not allow this", &["\u{feff}".as_bytes(), bytes].concat()).unreadable(not_json(1)),
        case("nan", "JSON does not allow this", &with_name("NaN")).unreadable(not_json(name.len() + 5)),
        case("not-utf-8", "JSON is UTF-8", b"{\"\xff\":0}").unreadable(ReadError::NotUtf8 { index: 2 }),
        case("latin-1-value", "JSON is UTF-8", b"{\"a\":\"M\xfcller\"}").unreadable(ReadError::NotUtf8 { index: 7 }),
        case("utf-16-body", "JSON is UTF-8", b"\xff\xfe{\0}\0").unreadable(ReadError::NotUtf8 { index: 0 }),
        case("array", "an envelope is an object", b"[]").unreadable(ReadError::NotAnObject),
        case("null", "an envelope is an object", b"null").unreadable(ReadError::NotAnObject),
        case("string", "an envelope is an object", b"\"lead.won\"").unreadable(ReadError::NotAnObject),
        case("no-event", "the envelope must name its event", br#"{"data":{}}"#).unreadable(ReadError::MissingEventName { key: name }),
        case("empty-object", "the envelope must name its event", b"{}").unreadable(ReadError::MissingEventName { key: name }),
        case("number-for-event", "the name must be text", &with_name("1")).unreadable(ReadError::MissingEventName { key: name }),
        case("null-for-event", "the name must be text", &with_name("null")).unreadable(ReadError::MissingEventName { key: name }),
        case("event-in-another-case", "keys are case-sensitive", br#"{"EVENT":"lead.won"}"#).unreadable(ReadError::MissingEventName { key: name }),
        case("event-twice", "two readers could read two events", format!(r#"{{"{name}":"a","{name}":"b"}}"#).as_bytes())
            .unreadable(ReadError::DuplicateKey { key: name }),
        case("event-twice-escaped", "an escaped name is the same name", format!(r#"{{"{name}":"a","\u0065{}":"b"}}"#, &name[1..]).as_bytes())
            .unreadable(ReadError::DuplicateKey { key: name }),
        case("data-twice", "two readers could read two leads", format!(r#"{{"{name}":"a","data":{{}},"data":{{}}}}"#).as_bytes())
            .unreadable(ReadError::DuplicateKey { key: "data" }),
        case("unknown-key-twice", "leadhook does not read the key", format!(r#"{{"{name}":"a","x":1,"x":2}}"#).as_bytes()).accepted("a"),
        case("deep", "deep nesting is not parsed recursively", &[b"[".repeat(10_000), b"]".repeat(10_000)].concat())
            .unreadable(ReadError::NotAnObject),
    ]
}

#[rustfmt::skip] // one case on each line
fn shapes() -> Vec<Case> {
    let container = "the container and its identity are required";
    vec![
        GRADER.case("no-data", container, r#"{"event":"submission.scored"}"#)
            .unexpected_shape("submission.scored", "data", 1),
        GRADER.case("no-id", container, r#"{"event":"submission.scored","data":{"submission":{"score":1}}}"#)
            .unexpected_shape("submission.scored", "data.submission.id", 51),
        GRADER.case("flat", "the webhook tester sends this shape", r#"{"event":"submission.scored","data":{"submission_id":"sub_1","score":87}}"#),
        GRADER.case("numeric-id", "an id may be a number", r#"{"event":"submission.scored","webhook_id":7,"data":{"submission_id":"sub_1"}}"#),
        GRADER.case("untyped-event", "the event's data is not documented", r#"{"event":"grader.paused","data":[1,null]}"#)
            .accepted("grader.paused"),
        GRAPHOID.case("no-lead", container, r#"{"event":"lead.won","data":{}}"#)
            .unexpected_shape("lead.won", "data.lead", 28),
        GRAPHOID.case("lead-is-text", container, r#"{"event":"lead.won","data":{"lead":"ann.lee@example.com"}}"#)
            .unexpected_shape("lead.won", "data.lead", 36),
        GRAPHOID.case("data-first", "the order of keys does not matter", r#"{"data":{"lead":{"id":"lead_1"}},"event":"lead.won"}"#),
        GRAPHOID.case("unreadable-timestamp", "an optional value can't fail the event", r#"{"event":"lead.won","timestamp":"tomorrow","data":{"lead":{"id":"lead_1"}}}"#),
        SCOREAPP.case("no-id", container, r#"{"event_name":"QUIZ_STARTED","data":{"email":"ann.lee@example.com"}}"#)
            .unexpected_shape("QUIZ_STARTED", "data.id", 37),
        SCOREAPP.case("responses-are-text", "an optional value in an unexpected form is left out", r#"{"event_name":"QUIZ_STARTED","data":{"id":"1","quiz_questions":"none"}}"#)
            .accepted("QUIZ_STARTED"),
        SCOREAPP.case("number-as-text", "ScoreApp sends points as text", r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1","total_score":{"actual":"67.00","percent":"67"}}}"#),
        SCOREAPP.case("empty-list-for-object", "PHP writes an empty object as a list", r#"{"event_name":"QUIZ_FINISHED","data":{"id":"1","total_score":[]}}"#),
        SCOREAPP.case("second-account", "each account has its own secret", SCOREAPP.body)
            .to("/scoreapp/second").unauthentic(SignatureMismatch),
        SCOREAPP.case("second-account-good", "it is signed with the second account's secret", SCOREAPP.body)
            .to("/scoreapp/second")
            .headers(vec![(SCOREAPP.header, digits("the second account's", SCOREAPP.body.as_bytes()).into())]),
    ]
}

#[rustfmt::skip] // one case on each line
fn header_token() -> Vec<Case> {
    const NAME: &str = "x-webhook-token";
    let case = |id, reason, values: &[&[u8]]| {
        let headers = values.iter().map(|value| (NAME, value.to_vec()));
        tomba("/tomba/save-lead", id, reason).headers(headers.collect())
    };
    let good = TOKEN.as_bytes();
    let wrong = |id, reason, value: &[u8]| case(id, reason, &[value]).unauthentic(TokenMismatch);
    let bearer = |id, reason, value: &str| tomba("/tomba/bearer", id, reason).header("authorization", value);
    vec![
        bearer("good", "the token includes the scheme", "Bearer 0123456789abcdef"),
        bearer("without-scheme", "the token includes the scheme", "0123456789abcdef").unauthentic(TokenMismatch),
        bearer("other-scheme", "the bytes of the token are compared", "bearer 0123456789abcdef").unauthentic(TokenMismatch),
        bearer("two-spaces", "the bytes of the token are compared", "Bearer  0123456789abcdef").unauthentic(TokenMismatch),
        tomba("/tomba/bearer", "missing", "the request has no token").unauthentic(MissingToken),
        case("good", "the token is right", &[good]),
        case("previous", "the previous secret is valid during a rotation", &[b"the previous token"]),
        case("missing", "the request has no token", &[]).unauthentic(MissingToken),
        case("in-the-query", "the token must be in the header", &[]).query("x-webhook-token=0123456789abcdef").unauthentic(MissingToken),
        case("good-wrong", "there must be one value", &[good, b"0"]).unauthentic(DuplicateToken),
        case("wrong-good", "there must be one value", &[b"0", good]).unauthentic(DuplicateToken),
        case("good-good", "there must be one value, even if both are equal", &[good, good]).unauthentic(DuplicateToken),
        wrong("empty", "the token is wrong", b""),
        wrong("shorter", "the whole token is compared", &good[..15]),
        wrong("longer", "the whole token is compared", b"0123456789abcdef0"),
        wrong("same-length", "the whole token is compared", b"0123456789abcdee"),
        wrong("other-case", "tokens are case-sensitive", b"0123456789ABCDEF"),
        wrong("bearer", "the bytes of the token are compared", b"Bearer 0123456789abcdef"),
        wrong("quoted", "the bytes of the token are compared", b"\"0123456789abcdef\""),
        wrong("joined", "there must be one value", b"0123456789abcdef,0123456789abcdef"),
        wrong("not-ascii", "the bytes of the token are compared", b"\xff\xfe"),
        wrong("8-KiB", "a long token is a wrong token", &[b'0'; 8192]),
        case("gzip", "a body with an encoding can't be read", &[good]).header("content-encoding", "gzip").encoded(),
        case("not-json", "an authentic body can still be unreadable", &[good]).body("{").unreadable(ReadError::NotJson { line: 1, column: 1 }),
        case("not-json-unauthentic", "nothing is parsed before it is authentic", &[]).body("{").unauthentic(MissingToken),
        case("other-type", "all values of a saved lead are optional", &[good]).body(VERIFIED).accepted("save_lead"),
    ]
}

#[rustfmt::skip] // one case on each line
fn query_token() -> Vec<Case> {
    let case = |id, reason, query| tomba("/tomba/email-verifier", id, reason).query(query);
    let http = |id, reason, query| case(id, reason, query).only(Where::Http);
    let missing = |id, reason, query| case(id, reason, query).unauthentic(MissingToken);
    let wrong = |id, reason, query| case(id, reason, query).unauthentic(TokenMismatch);
    let duplicate = |id, reason, query| case(id, reason, query).unauthentic(DuplicateToken);
    vec![
        case("good", "the token is right", "token=0123456789abcdef"),
        case("good-among-others", "other parameters are ignored", "a=b&token=0123456789abcdef&c"),
        http("percent-encoded", "the query is decoded", "%74oken=%30123456789abcdef"),
        http("previous", "a plus is a space", "token=the+previous%20token"),
        tomba("/tomba/email-verifier", "no-query", "the request has no token").unauthentic(MissingToken),
        missing("empty-query", "the request has no token", ""),
        missing("other-parameter", "only the receiver's own parameter counts", "key=0123456789abcdef"),
        missing("longer-name", "the whole name must match", "token2=0123456789abcdef"),
        missing("other-case-name", "names of parameters are case-sensitive", "Token=0123456789abcdef"),
        missing("semicolon", "a semicolon does not separate parameters", "a=b;token=0123456789abcdef"),
        tomba("/tomba/email-verifier", "in-the-header", "the token must be in the query")
            .header("token", TOKEN).unauthentic(MissingToken),
        duplicate("good-wrong", "there must be one value", "token=0123456789abcdef&token=0"),
        duplicate("wrong-good", "there must be one value", "token=0&token=0123456789abcdef"),
        duplicate("good-good", "there must be one value, even if both are equal", "token=0123456789abcdef&token=0123456789abcdef"),
        duplicate("encoded-name", "the name is decoded before it is compared", "token=0123456789abcdef&%74oken=0").only(Where::Http),
        wrong("empty", "the token is wrong", "token="),
        wrong("no-value", "the token is wrong", "token"),
        wrong("shorter", "the whole token is compared", "token=0123456789abcde"),
        wrong("longer", "the whole token is compared", "token=0123456789abcdef0"),
        wrong("same-length", "the whole token is compared", "token=1123456789abcdef"),
        wrong("other-case", "tokens are case-sensitive", "token=0123456789ABCDEF"),
        wrong("array", "the comma is part of the value", "token=0123456789abcdef,").only(Where::Http),
        wrong("not-utf-8", "the token is wrong", "token=%ff%fe").only(Where::Http),
        wrong("half-an-escape", "the token is wrong", "token=%3").only(Where::Http),
        http("token-of-bytes", "the bytes of the token are compared", "token=%ff%FE%2Ba").to("/tomba/bytes"),
        wrong("plus-for-space", "a plus is a space", "token=%ff%fe+a").only(Where::Http).to("/tomba/bytes"),
        wrong("bytes-for-text", "invalid bytes are not replaced", "token=%ff%fe%2Ba").only(Where::Http).to("/tomba/replaced"),
        wrong("text-for-bytes", "invalid bytes are not replaced", "token=%EF%BF%BD%EF%BF%BD%2Ba").only(Where::Http).to("/tomba/bytes"),
        http("token-of-text", "text is compared as UTF-8", "token=%EF%BF%BD%EF%BF%BD%2Ba").to("/tomba/replaced"),
        case("gzip", "a body with an encoding can't be read", "token=0123456789abcdef").header("content-encoding", "gzip").encoded(),
        case("other-type", "each route reads one type", "token=0123456789abcdef").body(SAVE_LEAD)
            .unexpected_shape("email-verifier", "data.email", 18),
        case("no-data", "a lookup that found nothing has a result", "token=0123456789abcdef").body("{}"),
        case("data-text", "the data must be an object", "token=0123456789abcdef").body(r#"{"data":"x"}"#)
            .unexpected_shape("email-verifier", "data", 9),
        case("data-twice", "two readers could read two results", "token=0123456789abcdef")
            .body(r#"{"data":{},"data":{}}"#).unreadable(ReadError::DuplicateKey { key: "data" }),
    ]
}

#[rustfmt::skip] // one case on each line
fn unauthenticated() -> Vec<Case> {
    let case = |id, reason, body| tomba("/tomba/open", id, reason).body(body);
    vec![
        case("save-lead", "the event is recognized by the body's shape", SAVE_LEAD).accepted("save_lead"),
        case("email-verifier", "the event is recognized by the body's shape", VERIFIED),
        case("nothing", "an unknown shape is not an error here", r#"{"other":null}"#).accepted("unknown"),
        case("signed", "the receiver accepts every request", VERIFIED).header("scoreapp-signature", "0"),
        case("gzip", "a body with an encoding can't be read", VERIFIED).header("content-encoding", "gzip").encoded(),
        case("empty-body", "an empty body is not JSON", "").unreadable(ReadError::NotJson { line: 1, column: 0 }),
    ]
}

/// Each case has the status of the same request to an account whose secret does not match.
fn unknown_account() -> Vec<Case> {
    let unknown = |case: Case| case.to(UNKNOWN).unauthentic(UnknownAccount);
    let case = |id, reason| GRAPHOID.case(id, reason, GRAPHOID.body);
    let mut cases: Vec<_> = presence(GRAPHOID)
        .into_iter()
        .chain(grammar(GRAPHOID))
        .map(|case| match case.expected {
            // The header is looked at in the same way, and the body isn't read.
            Expected::Rejected(..) => case.to(UNKNOWN),
            Expected::Accepted(_) => unknown(case),
        })
        .collect();
    let over = GRAPHOID.case(
        "over-the-limit",
        "the limit comes first",
        vec![b' '; LIMIT + 1],
    );
    cases.extend([
        unknown(case("good", "nobody can sign for an unknown account")),
        unknown(case("not-json", "the body is not read before it is verified").body("{")),
        case("gzip", "the encoding comes first")
            .header("content-encoding", "gzip")
            .to(UNKNOWN)
            .encoded(),
        over.to(UNKNOWN)
            .rejected(413, Kind::BodyTooLarge)
            .only(Where::Http),
    ]);
    let tomba = |id| tomba("/tomba/unknown", id, "no token is right").unauthentic(UnknownAccount);
    cases.push(tomba("without-token"));
    cases.push(tomba("with-token").query("token=0123456789abcdef"));
    cases
}

fn unavailable_account() -> Vec<Case> {
    let unavailable = |case: Case| case.rejected(503, Kind::Verify(AccountUnavailable));
    let graphoid = |id, body: &[u8]| {
        let case = GRAPHOID.case(id, "the provider must retry", body);
        unavailable(case.to(UNAVAILABLE))
    };
    let over = vec![b' '; LIMIT + 1];
    vec![
        graphoid("good", GRAPHOID.body.as_bytes()),
        graphoid("unsigned", b"{}").headers(vec![]),
        graphoid("over-the-limit", &over),
        unavailable(tomba(
            "/tomba/unavailable",
            "any",
            "the provider must retry",
        )),
    ]
}
