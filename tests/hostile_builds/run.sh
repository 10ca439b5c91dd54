#!/bin/sh
# Builds and runs the samples in every build that another crate could cause, and compares what they
# print with the plain build.
set -eu
cd "$(dirname "$0")"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../../target/hostile_builds}"
mkdir -p "$CARGO_TARGET_DIR"
plain=$CARGO_TARGET_DIR/plain.txt
other=$CARGO_TARGET_DIR/other.txt

echo "== plain"
cargo run --quiet --locked > "$plain"
grep -q 'lead.won' "$plain"

compare() {
    echo "== $1"
    shift
    "$@" > "$other"
    diff "$plain" "$other"
}

for feature in arbitrary_precision float_roundtrip preserve_order raw_value unbounded_depth; do
    compare "serde_json/$feature" cargo run --quiet --locked --features "$feature"
done
compare "chrono, bytes and http" cargo run --quiet --locked --features chrono,bytes,http
compare "all of them" cargo run --quiet --locked --all-features
compare "panic = abort" cargo run --quiet --locked --profile abort

# The oldest versions that `Cargo.toml` allows, in the unpacked package without its dev-dependencies, which
# need newer ones.
package=$(../../.ci/steps/unpack)
oldest=$CARGO_TARGET_DIR/oldest
rm -rf "$oldest"
mkdir -p "$oldest/hostile_builds"
cp -R "$package" "$oldest/leadhook"
awk '/^\[/ { skip = /dev-dependencies/ } !skip' "$package/Cargo.toml" > "$oldest/leadhook/Cargo.toml"
cp -R src "$oldest/hostile_builds"
sed -e 's|"../.."|"../leadhook"|' -e '/^\[profile/,$d' Cargo.toml > "$oldest/hostile_builds/Cargo.toml"
printf '[workspace]\nmembers = ["leadhook", "hostile_builds"]\nresolver = "3"\n' > "$oldest/Cargo.toml"
RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions --manifest-path "$oldest/Cargo.toml"
compare "the oldest versions" cargo run --quiet --manifest-path "$oldest/hostile_builds/Cargo.toml"

echo "== no_std"
cargo run --quiet --locked --package no-std-build --profile abort
if rustup target list --installed 2> /dev/null | grep -q '^wasm32-unknown-unknown$'; then
    echo "== wasm32-unknown-unknown"
    cargo build --quiet --locked --lib --manifest-path ../../Cargo.toml --target wasm32-unknown-unknown
    cargo build --quiet --locked --lib --manifest-path ../../Cargo.toml --target wasm32-unknown-unknown --no-default-features
fi
echo "All builds read the same."
