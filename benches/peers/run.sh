#!/usr/bin/env bash
# Compares this library with others: sets up what is compared with, checks every result before it is timed,
# measures in turns, and makes JSON and pages of it. Where there is a GPU with CUDA, on that too.
#
#     benches/peers/run.sh                   # minutes; benches/results/peers.json, and the pages
#     benches/peers/run.sh --quick           # a minute or two; all of it in target/peers/quick/
#     benches/peers/run.sh --seconds 0.2     # less time for each contender and case
#
# The exit status is 1 where a result was wrong, or something could not be built.
set -euo pipefail
cd "$(dirname "$0")/../.."
usage="usage: benches/peers/run.sh [--quick] [--seconds SECONDS]"

quick=() seconds=()
while [ $# -gt 0 ]; do
    case "$1" in
    --quick) quick=(--quick) ;;
    --seconds)
        if ! [[ "${2:-}" =~ ^[0-9]*\.?[0-9]+$ ]] || [[ "$2" =~ ^[0.]+$ ]]; then
            echo "--seconds ${2:-}: expected seconds above zero, for instance 0.2" >&2
            exit 2
        fi
        seconds=(--seconds "$2") && shift
        ;;
    -h | --help) echo "$usage" && exit 0 ;;
    *) echo "$1: no such option. $usage" >&2 && exit 2 ;;
    esac
    shift
done

has_cuda() { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; }

# What is compared with, in versions that are pinned.
environment=target/peers/python
python=$environment/bin/python
if ! [ -x "$python" ]; then
    if ! python3 -m venv "$environment"; then
        echo "this needs Python with venv (Debian, Ubuntu: python3-venv)" >&2
        exit 1
    fi
fi
"$python" -m pip install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
features=()
if has_cuda; then
    features=(--features gpu)
    # As many lines of that file as fit the driver's CUDA.
    cuda=$(nvidia-smi | sed -n 's/.*CUDA Version: \([0-9]*\).*/\1/p')
    sed -n "s/^#   //p" benches/peers/requirements-gpu.txt | grep -v 'cupy-' >"$environment/gpu.txt"
    sed -n "s/^#   //p" benches/peers/requirements-gpu.txt | grep "cupy-cuda${cuda}x" >>"$environment/gpu.txt" ||
        echo "no CuPy is known for CUDA $cuda: benches/peers/requirements-gpu.txt" >&2
    "$python" -m pip install --quiet --disable-pip-version-check -r "$environment/gpu.txt"
fi
cargo build --release -p peers "${features[@]}"

results=benches/results
[ ${#quick[@]} = 0 ] || results=target/peers/quick
mkdir -p "$results"
# A run is of one machine and of one set of versions: what an earlier one has measured is not mixed with it.
new=target/peers/new
rm -rf "$new"
mkdir -p "$new"
binary=${CARGO_TARGET_DIR:-target}/release/peers
status=0
measure() {
    local script=$1 output=$2
    shift 2
    "$python" "benches/peers/$script.py" --binary "$binary" --output "$new/$output" "${quick[@]}" "$@" || status=1
}
measure compare peers.json "${seconds[@]}"
measure pictures peers.json "${seconds[@]}"
if has_cuda; then measure gpu_peers gpu_peers.json; fi

mv "$new"/*.json "$results"
"$python" benches/peers/publish.py --results "$results"
[ $status = 0 ] || echo "something was wrong: see above, and the ends of the pages" >&2
exit $status
