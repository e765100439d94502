#!/usr/bin/env python3
"""Compares this library with OpenCV, libblur, image, Pillow and libvips on pictures.

    pip install -r benches/peers/requirements.txt && cargo build --release -p peers
    python3 benches/peers/pictures.py --output benches/results/peers.json

Pictures of 8 and of 16 bits, three channels, edges mirrored: a photograph and noise. Where a library
takes taps they are the same, and results are compared with sums in f64, in levels. All contenders
take turns. `publish.py` makes a page of the file.
"""

import os
import sys
from dataclasses import dataclass
from functools import cached_property, partial

from page import HERE, ROOT, above_zero, parser

SIGMAS = (0.8, 2, 5, 10, 20)
TAPS = (3, 5, 7, 15)
# Samples from a corner, or about the middle, where results are compared.
COMPARED = 160


def arguments():
    options = parser(__doc__)
    options.add_argument("--threads", type=above_zero(int), default=os.cpu_count(), help="of every contender")
    options.add_argument("--seconds", type=above_zero(float), help="to measure each contender for, per case")
    return options.parse_args()


@dataclass
class Picture:
    """A picture and a kernel."""

    name: str
    x: "np.ndarray"
    k: "np.ndarray"
    # What it shows: a photograph, or noise.
    data: str
    # Of a Gaussian, whose outer product the kernel is.
    taps: "np.ndarray | None" = None
    sigma: float | None = None

    @cached_property
    def references(self):
        """Right results in f64 at three places, which windows may leave by mirroring."""
        height, width = self.x.shape[:2]
        reach = self.k.shape[0] // 2
        found = []
        for top, left in ((0, 0), (height // 2, width // 2), (height - COMPARED, width - COMPARED)):
            rows = mirrored(range(top - reach, top + COMPARED + reach), height)
            columns = mirrored(range(left - reach, left + COMPARED + reach), width)
            samples = self.x[np.ix_(rows, columns)].astype(np.float64)
            if self.taps is not None:
                taps = self.taps.astype(np.float64)
                for axis in (0, 1):
                    windows = np.lib.stride_tricks.sliding_window_view(samples, taps.size, axis)
                    samples = windows @ taps[::-1]
            else:
                k = self.k.astype(np.float64)[::-1, ::-1]
                windows = np.lib.stride_tricks.sliding_window_view(samples, k.shape, (0, 1))
                samples = np.einsum("ijcab,ab->ijc", windows, k, optimize=True)
            found.append((top, left, samples))
        return found

    def off(self, result, inner):
        """By how many levels a result is off at most; where `inner`, in the middle of the picture."""
        if result.shape != self.x.shape:
            return float("inf")
        return max(
            np.abs(result[top : top + COMPARED, left : left + COMPARED] - right).max()
            for top, left, right in self.references[1 if inner else 0 : 2 if inner else None]
        )


def mirrored(places, n):
    period = 2 * (n - 1)
    return [min(place % period, period - place % period) for place in places]


def cases(quick):
    photograph = cv2.imread(str(ROOT / "assets/astronaut.png"))[..., ::-1]
    height, width = (432, 768) if quick else (2160, 3840)
    tiles = (-(-height // photograph.shape[0]), -(-width // photograph.shape[1]), 1)
    photograph = np.ascontiguousarray(np.tile(photograph, tiles)[:height, :width])
    noise = np.random.default_rng(20_261_127).integers(0, 256, photograph.shape, np.uint8)
    deep = photograph.astype(np.uint16) * 257
    for name, x in (("photograph", photograph), ("noise", noise), ("16 bits", deep)):
        data = "noise" if name == "noise" else "photograph"
        for sigma in SIGMAS[: 2 if quick else None]:
            yield gaussian(f"{name}, sigma {sigma}", x, data, sigma)
        for n in TAPS[: 2 if quick else None]:
            i, j = np.indices((n, n))
            k = (1 + (i * 7 + j * 5) % 9).astype(np.float32)
            yield Picture(f"{name}, {n} x {n}", x, k / k.sum(), data)
    if not quick:
        wide = np.ascontiguousarray(photograph[:1080, :1920])
        yield gaussian("1920 x 1080, sigma 120", wide, "photograph", 120)


def gaussian(name, x, data, sigma):
    reach = int(4 * sigma + 0.5)
    taps = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    taps = (taps / taps.sum()).astype(np.float32)
    return Picture(name, x, np.outer(taps, taps).astype(np.float32), data, taps, sigma)


def all_ways(case, worker):
    """Every way, and by how many levels it may be off: any number where its kernel is another one."""
    from way import Way
    from ways import prepared

    def way(library, name, prepare, allowed, inner=False):
        return Way(library, name, allowed, prepare, inner, allowed == other)

    def of_worker(name):
        return partial(worker.prepare_picture, case, name)

    # Of sums in f32 something is left, in 16 bits more of a level than in 8.
    exact, loose, other = 0.51 if case.x.itemsize == 1 else 0.6, 3.0, float("inf")
    x, edges = case.x, cv2.BORDER_REFLECT_101
    dst = np.empty_like(x)
    yield way("ours", "apply_into", of_worker("ours:into"), exact)
    yield way("ours", "apply", of_worker("ours:fresh"), exact)
    yield way("NumPy", "copy", prepared(lambda: np.copyto(dst, x) or dst), other)
    yield way("limit", "multiply-adds", of_worker("limit:multiply-adds"), other)
    if case.taps is None:
        kernel = np.ascontiguousarray(case.k[::-1, ::-1])
        filtered = lambda: cv2.filter2D(x, -1, kernel, dst=dst, borderType=edges)
        yield way("OpenCV", "filter2D", prepared(filtered), loose)
        yield way("libblur", "filter_2d", of_worker("libblur:filter_2d"), loose, True)
        return
    taps, sigma = case.taps, case.sigma
    size = (taps.size, taps.size)
    blurred = lambda: cv2.GaussianBlur(x, size, sigma, dst=dst, borderType=edges)
    yield way("OpenCV", "GaussianBlur", prepared(blurred), loose * (257 if x.itemsize > 1 else 1))
    passes = lambda: cv2.sepFilter2D(x, -1, taps, taps, dst=dst, borderType=edges)
    yield way("OpenCV", "sepFilter2D", prepared(passes), loose)
    yield way("libblur", "exact", of_worker("libblur:exact"), loose, True)
    if x.itemsize == 1:
        yield way("libblur", "fixed point", of_worker("libblur:fixed point"), 2 * loose, True)
    yield way("image", "blur", of_worker("image:blur"), other)
    yield way("image", "fast_blur", of_worker("image:fast_blur"), other)
    if x.itemsize == 1:
        from PIL import Image, ImageFilter

        picture, blur = Image.fromarray(x), ImageFilter.GaussianBlur(sigma)
        yield way("Pillow", "GaussianBlur", prepared(lambda: picture.filter(blur)), other)
    try:
        import pyvips
    except ImportError:
        return
    vips = pyvips.Image.new_from_array(x)
    yield way("libvips", "gaussblur", prepared(lambda: vips.gaussblur(sigma).write_to_memory()), other)


def find_contenders(case, worker):
    """The ways that are there and right, each run; and those that are left out, each with the reason and
    whether that is a wrong result."""
    from compare import WARMED, Contender
    from worker import Absent

    found, left_out = [], []
    for way in all_ways(case, worker):
        try:
            call = way.prepare()
            probe = call.run()
        except (Absent, cv2.error) as reason:
            left_out.append((way, str(reason).strip().splitlines()[0], False))
            continue
        result = call.result()
        if way.library == "libvips":
            result = np.frombuffer(result, case.x.dtype).reshape(case.x.shape)
        off = case.off(np.asarray(result), way.inner)
        if off > way.kind:
            left_out.append((way, f"off by {off:.2f} levels, not {way.kind}", True))
            continue
        probe = min(probe, call.run()) if probe < WARMED else probe
        found.append(Contender(way, call, probe, f"off by {off:.2g} levels"))
    return found, left_out


def described(case):
    """A case as it stands in the file."""
    height, width, _ = case.x.shape
    taps = case.k.size if case.taps is None else 2 * case.taps.size
    return {
        "group": case.name.partition(",")[0],
        "name": case.name,
        "samples": f"{width} x {height} RGB u{8 * case.x.itemsize}, {case.data}",
        "shape": case.x.shape,
        "dtype": case.x.dtype.name,
        "data": case.data,
        "kernel": "full rank" if case.taps is None else f"gaussian:{case.sigma:g}",
        "kernel_shape": case.k.shape,
        "mode": "same",
        "boundary": "mirror",
        "multiply_adds": taps * case.x.size,
        "bytes": 2 * case.x.nbytes,
    }


def versions():
    import compare
    import PIL

    found = compare.versions("libblur", "image")
    found["Pillow"] = PIL.__version__
    try:
        import pyvips

        found["libvips"] = ".".join(str(pyvips.version(part)) for part in range(3))
    except ImportError:
        pass
    return found


def add(record, case, contenders, left_out):
    """What limits a case is no way of computing it."""
    for limit in (c for c in contenders if c.way.library == "limit"):
        rate = int(limit.call.note) / min(limit.times)
        record.limit("multiply-adds f32", "cpu", "1/s", rate)
    copy = next(c for c in contenders if c.way.library == "NumPy")
    record.limit("copy", "cpu", "B/s", 2 * case.x.nbytes / min(copy.times))
    ways = [c for c in contenders if c.way.library not in ("limit", "NumPy")]
    record.add(described(case), ways, left_out, copy=copy.seconds)


def main():
    options = arguments()
    os.environ["VIPS_CONCURRENCY"] = str(options.threads)
    global cv2, np
    try:
        import cv2
        import numpy as np
        import PIL  # noqa: F401
        import scipy  # noqa: F401
    except ImportError as error:
        sys.exit(f"{error.name} is missing: pip install -r {HERE / 'requirements.txt'}")
    from compare import measure, progress
    from record import Record
    from worker import Worker

    cv2.setNumThreads(options.threads)
    seconds = options.seconds or (0.02 if options.quick else 0.4)
    with Worker(options.binary, options.threads) as worker:
        record = Record(options.output, options.threads, worker, versions())
        record.start("pictures")
        for case in cases(options.quick):
            contenders, left_out = find_contenders(case, worker)
            measure(contenders, seconds)
            add(record, case, contenders, left_out)
            print(progress(case, contenders), file=sys.stderr, flush=True)
        record.finish()


if __name__ == "__main__":
    main()
