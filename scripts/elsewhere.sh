#!/usr/bin/env bash
# Checks the library with the oldest compiler that it promises, and for the web, where this machine has
# what that takes. Clippy holds the standard library to that compiler's everywhere
# (`incompatible_msrv`).
set -euo pipefail
cd "$(dirname "$0")/.."

oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if cargo "+$oldest" --version >/dev/null 2>&1; then
    CARGO_TARGET_DIR=target/oldest cargo "+$oldest" check --workspace --all-features
else
    echo "skipped: no Rust $oldest here (rustup toolchain install $oldest)"
fi

web=wasm32-unknown-unknown
if ls "$(rustc --print target-libdir --target $web)"/libcore-*.rlib >/dev/null 2>&1; then
    cargo clippy -p convolve --target $web -- -D warnings
    cargo clippy -p convolve --target $web --no-default-features -- -D warnings
else
    echo "skipped: no $web here (rustup target add $web)"
fi
