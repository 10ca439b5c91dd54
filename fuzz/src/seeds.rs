//! The corpus to start with, made of the samples.

use std::{fs, path::Path};

use crate::{
    header::{BODY, SECRET},
    hmac,
};

/// The seeds of a target.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "header" => headers(),
        "grader" | "graphoid" | "scoreapp" | "tomba" => bodies(target),
        "credential" => credentials(),
        "key" => keys(),
        _ => verifications(),
    }
}

fn headers() -> Vec<Vec<u8>> {
    let right = hex::encode(hmac(SECRET, BODY));
    let wrong = hex::encode(hmac(b"another", BODY));
    let mut values = vec![
        String::new(),
        right.to_uppercase(),
        right[1..].into(),
        format!("{right}0"),
        format!(" {right}"),
        format!("{right},{right}"),
        format!("\"{right}\""),
        format!("SHA256={right}"),
        format!("sha1={right}"),
        format!("sha256=sha256={right}"),
        "d2gxc2VjX1pxN2QyZ3hjMlZqWDFweE4yUXlaM2hqTWw=".into(),
    ];
    for digits in [right, wrong] {
        values.push(format!("sha256={digits}"));
        values.push(digits);
    }
    [0, 1]
        .iter()
        .flat_map(|format| {
            values
                .iter()
                .map(|value| [&[*format], value.as_bytes()].concat())
        })
        .collect()
}

/// The samples, and each with one value replaced by every kind of value.
fn bodies(provider: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for folder in ["src/samples", "tests/payloads"] {
        let Ok(files) = fs::read_dir(root.join(folder).join(provider)) else {
            continue;
        };
        bodies.extend(files.map(|file| fs::read(file.unwrap().path()).unwrap()));
    }
    let mut seeds = bodies.clone();
    for body in &bodies {
        // Some providers' samples have their keys in another order than it is sent.
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        seeds.push(value.to_string().into_bytes());
        for odd in [
            "null",
            "[]",
            "{}",
            "\"\\ud83d\"",
            "1e400",
            "[null,{\"a\":0}]",
            "\"1,067.00\"",
        ] {
            seeds.extend(with_each_value_replaced(body, odd));
        }
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

/// Replaces what follows each colon, up to the next comma or brace, if that is JSON still.
fn with_each_value_replaced(body: &[u8], by: &str) -> Vec<Vec<u8>> {
    let text = str::from_utf8(body).unwrap();
    text.match_indices(':')
        .filter_map(|(colon, _)| {
            let (before, after) = text.split_at(colon + 1);
            let end = after.find([',', '}', '\n'])?;
            let replaced = format!("{before}{by}{}", &after[end..]);
            serde_json::from_str::<&serde_json::value::RawValue>(&replaced).ok()?;
            Some(replaced.into_bytes())
        })
        .collect()
}

fn credentials() -> Vec<Vec<u8>> {
    let texts = [
        "token=0123456789abcdef&token=%ff%fe",
        "%74oken=a+b%20c",
        "a=b;token=c\nd",
        "token&token=&=token&%zz%4",
        "\u{fffd}token=\u{fffd}",
    ];
    structured(&texts)
}

fn keys() -> Vec<Vec<u8>> {
    let texts = [
        "evt_1ws_1lead.won",
        r#"{"id":"evt_1","event":"lead.won","workspace_id":"ws_1"}"#,
        r#"{"id":1,"event":"","data":{}}"#,
        "aaaaaaaaaaaaaaaaaaaa",
    ];
    structured(&texts)
}

fn verifications() -> Vec<Vec<u8>> {
    structured(&[
        "secret another body of some length",
        "aaaaaaaaaaaaaaaa",
        "0123456789",
    ])
}

/// Inputs for a target that takes its input apart by `arbitrary`: texts among bytes of each kind.
fn structured(texts: &[&str]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for text in texts {
        for byte in [0, 1, 3, 0x10, 0xff] {
            seeds.push([text.as_bytes(), &[byte; 16]].concat());
            seeds.push([&[byte; 4], text.as_bytes(), &[byte, 1, 4, 1, 2]].concat());
        }
    }
    seeds
}
