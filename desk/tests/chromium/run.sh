#!/bin/sh
# Walks through the tour in Debian's Chromium: `desk/tests/chromium/run.sh [FOLDER]`. Screenshots go to the folder.
# It needs Node.js, and npm fetches playwright-core, without a browser.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
shots=${1:-$work/screenshots}
mkdir -p "$shots"
cargo build --quiet --manifest-path "$here/../../Cargo.toml" --example tour
target=$(cargo metadata --format-version 1 --no-deps --manifest-path "$here/../../Cargo.toml" |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
"$target/debug/examples/tour" >"$work/log" 2>&1 &
tour=$!
trap 'kill $tour; rm -rf "$work"' EXIT
until grep -q '^http' "$work/log"; do
    kill -0 $tour
    sleep 0.2
done
npm install --silent --no-audit --no-fund --prefix "$work" playwright-core@1
NODE_PATH="$work/node_modules" node "$here/walk.js" "$(grep '^http' "$work/log")" "$shots"
