# What a contributor runs. `just` lists the commands.

_default:
    @just --list

# Format and lint the whole workspace.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# All tests. Those of Redis run if `redis-server` is installed.
test:
    cargo test --all-features

# The in-process benchmarks, as ratios against hand-written code.
bench:
    cargo bench --bench receive
    cargo bench --bench dedup --features dedup

# The reference as docs.rs shows it.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --all-features --no-deps --open

# Everything that must pass before a change lands.
gate:
    .ci/run
