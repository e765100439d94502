#!/usr/bin/env python3
"""Compares this library with SciPy and NumPy, OpenCV, ndarray-conv and imageproc.

    pip install -r benches/peers/requirements.txt && cargo build --release -p peers
    python3 benches/peers/compare.py --output benches/results/peers.json

Every result is compared with one in f64 before anything is measured. Then all contenders take
turns, one call each, until each has had its share of time. `publish.py` makes a page of the file.
"""

import argparse
import os
import statistics
import sys

from page import HERE, above_zero, parser

# A way that took this many times as long as its library's best is not measured further.
WORTH_MEASURING = 1.5
# Nor is one tried that would take this many times as long as its library's best.
WORTH_TRYING = 4.0
# Calls shorter than this are made once more before the one that is timed: caches and threads are
# then as in a loop, and not as the contender before has left them.
WARMED = 0.1
FEWEST_ROUNDS, MOST_ROUNDS = 3, 100
# Where fewer rounds than these are enough: the time is used up as many times over.
OVERDUE = 3


GROUPS = ("2d", "sep", "channels", "1d", "3d", "types")


def groups(text):
    names = text.split(",")
    if unknown := [name for name in names if name not in GROUPS]:
        raise argparse.ArgumentTypeError(f"no cases {unknown[0]!r}: expected some of {','.join(GROUPS)}")
    return names


def arguments():
    options = parser(__doc__)
    options.add_argument("--cases", type=groups, help="some of 2d,sep,channels,1d,3d,types; default: all")
    options.add_argument("--threads", type=above_zero(int), default=os.cpu_count(), help="of every contender")
    options.add_argument("--seconds", type=above_zero(float), help="to measure each contender for, per case")
    options.add_argument(
        "--longest", type=above_zero(float), default=4.0, help="seconds a call may take to be tried at all"
    )
    return options.parse_args()


class Contender:
    """A way that is there, and its times."""

    def __init__(self, way, call, probe, error):
        self.way, self.call, self.probe, self.error = way, call, probe, error
        self.times = []

    @property
    def seconds(self):
        return statistics.median(self.times or [self.probe])

    def turn(self):
        if self.probe < WARMED:
            self.call.run()
        self.times.append(self.call.run())


def find_contenders(case, worker, longest):
    """The ways that are there and give the right answer, each run once; and those that are left out,
    each with the reason and whether that is a wrong result."""
    import ways

    found, left_out = [], []
    best = {}
    for way in ways.all_ways(case, worker):
        limit = min(longest, WORTH_TRYING * best.get(way.library, longest))
        if way.at_least > limit:
            left_out.append((way, f"would take over {way.at_least:.2g} s", False))
            continue
        try:
            call = way.prepare()
        except ways.Absent:
            continue
        probe = call.run()
        error, tolerance = case.error(call.result(), way.inner), case.tolerance(way.kind)
        if error > tolerance:
            what = "wrong samples" if case.is_exact else f"off by {error:.2g}, not {tolerance:.2g}"
            left_out.append((way, what, True))
            continue
        # The first run also starts threads and makes plans.
        if probe < WARMED:
            probe = min(probe, call.run())
        best[way.library] = min(probe, best.get(way.library, probe))
        off = "exact" if case.is_exact else f"off by {error:.2g} of {tolerance:.2g}"
        found.append(Contender(way, call, probe, off))
    worthy = [c for c in found if c.probe <= WORTH_MEASURING * best[c.way.library]]
    # What the planner has chosen is measured, good or bad.
    chosen = [c for c in found if c not in worthy and (c.way.library, c.way.name) == ("ours", "auto")]
    slower = [c for c in found if c not in worthy + chosen]
    left_out += [(c.way, "slower than the library's best", False) for c in slower]
    return worthy + chosen, left_out


def progress(case, contenders):
    ordered = sorted(contenders, key=lambda contender: contender.seconds)
    parts = [f"{c.way.library} {c.way.name} {c.seconds * 1e3:.3g}" for c in ordered]
    return f"{case.name}: {', '.join(parts)}"


def versions(*crates):
    """Of what is compared with."""
    import cv2
    import numpy
    import scipy

    from record import crate_versions

    return {
        **crate_versions(*crates),
        "SciPy": scipy.__version__,
        "NumPy": numpy.__version__,
        "OpenCV": cv2.__version__,
    }


def described(case):
    """A case as it stands in the file."""
    return {
        "group": case.group,
        "name": case.name,
        "samples": f"{' x '.join(map(str, case.x.shape))} {case.x.dtype}, noise",
        "shape": case.x.shape,
        "dtype": case.x.dtype.name,
        "data": "noise",
        "kernel": "random" if case.taps is None else f"gaussian:{case.sigma:.4g}",
        "kernel_shape": case.k.shape,
        "mode": "same",
        "boundary": "zero",
        "multiply_adds": case.x.size * (case.k.size if case.taps is None else sum(case.k.shape)),
        "bytes": 2 * case.x.nbytes,
    }


def measure(contenders, seconds):
    for turn in range(MOST_ROUNDS):
        due = seconds * (1 if turn >= FEWEST_ROUNDS else OVERDUE)
        waiting = [c for c in contenders if sum(c.times) < due]
        if not waiting:
            break
        # Nobody always follows the same one.
        shift = turn % len(waiting)
        for contender in waiting[shift:] + waiting[:shift]:
            contender.turn()


def main():
    options = arguments()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    try:
        # Read the variables above.
        import cv2
        import scipy.fft
    except ImportError as error:
        sys.exit(f"{error.name} is missing: pip install -r {HERE / 'requirements.txt'}")
    import cases
    from record import Record
    from worker import Worker

    seconds = options.seconds or (0.02 if options.quick else 0.7)
    cv2.setNumThreads(options.threads)

    with scipy.fft.set_workers(options.threads), Worker(options.binary, options.threads) as worker:
        record = Record(options.output, options.threads, worker, versions("ndarray-conv", "imageproc"))
        record.start("arrays")
        for group in options.cases or GROUPS:
            for case in cases.cases(group, options.quick):
                contenders, left_out = find_contenders(case, worker, options.longest)
                measure(contenders, seconds)
                record.add(described(case), contenders, left_out)
                print(progress(case, contenders), file=sys.stderr, flush=True)
        record.finish()


if __name__ == "__main__":
    main()
