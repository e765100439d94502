"""The process that runs this library and the other Rust crates: see src/main.rs for its lines."""

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np


class Absent(Exception):
    """A library cannot do the case in this way."""


class Worker:
    def __init__(self, binary, threads):
        if not binary.is_file():
            raise SystemExit(f"{binary} is missing: cargo build --release -p peers")
        self.folder = tempfile.TemporaryDirectory()
        self.case = None
        self.process = subprocess.Popen(
            [binary],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "RAYON_NUM_THREADS": str(threads)},
            # Signals that end the script leave it time to write down what was measured.
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()

    def tell(self, *fields):
        """Sends a command and returns the answer."""
        try:
            self.process.stdin.write("\t".join(map(str, fields)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # It has ended: reading says so.
        state, _, answer = self.process.stdout.readline().rstrip("\n").partition("\t")
        if not state:
            raise SystemExit(f"the worker ended at {fields}, status {self.process.wait()}")
        if state == "error":
            raise Absent(answer)
        return answer

    def about(self):
        """The instructions that this library uses here, and the GPU, where it is built for one."""
        instructions, *gpu = self.tell("about").split("\t")
        device = dict(zip(("name", "backend", "driver"), gpu), software=gpu[3:] == ["software"])
        return {"instructions": instructions, "devices": [device] if gpu else []}

    def file(self, name):
        return Path(self.folder.name) / name

    def prepare(self, case, name):
        """What to call to run a contender on a case."""
        return self.prepare_as("case", case, name)

    def prepare_picture(self, case, name):
        """The same for a picture."""
        return self.prepare_as("picture", case, name, case.sigma or "-")

    def prepare_as(self, kind, case, name, *more):
        if self.case is not case:
            shapes = []
            for array, file in ((case.x, "x"), (case.k, "k")):
                array.tofile(self.file(file))
                shapes.append(",".join(map(str, array.shape)))
            self.tell(kind, case.x.dtype, *shapes, self.file("x"), self.file("k"), *more)
            self.case = case
        return Call(self, case, name, self.tell("prepare", name))


class Call:
    """A contender of the worker, timed inside of it."""

    def __init__(self, worker, case, name, note):
        self.worker, self.case, self.name, self.note = worker, case, name, note

    def run(self, times=1):
        """Seconds for so many calls."""
        return float(self.worker.tell("run", self.name, times))

    def result(self):
        file = self.worker.file("y")
        self.worker.tell("write", self.name, file)
        return np.fromfile(file, self.case.x.dtype).reshape(self.case.x.shape)
