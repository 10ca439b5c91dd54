//! What must hold for every input: one function for each fuzz target.
//!
//! The functions are a library, so that `cargo test --lib` runs them without a fuzzer: on the seeds and
//! on every input that has found a fault (`inputs/`).

mod credential;
mod event;
mod header;
mod key;
#[path = "../../tests/it/oracle.rs"]
mod oracle;
mod reference;
pub mod seeds;
mod verifier;

pub use credential::credential;
pub use event::{grader, graphoid, scoreapp, tomba};
pub use header::header;
pub use key::key;
pub use verifier::verifier;

/// A target's name, and what it checks.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("header", header),
    ("verifier", verifier),
    ("grader", grader),
    ("graphoid", graphoid),
    ("scoreapp", scoreapp),
    ("tomba", tomba),
    ("credential", credential),
    ("key", key),
];

/// HMAC-SHA256 by the `hmac` crate, without leadhook.
fn hmac(secret: &[u8], body: &[u8]) -> [u8; 32] {
    use hmac::{KeyInit, Mac};

    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::{fs, panic::catch_unwind, path::Path};

    use super::{TARGETS, seeds};

    /// Runs the target on every input, and fails at the end with the names of all that failed.
    fn all_hold(inputs: impl Fn(&str) -> Vec<(String, Vec<u8>)>) -> usize {
        let mut count = 0;
        let mut failed = Vec::new();
        for (target, check) in TARGETS {
            for (name, input) in inputs(target) {
                count += 1;
                if catch_unwind(|| check(&input)).is_err() {
                    eprintln!("{target} {name}: {}", String::from_utf8_lossy(&input));
                    failed.push(format!("{target} {name}"));
                }
            }
        }
        assert!(failed.is_empty(), "{failed:#?}");
        count
    }

    #[test]
    fn seeds_hold() {
        let count = all_hold(|target| {
            let seeds = seeds::of(target).into_iter().enumerate();
            seeds
                .map(|(index, seed)| (index.to_string(), seed))
                .collect()
        });
        assert!(count > 500, "{count} seeds");
    }

    /// Files in `inputs/TARGET/` have found a fault once.
    #[test]
    fn inputs_that_found_a_fault_hold() {
        let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs");
        all_hold(|target| {
            let Ok(folder) = fs::read_dir(inputs.join(target)) else {
                return Vec::new();
            };
            folder
                .map(|file| file.unwrap().path())
                .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
                .collect()
        });
    }
}
