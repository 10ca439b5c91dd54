//! The contract of `leadhook inspect`, on which scripts build: its arguments, output and exit status.

use std::process::Output;

use leadhook::{
    Grader, Graphoid, Provider, ScoreApp, Secret, SignedProvider, Signer,
    samples::{self, Sample},
};
use serde_json::{Value, json};

use crate::{SECRET, assert_fails, command, run, signed_input};

/// Runs `leadhook inspect`, with the body on its standard input.
fn inspect(arguments: &[&str], body: &[u8]) -> Output {
    run(command("inspect").args(arguments), body)
}

fn report(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn inspect_signed<P: SignedProvider>(body: &[u8]) -> Output {
    let secret = Secret::new(SECRET).unwrap();
    let (_, signature) = Signer::<P>::new(&secret).header(body);
    let arguments = signed_input(P::NAME, "SECRET", &signature);
    inspect(&arguments, body)
}

fn inspect_tomba(provider: &str, body: &[u8]) -> Output {
    inspect(
        &[provider, "--secret-env", "SECRET", "--token", SECRET, "-"],
        body,
    )
}

#[test]
fn reports_an_event() {
    let report = report(&inspect_signed::<Graphoid>(
        samples::graphoid::LEAD_WON.body().as_bytes(),
    ));
    assert_eq!(
        report,
        json!({
            "event": "lead.won",
            "id": "evt_9pQrXy2k...",
            "timestamp": "2026-04-03T14:22:00Z",
            "workspace_id": "ws_7hGt...",
            "api_version": "v2",
            "known": true,
            "data": {"lead": {
                "id": "lead_4mNp...",
                "name": "Acme Corp",
                "value": 45000,
                "closed_by": "user_8x2k...",
                "closed_at": "2026-04-03T14:22:00Z",
            }},
            "lead": {
                "id": "lead_4mNp...", "email": null, "first_name": null, "last_name": null, "full_name": null,
                "company": "Acme Corp", "job_title": null, "phone": null, "website": null,
                "score": null, "rating": null,
            },
            "unread": [],
        })
    );
}

#[test]
fn reports_every_sample() {
    fn assert_known<P: Provider>(samples: &[Sample<P>], inspect: impl Fn(&Sample<P>) -> Output) {
        for sample in samples {
            let report = report(&inspect(sample));
            assert_eq!(report["known"], true, "{sample:?}");
            assert_eq!(report["unread"], json!([]), "{sample:?}");
            // The documented `save_lead` has empty values, and a quiz may be sent before its lead form.
            let is_nobody = ["save-lead", "quiz-started", "quiz-finished"].contains(&sample.name());
            assert!(report["lead"].is_object() || is_nobody, "{sample:?}");
        }
    }
    assert_known(samples::grader::ALL, |s| {
        inspect_signed::<Grader>(s.body().as_bytes())
    });
    assert_known(samples::scoreapp::ALL, |s| {
        inspect_signed::<ScoreApp>(s.body().as_bytes())
    });
    assert_known(samples::tomba::ALL, |s| {
        inspect_tomba("tomba", s.body().as_bytes())
    });
    assert_known(samples::tomba::ALL, |sample| {
        let output = inspect_tomba(
            &format!("tomba/{}", sample.name()),
            sample.body().as_bytes(),
        );
        let event = sample.name().replace("save-lead", "save_lead");
        assert_eq!(report(&output)["event"], event);
        output
    });
}

#[test]
fn keeps_what_is_unknown() {
    let report = report(&inspect_signed::<ScoreApp>(
        br#"{"data": {"pages": [1, 2.50]}, "event_name": "QUIZ_PRINTED"}"#,
    ));
    assert_eq!(report["event"], "QUIZ_PRINTED");
    assert_eq!(report["known"], false);
    assert_eq!(report["data"], json!({"pages": [1, 2.5]}));
    assert_eq!(report["lead"], Value::Null);
    assert_eq!(report["id"], Value::Null);
    assert_eq!(report["timestamp"], Value::Null);
}

#[test]
fn rejects_requests_that_are_not_authentic() {
    let body = samples::grader::SUBMISSION_SCORED.body().as_bytes();
    let zeros = "0".repeat(64);
    let signature = |value| inspect(&signed_input("grader", "SECRET", value), body);
    assert_fails(&signature(&zeros), 1, "does not match");
    assert_fails(&signature(""), 1, "empty");
    assert_fails(&signature("sha256=00"), 1, "bare hex digits were expected");
    let twice = [
        "grader",
        "--secret-env",
        "SECRET",
        "--signature",
        &zeros,
        "--signature",
        &zeros,
        "-",
    ];
    assert_fails(&inspect(&twice, body), 1, "more than once");
    let token = ["tomba", "--secret-env", "SECRET", "--token", "another", "-"];
    assert_fails(&inspect(&token, b"{}"), 1, "token does not match");
}

#[test]
fn tells_an_envelope_from_an_event() {
    assert_fails(&inspect_signed::<Grader>(b"{"), 2, "not JSON");
    assert_fails(&inspect_signed::<Grader>(b"[]"), 2, "not an object");
    assert_fails(
        &inspect_signed::<Grader>(b"{\"data\":{}}"),
        2,
        "has no event name",
    );
    assert_fails(
        &inspect_signed::<Grader>(b"{\"event\":\"a\",\"event\":\"b\"}"),
        2,
        "more than once",
    );
    assert_fails(&inspect_signed::<Grader>(b"\xff"), 2, "UTF-8");
    let no_id = br#"{"event":"submission.scored","data":{"submission":{"score":87}}}"#;
    assert_fails(
        &inspect_signed::<Grader>(no_id),
        3,
        "submission.scored at `data.submission.id`",
    );
    assert_fails(
        &inspect_tomba("tomba/email-verifier", br#"{"data":"x"}"#),
        3,
        "data",
    );
}

#[test]
fn a_look_up_that_found_nothing_or_failed_is_a_result() {
    let nothing = report(&inspect_tomba("tomba/email-verifier", br#"{"data":{}}"#));
    assert_eq!(
        (&nothing["data"], &nothing["lead"]),
        (&Value::Null, &Value::Null)
    );
    let failed = br#"{"errors":{"type":"invalid_request","code":400}}"#;
    let failed = report(&inspect_tomba("tomba/email-verifier", failed));
    assert_eq!(failed["data"]["type"], "invalid_request");
    assert_eq!(failed["lead"], Value::Null);
}

#[test]
fn refuses_wrong_usage() {
    let zeros = "0".repeat(64);
    let cases: [(&[&str], &str); 10] = [
        (&[], "<PROVIDER> <FILE>"),
        (
            &["grader", "--secret-env", "SECRET", "--signature", &zeros],
            "<FILE>",
        ),
        (
            &signed_input("github", "SECRET", &zeros),
            "invalid value 'github'",
        ),
        (&["grader", "--signature", &zeros, "-"], "--secret-env"),
        (&["grader", "--secret-env", "SECRET", "-"], "--signature"),
        (&signed_input("tomba", "SECRET", &zeros), "--token"),
        (
            &signed_input("grader", "UNSET", &zeros),
            "UNSET: the environment variable is not set",
        ),
        (
            &signed_input("grader", "EMPTY", &zeros),
            "EMPTY: the secret is empty",
        ),
        (
            &signed_input("gradr", "SECRET", &zeros),
            "a similar value exists: 'grader'",
        ),
        (
            &[
                "grader",
                "--secret-env",
                "SECRET",
                "--signature",
                &zeros,
                "/no/such/file",
            ],
            "/no/such/file",
        ),
    ];
    for (arguments, reason) in cases {
        assert_fails(&inspect(arguments, b"{}"), 64, reason);
    }
}

#[test]
fn reads_a_raw_request() {
    let body = samples::grader::SUBMISSION_SCORED.body();
    let secret = Secret::new(SECRET).unwrap();
    let (name, signature) = Signer::<Grader>::new(&secret).header(body.as_bytes());
    let arguments = ["grader", "--secret-env", "SECRET", "-"];
    let length = body.len();
    let request = format!(
        "POST /x HTTP/1.1\r\nHost: x\r\n{name}: {signature}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    assert_eq!(
        report(&inspect(&arguments, request.as_bytes()))["event"],
        "submission.scored"
    );
    let request = format!(
        "POST /x HTTP/1.1\nX-Grader-Signature: {signature}\nTransfer-Encoding: chunked\n\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    );
    assert_eq!(
        report(&inspect(&arguments, request.as_bytes()))["event"],
        "submission.scored"
    );
    let unsigned = format!("POST /x HTTP/1.1\r\nHost: x\r\n\r\n{body}");
    assert_fails(
        &inspect(&arguments, unsigned.as_bytes()),
        1,
        "header is missing",
    );
}

#[test]
fn bad_files_are_one_line() {
    let zeros = "0".repeat(64);
    let inspect_file = |file: &str, body: &[u8]| {
        inspect(
            &[
                "grader",
                "--secret-env",
                "SECRET",
                "--signature",
                &zeros,
                file,
            ],
            body,
        )
    };
    let directory = env!("CARGO_MANIFEST_DIR");
    assert_fails(
        &inspect_file(directory, b""),
        64,
        "directory without a saved delivery",
    );
    assert_fails(&inspect_file("-", b""), 64, "the body is empty");
    assert_fails(&inspect_file("/dev/zero", b""), 64, "larger than 16 MiB");
}
