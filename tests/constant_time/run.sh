#!/bin/sh
# Runs the constant-time check, unoptimized and optimized. Needs valgrind and x86-64.
#
# Both are needed: an optimizer can turn a comparison that is not constant into one that is, and can
# turn one that is constant into one that is not.
set -eu
cd "$(dirname "$0")"
target=../../target/constant_time
for profile in dev release; do
    cargo build --quiet --locked --profile "$profile" --target-dir "$target"
    folder=$([ "$profile" = dev ] && echo debug || echo release)
    echo "== $profile"
    valgrind --quiet --error-limit=no --log-file="$target/valgrind-$profile.log" "$target/$folder/constant-time"
done
