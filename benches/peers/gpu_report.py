"""The page on GPUs: limits, the table, and what a reader must know about it."""

import datetime
import json
import platform

import numpy
import scipy

from gpu_ways import TITLES
from page import end, ours, table

METHOD = """f32, mode same, zeros outside. Medians in milliseconds; in brackets how many times as long as ours.
Random kernels of full rank run directly, Gaussians as two passes, by every library. Data stays on
the GPU, and ours is planned before; times are those of the device's clock over a batch of calls
(CUDA events for CuPy and PyTorch, timestamp queries for ours where the adapter has them), so a
library that cannot submit as fast as the device works pays for it. Rows from host to host are whole
calls by the host's clock, from and to ordinary memory. PyTorch runs in full f32 (no TF32) with
cuDNN's benchmark mode; its transforms get a kernel that was transformed before, CuPy has no way to
be given one. Contenders took turns, batch by batch; a call that takes too long is left out. Each way
was checked on a smaller input, with a result of SciPy in f64.

GB/s count the input once and the output once. `of copy` is their share of the fastest copy below,
GFMA/s count all taps, and `of peak` is their share of the multiply-adds that a shader did in
registers.
"""


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g}"


def progress(case, contenders):
    parts = [f"{c.title} {milliseconds(c.seconds)}" for c in contenders]
    return f"{case.name}: {', '.join(parts) or 'nothing in time'}"


def multiply_adds(case):
    return case.x.size * (case.k.size if case.taps is None else sum(case.k.shape))


def row(case, contenders, copy, peak):
    times = {c.title: c.seconds for c in contenders}
    own = next((seconds for title, seconds in times.items() if title.startswith("ours")), None)
    cells = [case.name]
    if own is None:
        cells += [""] * 5
    else:
        rate, work = 2 * case.x.nbytes / own, multiply_adds(case) / own
        # A bus is no share of the device's own memory.
        shares = ["", ""] if case.group == "host" else [f"{rate / copy:.0%}", f"{work / peak:.0%}"]
        cells += [milliseconds(own), f"{rate / 1e9:.3g}", shares[0], f"{work / 1e9:.3g}", shares[1]]
    for title in TITLES:
        seconds = times.get(title)
        ratio = f" (x {seconds / own:.3g})" if seconds and own else ""
        cells.append(milliseconds(seconds) + ratio if seconds else "")
    return cells


def page(rows, limits, wrong, missing, libraries):
    copies, peak, adapter = limits
    side = rows[0][0].x.shape[0]
    copy = max(copies.values())
    versions = [ours(), *(library.version for library in libraries)]
    versions += [f"SciPy {scipy.__version__}", f"NumPy {numpy.__version__}"]
    versions.append(f"Python {platform.python_version()}")
    lines = [
        f"# Beside other libraries on a GPU, {side}²",
        "",
        "`python3 benches/peers/gpu_peers.py --output benches/results/gpu_peers.md`",
        "",
        f"{datetime.date.today()}, ours on {adapter}.",
        *(f"{library.name} on {library.device}." for library in libraries),
        f"{', '.join(versions)}.",
        "",
        METHOD,
    ]
    if missing:
        lines += ["Missing here, so not compared with:", ""]
        lines += [*(f"- {reason}" for reason in missing), ""]
    lines += [f"- {title}: {rate / 1e9:.3g} GB/s, read + write" for title, rate in copies.items()]
    lines += [f"- multiply-adds in registers: {peak / 1e9:.3g} GFMA/s", ""]
    head = ["case", "ours, ms", "GB/s", "of copy", "GFMA/s", "of peak", *TITLES]
    lines += table(head, [row(case, contenders, copy, peak) for case, contenders in rows])
    return end(lines, "Ways that failed, or were wrong, and so were not measured:", wrong)


def bench_table(path):
    """What the bench `gpu` measured by itself."""
    rows = []
    for line in path.read_text().splitlines():
        bench = json.loads(line)
        device, wall = bench["device_seconds"], bench["wall_seconds"]
        best = wall if device is None else device
        taps = f"{bench['taps']}²" if bench["taps"] else ""
        name = f"{bench['group']}: {bench['name']}"
        rows.append(
            [
                " ".join([name, taps]).strip(),
                f"{bench['side']}²",
                "" if device is None else milliseconds(device),
                milliseconds(wall),
                f"{bench['bytes'] / best / 1e9:.3g}" if bench["bytes"] else "",
                f"{bench['multiply_adds'] / best / 1e9:.3g}" if bench["multiply_adds"] else "",
            ]
        )
    head = ["`cargo bench --bench gpu`", "size", "device, ms", "wall, ms", "GB/s", "GFMA/s"]
    return "\n".join(["", *table(head, rows)]) + "\n"
