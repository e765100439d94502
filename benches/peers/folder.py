#!/usr/bin/env python3
"""Times the command on files, beside Python with OpenCV: a folder of JPEGs, and a single large one.

    pip install -r benches/peers/requirements.txt && cargo build --release -p convolve-cli
    python3 benches/peers/folder.py --output benches/results/folder.md

Pictures are mosaics of those in `assets/`. Every run is a process of its own that reads files and writes
files; contenders take turns. Results are compared pixel by pixel after they have been read again.
"""

import datetime
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from page import ROOT, above_zero, finish, ours, output_of, parser
from tables import table

METHOD = """A Gaussian of sigma {sigma} (17 x 17 taps, mirrored edges) over files. Medians of {rounds} runs, each a process
of its own, start included; peak memory is the largest resident set of the process. Contenders took turns, on {cores} cores.
Python reads (`imread`), filters (`GaussianBlur`) and writes (`imwrite`, with the quality and the chroma that the files
have) in a `ThreadPool` of {cores}; OpenCV itself may use one thread, or {cores}. `without start` leaves out what
Python takes to start and to import OpenCV. `differs` is the mean difference from OpenCV's result, in levels, of pictures that both have
compressed again.
"""

SIGMA = 2.0
TAPS = 17
QUALITY = 90

PYTHON = """
import sys, time
from multiprocessing.pool import ThreadPool
from pathlib import Path
import cv2
threads, workers, sigma, taps, quality, source, target = sys.argv[1:]
cv2.setNumThreads(int(threads))
start = time.perf_counter()
def filtered(path):
    x = cv2.imread(str(path))
    y = cv2.GaussianBlur(x, (int(taps), int(taps)), float(sigma), borderType=cv2.BORDER_REFLECT_101)
    how = [cv2.IMWRITE_JPEG_QUALITY, int(quality),
           cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    assert cv2.imwrite(str(Path(target) / path.name), y, how if path.suffix == ".jpg" else [])
files = sorted(Path(source).iterdir())
with ThreadPool(int(workers)) as pool:
    pool.map(filtered, files, chunksize=1)
print(time.perf_counter() - start)
"""


@dataclass
class Case:
    name: str
    folder: str
    sizes: list
    suffix: str = ".jpg"


def cases(quick):
    small = [(1600, 1200)]
    mixed = [(1600, 1200), (1200, 1600), (1280, 853), (2048, 1365), (1024, 1024), (1920, 1080)]
    count, large = (6, (1500, 1000)) if quick else (60, (6000, 4000))
    return [
        Case(f"{count} JPEGs of 1600 x 1200", "same", small * count),
        Case(f"{count} JPEGs of six sizes", "mixed", (mixed * count)[:count]),
        Case(f"one JPEG of {large[0]} x {large[1]}", "large", [large]),
        Case(f"{count // 3} PNGs of 1600 x 1200", "png", small * (count // 3), ".png"),
    ]


def arguments():
    options = parser(__doc__)
    options.set_defaults(binary=ROOT / "target/release/convolve")
    options.add_argument("--rounds", type=above_zero(int), help="runs of each contender")
    options.add_argument("--folder", type=Path, help="keep the pictures here")
    return options.parse_args()


def mosaic(tiles, width, height, random):
    """Tiles at their own size, mirrored and turned: as much detail as photographs have."""
    picture = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, 256):
        for left in range(0, width, 256):
            tile = tiles[random.integers(len(tiles))]
            tile = np.rot90(tile, random.integers(4))[:: random.choice((-1, 1))]
            place = picture[top : top + 256, left : left + 256]
            place[:] = tile[: place.shape[0], : place.shape[1]]
    return picture


def make(folder, case):
    place = folder / case.folder
    if place.is_dir():
        return
    place.mkdir(parents=True)
    tiles = []
    for name in ("astronaut", "camera", "chelsea"):
        picture = cv2.imread(str(ROOT / f"assets/{name}.png"))
        rows, columns = picture.shape[0] // 256, picture.shape[1] // 256
        tiles += [picture[r * 256 :, c * 256 :][:256, :256] for r in range(rows) for c in range(columns)]
    random = np.random.default_rng(1)
    how = [cv2.IMWRITE_JPEG_QUALITY, QUALITY,
           cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    for number, (width, height) in enumerate(case.sizes):
        picture = mosaic(tiles, width, height, random)
        name = f"{number:02}{case.suffix}"
        assert cv2.imwrite(str(place / name), picture, how if case.suffix == ".jpg" else [])


@dataclass
class Run:
    seconds: float
    without_start: float
    megabytes: float


# The kernel counts what a process takes before it becomes another program: a small one starts it.
STARTER = """
import os, sys, time
start = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(status, time.perf_counter() - start, usage.ru_maxrss / 1024)
"""


def run(command):
    said = output_of(sys.executable, "-S", "-c", STARTER, *command).split()
    *inner, status, seconds, megabytes = map(float, said)
    if status != 0:
        sys.exit(f"{' '.join(command)} failed")
    return Run(seconds, inner[0] if inner else seconds, megabytes)


def contenders(options, cores):
    def ours_on(source, target):
        files = list(source.iterdir())
        given, into = (files[0], target / files[0].name) if len(files) == 1 else (source, target)
        return [str(options.binary), "apply", str(given), "--kernel", f"gaussian:{SIGMA:g}",
                "--device", "cpu", "-o", str(into)]

    def python(threads):
        return lambda source, target: [
            sys.executable, "-c", PYTHON, str(threads), str(cores), str(SIGMA), str(TAPS),
            str(QUALITY), str(source), str(target)]

    return {
        "convolve": ours_on,
        "OpenCV, 1 thread": python(1),
        f"OpenCV, {cores} threads": python(cores),
    }


def difference(mine, theirs):
    """Mean difference in levels of all pictures of two folders."""
    names = sorted(path.name for path in mine.iterdir())
    assert names == sorted(path.name for path in theirs.iterdir()), "not the same files"
    total, count = 0.0, 0
    for name in names:
        x, y = (cv2.imread(str(place / name)) for place in (mine, theirs))
        assert x.shape == y.shape, name
        total += float(np.abs(x.astype(np.int16) - y).sum())
        count += x.size
    return total / count


def size(folder):
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def measure(options, folder, case, cores, rounds):
    make(folder, case)
    every = contenders(options, cores)
    runs = {name: [] for name in every}
    targets = {}
    for number in range(rounds + 1):
        for name, command in every.items():
            target = targets.setdefault(name, folder / "out" / case.folder / name.replace(" ", ""))
            target.mkdir(parents=True, exist_ok=True)
            for old in target.iterdir():
                old.unlink()
            found = run(command(folder / case.folder, target))
            # The first round brings files and programs into memory.
            if number > 0:
                runs[name].append(found)
    rows, wrong = [], []
    first, theirs = (targets[name] for name in list(every)[:2])
    off = difference(first, theirs)
    if off > 1.0:
        wrong.append(f"{case.name}: differs from OpenCV by {off:.2f} levels in the mean")
    for number, (name, found) in enumerate(runs.items()):
        of = lambda what: statistics.median(getattr(run, what) for run in found)
        rows.append([
            case.name if number == 0 else "",
            name,
            f"{of('seconds'):.3g}",
            f"{of('without_start'):.3g}" if number else "",
            f"{of('megabytes'):.0f}",
            f"{size(targets[name]):.3g}",
            f"{off:.2g}" if number == 0 else "",
        ])
    return rows, wrong


def main():
    options = arguments()
    cores = os.cpu_count()
    rounds = options.rounds or (1 if options.quick else 7)
    rows, wrong = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        for case in cases(options.quick):
            found, off = measure(options, folder, case, cores, rounds)
            rows += found
            wrong += off
            print("\n".join("  ".join(row) for row in found), file=sys.stderr)
    processor = output_of("sh", "-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2")
    versions = [ours(), f"OpenCV {cv2.__version__}", f"Python {sys.version.split()[0]}",
                output_of("rustc", "--version").rsplit(" (", 1)[0]]
    lines = [
        "# Files, beside Python with OpenCV", "",
        "`python3 benches/peers/folder.py --output benches/results/folder.md`", "",
        f"{datetime.date.today()}, {processor}, {cores} cores. {', '.join(versions)}.", "",
        METHOD.format(sigma=f"{SIGMA:g}", rounds=rounds, cores=cores),
        *table(["files", "with", "seconds", "without start", "peak MB", "written MB", "differs"], rows),
    ]
    if wrong:
        lines += ["", "## Wrong", "", *(f"- {what}" for what in wrong)]
    finish("\n".join(lines) + "\n", wrong, options.output)


if __name__ == "__main__":
    try:
        import cv2
        import numpy as np
    except ImportError as missing:
        sys.exit(f"{missing}: pip install -r benches/peers/requirements.txt")
    main()
