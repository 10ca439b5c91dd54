//! The dashboard, the alert rules and their page in `docs/operations` name what the code records.

use std::{collections::BTreeSet, fs, path::Path};

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The metrics that are named in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let is_part_of_name =
        |next: char| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_';
    text.match_indices("leadhook_")
        .map(|(start, _)| {
            let rest = &text[start..];
            let end = rest.find(|next| !is_part_of_name(next));
            &rest[..end.unwrap_or(rest.len())]
        })
        // The crate's name is part of paths such as `leadhook_inbox::metrics`.
        .filter(|name| *name != "leadhook_inbox" && !name.ends_with('_'))
        .collect()
}

/// The metrics that the code records.
fn recorded() -> BTreeSet<String> {
    let code = read("src/metrics.rs") + &read("inbox/src/metrics.rs");
    let constants = code.lines().filter_map(|line| {
        let (_, name) = line
            .strip_prefix("const ")?
            .split_once(": &str = \"leadhook_")?;
        Some(format!("leadhook_{}", name.strip_suffix("\";")?))
    });
    constants.collect()
}

#[test]
fn each_metric_in_the_files_exists() {
    let recorded = recorded();
    assert!(recorded.len() > 10, "the metrics were not found");
    for file in [
        "README.md",
        "alerts.yml",
        "alerts_test.yml",
        "dashboard.json",
    ] {
        let text = read(&format!("docs/operations/{file}"));
        for name in named(&text) {
            let is_recorded = recorded.iter().any(|recorded| {
                let series = name.strip_prefix(recorded.as_str());
                let histogram = recorded.ends_with("_seconds") && series == Some("_bucket");
                series == Some("") || histogram
            });
            assert!(is_recorded, "{file} names {name}");
        }
    }
}

#[test]
fn each_metric_is_documented_and_on_the_dashboard() {
    let documented = read("src/metrics.rs") + &read("inbox/src/metrics.rs");
    let dashboard = read("docs/operations/dashboard.json");
    for metric in recorded() {
        let row = format!("//! | `{metric}` | ");
        assert!(documented.contains(&row), "{metric} is in no table");
        assert!(
            dashboard.contains(&metric),
            "{metric} is not on the dashboard"
        );
    }
}

#[test]
fn each_alert_has_a_section_and_a_test() {
    let rules = read("docs/operations/alerts.yml");
    let tests = read("docs/operations/alerts_test.yml");
    let page = read("docs/operations/README.md");
    let alerts = |text: &str| -> BTreeSet<String> {
        let lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches("- "));
        let names = lines.filter_map(|line| {
            let name = line
                .strip_prefix("alert: ")
                .or(line.strip_prefix("alertname: "));
            name.or(line.strip_prefix("## Leadhook").map(|_| &line[3..]))
        });
        names.map(Into::into).collect()
    };
    assert!(alerts(&rules).len() > 5, "the alerts were not found");
    assert_eq!(alerts(&rules), alerts(&tests));
    assert_eq!(alerts(&rules), alerts(&page));
    for alert in alerts(&rules) {
        let anchor = format!(
            "runbook: docs/operations/README.md#{}\n",
            alert.to_lowercase()
        );
        assert!(
            rules.contains(&anchor),
            "{alert} does not link to its section"
        );
    }
}
