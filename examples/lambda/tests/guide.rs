//! The guide shows this package's code.

#[test]
fn the_guide_shows_the_program_as_it_is() {
    let guide = include_str!("../../../docs/guide/lambda.md");
    assert!(guide.contains(include_str!("../src/main.rs")));
}
