"""Every way of computing a case on a GPU: this library's, CuPy's and PyTorch's, on resident data."""

import time
from functools import partial

import numpy as np
import scipy.fft

from way import Way


class TimedCall:
    """A function that submits work, timed by the GPU's own clock."""

    def __init__(self, library, call):
        self.library, self.call = library, call
        self.last = None

    def run(self, times=1):
        self.last = None
        start, end = self.library.event(), self.library.event()
        start.record()
        for _ in range(times):
            self.last = self.call()
        end.record()
        end.synchronize()
        return self.library.milliseconds(start, end) * 1e-3

    def result(self):
        return self.library.to_host(self.last)


class HostCall(TimedCall):
    """A function from and to host memory, timed by the host's clock."""

    def run(self, times=1):
        start = time.perf_counter()
        for _ in range(times):
            self.last = self.call()
        return time.perf_counter() - start

    def result(self):
        return self.last


class Cupy:
    name = "CuPy"

    def __init__(self):
        import cupy
        import cupyx.scipy.ndimage
        import cupyx.scipy.signal

        self.cupy = cupy
        self.signal, self.ndimage = cupyx.scipy.signal, cupyx.scipy.ndimage
        if cupy.cuda.runtime.getDeviceCount() == 0:
            raise RuntimeError("no CUDA device")
        properties = cupy.cuda.runtime.getDeviceProperties(0)
        self.device = properties["name"].decode()
        self.version = cupy.__version__

    def event(self):
        return self.cupy.cuda.Event()

    def milliseconds(self, start, end):
        return self.cupy.cuda.get_elapsed_time(start, end)

    def to_host(self, array):
        return self.cupy.asnumpy(array)

    def ways(self, case):
        way = lambda name, kind, call: Way(self.name, name, kind, lambda: TimedCall(self, call))
        if case.group == "host":
            k = self.cupy.asarray(case.k)

            def there_and_back():
                y = self.ndimage.convolve(self.cupy.asarray(case.x), k, mode="constant")
                return self.cupy.asnumpy(y)

            yield Way(self.name, "ndimage", "direct", lambda: HostCall(self, there_and_back))
            return
        x, k = self.cupy.asarray(case.x), self.cupy.asarray(case.k)
        if case.taps is not None:
            taps = self.cupy.asarray(case.taps)

            def passes():
                across = self.ndimage.convolve1d(x, taps, axis=1, mode="constant")
                return self.ndimage.convolve1d(across, taps, axis=0, mode="constant")

            yield way("ndimage", "direct", passes)
            return
        yield way("ndimage", "direct", lambda: self.ndimage.convolve(x, k, mode="constant"))
        yield way("convolve2d", "direct", lambda: self.signal.convolve2d(x, k, "same"))
        yield way("fftconvolve", "fft", lambda: self.signal.fftconvolve(x, k, "same"))
        yield way("oaconvolve", "fft", lambda: self.signal.oaconvolve(x, k, "same"))

    def copy(self, x):
        """The device's own copy of an array, and what it copies to."""
        source = self.cupy.asarray(x)
        target = self.cupy.empty_like(source)

        def copy():
            self.cupy.copyto(target, source)
            return target

        return TimedCall(self, copy)


class Torch:
    name = "PyTorch"

    def __init__(self):
        import torch

        if not torch.cuda.is_available():
            raise RuntimeError("no CUDA device")
        self.torch = torch
        # Full f32 in every product, as everybody else here, and the fastest algorithm for the shape.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        torch.set_grad_enabled(False)
        self.device = torch.cuda.get_device_name(0)
        self.version = f"{torch.__version__}, cuDNN {torch.backends.cudnn.version()}"

    def event(self):
        return self.torch.cuda.Event(enable_timing=True)

    def milliseconds(self, start, end):
        return start.elapsed_time(end)

    def to_host(self, array):
        return array.cpu().numpy().reshape(array.shape[-2:])

    def tensor(self, array):
        return self.torch.from_numpy(np.ascontiguousarray(array)).cuda()

    def weights(self, taps):
        """It correlates."""
        return self.tensor(np.flip(taps))[None, None]

    def ways(self, case):
        conv2d = self.torch.nn.functional.conv2d
        way = lambda name, kind, call: Way(self.name, name, kind, lambda: TimedCall(self, call))
        padding = tuple(taps // 2 for taps in case.k.shape)
        if case.group == "host":
            k = self.weights(case.k)

            def there_and_back():
                x = self.torch.from_numpy(case.x).cuda()
                return conv2d(x[None, None], k, padding=padding)[0, 0].cpu().numpy()

            yield Way(self.name, "conv2d", "either", lambda: HostCall(self, there_and_back))
            return
        x = self.tensor(case.x)
        if case.taps is not None:
            across, down = self.weights(case.taps[None, :]), self.weights(case.taps[:, None])

            def passes():
                y = conv2d(x[None, None], across, padding=(0, padding[1]))
                return conv2d(y, down, padding=(padding[0], 0))

            yield way("conv2d", "either", passes)
            return
        k = self.weights(case.k)
        yield way("conv2d", "either", lambda: conv2d(x[None, None], k, padding=padding))

        full = [n + taps - 1 for n, taps in zip(case.x.shape, case.k.shape)]
        lengths = [scipy.fft.next_fast_len(n, real=True) for n in full]
        # Once, as ours prepares its kernel once.
        spectrum = self.torch.fft.rfft2(self.tensor(case.k), s=lengths)
        rows, columns = [slice(edge, edge + n) for edge, n in zip(padding, case.x.shape)]

        def transforms():
            product = self.torch.fft.rfft2(x, s=lengths) * spectrum
            return self.torch.fft.irfft2(product, s=lengths)[rows, columns]

        yield way("fft", "fft", transforms)

    def copy(self, x):
        """The device's own copy of an array, and what it copies to."""
        source = self.tensor(x)
        target = self.torch.empty_like(source)
        return TimedCall(self, lambda: target.copy_(source))


def libraries():
    """Those that are there, and why the others are not."""
    found, missing = [], []
    for library in (Cupy, Torch):
        try:
            found.append(library())
        except Exception as error:
            # CuPy has errors of its own where the driver is missing, and another without a device.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            missing.append(f"{library.name}: {reason}")
    return found, missing


def ours(case, worker):
    method = "direct" if case.taps is None else "separable"
    name = f"gpu:host {method}" if case.group == "host" else f"gpu:{method}"
    return Way("ours", method, "direct", partial(worker.prepare, case, name))
