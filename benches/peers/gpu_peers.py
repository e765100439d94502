#!/usr/bin/env python3
"""Compares this library with CuPy and PyTorch on one GPU, on data that stays there.

    cargo build --release -p peers --features gpu
    python3 benches/peers/gpu_peers.py --output benches/results/gpu_peers.json

Every way is checked on a smaller input, against SciPy in f64. Then all contenders take turns, one
batch of calls each, timed by the GPU's own clock. `publish.py` makes a page of the file. Where CuPy, PyTorch
or a CUDA device is missing the file says so, and has ours alone.
"""

import signal
import statistics
import sys
from dataclasses import dataclass, field
from typing import Any

from page import HERE, above_zero, parser

KERNELS = (3, 5, 7, 9, 11, 15, 17, 31, 63, 127)
# Those whose data also travels.
TRAVELLING = (3, 7, 15, 31)
# Seconds of one batch: long beside a launch, short beside what clocks and temperatures do.
BATCH = 0.02
MOST_CALLS = 200


def arguments():
    options = parser(__doc__)
    options.add_argument("--rounds", type=above_zero(int), help="batches of each contender, per case")
    options.add_argument(
        "--longest", type=above_zero(float), default=1.0, help="seconds a call may take to be measured"
    )
    return options.parse_args()


@dataclass
class Measured:
    """A way that gave the right answer, and its seconds per call in each batch."""

    way: Any
    call: Any
    error: str = ""
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
    """Seconds and error of each way that is right on this small case; and those that are left out, each with
    the reason and whether that is a wrong result."""
    right, left_out = {}, []
    for way in ways(case, worker, libraries):
        try:
            call = way.prepare()
            call.run()
            error, tolerance = case.error(call.result(), False), case.tolerance(way.kind)
            if error > tolerance:
                raise ValueError(f"off by {error:.2g}, not {tolerance:.2g}")
            right[way.title] = call.run(), f"off by {error:.2g} of {tolerance:.2g}"
        except Exception as error:
            # A library that fails in its own way is a line of the file, not the end of it.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            left_out.append((way, reason, True))
    return right, left_out


def measure(contenders, rounds):
    for turn in range(rounds):
        # Nobody always follows the same one.
        shift = turn % len(contenders)
        for contender in contenders[shift:] + contenders[:shift]:
            contender.turn()


def measure_case(case, right, growth, options, worker, libraries):
    contenders, left_out = [], []
    for way in ways(case, worker, libraries):
        if way.title not in right:
            continue
        seconds, error = right[way.title]
        # Launches and small inputs take more time per sample, so this is no underestimate.
        if seconds * growth <= options.longest:
            contender = Measured(way, way.prepare(), error)
            seconds = contender.probe()
            if seconds <= options.longest:
                contenders.append(contender)
                continue
        left_out.append((way, f"takes over {options.longest:g} s", False))
    if contenders:
        measure(contenders, options.rounds)
    return contenders, left_out


def measure_limits(record, case, worker, libraries, rounds):
    """Copies, and multiply-adds."""
    import numpy as np

    names = ("copy", "copy by a shader", "multiply-adds f32")
    calls = {name: worker.prepare(case, f"gpu:{name.removesuffix(' f32')}") for name in names}
    calls |= {f"copy by {library.name}": library.copy(case.x) for library in libraries}
    contenders = [Measured(name, call) for name, call in calls.items()]
    for contender in contenders:
        contender.probe()
        if "copy" in contender.way and not np.array_equal(contender.call.result(), case.x):
            sys.exit(f"{contender.way} is no copy")
    measure(contenders, rounds)
    for contender in contenders:
        if "copy" in contender.way:
            record.limit(contender.way, "gpu", "B/s", 2 * case.x.nbytes / contender.seconds)
        else:
            work = int(contender.call.note)
            record.limit(contender.way, "gpu", "1/s", work / contender.seconds)


def versions(libraries):
    import numpy
    import scipy

    from record import crate_versions

    found = {**crate_versions("wgpu"), "SciPy": scipy.__version__, "NumPy": numpy.__version__}
    for library in libraries:
        found[library.name] = library.version
        found[f"{library.name} on"] = library.device
    return found


def measure_all(options, record, worker, libraries):
    from compare import described, progress
    from worker import Absent

    kernels = KERNELS[::4] if options.quick else KERNELS
    travelling = TRAVELLING[:1] if options.quick else TRAVELLING
    side, small = (192, 96) if options.quick else (4096, 512)
    large = cases(side, kernels, travelling)
    for number, (checked, case) in enumerate(zip(cases(small, kernels, travelling), large)):
        if number == 0:
            try:
                measure_limits(record, case, worker, libraries, options.rounds)
            except Absent as absent:
                sys.exit(f"nothing of ours to measure: {absent}")
        right, wrong = right_ways(checked, worker, libraries)
        growth = case.x.size / checked.x.size
        contenders, left_out = measure_case(case, right, growth, options, worker, libraries)
        record.add(described(case), contenders, wrong + left_out, "gpu")
        print(progress(case, contenders), file=sys.stderr, flush=True)


def main():
    options = arguments()
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        sys.exit(f"{error.name} is missing: see {HERE / 'requirements-gpu.txt'}")
    import gpu_ways
    from record import Record
    from worker import Worker

    options.rounds = options.rounds or (3 if options.quick else 25)
    libraries, missing = gpu_ways.libraries()
    for reason in missing:
        print(f"missing: {reason}", file=sys.stderr)

    # Whoever runs out of time keeps what was measured.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Worker(options.binary, 1) as worker:
        record = Record(options.output, 1, worker, versions(libraries))
        record.start("gpu")
        record.document["left_out"] = missing
        try:
            measure_all(options, record, worker, libraries)
        except KeyboardInterrupt:
            missing.append("cases that would follow the last one: it was interrupted")
            record.write("gpu")
    record.finish()


if __name__ == "__main__":
    main()
