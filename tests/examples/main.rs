//! The contract of the examples, on which scripts build: their arguments, output and exit status. `cargo
//! test` builds the examples before it runs these tests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

use std::{env, path::PathBuf, process::Command};

mod inspect;
mod receivers;

/// Returns the command for an example, with an environment that has no secrets.
fn example(name: &str) -> Command {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path: PathBuf = [profile.as_os_str(), "examples".as_ref(), name.as_ref()]
        .iter()
        .collect();
    assert!(
        path.exists(),
        "{name} is not built: run `cargo test --all-features` without `--test`"
    );
    let mut command = Command::new(path);
    for variable in [
        "LISTEN",
        "REDIS_URL",
        "GRADER_WEBHOOK_SECRET",
        "GRAPHOID_WEBHOOK_SECRET",
        "SCOREAPP_WEBHOOK_SECRET",
        "TOMBA_WEBHOOK_TOKEN",
    ] {
        command.env_remove(variable);
    }
    command
}
