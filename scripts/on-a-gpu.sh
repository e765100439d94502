#!/usr/bin/env bash
# Tests and measures on a machine with a GPU that is there for a short time, often without a network and
# without Rust. `build` makes here what `run` needs there; `run` is for the root of the repository, copied there.
#
#     scripts/on-a-gpu.sh build [DIR]
#     scripts/on-a-gpu.sh run [DIR] [--out OUT] [--minutes 9] [--software]
#
# What `run` finds out is written as it comes: whoever ends it early keeps what was done. OUT has eight files at most
# and no folders: summary.txt says how each step did and where its log is. The exit status is 1 where a test failed,
# where one of those of parity, gpu, encode or unit was not reached, or where there is no GPU. A software adapter is refused, but for
# --software, which tries all of it in small sizes. PYTHON names the Python that has NumPy, SciPy, CuPy and PyTorch.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

# Tests, the bench, the worker of benches/peers, and the command.
programs=(it unit gpu peers convolve)
# MiB of programs and repository together, so that both travel quickly.
most=64
# The minutes that the seconds of steps below are for.
full=9

usage() {
    echo "usage: scripts/on-a-gpu.sh build [DIR]"
    echo "       scripts/on-a-gpu.sh run [DIR] [--out OUT] [--minutes $full] [--software]"
    echo "Default: DIR is target/on-a-gpu, OUT is target/on-a-gpu-results"
}

misuse() { echo "error: $1" >&2 && exit 2; }
fail() { echo "error: $1" >&2 && exit 1; }

# ---- Here

# Bytes of what is named on standard input, with zeros between names. What git lists may be gone.
bytes() { { xargs -0 du -cb 2>/dev/null || true; } | awk '$2 == "total" { all += $1 } END { print all + 0 }'; }

mebibytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'; }

# Builds the programs; prints their paths, a line each. Tests and benches have names that change with each build.
compile() {
    set -e
    cargo test --release --no-run --all-features -p convolve --lib --test it --bench gpu \
        --message-format=json-render-diagnostics | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
    cargo build --release -p convolve-cli -p peers --features peers/gpu
    printf '%s\n' "${CARGO_TARGET_DIR:-target}"/release/{convolve,peers}
}

# The loader, for machines that have a driver and nothing else of Vulkan; and descriptions of NVIDIA's driver. Its
# library for EGL has Vulkan too, and loads without those of X.
loader() {
    local dir=$1 found
    # shellcheck source=scripts/apt.sh
    source scripts/apt.sh
    find_loader() { ldconfig -p | awk '/libvulkan\.so\.1 / && !path { path = $NF } END { print path }'; }
    found=$(find_loader)
    if [ -z "$found" ]; then
        echo "no Vulkan loader here: installing it"
        apt_install libvulkan1 || fail "could not install it. Please install libvulkan1, or what has libvulkan.so.1"
        found=$(find_loader)
    fi
    mkdir -p "$dir/lib"
    cp -L "$found" "$dir/lib/libvulkan.so.1"
    for library in GLX EGL; do
        local ending=
        [ $library = GLX ] || ending=_egl
        cat >"$dir/nvidia_icd$ending.json" <<END
{
    "file_format_version": "1.0.0",
    "ICD": { "library_path": "lib${library}_nvidia.so.0", "api_version": "1.3.0" }
}
END
    done
}

build() {
    [ "$(uname -s)" = Linux ] || fail "this builds for the machine that it runs on: expected Linux, not $(uname -s)"
    local dir path name commit rustc
    mkdir -p "$1"
    dir=$(realpath "$1")
    cd "$here"
    for name in "${programs[@]}"; do rm -f "$dir/$name" "$dir/$name.gz"; done

    local paths
    paths=$(compile)
    for path in $paths; do
        name=$(basename "$path")
        case "$name" in
        convolve-*) name=unit ;;
        *) name=${name%-*} ;;
        esac
        strip -o "$dir/$name" "$path"
    done
    for name in "${programs[@]}"; do
        [ -f "$dir/$name" ] || fail "cargo has built no $name"
    done
    loader "$dir"
    commit=$(git describe --always --dirty '--exclude=*' 2>/dev/null || echo unknown)
    rustc=$(rustc --version | cut -d' ' -f2)
    printf '{"commit": "%s", "rustc": "%s"}\n' "$commit" "$rustc" >"$dir/built.json"
    local libc
    libc=$(objdump -T "${programs[@]/#/$dir/}" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)

    local tree size
    tree=$(git ls-files -z --cached --others --exclude-standard | bytes)
    size=$(printf '%s\0' "$dir" | bytes)
    if [ $((tree + size)) -gt $((most << 20)) ]; then
        echo "$(mebibytes "$size") of programs: compressing them"
        gzip -9 "${programs[@]/#/$dir/}"
        size=$(printf '%s\0' "$dir" | bytes)
    fi
    du -ab --apparent-size "$dir" | sort -n | awk '{ printf "%12d  %s\n", $1, $2 }'
    echo "$(mebibytes "$tree") of repository and $(mebibytes "$size") of programs, of commit $commit, for $(uname -m), $libc"
    [ $((tree + size)) -le $((most << 20)) ] || fail "that is more than $most MiB: expected less, to travel together"
}

# ---- There

# Makes programs of what `build` left, which may have lost its mode on the way.
unpack() {
    local dir=$1 name
    mkdir "$work/bin"
    for name in "${programs[@]}"; do
        if [ -f "$dir/$name" ]; then
            cp "$dir/$name" "$work/bin/$name"
        elif [ -f "$dir/$name.gz" ]; then
            gunzip -c "$dir/$name.gz" >"$work/bin/$name"
        else
            misuse "$dir/$name is missing: scripts/on-a-gpu.sh build $dir makes it"
        fi
        chmod +x "$work/bin/$name"
    done
}

# The adapter, in fields with tabs between them: name, interface, driver, `hardware` or `software`. Nothing where
# there is none.
about() {
    local answer
    answer=$(env "$@" timeout -k 5 30 "$work/bin/peers" <<<about 2>>"$out/machine.log") || true
    printf 'adapter with %s: %s\n' "${1:-what the loader finds}" "$answer" >>"$out/machine.log"
    cut -f3- <<<"$answer"
}

# Sets what the loader needs to find a GPU, and `adapter`.
find_adapter() {
    local dir=$1 folder wanted driver
    for folder in /usr/local/nvidia/lib64 /usr/lib64-nvidia; do
        if [ -d "$folder" ]; then LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder; fi
    done
    if ! ldconfig -p 2>/dev/null | grep 'libvulkan\.so\.1' >/dev/null; then
        LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$dir/lib
    fi
    if [ -n "${LD_LIBRARY_PATH:-}" ]; then export LD_LIBRARY_PATH; fi

    # What the machine describes itself comes first. The second variable is for loaders before 1.3.207.
    local drivers=("")
    if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
        drivers+=(/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json "$dir"/nvidia_icd{,_egl}.json)
    fi
    [ -z "$software" ] || drivers=("")
    local known=() adapters=() at
    for driver in "${drivers[@]}"; do
        [ -z "$driver" ] || [ -f "$driver" ] || continue
        known+=("$driver")
        adapters+=("$(about ${driver:+"VK_DRIVER_FILES=$driver" "VK_ICD_FILENAMES=$driver"})")
    done
    # Vulkan of a driver that has to be described, rather than OpenGL of one that has not.
    for wanted in $'\tvulkan\t.*\thardware$' $'\thardware$' '.' ''; do
        for at in "${!known[@]}"; do
            adapter=${adapters[at]} driver=${known[at]}
            [[ "$adapter" =~ $wanted ]] || continue
            if [ -n "$driver" ]; then export VK_DRIVER_FILES=$driver VK_ICD_FILENAMES=$driver; fi
            return
        done
    done
}

say() { printf '%s\n' "$*" | tee -a "$out/summary.txt"; }

# A line of the summary: step, how it did, seconds, log.
report() { say "$(printf '%-9s  %-34s  %5s s  %s' "$1" "$2" "$3" "$4")"; }

# Runs a command as a step: with a limit of so many seconds, where there are $full minutes for all steps. Sets
# `status` and `took`.
step() {
    local name=$1 limit=$(($3 * minutes / full)) left=$((deadline - SECONDS)) code=0
    log=$2 start=$SECONDS took=0
    shift 3
    if [ "$left" -lt 5 ]; then
        status="no time left"
        return
    fi
    [ "$limit" -le "$left" ] || limit=$left
    printf '\n== %s, %d s at most: %s\n' "$name" "$limit" "$*" >>"$out/$log"
    timeout -k 5 "$limit" "$@" >>"$out/$log" 2>&1 &
    running=$! current=$name
    wait "$running" || code=$?
    running=
    took=$((SECONDS - start))
    case $code in
    0) status=ok ;;
    124 | 137) status="out of time, $limit s" ;;
    *) status="failed, status $code" ;;
    esac
}

# A step that is reported as it ended.
plain() {
    step "$@"
    report "$1" "$status" "$took" "$2"
}

# Names of tests of a program with these filters, sorted.
names() { "$@" --list --format terse 2>/dev/null | sed -n 's/: test$//p' | LC_ALL=C sort; }

# A step of tests: how many passed, failed, and were not reached; the names of these are kept.
tests() {
    local name=$1 limit=$2 program=$work/bin/$3 unreached=$work/unreached.$3 from all passed failed skipped text
    shift 3
    touch "$out/tests.log"
    from=$(wc -l <"$out/tests.log")
    names "$program" "$@" >"$work/names"
    all=$(wc -l <"$work/names")
    step "$name" tests.log "$limit" "$program" --nocapture "$@"
    tail -n "+$((from + 1))" "$out/tests.log" >"$work/tests"
    passed=$(grep -cE '^test .* \.\.\. ok$' "$work/tests" || true)
    failed=$(grep -cE '^test .* \.\.\. FAILED$' "$work/tests" || true)
    skipped=$(grep -c '^SKIPPED' "$work/tests" || true)
    text="$passed of $all passed"
    [ "$failed" = 0 ] || text+=", $failed FAILED"
    [ "$status" = ok ] || text+=", ${status%%,*}"
    report "$name" "$text" "$took" "$log"
    sed -nE 's/^test (.*) \.\.\. FAILED$/           FAILED: \1/p' "$work/tests" | tee -a "$out/summary.txt"
    [ "$skipped" = 0 ] || say "           parts that were skipped, as $log says: $skipped"
    if [[ "$status" = failed* ]] || [ "$failed" != 0 ] || [ "$all" = 0 ]; then wrong+=("$name"); fi
    sed -nE 's/^test (.*) \.\.\. (ok|FAILED)$/\1/p' "$work/tests" | sed 's/ - should panic$//' | LC_ALL=C sort |
        LC_ALL=C comm -23 "$work/names" - >"$work/left"
    total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
    # The last ones have what time there is left, and those before them had been counted.
    [ "$name" = again ] || total_all=$((total_all + all))
    [ "$name" = others ] || cat "$work/left" >>"$unreached"
}

# What there is.
machine() {
    date -u
    uname -srm
    if command -v lscpu >/dev/null; then lscpu; fi
    if command -v nvidia-smi >/dev/null; then timeout -k 5 20 nvidia-smi; else echo "no nvidia-smi here"; fi
    # Adapters, with their limits.
    timeout -k 5 20 "$work/bin/convolve" devices
}

# Once, however the run ends.
finish() {
    local code=$? unreached
    trap - EXIT TERM INT HUP
    if [ -n "$running" ]; then
        kill -TERM "$running" 2>/dev/null || true
        wait "$running" 2>/dev/null || true
        report "$current" "ended from outside" $((SECONDS - start)) "$log"
    fi
    # A log of nothing says nothing.
    find "$out" -maxdepth 1 -name '*.log' -empty -delete
    [ $code = 0 ] || wrong+=("the run was ended early")
    unreached=$(cat "$work"/unreached.* 2>/dev/null | wc -l) || true
    [ "$unreached" = 0 ] || wrong+=("$unreached of the GPU's were not reached")
    rm -rf "$work"
    say ""
    say "tests: $total_passed of $total_all passed, $total_failed failed, $((total_all - total_passed - total_failed)) not reached"
    [ ${#wrong[@]} = 0 ] && exit 0
    say "$(printf 'wrong: %s\n' "${wrong[@]}")"
    exit 1
}

run() {
    local dir
    # Not local: what is left to do at the end needs it, when this has returned.
    out=$2 minutes=$3 software=$4
    [ -d "$1" ] || misuse "$1 is no folder: scripts/on-a-gpu.sh build $1 makes it"
    dir=$(realpath "$1")
    mkdir -p "$out"
    out=$(realpath "$out")
    [ ! -e "$out/summary.txt" ] || misuse "$out has results already: expected an empty folder, --out names another"
    cd "$here"
    local python=${PYTHON:-python3}
    work=$(mktemp -d) running='' current='' log='' start=0 wrong=() status='' took=0
    total_all=0 total_passed=0 total_failed=0
    deadline=$((SECONDS + 60 * minutes))
    trap 'rm -rf "$work"' EXIT
    unpack "$dir"

    # Mesa's device-select layer prints an error at every start where there is no session bus.
    export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}"
    # Where tests look for files of the repository; caches and notes that are not to be mixed with the user's; and
    # what is written down of the programs.
    export CARGO_MANIFEST_DIR=$here CONVOLVE_CACHE_DIR=$work/cache CRITERION_HOME=$work/criterion
    export CONVOLVE_BUILT=$dir/built.json CONVOLVE_BENCH_LINES=$out/lines.json
    # Without an adapter the GPU's tests fail instead of being skipped.
    export CONVOLVE_REQUIRE_GPU=1 RUST_BACKTRACE=0 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
    export work

    find_adapter "$dir"
    if [ -z "$adapter" ]; then
        fail "no adapter here: expected a GPU and its driver ($out/machine.log says more)"
    elif [ -z "$software" ] && ! [[ "$adapter" =~ hardware$ ]]; then
        fail "only a software adapter here (${adapter//$'\t'/, }): expected a GPU, or --software to try all of it"
    fi
    trap finish EXIT
    trap 'exit 1' TERM INT HUP

    say "convolve $(tr -d '{}"' <"$dir/built.json"); $(date -u '+%Y-%m-%d %H:%M UTC'), $minutes minutes"
    say "adapter: ${adapter//$'\t'/, }"
    say "driver's description: ${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-found by the loader}}"
    say "cpu: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) threads"
    say ""
    export -f machine
    plain machine machine.log 20 bash -c machine

    # Limits are what a GPU needs with room to spare; together they are the whole time.
    tests parity 75 it parity::gpu parity::the_gpu
    tests gpu 90 it gpu:: gpu_fft
    tests encode 50 it encode:: encode_texture:: resident:: textures::
    tests unit 15 unit gpu::

    local seconds=25 lines=(--bench --noplot) quick=(--rounds 7) record=()
    if [ -n "$software" ]; then
        seconds=4 quick=(--quick) lines+=('limits|resident/.*/3$')
    fi
    # A newer command writes what it measures as JSON too.
    if "$work/bin/convolve" bench --help | grep -e '--json ' >/dev/null; then record=(--json "$out/bench.json"); fi
    plain bench bench.log 50 "$work/bin/convolve" bench --seconds "$seconds" "${record[@]}"
    plain lines bench.log 130 "$work/bin/gpu" "${lines[@]}"
    plain peers peers.log 110 "$python" benches/peers/gpu_peers.py --binary "$work/bin/peers" \
        --output "$out/gpu_peers.json" "${quick[@]}"
    # What time is left is for tests that had too little of it, and then for those that need no GPU.
    local again=()
    mapfile -t again <"$work/unreached.it"
    : >"$work/unreached.it"
    if [ ${#again[@]} != 0 ]; then tests again 540 it --exact "${again[@]}"; fi
    tests others 540 it --skip parity::gpu --skip parity::the_gpu --skip gpu:: --skip gpu_fft \
        --skip encode:: --skip encode_texture:: --skip resident:: --skip textures::
}

command=${1:-}
[ $# = 0 ] || shift
dir='' out='' minutes=$full software=''
while [ $# -gt 0 ]; do
    case "$command $1" in
    "run --out") [ -n "${2:-}" ] || misuse "--out: expected a folder" && out=$2 && shift ;;
    "run --minutes")
        [[ "${2:-}" =~ ^[1-9][0-9]{0,2}$ ]] || misuse "--minutes ${2:-}: expected whole minutes, for instance $full"
        minutes=$2 && shift
        ;;
    "run --software") software=1 ;;
    *" -h" | *" --help") usage && exit 0 ;;
    *" -"*) misuse "$1: no such option of '$command' (scripts/on-a-gpu.sh --help)" ;;
    *) [ -z "$dir" ] || misuse "$1: expected one folder, and $dir is one" && dir=$1 ;;
    esac
    shift
done
case "$command" in
build) build "${dir:-$here/target/on-a-gpu}" ;;
run) run "${dir:-$here/target/on-a-gpu}" "${out:-$here/target/on-a-gpu-results}" "$minutes" "$software" ;;
-h | --help) usage ;;
"") usage >&2 && exit 2 ;;
*) misuse "$command: expected build or run (scripts/on-a-gpu.sh --help)" ;;
esac
