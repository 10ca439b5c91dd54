//! The real binary, against real servers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod check;
mod help;
#[cfg(feature = "inbox")]
mod inbox;
mod inspect;
mod listen;
mod send;
mod shape;
mod why;

use std::{
    env,
    io::Write,
    process::{Command, Output, Stdio},
};

const SECRET: &str = "whsec_5d41402abc4b";

/// The environment variables in which `send` and `listen` look for a secret.
const VARIABLES: [&str; 4] = [
    "GRADER_WEBHOOK_SECRET",
    "GRAPHOID_WEBHOOK_SECRET",
    "SCOREAPP_WEBHOOK_SECRET",
    "TOMBA_WEBHOOK_TOKEN",
];

/// Returns the arguments for a signed body on standard input, whose secret is in an environment variable.
fn signed_input<'a>(provider: &'a str, variable: &'a str, signature: &'a str) -> [&'a str; 6] {
    [
        provider,
        "--secret-env",
        variable,
        "--signature",
        signature,
        "-",
    ]
}

/// Returns a command that knows the environment of this process, and two secrets.
fn command(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadhook"));
    command.arg(name).env("SECRET", SECRET).env("EMPTY", "");
    command
}

/// Runs a command, with bytes on its standard input.
fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command does not read its standard input if its arguments are wrong.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Asserts that a command fails with a status, no output, and one line on standard error.
fn assert_fails(output: &Output, status: i32, reason: &str) {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{errors}");
    assert!(output.stdout.is_empty());
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(
        errors.contains(reason),
        "{errors:?} doesn't contain {reason:?}"
    );
}
