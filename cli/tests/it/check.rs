//! `leadhook check`, on receivers in other languages with planted faults.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use crate::{SECRET, assert_fails, command, listen::Listener, run};

struct Receiver {
    child: Child,
    url: String,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Receiver {
    fn start(program: &str, file: &str, fault: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/receivers")
            .join(file);
        let mut command = Command::new(program);
        command.arg(file).arg(fault).env("SECRET", SECRET);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        let url = format!("http://127.0.0.1:{}/", port.trim());
        Self { child, url }
    }

    fn python(fault: &str) -> Self {
        Self::start("python3", "receiver.py", fault)
    }

    fn node(fault: &str) -> Self {
        Self::start("node", "receiver.js", fault)
    }
}

/// Returns the promises that fail.
fn check(url: &str, provider: &str, options: &[&str]) -> BTreeSet<String> {
    let mut command = command("check");
    command
        .args([url, provider, "--secret-env", "SECRET", "--yes"])
        .args(options);
    let output = run(&mut command, b"");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.stderr.is_empty() && !text.contains(SECRET), "{text}");
    let failed: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("FAIL "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        output.status.code(),
        Some(i32::from(!failed.is_empty())),
        "{text}"
    );
    failed
}

fn set(slugs: &[&str]) -> BTreeSet<String> {
    slugs.iter().map(|&slug| slug.to_owned()).collect()
}

#[test]
fn a_correct_receiver_passes() {
    assert_eq!(
        check(&Receiver::python("none").url, "graphoid", &[]),
        set(&[])
    );
    assert_eq!(
        check(&Receiver::node("none").url, "graphoid", &["--explain"]),
        set(&[])
    );
}

#[test]
fn listen_passes_for_every_provider() {
    let listener = Listener::start(&[]);
    for provider in ["grader", "graphoid", "scoreapp", "tomba"] {
        assert_eq!(check(&listener.url, provider, &[]), set(&[]), "{provider}");
        assert_eq!(
            check(&listener.url, provider, &["--only-bad"]),
            set(&[]),
            "{provider}"
        );
    }
}

#[test]
fn each_planted_fault_is_found() {
    let faults: [(&str, &[&str]); 16] = [
        ("good", &["good"]),
        ("unsigned", &["unsigned"]),
        ("duplicate-header", &["duplicate-header"]),
        ("duplicate-header-last", &["duplicate-header"]),
        ("comma-joined", &["comma-joined"]),
        ("wrong-prefix", &["wrong-prefix"]),
        ("changed-body", &["changed-body", "respelled"]),
        ("truncated", &["forged", "wrong-prefix"]),
        ("duplicate", &["duplicate"]),
        ("unknown-event", &["unknown-event"]),
        ("limit", &["limit"]),
        ("chunked", &["chunked"]),
        ("slow", &["slow"]),
        ("concurrent", &["concurrent"]),
        ("compressed", &["compressed"]),
        ("next-request", &["next-request"]),
    ];
    // Most of the time is waiting.
    thread::scope(|scope| {
        for (fault, expected) in faults {
            scope.spawn(move || {
                let failed = check(&Receiver::python(fault).url, "graphoid", &[]);
                // A fault may break another promise, too.
                assert!(failed.is_superset(&set(expected)), "{fault}: {failed:?}");
                assert!(failed.len() <= expected.len() + 1, "{fault}: {failed:?}");
            });
        }
    });
    let failed = check(&Receiver::python("forged").url, "graphoid", &[]);
    assert!(
        failed.is_superset(&set(&["forged", "unsigned", "changed-body"])),
        "{failed:?}"
    );
    let failed = check(&Receiver::python("rejects-with-500").url, "graphoid", &[]);
    assert!(
        failed.is_superset(&set(&["forged", "unsigned"])),
        "{failed:?}"
    );
    let failed = check(&Receiver::python("redirect").url, "graphoid", &[]);
    assert!(failed.is_superset(&set(&["good", "forged"])), "{failed:?}");
    assert_eq!(
        check(&Receiver::node("reserialized").url, "graphoid", &[]),
        set(&["changed-body", "respelled"])
    );
    let failed = check(&Receiver::node("split").url, "graphoid", &[]);
    assert_eq!(failed, set(&["comma-joined", "duplicate-header"]));
}

#[test]
fn nothing_is_sent_without_consent() {
    let check = |arguments: &[&str]| {
        run(
            command("check")
                .args(arguments)
                .args(["--secret-env", "SECRET"]),
            b"",
        )
    };
    assert_fails(
        &check(&["http://127.0.0.1:1/", "grader"]),
        64,
        "leadhook-check@example.com",
    );
    assert_fails(
        &check(&["http://192.0.2.1/", "grader", "--only-bad"]),
        64,
        "not this machine",
    );
    assert_fails(
        &check(&["http://127.0.0.1:1/", "grader", "--yes"]),
        69,
        "refused",
    );
    assert_fails(&check(&["127.0.0.1:1", "grader", "--yes"]), 64, "no scheme");
}

#[test]
fn a_server_that_hangs_is_given_up() {
    let receiver = Receiver::python("hang");
    let start = Instant::now();
    let arguments = [
        receiver.url.as_str(),
        "graphoid",
        "--secret-env",
        "SECRET",
        "--yes",
    ];
    assert_fails(
        &run(command("check").args(arguments), b""),
        69,
        "no response in time",
    );
    assert!(start.elapsed().as_secs() < 60);
}
