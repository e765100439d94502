#!/usr/bin/env bash
# Compares what the library makes public with docs/public-api.txt, so that no change of it goes unseen.
# With --accept it writes that file anew.
set -euo pipefail
cd "$(dirname "$0")/.."
kept=docs/public-api.txt
list() { cargo run --quiet -p public-api -- src/lib.rs; }

case "${1:-}" in
--accept) list >"$kept.new" && mv "$kept.new" "$kept" ;;
"")
    if ! list | diff -u "$kept" -; then
        echo "the public API has changed: if that is meant, run scripts/public-api.sh --accept" >&2
        exit 1
    fi
    ;;
*) echo "usage: scripts/public-api.sh [--accept]" >&2 && exit 2 ;;
esac
