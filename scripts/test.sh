#!/usr/bin/env bash
# Runs every test, on the CPU and on a GPU. Where there is no GPU driver, Debian and Ubuntu get
# Mesa's software one; elsewhere this says what to install. The page of `convolve bench` is opened in a
# browser, which is installed in the same way, and done without elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/apt.sh

# Whether a Vulkan loader and at least one driver are here.
vulkan_is_here() {
    ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || return 1
    local drivers=(/usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json
        "${HOME:-/}"/.local/share/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json)
    for driver in ${VK_DRIVER_FILES:+"${VK_DRIVER_FILES%%:*}"} "${drivers[@]}"; do
        [ -e "$driver" ] && return 0
    done
    return 1
}

if [ "$(uname -s)" = Linux ] && ! vulkan_is_here; then
    echo "no Vulkan driver here: installing Mesa's software driver (libvulkan1, mesa-vulkan-drivers)"
    if ! apt_install libvulkan1 mesa-vulkan-drivers; then
        echo "could not install it. Please install a Vulkan loader and a driver, Mesa's software" >&2
        echo "driver 'lavapipe' for instance: Debian, Ubuntu: libvulkan1 mesa-vulkan-drivers;" >&2
        echo "Fedora: vulkan-loader mesa-vulkan-drivers; Arch: vulkan-icd-loader vulkan-swrast" >&2
        exit 1
    fi
fi

# Some are there to say that they have to be installed.
browser_is_here() {
    for browser in chromium chromium-browser google-chrome google-chrome-stable; do
        "$browser" --version >/dev/null 2>&1 && return 0
    done
    return 1
}

if ! browser_is_here && [ "$(uname -s)" = Linux ]; then
    echo "no browser here: installing chromium"
    apt_install chromium || true
fi
if browser_is_here; then
    export CONVOLVE_REQUIRE_BROWSER=1
else
    echo "no browser: the page of \`convolve bench\` is not opened in one. Chromium or Chrome would do." >&2
fi

# A machine without an adapter fails the GPU's tests instead of skipping them.
export CONVOLVE_REQUIRE_GPU=1
# Mesa's device-select layer prints an error at every start where there is no session bus.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}"
cargo test --all-features "$@"
