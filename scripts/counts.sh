#!/usr/bin/env bash
# Counts the instructions of small cases (benches/counts) under valgrind, and compares them with
# benches/counts.txt: they are the same from run to run, whatever else the machine does. More than 5 % more of
# one is an error. With --accept it writes that file anew.
#
# Valgrind has AVX2 and nothing wider, so the counts are those of the code for AVX2 on every machine that has it.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/apt.sh
kept=benches/counts.txt
# Per cent. What a compiler inlines elsewhere is mostly below, a pass more or narrower tiles far above.
most=5

case "${1:-}" in
"" | --accept) ;;
*) echo "usage: scripts/counts.sh [--accept]" >&2 && exit 2 ;;
esac

if [ "$(uname -sm)" != "Linux x86_64" ] || ! grep -qw avx2 /proc/cpuinfo; then
    echo "skipped: the counts are those of AVX2 on Linux, which is not here"
    exit 0
fi
if ! command -v valgrind >/dev/null; then
    echo "no valgrind here: installing it"
    if ! apt_install valgrind; then
        echo "could not install it. Please install valgrind, 3.19 or later" >&2
        exit 1
    fi
fi

# Together with the command, so that the library is built with the same features for both, once.
cargo build --release -p convolve-cli -p counts
program=$(realpath "${CARGO_TARGET_DIR:-target}/release/counts")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Counts a case. Nothing of the environment is passed on: its size moves the stack.
count() {
    env -i RAYON_NUM_THREADS=1 PATH="$PATH" valgrind --tool=callgrind --toggle-collect=counted \
        --callgrind-out-file="$work/$1.out" --log-file="$work/$1.log" "$program" "$1" ||
        { cat "$work/$1.log" >&2 && return 1; }
    printf '%s %s\n' "$1" "$(sed -n 's/^totals: //p' "$work/$1.out")" >"$work/$1.count"
}
export -f count
export work program
"$program" >"$work/cases"
# Largest first would save a second; in their order they are easier to follow.
xargs -P "$(nproc)" -I{} bash -c 'count {}' <"$work/cases"

{
    echo "# Instructions of the cases in benches/counts. scripts/counts.sh --accept writes this file."
    echo "# $(rustc --version | cut -d' ' -f1,2), $(valgrind --version)"
    while read -r name; do cat "$work/$name.count"; done <"$work/cases"
} >"$work/counts.txt"

if [ "${1:-}" = --accept ]; then
    mv "$work/counts.txt" "$kept"
    cat "$kept"
    exit 0
fi

awk -v most="$most" -v kept="$kept" '
    /^#/ { if (FNR == 2) by[NR == FNR] = substr($0, 3); next }
    NR == FNR { was[$1] = $2; next }
    !($1 in was) { wrong[++errors] = $1 ": is not in " kept; next }
    {
        change = 100 * ($2 / was[$1] - 1)
        printf "%-26s %12d %12d %+7.2f %%\n", $1, was[$1], $2, change
        if (change > most)
            wrong[++errors] = sprintf("%s: %d instructions, and %d before: %.1f %% more, where at most %d %% are taken",
                $1, $2, was[$1], change, most)
        delete was[$1]
    }
    END {
        for (name in was) wrong[++errors] = name ": is in " kept " and no case any more"
        for (i = 1; i <= errors; i++) print wrong[i] > "/dev/stderr"
        if (errors && by[1] != by[0]) print "counted before by " by[1] ", here by " by[0] > "/dev/stderr"
        if (errors) print "if that is meant, run scripts/counts.sh --accept" > "/dev/stderr"
        exit errors > 0
    }
' "$kept" "$work/counts.txt"
