#!/usr/bin/env python3
"""Compares this library with OpenCV, libblur, image, Pillow and libvips on pictures.

    pip install -r benches/peers/requirements.txt && cargo build --release -p peers
    python3 benches/peers/pictures.py --output benches/results/picture_peers.md

Pictures of 8 and of 16 bits, three channels, edges mirrored: a photograph and noise. Where a library
takes taps they are the same, and results are compared with sums in f64, in levels. All contenders
take turns.
"""

import datetime
import os
import sys
from dataclasses import dataclass
from functools import cached_property, partial

from page import HERE, ROOT, end, finish, ours, output_of, parser, table

METHOD = """Medians in milliseconds, {width} x {height} RGB, mirrored edges; in brackets how many times as long as
`apply_into`, and by how many levels the result was off the sums in f64 at most (three places of the picture
with its edges; of libblur in the middle alone, since its edges are others), rounding included. Each contender may use {threads} threads; `image` and Pillow use one. Ours is
planned before; `apply` makes a new picture with each call. OpenCV and libblur get their result's memory,
the others make it. `copy` is NumPy's: nothing that reads and writes the picture takes less. `image`,
Pillow (three boxes) and libvips have Gaussians of their own: they are measured, and not the same.
`of the limit` is the share of `apply_into` that the copy takes, or what multiply-adds take at the rate that they
have in registers (the best of the run: {peak:.3g} GFMA/s), whichever is more: K² for each output of a general kernel, 2 K of a Gaussian. Transforms, and sums that
symmetric taps share, need fewer and can be beyond it. A Gaussian ends at four sigma, as SciPy's does. Contenders took turns, call by call.
"""

SIGMAS = (0.8, 2, 5, 10, 20)
TAPS = (3, 5, 7, 15)
PEERS = ("OpenCV", "libblur", "image", "Pillow", "libvips")
# Samples from a corner, or about the middle, where results are compared.
COMPARED = 160


def arguments():
    options = parser(__doc__)
    options.add_argument("--threads", type=int, default=os.cpu_count(), help="of every contender")
    options.add_argument("--seconds", type=float, help="to measure each contender for, per case")
    return options.parse_args()


@dataclass
class Picture:
    """A picture and a kernel."""

    name: str
    x: "np.ndarray"
    k: "np.ndarray"
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
        for sigma in SIGMAS[: 2 if quick else None]:
            yield gaussian(f"{name}, sigma {sigma}", x, sigma)
        for n in TAPS[: 2 if quick else None]:
            i, j = np.indices((n, n))
            k = (1 + (i * 7 + j * 5) % 9).astype(np.float32)
            yield Picture(f"{name}, {n} x {n}", x, k / k.sum())
    if not quick:
        wide = np.ascontiguousarray(photograph[:1080, :1920])
        yield gaussian("1920 x 1080, sigma 120", wide, 120)


def gaussian(name, x, sigma):
    reach = int(4 * sigma + 0.5)
    taps = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    taps = (taps / taps.sum()).astype(np.float32)
    return Picture(name, x, np.outer(taps, taps).astype(np.float32), taps, sigma)


def all_ways(case, worker):
    """Every way, and by how many levels it may be off: any number where its kernel is another one."""
    from way import Way
    from ways import prepared

    def way(library, name, prepare, allowed, inner=False):
        return Way(library, name, allowed, prepare, inner)

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
    """The ways that are there and right, each run, and what was wrong."""
    from compare import WARMED, Contender
    from worker import Absent

    found, wrong = [], []
    for way in all_ways(case, worker):
        try:
            call = way.prepare()
            probe = call.run()
        except (Absent, cv2.error) as reason:
            print(f"{case.name}: no {way.title}: {reason}", file=sys.stderr)
            continue
        result = call.result()
        if way.library == "libvips":
            result = np.frombuffer(result, case.x.dtype).reshape(case.x.shape)
        off = case.off(np.asarray(result), way.inner)
        if off > way.kind:
            wrong.append(f"{case.name}: {way.title}: off by {off:.2f} levels, not {way.kind}")
            continue
        contender = Contender(way, call, min(probe, call.run()) if probe < WARMED else probe)
        contender.off = off
        found.append(contender)
    return found, wrong


def peak_of(contenders):
    """Multiply-adds per second, the most that were seen."""
    return max(
        int(c.call.note) / min(c.times) for c in contenders if c.way.library == "limit"
    )


def row(case, contenders, peak):
    def of(library, name=None):
        own = [c for c in contenders if c.way.library == library and name in (None, c.way.name)]
        return min(own, key=lambda contender: contender.seconds, default=None)

    into, fresh, copy = of("ours", "apply_into"), of("ours", "apply"), of("NumPy")
    if into is None or fresh is None:
        return [case.name, "wrong"] + [""] * (3 + len(PEERS))
    taps = case.k.size if case.taps is None else 2 * case.taps.size
    share = max(taps * case.x.size / peak, copy.seconds) / into.seconds

    def cell(contender):
        if contender is None:
            return ""
        ratio = contender.seconds / into.seconds
        off = "" if contender.way.library == "NumPy" else f", off by {contender.off:.2g}"
        return f"{contender.seconds * 1e3:.3g} {contender.way.name} (x {ratio:.2g}{off})"

    own = f"**{into.seconds * 1e3:.3g}** {into.call.note} (off by {into.off:.2g})"
    cells = [case.name, own, f"{fresh.seconds * 1e3:.3g} (x {fresh.seconds / into.seconds:.2g})"]
    cells += [f"{copy.seconds * 1e3:.2g}", f"{share:.0%}"]
    return cells + [cell(of(library)) for library in PEERS]


def text(rows, wrong, peak, threads, quick):
    from report import processor, versions

    import PIL
    import re

    lock = (ROOT / "Cargo.lock").read_text()
    crates = [
        f"{name} " + re.search(f'name = "{name}"\nversion = "([^"]+)"', lock).group(1)
        for name in ("libblur", "image")
    ]
    try:
        import pyvips

        crates.append("libvips " + ".".join(str(pyvips.version(part)) for part in range(3)))
    except ImportError:
        pass
    width, height = (768, 432) if quick else (3840, 2160)
    lines = [
        "# Pictures beside other libraries",
        "",
        "`python3 benches/peers/pictures.py --output benches/results/picture_peers.md`",
        "",
        f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores.",
        f"{versions()}, {', '.join(crates)}, Pillow {PIL.__version__}.",
        "",
        METHOD.format(peak=peak / 1e9, threads=threads, width=width, height=height),
        *table(["picture", "apply_into", "apply", "copy", "of the limit", *PEERS], rows),
    ]
    return end(lines, "Results that were wrong, and so were not measured:", wrong)


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
    from compare import measure
    from worker import Worker

    cv2.setNumThreads(options.threads)
    seconds = options.seconds or (0.02 if options.quick else 0.4)
    measured, wrong, peak = [], [], 0.0
    with Worker(options.binary, options.threads) as worker:
        for case in cases(options.quick):
            contenders, disagreements = find_contenders(case, worker)
            measure(contenders, seconds)
            measured.append((case, contenders))
            wrong += disagreements
            peak = max(peak, peak_of(contenders))
            print(" | ".join(row(case, contenders, peak)), file=sys.stderr, flush=True)
    rows = [row(*case, peak) for case in measured]
    finish(text(rows, wrong, peak, options.threads, options.quick), wrong, options.output)


if __name__ == "__main__":
    main()
