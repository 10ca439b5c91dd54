//! `leadhook shape`, whose output is posted in issues.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{assert_fails, command, run};

fn shape(arguments: &[&str], body: &[u8]) -> String {
    let output = run(command("shape").args(arguments).arg("-"), body);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const BODY: &str = r#"{"event":"lead.won","id":"evt_1","data":{"lead":{"id":"l_1","name":"Zoë","value":"abc","ann@example.com":[1,{"x\n":null}]}}}"#;

#[test]
fn prints_paths_types_and_lengths() {
    let text = shape(&[], BODY.as_bytes());
    let line = |start: &str| {
        let line = text.lines().find(|line| line.starts_with(start)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(text.starts_with("graphoid lead.won  ×1\n"), "{text}");
    assert_eq!(line("data.lead.name "), "data.lead.name text ×1 length 3");
    assert_eq!(
        line("data.lead.value "),
        "data.lead.value text ×1 length 3 untyped"
    );
    assert_eq!(
        line("data.lead.* "),
        "data.lead.* list ×1 length 2 untyped undocumented"
    );
    assert_eq!(
        line("data.lead.*[] "),
        "data.lead.*[] number|object ×2 length 1"
    );
    for value in ["Zoë", "abc", "evt_1", "l_1", "ann"] {
        assert!(!text.contains(value), "{text}");
    }
    assert!(shape(&["--keys"], BODY.as_bytes()).contains("data.lead.ann@example.com[]"));
    let json: Value = serde_json::from_str(&shape(&["--json"], BODY.as_bytes())).unwrap();
    assert_eq!(json["paths"]["data.lead.name"]["longest"], 3);
    assert_eq!(json["events"]["graphoid lead.won"], 1);
}

#[test]
fn knows_every_key_of_the_payload_types() {
    fn fields(directory: &Path, keys: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fields(&path, keys);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for block in source.split("\ncrate::payload! {").skip(1) {
                let block = block.split("\n}").next().unwrap();
                let mut renamed = None;
                for line in block.lines().map(str::trim) {
                    if let Some(key) = line.strip_prefix("#[key = \"") {
                        renamed = key.split('"').next();
                    } else if let Some((name, _)) = line
                        .strip_prefix("pub ")
                        .and_then(|line| line.split_once(": "))
                    {
                        keys.push(
                            renamed
                                .take()
                                .unwrap_or(name.trim_start_matches("r#"))
                                .into(),
                        );
                    }
                }
            }
        }
    }
    let mut keys = Vec::new();
    fields(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/providers"),
        &mut keys,
    );
    assert!(keys.len() > 100);
    let body: serde_json::Map<String, Value> =
        keys.into_iter().map(|key| (key, Value::Null)).collect();
    let text = shape(&[], Value::Object(body).to_string().as_bytes());
    assert!(
        !text.contains('*') && !text.contains("undocumented"),
        "{text}"
    );
}

#[test]
fn bad_bodies_are_one_line() {
    let shape = |body: &[u8]| run(command("shape").arg("-"), body);
    assert_fails(&shape(b"Zo\xeb"), 2, "not JSON");
    assert_fails(&shape(b""), 64, "empty");
    assert_fails(
        &shape("[".repeat(64_000).as_bytes()),
        2,
        "nested too deeply",
    );
    assert_fails(
        &run(command("shape").args(["/no/such/file"]), b""),
        64,
        "/no/such/file",
    );
}
