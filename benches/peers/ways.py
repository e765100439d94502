"""Every sensible way of computing a case: this library's, and each peer's."""

import time
from functools import partial

import cv2
import numpy as np
import scipy.ndimage
import scipy.signal

from way import Way
from worker import Absent

# A way is not tried where it would take too long even at this many multiply-adds per second, well
# above what any of them reached on two cores.
SCIPY_RATE = 4e9
NDARRAY_CONV_RATE = 4e9
IMAGEPROC_RATE = 4e9
OURS_RATE = 2e11


class PythonCall:
    """A function of a Python library, timed around the call."""

    note = ""

    def __init__(self, call):
        self.call = call
        self.last = None

    def run(self):
        self.last = None
        start = time.perf_counter()
        self.last = self.call()
        return time.perf_counter() - start

    def result(self):
        return self.last


def prepared(call):
    """A way whose call needs no preparation."""
    return lambda: PythonCall(call)


def ours(case, worker):
    direct = case.multiply_adds / OURS_RATE
    for method, kind, at_least in (
        ("auto", "either", 0),
        ("separable", "direct", 0),
        ("fft", "fft", 0),
        ("direct", "direct", direct),
    ):
        prepare = partial(worker.prepare, case, f"ours:{method}")
        yield Way("ours", method, kind, prepare, at_least=at_least)


def scipy_ways(case):
    x, k = case.x, case.k
    direct = case.multiply_adds / SCIPY_RATE
    axes = [axis for axis, taps in enumerate(k.shape) if taps > 1]

    def way(name, kind, call, **more):
        return Way("SciPy", name, kind, prepared(call), **more)

    if case.is_exact:
        # The only one of its transforms that rounds.
        yield way("convolve fft", "fft", lambda: scipy.signal.convolve(x, k, "same", "fft"))
    else:
        yield way("oaconvolve", "fft", lambda: scipy.signal.oaconvolve(x, k, "same", axes=axes))
        yield way("fftconvolve", "fft", lambda: scipy.signal.fftconvolve(x, k, "same", axes=axes))
    if case.taps is not None:
        taps = case.taps

        def passes():
            across = scipy.ndimage.convolve1d(x, taps, axis=1, mode="constant")
            return scipy.ndimage.convolve1d(across, taps, axis=0, mode="constant")

        yield way("ndimage passes", "direct", passes)
        call = lambda: scipy.signal.sepfir2d(x, taps, taps)
        yield way("sepfir2d", "direct", call, inner=True)
    if x.ndim == 1:
        yield way("np.convolve", "direct", lambda: np.convolve(x, k, "same"), at_least=direct)
        call = lambda: scipy.ndimage.convolve1d(x, k, mode="constant")
        yield way("ndimage", "direct", call, at_least=direct)
        return
    if x.ndim == 2:
        call = lambda: scipy.signal.convolve2d(x, k, "same")
        yield way("convolve2d", "direct", call, at_least=direct)
    if x.ndim == 3 and k.shape[2] == 1:
        planes = [np.ascontiguousarray(x[..., channel]) for channel in range(x.shape[2])]

        def by_channel():
            parts = [scipy.signal.convolve2d(plane, k[..., 0], "same") for plane in planes]
            return np.stack(parts, axis=2)

        yield way("convolve2d by channel", "direct", by_channel, at_least=direct)
    call = lambda: scipy.ndimage.convolve(x, k, mode="constant")
    yield way("ndimage", "direct", call, at_least=direct)


def opencv_ways(case):
    x, k = case.x, case.k
    if x.ndim == 1 or x.dtype.kind == "c" or (x.ndim == 3 and k.shape[2] > 1):
        return
    zero = cv2.BORDER_CONSTANT
    # It correlates, and its kernels are floating-point.
    kernel = np.ascontiguousarray(k.reshape(k.shape[:2])[::-1, ::-1])
    kernel = kernel if x.dtype == np.float64 else kernel.astype(np.float32)

    def way(name, kind, call):
        def prepare():
            dst = np.full_like(x, -1 if x.dtype.kind == "i" else 1 if case.is_exact else np.nan)
            try:
                call(dst)
            except cv2.error as error:
                raise Absent(str(error).replace("\n", " ")) from None
            return PythonCall(lambda: call(dst))

        return Way("OpenCV", name, kind, prepare)

    if case.taps is None:
        filter2d = lambda dst: cv2.filter2D(x, -1, kernel, dst=dst, borderType=zero)
        yield way("filter2D", "either", filter2d)
        return
    taps = np.ascontiguousarray(case.taps[::-1])
    passes = lambda dst: cv2.sepFilter2D(x, -1, taps, taps, dst=dst, borderType=zero)
    yield way("sepFilter2D", "direct", passes)
    blur = lambda dst: cv2.GaussianBlur(
        x, kernel.shape, sigmaX=case.sigma, dst=dst, borderType=zero
    )
    yield way("GaussianBlur", "direct", blur)


def ndarray_conv_ways(case, worker):
    def way(name, kind, at_least=0.0):
        prepare = partial(worker.prepare, case, f"ndarray-conv:{name}")
        return Way("ndarray-conv", name, kind, prepare, at_least=at_least)

    if not case.is_exact:
        yield way("fft", "fft")
        yield way("fft on threads", "fft")
    yield way("direct", "direct", case.multiply_adds / NDARRAY_CONV_RATE)


def imageproc_ways(case, worker):
    if case.x.dtype != np.float32 or case.x.ndim == 1:
        return
    if case.taps is not None:
        separable = partial(worker.prepare, case, "imageproc:separable")
        yield Way("imageproc", "separable", "direct", separable, inner=True)
        return
    if case.k.shape[2:] in ((), (1,)):
        filter_ = partial(worker.prepare, case, "imageproc:filter")
        direct = case.multiply_adds / IMAGEPROC_RATE
        yield Way("imageproc", "filter", "direct", filter_, inner=True, at_least=direct)


PEERS = ("SciPy", "OpenCV", "ndarray-conv", "imageproc")


def all_ways(case, worker):
    """Every way, those of one library one after another, transforms first."""
    yield from ours(case, worker)
    yield from scipy_ways(case)
    yield from opencv_ways(case)
    yield from ndarray_conv_ways(case, worker)
    yield from imageproc_ways(case, worker)
