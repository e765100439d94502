"""The table, and what a reader must know about it."""

import datetime
import os
import platform
import re

import cv2
import numpy
import scipy

from page import ROOT, end, ours, output_of, table
from ways import PEERS

METHOD = """Medians in milliseconds; in brackets how many times as long as `auto`. Mode same, zeros outside
(imageproc and SciPy's sepfir2d continue the picture: only their inner parts were compared).
Kernels are random and of full rank but for Gauss. Each contender may use {threads} threads; most of
SciPy and NumPy and imageproc's separable filter use one.

`auto` is the planner's choice on the CPU, `best` the fastest method when forced, and regret how
much longer `auto` took. Ours is planned before and runs `apply_into`; OpenCV gets its `dst`, too.
SciPy, NumPy, ndarray-conv and imageproc have no way to be given memory for the result: they
allocate it in every call, and they transform a kernel anew in every call. Of each peer all sensible
ways were tried, and the fastest is shown. Every result was compared with one in f64, exactly for
integers, whose values are so small that nothing overflows. Contenders took turns, call by call.
"""


def best_of(contenders, library):
    """A library's fastest contender; of ours, without `auto`."""
    own = [c for c in contenders if c.way.library == library and c.way.name != "auto"]
    return min(own, key=lambda contender: contender.seconds, default=None)


def auto_of(contenders):
    return next((c for c in contenders if c.way.name == "auto"), None)


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def row(case, contenders):
    auto, best = auto_of(contenders), best_of(contenders, "ours")
    cells = [case.name]
    if auto is None:
        return [*cells, "wrong", "", ""] + [""] * len(PEERS)
    cells.append(f"{milliseconds(auto.seconds)} {auto.call.note}")
    best = best or auto
    regret = auto.seconds / best.seconds - 1
    cells.append(f"{milliseconds(best.seconds)} {best.call.note}")
    # Two measurements of the same method differ by noise.
    same = best.call.note == auto.call.note
    cells.append("" if same else f"{max(regret, 0):.0%}")
    for library in PEERS:
        peer = best_of(contenders, library)
        if peer is None:
            cells.append("")
            continue
        ratio = peer.seconds / auto.seconds
        cells.append(f"{milliseconds(peer.seconds)} {peer.way.name} (x {ratio:.3g})")
    return cells


def progress(case, contenders):
    ordered = sorted(contenders, key=lambda contender: contender.seconds)
    parts = [f"{c.way.library} {c.way.name} {milliseconds(c.seconds)}" for c in ordered]
    return f"{case.group} {case.name}: {', '.join(parts)}"


def processor():
    try:
        with open("/proc/cpuinfo") as info:
            fields = dict(
                (name.strip(), value.strip())
                for name, separator, value in (line.partition(":") for line in info)
                if separator
            )
        names = ("model name", "cpu family", "model")
        model, family, number = (fields.get(name, "?") for name in names)
        return f"{model} (family {family}, model {number})"
    except OSError:
        return platform.processor() or platform.machine()


def versions():
    lock = (ROOT / "Cargo.lock").read_text()
    crates = ("convolve", "ndarray-conv", "imageproc")
    found = {
        name: re.search(f'name = "{name}"\nversion = "([^"]+)"', lock).group(1) for name in crates
    }
    return ", ".join(
        [
            ours(found["convolve"]),
            f"ndarray-conv {found['ndarray-conv']}",
            f"imageproc {found['imageproc']}",
            f"SciPy {scipy.__version__}",
            f"NumPy {numpy.__version__}",
            f"OpenCV {cv2.__version__}",
            f"Python {platform.python_version()}",
            output_of("rustc", "--version").partition(" (")[0],
        ]
    )


def text(rows, wrong, threads):
    """The whole page."""
    today = datetime.date.today()
    head = ["case", "auto", "best", "regret", *PEERS]
    lines = [
        "# Beside other libraries",
        "",
        "`python3 benches/peers/compare.py --output benches/results/peers.md`",
        "",
        f"{today}, {processor()}, {os.cpu_count()} cores, {platform.system()}.",
        f"{versions()}.",
        "",
        METHOD.format(threads=threads),
        *table(head, rows),
    ]
    return end(lines, "Results that were wrong, and so were not measured:", wrong)
