#!/bin/sh
# Runs fuzz targets one after the other. Needs cargo-fuzz, and no nightly toolchain, because it runs
# without a sanitizer.
#
#   fuzz/run.sh -max_total_time=5             the gate: every target for 5 s
#   fuzz/run.sh -runs=10000000 header key     a long run of two targets
#
# An input that finds a fault is written to artifacts/TARGET/. Copy it to inputs/TARGET/, where
# `cargo test --lib` runs it from then on.
set -eu
cd "$(dirname "$0")"
limit=$1
shift
[ $# -gt 0 ] || set -- header verifier grader graphoid scoreapp tomba credential key
export CARGO_TARGET_DIR=../target/fuzz
cargo run --quiet --locked --example seeds
# The library forbids unsafe code, so a sanitizer finds nothing, and costs four fifths of the speed.
cargo fuzz build --sanitizer none
for target; do
    printf '\n== %s\n' "$target"
    cargo fuzz run --sanitizer none "$target" -- \
        "$limit" -max_len=4096 -timeout=10 -dict=json.dict -print_final_stats=1 -verbosity=0
done
