#!/usr/bin/env python3
"""Compares this library with CuPy and PyTorch on one GPU, on data that stays there.

    cargo build --release -p peers --features gpu
    python3 benches/peers/gpu_peers.py --output benches/results/gpu_peers.md

Every way is checked on a smaller input, against SciPy in f64. Then all contenders take turns, one
batch of calls each, timed by the GPU's own clock; the table has medians. Where CuPy, PyTorch or a
CUDA device is missing the page says so, and has ours alone.
"""

import signal
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from page import HERE, finish, parser

KERNELS = (3, 5, 7, 9, 11, 15, 17, 31, 63, 127)
# Those whose data also travels.
TRAVELLING = (3, 7, 15, 31)
# Seconds of one batch: long beside a launch, short beside what clocks and temperatures do.
BATCH = 0.02
MOST_CALLS = 200


def arguments():
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, help="batches of each contender, per case")
    options.add_argument(
        "--longest", type=float, default=1.0, help="seconds a call may take to be measured"
    )
    options.add_argument(
        "--bench-lines",
        type=Path,
        help="lines of `cargo bench --bench gpu` (CONVOLVE_BENCH_LINES), for a table of their own",
    )
    return options.parse_args()


@dataclass
class Measured:
    """A way that gave the right answer, and its seconds per call in each batch."""

    title: str
    call: Any
    calls: int = 1
    times: list = field(default_factory=list)

    def probe(self):
        """Seconds of a call, once everything is compiled, tuned and allocated."""
        self.call.run()
        seconds = self.call.run()
        self.calls = max(1, min(MOST_CALLS, int(BATCH / max(seconds, 1e-9))))
        return seconds

    def turn(self):
        self.times.append(self.call.run(self.calls) / self.calls)

    @property
    def seconds(self):
        return statistics.median(self.times)


def cases(side, kernels, travelling):
    """The cases at one size, made one after another."""
    import numpy as np

    import cases as data

    rng = np.random.default_rng(20_261_123)
    plane = (side, side)
    for n in kernels:
        x, k = data.floats(rng, "f4", plane, (n, n))
        yield data.Case("2d", f"{n}²", x, k)
    for n in kernels:
        taps, sigma = data.gaussian(n)
        x, _ = data.floats(rng, "f4", plane, (1, 1))
        k = np.outer(taps, taps).astype("f4")
        yield data.Case("sep", f"Gauss {n}²", x, k, taps.astype("f4"), sigma)
    for n in travelling:
        x, k = data.floats(rng, "f4", plane, (n, n))
        yield data.Case("host", f"{n}², host to host", x, k)


def ways(case, worker, libraries):
    import gpu_ways

    yield gpu_ways.ours(case, worker)
    for library in libraries:
        yield from library.ways(case)


def right_ways(case, worker, libraries):
    """Seconds of each way that is right on this small case, and what was wrong with the others."""
    right, wrong = {}, []
    for way in ways(case, worker, libraries):
        try:
            call = way.prepare()
            call.run()
            error, tolerance = case.error(call.result(), False), case.tolerance(way.kind)
            if error > tolerance:
                raise ValueError(f"off by {error:.2g}, not {tolerance:.2g}")
            right[way.title] = call.run()
        except Exception as error:
            # A library that fails in its own way is a line of the page, not the end of it.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            wrong.append(f"{case.name}: {way.title}: {reason}")
    return right, wrong


def measure(contenders, rounds):
    for turn in range(rounds):
        # Nobody always follows the same one.
        shift = turn % len(contenders)
        for contender in contenders[shift:] + contenders[:shift]:
            contender.turn()


def measure_case(case, right, growth, options, worker, libraries):
    contenders = []
    for way in ways(case, worker, libraries):
        # Launches and small inputs take more time per sample, so this is no underestimate.
        if right.get(way.title, float("inf")) * growth > options.longest:
            continue
        contender = Measured(way.title, way.prepare())
        if contender.probe() <= options.longest:
            contenders.append(contender)
    if contenders:
        measure(contenders, options.rounds)
    return contenders


def measure_limits(case, worker, libraries, rounds):
    """Copies, and multiply-adds; and on what, by whose clock."""
    import numpy as np

    names = ("copy", "copy by a shader", "multiply-adds")
    calls = {f"ours {name}": worker.prepare(case, f"gpu:{name}") for name in names}
    calls |= {f"{library.name} copy": library.copy(case.x) for library in libraries}
    contenders = [Measured(title, call) for title, call in calls.items()]
    for contender in contenders:
        contender.probe()
        if "copy" in contender.title and not np.array_equal(contender.call.result(), case.x):
            sys.exit(f"{contender.title} is no copy")
    measure(contenders, rounds)
    peak = int(calls["ours multiply-adds"].note) / contenders[len(names) - 1].seconds
    copies = {c.title: 2 * case.x.nbytes / c.seconds for c in contenders if "copy" in c.title}
    return copies, peak, calls["ours copy"].note


def main():
    options = arguments()
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        sys.exit(f"{error.name} is missing: see {HERE / 'requirements-gpu.txt'}")
    import gpu_report
    import gpu_ways
    from worker import Absent, Worker

    options.rounds = options.rounds or (3 if options.quick else 25)
    kernels = KERNELS[::4] if options.quick else KERNELS
    travelling = TRAVELLING[:1] if options.quick else TRAVELLING
    side, small = (192, 96) if options.quick else (4096, 512)
    libraries, missing = gpu_ways.libraries()
    for reason in missing:
        print(f"missing: {reason}", file=sys.stderr)

    rows, wrong = [], []
    # Whoever runs out of time keeps what was measured.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Worker(options.binary, 1) as worker:
            large = cases(side, kernels, travelling)
            for checked, case in zip(cases(small, kernels, travelling), large):
                if not rows:
                    try:
                        limits = measure_limits(case, worker, libraries, options.rounds)
                    except Absent as absent:
                        sys.exit(f"nothing of ours to measure: {absent}")
                right, disagreements = right_ways(checked, worker, libraries)
                growth = case.x.size / checked.x.size
                contenders = measure_case(case, right, growth, options, worker, libraries)
                rows.append((case, contenders))
                wrong += disagreements
                print(gpu_report.progress(case, contenders), file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        if not rows:
            raise
        missing.append("the cases after the last one below: it was interrupted")
    page = gpu_report.page(rows, limits, wrong, missing, libraries)
    if options.bench_lines:
        page += gpu_report.bench_table(options.bench_lines)
    finish(page, wrong, options.output)


if __name__ == "__main__":
    main()
