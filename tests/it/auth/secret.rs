//! Secrets from text, bytes and the environment.

#[cfg(unix)]
use std::os::unix::ffi::OsStringExt;
use std::{ffi::OsString, process::Command};

use leadhook::{
    Grader, Secret,
    SecretErrorKind::{self, Empty, NotSet, NotUnicode, OnlyNul, SurroundingWhitespace},
    Signer,
};

use crate::support::secret;

fn kind(secret: Result<Secret, leadhook::SecretError>) -> Option<SecretErrorKind> {
    secret.err().map(|error| error.kind())
}

#[test]
fn a_string_with_white_space_or_an_invisible_character_at_either_end_is_rejected() {
    let spaces = [
        " ",
        "\n",
        "\r\n",
        "\t",
        "\u{a0}",
        "\u{2003}",
        "\u{feff}",
        "\u{200b}",
        "\u{200c}",
        "\u{200d}",
        "\u{2060}",
        " \u{feff}",
    ];
    for space in spaces {
        for text in [
            format!("{space}s3cret"),
            format!("s3cret{space}"),
            space.into(),
        ] {
            assert_eq!(
                kind(Secret::new(&text)),
                Some(SurroundingWhitespace),
                "{text:?}"
            );
        }
        assert_eq!(kind(Secret::new(&format!("s3{space}cret"))), None);
    }
}

#[test]
fn bytes_are_taken_as_they_are_unless_they_are_hmacs_empty_key() {
    assert_eq!(kind(Secret::from_bytes(b"")), Some(Empty));
    for nul in [b"\0".as_slice(), &[0; 32], &[0; 64], &[0; 65]] {
        assert_eq!(kind(Secret::from_bytes(nul)), Some(OnlyNul), "{nul:?}");
    }
    assert_eq!(kind(Secret::new("\0\0")), Some(OnlyNul));
    for bytes in [b"\0s".as_slice(), b"s\0", b" ", b"secret\n", &[0xff; 200]] {
        assert_eq!(kind(Secret::from_bytes(bytes)), None, "{bytes:?}");
    }
    assert_eq!(kind(Secret::new("1")), None); // ScoreApp lets its users choose
}

/// Returns the signature of the empty body, which is different for each secret.
fn signature(secret: &Secret) -> String {
    Signer::<Grader>::new(secret).header(b"").1
}

#[test]
fn configuration_crates_can_hold_a_secret() {
    let expected = signature(&secret("s3cret"));
    let parsed: Secret = "s3cret".parse().unwrap();
    let converted = Secret::try_from(String::from("s3cret")).unwrap();
    let read: Secret = serde_json::from_str(r#""s3cret""#).unwrap();
    let escaped: Secret = serde_json::from_str(r#""s\u0033cret""#).unwrap();
    let owned: Secret = serde_json::from_value("s3cret".into()).unwrap();
    for secret in [parsed, converted, read, escaped, owned] {
        assert_eq!(signature(&secret), expected);
    }
    assert_eq!(kind("s3cret ".parse()), Some(SurroundingWhitespace));
    assert_eq!(kind(String::new().try_into()), Some(Empty));
    let error = serde_json::from_str::<Secret>(r#""s3cret ""#).unwrap_err();
    assert!(error.to_string().contains("white space"), "{error}");
}

#[test]
fn a_secret_of_another_type_is_an_error_without_the_value() {
    let unquoted = [
        "12345",
        "-12345",
        "12345.5",
        "123456789012345678901234567890",
        "true",
        "null",
        "[12345]",
        r#"{"12345":12345}"#,
    ];
    for json in unquoted {
        let error = serde_json::from_str::<Secret>(json)
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("12345") && !error.contains("true"),
            "{error}"
        );
        assert!(error.contains("string"), "{error}");
    }
    let error = serde_json::from_str::<Secret>("12345").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a secret must be a string; put it in quotes"),
        "{error}"
    );
}

const VARIABLE: &str = "LEADHOOK_TEST_SECRET";
const EXPECTED: &str = "LEADHOOK_TEST_EXPECTED";

/// Each case runs in a process of its own, because it needs an environment of its own.
#[test]
fn environment_variables_are_read_with_an_error_of_their_own() {
    let cases: Vec<(Option<OsString>, Option<SecretErrorKind>)> = vec![
        (Some("s3cret".into()), None),
        (Some("".into()), Some(Empty)),
        (Some("s3cret\n".into()), Some(SurroundingWhitespace)),
        #[cfg(unix)]
        (
            Some(OsStringExt::from_vec(vec![b's', 0xff])),
            Some(NotUnicode),
        ),
        (None, Some(NotSet)),
    ];
    for (value, expected) in cases {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "reads_its_environment", "--ignored"]);
        child
            .env_remove(VARIABLE)
            .env(EXPECTED, format!("{expected:?}"));
        child.envs(value.map(|value| (VARIABLE, value)));
        let output = child.output().unwrap();
        assert!(output.status.success(), "{expected:?}: {output:?}");
    }
}

#[test]
#[ignore = "run by environment_variables_are_read_with_an_error_of_their_own"]
fn reads_its_environment() {
    let read = Secret::from_env(VARIABLE);
    if let Err(error) = &read {
        assert_eq!(error.variable(), Some(VARIABLE));
        assert!(
            error.to_string().starts_with("LEADHOOK_TEST_SECRET: "),
            "{error}"
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let expected = std::env::var(EXPECTED).unwrap();
    assert_eq!(format!("{:?}", kind(read)), expected);
}

#[test]
fn an_error_names_the_variable_that_was_read() {
    let unset = Secret::from_env("LEADHOOK_IS_NOT_SET").unwrap_err();
    assert_eq!(unset.variable(), Some("LEADHOOK_IS_NOT_SET"));
    assert_eq!(Secret::new("").unwrap_err().variable(), None);
}
