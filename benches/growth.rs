//! Measures how the cost of a delivery grows with its body, and plots it.
//!
//! `cargo bench --bench growth` verifies and reads bodies of 1 KiB to 4 MiB, prints the nanoseconds for
//! each byte for leadhook and for a hand-written receiver, and draws `docs/growth.svg`.
//! The cost is linear if the numbers of a row stay level.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use core::{fmt::Write, hint::black_box};
use std::{env, fs, path::Path};

use bytes::Bytes;
use leadhook::{Grader, Receiver, ScoreApp, Secret, SignedProvider, Signer};
use support::{SECRET, Way};

mod support;

/// The nanoseconds for each byte, by the size of the body.
struct Line {
    name: &'static str,
    points: Vec<(usize, f64)>,
}

fn main() {
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let counts = [1, 10, 100, 1_000, 10_000];
    let quizzes = counts.map(support::quiz_with_questions);
    let forms = counts.map(support::submission_with_fields);
    let texts = [1, 16, 256, 4_096].map(|kibibytes| support::quiz_with_text(kibibytes * 1024));
    let empty = [300, 3_000, 30_000, 300_000].map(support::quiz_with_empty_objects);

    let mut lines = Vec::new();
    lines.extend(measure::<ScoreApp>(
        ["1 to 10,000 questions", "the same by hand"],
        &quizzes,
    ));
    lines.extend(measure::<Grader>(
        ["1 to 10,000 form fields", "the same by hand"],
        &forms,
    ));
    lines.extend(measure::<ScoreApp>(
        ["1 KiB to 4 MiB of text", "the same by hand"],
        &texts,
    ));
    lines.extend(measure::<ScoreApp>(
        ["300 to 300,000 empty objects", "the same by hand"],
        &empty,
    ));
    for line in &lines {
        println!("{}", line.name);
        for (bytes, time) in &line.points {
            println!("  {bytes:>9} bytes {time:>8.2} ns per byte");
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/growth.svg");
    fs::write(&file, plot(&lines)).unwrap();
    println!("drawn to docs/growth.svg");
}

fn measure<P: SignedProvider>(names: [&'static str; 2], bodies: &[String]) -> [Line; 2] {
    let secret = Secret::new(SECRET).unwrap();
    let signer = Signer::<P>::new(&secret);
    let receiver = Receiver::<P>::new(&secret);
    let mut lines = names.map(|name| Line {
        name,
        points: Vec::new(),
    });
    for body in bodies {
        let (_, header) = signer.header(body.as_bytes());
        let body = Bytes::from(body.clone());
        let mut ways: [Way<'_>; 2] = [
            Box::new(|| {
                let delivery = receiver
                    .authenticate([black_box(&header)], body.clone())
                    .unwrap();
                drop(black_box(delivery.read().unwrap()));
            }),
            Box::new(|| {
                let value = support::receive_by_hand(P::FORMAT, black_box(&header), &body);
                drop(black_box(value));
            }),
        ];
        let times = support::nanoseconds(&mut ways);
        for (line, time) in lines.iter_mut().zip(times) {
            line.points.push((body.len(), time / body.len() as f64));
        }
    }
    lines
}

/// Draws the lines, with bytes on a logarithmic scale.
fn plot(lines: &[Line]) -> String {
    const WIDTH: f64 = 760.0;
    const HEIGHT: f64 = 380.0;
    const LEFT: f64 = 60.0;
    const TOP: f64 = 20.0;
    const COLOURS: [&str; 4] = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad"];
    let highest = lines
        .iter()
        .flat_map(|line| &line.points)
        .fold(1.0_f64, |highest, (_, time)| highest.max(*time))
        .ceil();
    let x = |bytes: usize| LEFT + WIDTH * ((bytes as f64).log10() - 2.5) / 4.5;
    let y = |time: f64| TOP + HEIGHT * (1.0 - time / highest);
    let mut svg = String::from(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 600" font-family="sans-serif" font-size="13"><rect width="860" height="600" fill="#fff"/>"##,
    );
    for step in 0..=4 {
        let time = highest * f64::from(step) / 4.0;
        let _ = write!(
            svg,
            r##"<path d="M{LEFT} {0:.1}H{1}" stroke="#ddd"/><text x="{2}" y="{3:.1}" text-anchor="end">{time:.1}</text>"##,
            y(time),
            LEFT + WIDTH,
            LEFT - 6.0,
            y(time) + 4.0,
        );
    }
    for (bytes, label) in [
        (1_000, "1 kB"),
        (10_000, "10 kB"),
        (100_000, "100 kB"),
        (1_000_000, "1 MB"),
        (10_000_000, "10 MB"),
    ] {
        let _ = write!(
            svg,
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{label}</text>"#,
            x(bytes),
            TOP + HEIGHT + 18.0,
        );
    }
    for (index, line) in lines.iter().enumerate() {
        let colour = COLOURS[index / 2];
        let dashes = if index % 2 == 0 { "none" } else { "5 4" };
        let mut points = String::new();
        for (bytes, time) in &line.points {
            let _ = write!(points, "{:.1},{:.1} ", x(*bytes), y(*time));
        }
        let row = TOP + HEIGHT + 44.0 + 20.0 * (index / 2) as f64;
        let column = LEFT + if index % 2 == 0 { 0.0 } else { 330.0 };
        let _ = write!(
            svg,
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/><path d="M{column} {row}h26" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/><text x="{}" y="{}">{}</text>"#,
            column + 34.0,
            row + 4.0,
            line.name,
        );
    }
    let _ = write!(
        svg,
        r#"<text x="{LEFT}" y="14">Verify and read: nanoseconds per byte, by the size of the body</text></svg>"#
    );
    svg.push('\n');
    svg
}
