#!/usr/bin/env python3
"""Compares this library with SciPy and NumPy, OpenCV, ndarray-conv and imageproc.

    pip install -r benches/peers/requirements.txt && cargo build --release -p peers
    python3 benches/peers/compare.py --output benches/results/peers.md

Every result is compared with one in f64 before anything is measured. Then all contenders take
turns, one call each, until each has had its share of time; the table has medians.
"""

import os
import statistics
import sys

from page import HERE, finish, parser

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


def arguments():
    options = parser(__doc__)
    options.add_argument("--cases", help="some of 2d,sep,channels,1d,3d,types; as a rule, all")
    options.add_argument("--threads", type=int, default=os.cpu_count(), help="of every contender")
    options.add_argument("--seconds", type=float, help="to measure each contender for, per case")
    options.add_argument(
        "--longest", type=float, default=4.0, help="seconds a call may take to be tried at all"
    )
    return options.parse_args()


class Contender:
    """A way that is there, and its times."""

    def __init__(self, way, call, probe):
        self.way, self.call, self.probe = way, call, probe
        self.times = []

    @property
    def seconds(self):
        return statistics.median(self.times or [self.probe])

    def turn(self):
        if self.probe < WARMED:
            self.call.run()
        self.times.append(self.call.run())


def find_contenders(case, worker, longest):
    """The ways that are there and give the right answer, each run once, and what was wrong."""
    import ways

    found, wrong = [], []
    best = {}
    for way in ways.all_ways(case, worker):
        limit = min(longest, WORTH_TRYING * best.get(way.library, longest))
        if way.at_least > limit:
            continue
        try:
            call = way.prepare()
        except ways.Absent:
            continue
        probe = call.run()
        error, tolerance = case.error(call.result(), way.inner), case.tolerance(way.kind)
        if error > tolerance:
            what = "wrong samples" if case.is_exact else f"off by {error:.2g}, not {tolerance:.2g}"
            wrong.append(f"{case.name}: {way.library} {way.name}: {what}")
            continue
        # The first run also starts threads and makes plans.
        if probe < WARMED:
            probe = min(probe, call.run())
        best[way.library] = min(probe, best.get(way.library, probe))
        found.append(Contender(way, call, probe))
    worthy = [c for c in found if c.probe <= WORTH_MEASURING * best[c.way.library]]
    # What the planner has chosen is measured, good or bad.
    chosen = [c for c in found if c not in worthy and (c.way.library, c.way.name) == ("ours", "auto")]
    return worthy + chosen, wrong


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
    import report
    from worker import Worker

    groups = options.cases.split(",") if options.cases else cases.GROUPS
    if unknown := [group for group in groups if group not in cases.GROUPS]:
        sys.exit(f"no cases {unknown[0]!r}: expected some of {','.join(cases.GROUPS)}")
    seconds = options.seconds or (0.02 if options.quick else 0.7)
    cv2.setNumThreads(options.threads)

    rows, wrong = [], []
    with scipy.fft.set_workers(options.threads), Worker(options.binary, options.threads) as worker:
        for group in groups:
            for case in cases.cases(group, options.quick):
                contenders, disagreements = find_contenders(case, worker, options.longest)
                measure(contenders, seconds)
                rows.append(report.row(case, contenders))
                wrong += disagreements
                print(report.progress(case, contenders), file=sys.stderr, flush=True)
    finish(report.text(rows, wrong, options.threads), wrong, options.output)


if __name__ == "__main__":
    main()
