//! The tests that `docs/SECURITY.md` names exist.

use std::{fs, path::Path};

#[test]
fn every_attack_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let policy = fs::read_to_string(root.join("docs/SECURITY.md")).unwrap();
    let (_, catalogue) = policy.split_once("## Attacks and their tests").unwrap();
    let rows: Vec<&str> = catalogue
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| attack |"))
        .collect();
    assert!(rows.len() >= 34, "{} rows", rows.len());
    for row in rows {
        let tests = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        let spans: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!spans.is_empty(), "{row}");
        for span in spans {
            let (path, name) = span.split_once(": ").unwrap_or((span, ""));
            assert!(root.join(path).exists(), "{path} in: {row}");
            if !name.is_empty() {
                let text = fs::read_to_string(root.join(path)).unwrap();
                assert!(text.contains(name), "{name} in {path} in: {row}");
            }
        }
    }
}
