//! What a command says about itself.

use crate::{assert_fails, command, run};

#[test]
fn every_command_has_an_example_and_its_exit_statuses() {
    for name in ["inspect", "why", "send", "listen", "check", "shape"] {
        let output = run(command(name).arg("--help"), b"");
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
    ] {
        let (name, rest) = arguments.split_first().unwrap();
        let output = run(command(name).args(rest), b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected));
    }
}

#[test]
fn a_misspelt_command_gets_a_suggestion() {
    assert_fails(&run(&mut command("inspct"), b""), 64, "'inspect'");
}
