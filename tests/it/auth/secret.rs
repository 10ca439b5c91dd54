//! Secrets: what is refused, and where it is read from.

#[cfg(unix)]
use std::os::unix::ffi::OsStringExt;
use std::{ffi::OsString, process::Command};

use leadhook::{
    Secret,
    SecretErrorKind::{self, Empty, NotSet, NotUnicode, SurroundingWhitespace},
};

fn kind(secret: Result<Secret, leadhook::SecretError>) -> Option<SecretErrorKind> {
    secret.err().map(|error| error.kind())
}

#[test]
fn a_text_with_white_space_at_either_end_is_refused() {
    for space in [" ", "\n", "\r\n", "\t", "\u{a0}", "\u{2003}"] {
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
fn bytes_are_taken_as_they_are_unless_there_are_none() {
    assert_eq!(kind(Secret::from_bytes(b"")), Some(Empty));
    for bytes in [b"\0".as_slice(), b" ", b"secret\n", &[0xff; 200]] {
        assert_eq!(kind(Secret::from_bytes(bytes)), None, "{bytes:?}");
    }
    assert_eq!(kind(Secret::new("1")), None); // ScoreApp lets its users choose
}

const VARIABLE: &str = "LEADHOOK_TEST_SECRET";
const EXPECTED: &str = "LEADHOOK_TEST_EXPECTED";

/// Each case is run in a process of its own, whose environment is the case.
#[test]
fn environment_variables_are_read_and_told_apart() {
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
#[ignore = "run by environment_variables_are_read_and_told_apart"]
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
