#!/usr/bin/env bash
# Builds what is in integrations/ and draws their pictures into a folder: egui and bevy take minutes to compile, so
# no change waits for this.
#
#     scripts/integrations.sh [FOLDER]
set -euo pipefail
out=$(realpath "${1:-$(mktemp -d)}")
cd "$(dirname "$0")/../integrations"
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}"
export CARGO_INCREMENTAL=0

for crate in */; do
    (
        cd "$crate"
        # bevy names a later compiler than it needs.
        cargo clippy --locked --all-targets --ignore-rust-version -- -D warnings
        for example in examples/*.rs; do
            name=$(basename "$example" .rs)
            cargo run --locked --ignore-rust-version --example "$name" -- "$out/${crate%/}_$name.png"
        done
    )
done
