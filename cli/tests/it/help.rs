//! What a command says about itself.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{assert_fails, command, run};

#[test]
fn every_command_has_an_example_and_its_exit_statuses() {
    for name in [
        "inspect",
        "why",
        "send",
        "listen",
        "check",
        "shape",
        "inbox",
        "inbox stats",
        "inbox list",
        "inbox show",
        "inbox replay",
        "inbox erase",
        "inbox person",
    ] {
        let (name, action) = name.split_once(' ').unwrap_or((name, ""));
        let action = Some(action).filter(|action| !action.is_empty());
        let output = run(command(name).args(action).arg("--help"), b"");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(
            text.contains("Example: ") && text.contains("Exit status: "),
            "{text}"
        );
    }
}

#[test]
fn prints_completions_and_a_man_page() {
    for (arguments, expected) in [
        (vec!["completions", "bash"], "complete -F"),
        (vec!["man"], ".TH leadhook"),
        (vec!["man", "check"], ".TH leadhook-check"),
        (vec!["man", "inbox", "replay"], ".TH leadhook-inbox-replay"),
    ] {
        let (name, rest) = arguments.split_first().unwrap();
        let output = run(command(name).args(rest), b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected));
    }
}

#[test]
fn a_man_page_of_a_missing_command_is_an_error() {
    let output = run(command("man").args(["inbox", "prune"]), b"");
    assert_fails(&output, 64, "there is no command prune");
}

#[test]
fn a_misspelt_command_gets_a_suggestion() {
    assert_fails(&run(&mut command("inspct"), b""), 64, "'inspect'");
}

/// A URL in the wrong place is quoted by clap.
#[test]
fn an_error_about_arguments_conceals_passwords() {
    let url = "postgres://app:can'ary@db.example.com/app";
    let option = format!("--database={url}");
    for arguments in [
        vec![url],
        vec!["inbox", url, "stats"],
        vec!["inbox", "stats", "inbox.db", url],
        vec!["inbox", "list", "--limit", url],
        vec!["inbox", "person", "inbox.db", "app:can'ary@db", "--yes"],
        vec!["inbox", "person", "inbox.db", "x@y", "can'ary@db"],
        vec!["inbox", "person", "--erase", "--yes", "can'ary@db"],
        vec!["inbox", "list", "--state", "app:can'ary@db/app"],
        vec!["inbox", "list", "--accepted-before", url],
        vec!["inbox", "stats", &option],
    ] {
        let (name, rest) = arguments.split_first().unwrap();
        let output = run(command(name).args(rest), b"");
        assert_fails(&output, 64, "");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains("can'ary"), "{error}");
    }
}

#[cfg(not(feature = "inbox"))]
#[test]
fn without_its_feature_inbox_names_it() {
    assert_fails(
        &run(command("inbox").args(["stats", "inbox.db"]), b""),
        64,
        "--features inbox",
    );
}

/// Each command in the documentation and in the examples of the help is one that this binary accepts.
#[test]
fn the_documentation_has_commands_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut texts = Vec::new();
    for folder in [
        "",
        "docs",
        "docs/guide",
        "docs/operations",
        "inbox",
        "desk",
        "cli",
        "cli/src",
    ] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "md" || extension == "rs")
            {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let commands: BTreeSet<String> = texts.iter().flat_map(|text| commands(text)).collect();
    assert!(commands.len() > 20, "{commands:?}");
    for line in &commands {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        if name == "inbox" && cfg!(not(feature = "inbox")) {
            continue;
        }
        let output = run(command(name).args(words).arg("--help"), b"");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "leadhook {line}: {error}");
    }
}

/// The arguments of each `leadhook` command in a block of code, in backticks or in an example.
fn commands(text: &str) -> Vec<String> {
    let is_setting =
        |word: &&str| word.starts_with(|c: char| c.is_ascii_uppercase()) && word.contains('=');
    let mut is_code = false;
    let lines = text.lines().filter_map(move |line| {
        is_code ^= line.trim_start().starts_with("```");
        let (example, line) = (
            line.strip_prefix("Example: "),
            line.trim_start_matches(['$', ' ']),
        );
        let line = example.or(is_code.then_some(line))?;
        let words: Vec<&str> = line.split(' ').skip_while(is_setting).collect();
        Some(words.join(" ").strip_prefix("leadhook ")?.to_owned())
    });
    let quoted = text
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let quoted = quoted.filter_map(|code| Some(code.strip_prefix("leadhook ")?.to_owned()));
    let is_command = |command: &String| {
        command.starts_with(|c: char| c.is_ascii_lowercase()) && !command.contains(" COMMAND")
    };
    let cut = |command: String| {
        let ends = [" > ", " #", " | ", "…", "\"", " \\"];
        let end = ends.iter().filter_map(|end| command.find(end)).min();
        command[..end.unwrap_or(command.len())].to_owned()
    };
    lines.chain(quoted).filter(is_command).map(cut).collect()
}
