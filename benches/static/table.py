#!/usr/bin/env python3
"""What compilers of real GPUs make of this library's shaders; see README.md beside this file."""
import argparse
import glob
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
from mesa import prepare
from model import HEAD, row

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Driver, the shim that stands for the kernel's module, its environment, workgroup memory (KiB) that
# adapters of the kind report; and of one compute unit: FMAs a clock, bytes of device memory a clock, KiB
# of workgroup memory; whether all instructions share the issue slots of FMAs.
DEVICES = {
    "rdna4": ("radeon", "amdgpu", {"AMDGPU_GPU_ID": "gfx1201"}, 32, 128, 3.4, 64, False),
    "rdna3": ("radeon", "amdgpu", {"AMDGPU_GPU_ID": "navi31"}, 32, 128, 4.2, 64, False),
    "rdna2": ("radeon", "amdgpu", {"AMDGPU_GPU_ID": "navi21"}, 32, 64, 3.2, 64, False),
    "gcn5": ("radeon", "amdgpu", {"AMDGPU_GPU_ID": "vega10"}, 32, 64, 5.0, 64, False),
    "ada": ("nouveau", "nouveau", {"NOUVEAU_CHIPSET": "192"}, 48, 128, 3.1, 100, True),
    "ampere": ("nouveau", "nouveau", {"NOUVEAU_CHIPSET": "172"}, 48, 128, 6.5, 100, True),
    "turing": ("nouveau", "nouveau", {"NOUVEAU_CHIPSET": "162"}, 48, 64, 5.9, 64, True),
    "apple": ("asahi", "asahi", {}, 32, 128, 6.6, 60, True),
}
LAUNCHES = (
    "direct-3 direct-5 direct-7 direct-9 direct-11 direct-15 direct-31 direct-31x1 direct-127x1 separable-3 "
    "separable-5 separable-7 separable-9 separable-15 separable-31 separable-63 line-7 line-31 line-101 rgb-3 rgb-7 "
    "direct-7-f16 separable-7-f16 direct-5-u8 separable-15-u8 direct-5-texture separable-15-texture fft-31 unpack-8 "
    "pack-8"
).split()


def build():
    """The program beside this file, with the library as it stands."""
    cargo = ["cargo", "build", "-q", "-p", "shader-statistics"]
    subprocess.run(cargo, cwd=REPOSITORY, check=True)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", f"{REPOSITORY}/target"), "debug/shader-statistics")


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("launches", nargs="*", default=LAUNCHES)
    ask.add_argument("--device", action="append", choices=DEVICES, help="default: rdna3, ampere, apple")
    ask.add_argument("--memory", type=int, help="KiB of a workgroup, in place of the device's")
    ask.add_argument("--invocations", type=int, default=1024, help="of a workgroup")
    ask.add_argument("--edited", default="", help="folder of WGSL that takes the place of the library's, NAME.wgsl")
    ask.add_argument("--suite", default="sid", help="of Debian, whose Mesa is used")
    ask.add_argument("--work", default=f"{REPOSITORY}/target/static", help="folder for all that is made")
    ask.add_argument("--env", action="append", default=[], help="NAME=VALUE for the driver")
    given = ask.parse_args()
    work = os.path.abspath(given.work)
    root, program = prepare(work, given.suite), build()
    lib = os.path.dirname(glob.glob(f"{root}/usr/lib/*/libvulkan_radeon.so")[0])
    loader = glob.glob(f"{root}/usr/lib64/ld-*.so*")[0]
    for device in given.device or ["rdna3", "ampere", "apple"]:
        driver, shim, env, memory, *_ = DEVICES[device]
        memory, icd = given.memory or memory, glob.glob(f"{root}/usr/share/vulkan/icd.d/{driver}_icd*.json")[0]
        folder = f"{work}/{device}-{memory}"
        os.makedirs(folder, exist_ok=True)
        # Texts of an earlier run would be taken for those of this one.
        for old in glob.glob(f"{folder}/*"):
            os.remove(old)
        edited = os.path.abspath(given.edited) if given.edited else "/nonexistent"
        call = [loader, "--library-path", lib, "--preload", f"{lib}/lib{shim}_noop_drm_shim.so",
                program, str(memory), str(given.invocations), folder, edited, *given.launches]
        env = {**os.environ, **env, "VK_DRIVER_FILES": icd, "MESA_SHADER_CACHE_DISABLE": "1",
               **dict(one.split("=", 1) for one in given.env)}
        done = subprocess.run(call, env=env, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{device}: the driver or the program failed, see above")
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        name = next((f"{line['device']}, {line['driver']}" for line in lines if "device" in line), "no device")
        print(f"\n### {device}: {name}; {memory} KiB and {given.invocations} invocations a workgroup\n")
        print("| " + " | ".join(HEAD) + " |\n|" + " --- |" * len(HEAD))
        for line in lines:
            cells = [line["name"], line["error"].splitlines()[0]] if "error" in line else row(line, folder, DEVICES[device])
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
