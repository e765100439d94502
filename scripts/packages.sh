#!/usr/bin/env bash
# Packs both crates and builds what is in the packages: the library's documentation as docs.rs does, and
# the command with that library. `cargo package` alone would build all of it once more from the start.
set -euo pipefail
cd "$(dirname "$0")/.."

# What the workspace has checked of dependencies is not checked again.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
into=$CARGO_TARGET_DIR/package/unpacked
rm -rf "$into" "$CARGO_TARGET_DIR"/package/*.crate
mkdir -p "$into"
cargo package --quiet --no-verify --allow-dirty -p convolve -p convolve-cli
for crate in "$CARGO_TARGET_DIR"/package/*.crate; do tar -xzf "$crate" -C "$into"; done
library=("$into"/convolve-[0-9]*) command=("$into"/convolve-cli-*)

RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features --manifest-path "${library[0]}/Cargo.toml"
cargo check --config "patch.crates-io.convolve.path='${library[0]}'" \
    --manifest-path "${command[0]}/Cargo.toml"
