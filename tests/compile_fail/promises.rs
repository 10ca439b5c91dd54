//! Each file in `fails/` does not compile, with exactly the error beside it. The file of the same name in
//! `compiles/` shows that the file has no other error. The documentation's `compile_fail` examples show
//! the other promises of this kind.
//!
//! The stable compiler wrote the errors. After an update of the compiler, check the changes that
//! `TRYBUILD=overwrite cargo test -p compile-fail` makes.

use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn promises_are_kept_by_the_compiler() {
    let names = |folder: &str| -> BTreeSet<String> {
        fs::read_dir(folder)
            .unwrap()
            .filter_map(|file| file.unwrap().file_name().into_string().ok())
            .filter(|name| {
                Path::new(name)
                    .extension()
                    .is_some_and(|extension| extension == "rs")
            })
            .collect()
    };
    let fails = names("fails");
    assert!(fails.len() >= 5);
    assert_eq!(
        fails,
        names("compiles"),
        "each case has a twin that compiles"
    );

    let cases = trybuild::TestCases::new();
    cases.compile_fail("fails/*.rs");
    cases.pass("compiles/*.rs");
}
