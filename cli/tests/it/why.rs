//! Each cause of `leadhook why`, with the change that it names, and changes that no cause explains.

use std::{io::Write, process::Output, time::Instant};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE},
};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use hmac::{Hmac, KeyInit, Mac};
use leadhook::{Grader, Graphoid, ScoreApp, Secret, Signer, samples};
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha512;

use crate::{SECRET, assert_fails, command, run, signed_input};

const BODY: &str = r#"{"event":"submission.scored","data":{"submission":{"id":"sub_1","score":97.0,"note":"Zoë/Ann: 1 < 2","tags":[],"big":12345678901234567890}}}"#;

fn sign(secret: &[u8], body: &[u8]) -> String {
    Signer::<Grader>::new(&Secret::from_bytes(secret).unwrap())
        .header(body)
        .1
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}

fn why_with(arguments: &[&str], secret: &str, signature: &str, body: &[u8]) -> (i32, Value) {
    let mut command = command("why");
    command.env("CHECKED", secret).args([
        "grader",
        "--json",
        "--secret-env",
        "CHECKED",
        "--signature",
        signature,
    ]);
    let output = run(command.args(arguments).arg("-"), body);
    (output.status.code().unwrap(), report(&output))
}

fn report(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{errors}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.as_object().unwrap().len(), 3);
    assert!(report["detail"].is_string() && report["remedy"].is_string());
    report
}

/// Asserts the cause for a body that arrived as `given` and was signed as `signed`.
#[track_caller]
fn assert_body(cause: &str, given: impl AsRef<[u8]>, signed: impl AsRef<[u8]>) {
    let signature = sign(SECRET.as_bytes(), signed.as_ref());
    assert_cause(cause, why_with(&[], SECRET, &signature, given.as_ref()));
}

#[track_caller]
fn assert_cause(cause: &str, (status, report): (i32, Value)) {
    assert_eq!(report["cause"], cause, "{report}");
    let expected = match cause {
        "none" => 0,
        "unknown" => 2,
        _ => 1,
    };
    assert_eq!(status, expected);
    // Nothing of the body or the secret is printed.
    let text = report.to_string();
    for canary in ["Zoë", "Ann", "sub_1", "5d41402abc4b"] {
        assert!(!text.contains(canary), "{text}");
    }
}

#[test]
fn a_signature_that_matches_is_none() {
    assert_body("none", BODY, BODY);
    assert_body("none", "not JSON", "not JSON");
    assert_body("none", "", "");
    let upper = sign(SECRET.as_bytes(), BODY.as_bytes()).to_uppercase();
    assert_cause("none", why_with(&[], SECRET, &upper, BODY.as_bytes()));
}

#[test]
fn the_header_has_another_format_algorithm_or_place() {
    let digits = sign(SECRET.as_bytes(), BODY.as_bytes());
    let bytes: Vec<u8> = (0..64)
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect();
    let base64 = STANDARD.encode(&bytes);
    let zeros = "0".repeat(64);
    for value in [
        format!("sha256={digits}"),
        format!("SHA256={digits}"),
        base64.clone(),
        format!("sha256={base64}"),
        URL_SAFE.encode(&bytes),
        format!("\"{digits}\""),
        format!("t=1700000000,v1={digits}"),
    ] {
        assert_cause(
            "header-format",
            why_with(&[], SECRET, &value, BODY.as_bytes()),
        );
    }
    let mut sha1 = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
    sha1.update(BODY.as_bytes());
    let sha1 = hex(&sha1.finalize().into_bytes());
    let mut sha512 = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap();
    sha512.update(BODY.as_bytes());
    let sha512 = hex(&sha512.finalize().into_bytes());
    for value in [
        sha1.clone(),
        format!("sha1={sha1}"),
        sha512.clone(),
        format!("sha512={sha512}"),
    ] {
        assert_cause(
            "header-other",
            why_with(&[], SECRET, &value, BODY.as_bytes()),
        );
    }
    let header = format!("X-Hub-Signature={digits}");
    assert_cause(
        "header-other",
        why_with(&["--header", &header], SECRET, &zeros, BODY.as_bytes()),
    );
    // Another format and another body are two changes.
    let value = format!("sha256={digits}");
    assert_cause(
        "unknown",
        why_with(&[], SECRET, &value, format!("{BODY}\n").as_bytes()),
    );

    // Graphoid's format is the other one.
    let (_, graphoid) =
        Signer::<Graphoid>::new(&Secret::new(SECRET).unwrap()).header(BODY.as_bytes());
    assert!(graphoid.starts_with("sha256="));
    let mut why = command("why");
    why.args([
        "graphoid",
        "--json",
        "--secret-env",
        "SECRET",
        "--signature",
        &digits,
        "-",
    ]);
    assert_eq!(
        report(&run(&mut why, BODY.as_bytes()))["cause"],
        "header-format"
    );
}

#[test]
fn the_secret_is_another_one() {
    let signature = sign(b"the old one", BODY.as_bytes());
    let mut command = command("why");
    command.env("OLD", "the old one");
    command.args([
        "grader",
        "--json",
        "--secret-env",
        "SECRET",
        "--also-env",
        "OLD",
        "--signature",
        &signature,
        "-",
    ]);
    let report = report(&run(&mut command, BODY.as_bytes()));
    assert_eq!(report["cause"], "secret-other");
    assert!(report["detail"].as_str().unwrap().contains("`OLD`"));
}

#[test]
fn the_secret_is_spelled_otherwise() {
    let assert_secret = |cause, configured: &str, key: &[u8]| {
        assert_cause(
            cause,
            why_with(
                &[],
                configured,
                &sign(key, BODY.as_bytes()),
                BODY.as_bytes(),
            ),
        );
    };
    for padded in [
        "k3y\n",
        "k3y\r\n",
        " k3y",
        "k3y ",
        "\tk3y\t",
        "\u{feff}k3y",
        "k3y\u{200b}",
    ] {
        assert_secret("secret-whitespace", padded, b"k3y");
    }
    for padded in ["k3y\n", "k3y\r\n", " k3y", "k3y "] {
        assert_secret("secret-whitespace", "k3y", padded.as_bytes());
    }
    for quoted in ["\"k3y\"", "'k3y'"] {
        assert_secret("secret-quotes", quoted, b"k3y");
        assert_secret("secret-quotes", "k3y", quoted.as_bytes());
    }
    let key = b"\xff\xfe\x00key with bytes";
    let digits = hex(key);
    for form in [
        digits.clone(),
        digits.to_uppercase(),
        STANDARD.encode(key),
        STANDARD_NO_PAD.encode(key),
        URL_SAFE.encode(key),
        format!("whsec_{}", STANDARD.encode(key)),
        format!("whsec_{digits}"),
    ] {
        assert_secret("secret-encoded", &form, key);
    }
    for form in [
        STANDARD.encode("k3y-plain"),
        format!("whsec_{}", STANDARD.encode("k3y-plain")),
        "whsec_k3y-plain".into(),
    ] {
        assert_secret("secret-encoded", "k3y-plain", form.as_bytes());
    }
    assert_secret("secret-encoded", "whsec_k3y-plain", b"k3y-plain");
    assert_secret("unknown", "k3y", b"another");
    assert_secret("unknown", " \n", b"another");
    // White space and quotes are two changes.
    assert_secret("unknown", "\"k3y\"\n", b"k3y");
}

#[test]
fn the_signature_covers_a_timestamp() {
    let key = SECRET.as_bytes();
    let signature = sign(key, format!("1700000000.{BODY}").as_bytes());
    let time = ["--header", "X-Timestamp=1700000000"];
    assert_cause(
        "timestamp-prefixed",
        why_with(&time, SECRET, &signature, BODY.as_bytes()),
    );
    let signature = sign(key, format!("msg_1.1700000000.{BODY}").as_bytes());
    let both = [&time[..], &["--header", "webhook-id=msg_1"]].concat();
    assert_cause(
        "timestamp-prefixed",
        why_with(&both, SECRET, &signature, BODY.as_bytes()),
    );
    assert_cause(
        "unknown",
        why_with(&time, SECRET, &signature, BODY.as_bytes()),
    );
}

#[test]
fn bytes_of_the_body_came_or_went() {
    for end in ["\n", "\r\n"] {
        assert_body("body-newline", format!("{BODY}{end}"), BODY);
        assert_body("body-newline", BODY, format!("{BODY}{end}"));
    }
    assert_body("body-newline", "{\r\n\"a\":1\r\n}", "{\n\"a\":1\n}");
    assert_body("body-newline", "{\n\"a\":1\n}", "{\r\n\"a\":1\r\n}");
    assert_body("body-bom", format!("\u{feff}{BODY}"), BODY);
    assert_body("body-bom", BODY, format!("\u{feff}{BODY}"));
    assert_body("body-empty", BODY, "");
}

#[test]
fn the_body_is_encoded() {
    let base64 = STANDARD.encode(BODY);
    assert_body("body-base64", &base64, BODY);
    assert_body(
        "body-base64",
        format!("{}\r\n{}\n", &base64[..76], &base64[76..]),
        BODY,
    );

    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(BODY.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(BODY.as_bytes()).unwrap();
    let zlib = zlib.finish().unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(BODY.as_bytes()).unwrap();
    for compressed in [gzip, zlib, deflate.finish().unwrap()] {
        assert_body("body-compressed", &compressed, BODY);
        assert_body("body-compressed", BODY, &compressed);
    }

    let latin: Vec<u8> = BODY.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let twice: String = BODY.bytes().map(char::from).collect();
    assert_body("body-transcoded", &latin, BODY);
    assert_body("body-transcoded", twice, BODY);
}

#[test]
fn a_form_parser_took_the_body() {
    assert_body(
        "body-form-decoded",
        r#"{"a":"b c"}"#,
        "%7B%22a%22%3A%22b+c%22%7D",
    );
    assert_body(
        "body-form-decoded",
        r#"{"a":"b c"}"#,
        "%7B%22a%22%3A%22b%20c%22%7D",
    );
    assert_body(
        "body-form-decoded",
        "%7B%22a%22%3A%22b+c%22%7D",
        r#"{"a":"b c"}"#,
    );
    assert_body(
        "body-form-decoded",
        r#"{"a":"b c"}"#,
        r#"{"a":"b+c"}"#.replace('+', "%20"),
    );
    assert_body(
        "body-form-decoded",
        r#"{"phone":" 1-555"}"#,
        r#"{"phone":"+1-555"}"#,
    );
    assert_body(
        "body-form-decoded",
        r#"{"{\"a\":\"b\"}":""}"#,
        r#"{"a":"b"}"#,
    );
}

#[test]
fn the_json_was_written_again() {
    let respelled = |given: &str, signed: &str| assert_body("body-reserialized", given, signed);
    let compact = r#"{"b":["é/\n",1.0,{}],"a":12345678901234567890}"#;
    for signed in [
        r#"{"b": ["é/\n", 1.0, {}], "a": 12345678901234567890}"#,
        "{\n  \"b\": [\n    \"é/\\n\",\n    1.0,\n    {}\n  ],\n  \"a\": 12345678901234567890\n}",
        "{\n    \"b\": [\n        \"é/\\n\",\n        1.0,\n        {}\n    ],\n    \"a\": 12345678901234567890\n}",
        r#"{"a":12345678901234567890,"b":["é/\n",1.0,{}]}"#,
        r#"{"b":["é\/\n",1.0,{}],"a":12345678901234567890}"#,
        r#"{"b":["\u00e9/\n",1.0,{}],"a":12345678901234567890}"#,
        r#"{"b":["\u00E9\/\n",1.0,{}],"a":12345678901234567890}"#,
        r#"{"b":["é/\n",1,{}],"a":12345678901234567890}"#,
        r#"{"a": 12345678901234567890, "b": ["\u00e9\/\n", 1.0, {}]}"#,
    ] {
        respelled(compact, signed);
        if !signed.starts_with("{\"a") {
            respelled(signed, compact);
        }
    }
    // Only one of two integers was a float, and surrogates survive.
    respelled(r#"{"a":97,"b":3}"#, r#"{"a":97.0,"b":3}"#);
    respelled(r#"{"a": "\ud800 \ud83d\ude00"}"#, r#"{"a":"\ud800 😀"}"#);
    respelled("{\"a\":\"\u{7f}\"}", r#"{"a":"\u007f"}"#);
    respelled(r#"{"a":"<&>"}"#, r#"{"a":"\u003c\u0026\u003e"}"#);
    // The receiver sorted the keys, so the signed order is lost.
    assert_body("unknown", r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#);
    assert_body("unknown", r#"{"a":1}"#, r#"{"a":2}"#);
    // `jq` ends its output with a newline, which is part of writing the JSON again.
    respelled("{\n  \"a\": 1\n}\n", r#"{"a":1}"#);
    // Written again and with another encoding are two changes.
    assert_body("unknown", STANDARD.encode(r#"{"a": 1}"#), r#"{"a":1}"#);
}

#[test]
fn bombs_are_bounded() {
    let mut zlib = GzEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&vec![0; 60 * 1024 * 1024]).unwrap();
    let start = Instant::now();
    assert_body("unknown", zlib.finish().unwrap(), "x");
    assert_body("unknown", "[".repeat(64_000), "x");
    assert_body(
        "unknown",
        format!("{}{}", "[".repeat(32_000), "]".repeat(32_000)),
        "x",
    );
    assert_body(
        "unknown",
        format!("{}{}", "[1,".repeat(150), "1]".repeat(150)),
        "x",
    );
    // A debug build is slow.
    assert!(start.elapsed().as_secs() < 60);
}

#[test]
fn tokens_have_causes_of_their_own() {
    let token = |configured: &str, arguments: &[&str]| {
        let mut command = command("why");
        command.env("TOKEN", configured).env("OLD", "the-old-one");
        command.args([
            "tomba",
            "--json",
            "--secret-env",
            "TOKEN",
            "--also-env",
            "OLD",
        ]);
        let output = run(command.args(arguments).arg("-"), b"{}");
        report(&output)["cause"].as_str().unwrap().to_owned()
    };
    assert_eq!(token("t k", &["--token", "t k"]), "none");
    assert_eq!(token("t", &[]), "token-missing");
    assert_eq!(token("t", &["--token", ""]), "token-missing");
    assert_eq!(token("t\n", &["--token", "t"]), "token-whitespace");
    assert_eq!(token("t", &["--token", " t"]), "token-whitespace");
    assert_eq!(token("\"t\"", &["--token", "t"]), "token-quotes");
    assert_eq!(
        token("a b&ü", &["--token", "a%20b%26%C3%BC"]),
        "token-encoded"
    );
    assert_eq!(token("a+b", &["--token", "a%2Bb"]), "token-encoded");
    assert_eq!(token("a%2Bb", &["--token", "a+b"]), "token-encoded");
    assert_eq!(token("t", &["--token", "the-old-one"]), "token-other");
    assert_eq!(token("t", &["--token", "another"]), "unknown");
}

#[test]
fn takes_a_raw_request() {
    let secret = Secret::new(SECRET).unwrap();
    let body = samples::scoreapp::QUIZ_FINISHED.body();
    let (name, value) = Signer::<ScoreApp>::new(&secret).header(body.as_bytes());
    let cause = |head: String, body: &str| {
        let mut why = command("why");
        why.args(["scoreapp", "--json", "--secret-env", "SECRET", "-"]);
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{body}");
        report(&run(&mut why, request.as_bytes()))["cause"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(cause(format!("{name}: {value}"), body), "none");
    assert_eq!(
        cause(format!("{name}: {value}"), &format!("{body}\n")),
        "body-newline"
    );
    assert_eq!(
        cause(format!("x-forwarded-signature: {value}"), body),
        "header-other"
    );
    assert_eq!(cause("x: y".into(), body), "unknown");
}

#[test]
fn bad_use_is_one_line() {
    let zeros = "0".repeat(64);
    let why = |arguments: &[&str]| run(command("why").args(arguments), b"{}");
    assert_fails(
        &why(&["grader", "--secret-env", "SECRET", "-"]),
        64,
        "--signature",
    );
    assert_fails(&why(&signed_input("grader", "UNSET", &zeros)), 64, "UNSET");
    assert_fails(&why(&signed_input("grader", "EMPTY", &zeros)), 64, "EMPTY");
    let header = [
        "grader",
        "--secret-env",
        "SECRET",
        "--signature",
        &zeros,
        "--header",
        "x",
        "-",
    ];
    assert_fails(&why(&header), 64, "NAME=VALUE");
}
