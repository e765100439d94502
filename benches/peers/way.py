"""One way of one library, whatever it runs on."""

from dataclasses import dataclass
from typing import Any, Callable


@dataclass
class Way:
    """What computes a case, once it is prepared."""

    library: str
    name: str
    # What its errors are like: `direct`, `fft` or `either`.
    kind: str
    # Returns something to call: `run(times=1) -> seconds for all` and `result() -> array`. Raises
    # `worker.Absent` where the library cannot do the case.
    prepare: Callable[[], Any]
    # It continues the input differently: only the inner part of its result can be compared.
    inner: bool = False
    # It has a kernel of its own, and so results of its own.
    other_kernel: bool = False
    # Seconds that it takes at least, as far as is known beforehand.
    at_least: float = 0.0

    @property
    def title(self):
        return f"{self.library} {self.name}"
