"""What is compared: inputs, kernels, and the right answers with the error that they may be off by."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.signal


@dataclass
class Case:
    """A convolution, mode same, zeros outside. Kernels have odd lengths and the input's rank."""

    group: str
    name: str
    x: np.ndarray
    k: np.ndarray
    # The kernel is the outer product of these taps with themselves, a Gaussian of `sigma`.
    taps: np.ndarray | None = None
    sigma: float | None = None

    @property
    def multiply_adds(self):
        return self.x.size * self.k.size

    @property
    def is_exact(self):
        return self.x.dtype.kind in "iu"

    @cached_property
    def reference(self):
        """The result in f64, of the input's type where that is exact."""
        wide = np.complex128 if self.x.dtype.kind == "c" else np.float64
        x, k = self.x.astype(wide), self.k.astype(wide)
        axes = [axis for axis, taps in enumerate(k.shape) if taps > 1]
        full = scipy.signal.fftconvolve(x, k, mode="same", axes=axes)
        return np.rint(full).astype(self.x.dtype) if self.is_exact else full

    def tolerance(self, kind):
        """How far a result may be off, anywhere.

        Sums: eps * sqrt(taps) * max|x| * sum|k|, the probabilistic bound of Higham and Mary (SIAM
        J. Sci. Comput. 41(5), 2019). Transforms: eps * log2(N) * |x|_2 * |k|_2. To both comes the
        second one for the reference itself.
        """
        if self.is_exact:
            return 0.0
        x, k = np.abs(self.x).astype(np.float64), np.abs(self.k).astype(np.float64)
        eps = float(np.finfo(self.x.dtype).eps)
        transform = math.log2(self.x.size) * np.linalg.norm(x) * np.linalg.norm(k)
        sums = math.sqrt(k.size) * x.max() * k.sum()
        bound = eps * {"direct": sums, "fft": transform, "either": max(sums, transform)}[kind]
        return bound + float(np.finfo(np.float64).eps) * transform

    def error(self, result, inner):
        """The largest difference from the reference; where `inner`, edges are left out."""
        if result.shape != self.x.shape:
            return math.inf
        reach = [taps // 2 if inner else 0 for taps in self.k.shape]
        part = tuple(slice(edge, n - edge) for edge, n in zip(reach, self.x.shape))
        if self.is_exact:
            return float(np.count_nonzero(result[part] != self.reference[part]))
        difference = np.abs(result[part] - self.reference[part]).max()
        return math.inf if np.isnan(difference) else float(difference)


def gaussian(length):
    """Taps and sigma; the ends are at three sigma."""
    sigma = length / 6
    offsets = np.arange(length) - length // 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    return taps / taps.sum(), sigma


def integers(rng, dtype, shape, kernel_shape):
    """Data whose results fit the type: there wrapping, saturation and a cast all agree."""
    largest = {"uint8": 3, "int16": 100, "int32": 1000}[dtype]
    total = np.iinfo(dtype).max // largest if dtype != "int32" else 100_000
    lowest = 0 if dtype == "uint8" else -largest
    x = rng.integers(lowest, largest + 1, shape).astype(dtype)
    cells = math.prod(kernel_shape)
    k = rng.multinomial(total, [1 / cells] * cells).reshape(kernel_shape).astype(dtype)
    return x, k


def floats(rng, dtype, shape, kernel_shape):
    def normal(shape):
        values = rng.standard_normal(shape)
        if np.dtype(dtype).kind == "c":
            values = values + 1j * rng.standard_normal(shape)
        return values.astype(dtype)

    return normal(shape), normal(kernel_shape)


def cases(group, quick):
    """The cases of a group, made one after another."""
    rng = np.random.default_rng(20_261_123)
    side = 256 if quick else 2048
    plane = (side, side)

    def lengths(*of_all):
        return of_all[::3][:2] if quick else of_all

    if group == "2d":
        for n in lengths(3, 5, 7, 9, 11, 15, 21, 31, 63, 127, 255):
            yield Case(group, f"{side}², {n}²", *floats(rng, "f4", plane, (n, n)))
    elif group == "sep":
        for n in lengths(3, 5, 7, 9, 11, 15, 21, 31, 45, 63):
            taps, sigma = gaussian(n)
            x, _ = floats(rng, "f4", plane, (1, 1))
            k = np.outer(taps, taps).astype("f4")
            yield Case(group, f"{side}², Gauss {n}²", x, k, taps.astype("f4"), sigma)
    elif group == "channels":
        height, width = (108, 192) if quick else (1080, 1920)
        for n in lengths(3, 5, 7, 11, 15, 21, 31):
            x, k = floats(rng, "f4", (height, width, 3), (n, n, 1))
            yield Case(group, f"{height}x{width}x3, {n}²", x, k)
    elif group == "1d":
        samples = 10_000 if quick else 1_000_000
        for n in lengths(11, 101, 1001, 10_001):
            yield Case(group, f"{samples}, {n}", *floats(rng, "f4", (samples,), (n,)))
    elif group == "3d":
        edge = 32 if quick else 256
        for n in lengths(3, 7, 15, 31):
            yield Case(group, f"{edge}³, {n}³", *floats(rng, "f4", (edge,) * 3, (n,) * 3))
    elif group == "types":
        for dtype in ("float64", "complex64", "int32", "int16", "uint8"):
            make = floats if np.dtype(dtype).kind in "fc" else integers
            for n in lengths(3, 7, 15, 31):
                yield Case(group, f"{dtype} {side}², {n}²", *make(rng, dtype, plane, (n, n)))
