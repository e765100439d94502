#!/usr/bin/env bash
# Packs both crates and builds what is in the packages: the library's documentation as docs.rs does, and
# the command with that library. `cargo package` alone would build all of it once more from the start.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -f target/package/*.crate
cargo package --quiet --no-verify --allow-dirty -p convolve -p convolve-cli
into=$(mktemp -d)
trap 'rm -rf "$into"' EXIT
for crate in target/package/*.crate; do tar -xzf "$crate" -C "$into"; done
library=("$into"/convolve-[0-9]*) command=("$into"/convolve-cli-*)

# What the workspace has checked of dependencies is not checked again.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features --manifest-path "${library[0]}/Cargo.toml"
cargo check --config "patch.crates-io.convolve.path='${library[0]}'" \
    --manifest-path "${command[0]}/Cargo.toml"
