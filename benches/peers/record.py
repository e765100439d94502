"""What was measured, as JSON: `publish.py` makes pages of it.

A file has cases of one machine and of one set of versions, from one script or from several. It is written
after every case, so that whoever runs out of time keeps what was measured.
"""

import datetime
import json
import os
import platform
import re
import statistics
import sys

from page import ROOT, output_of

FORMAT, VERSION = "convolve-bench", 1
# Ways of this library whose method the planner has chosen.
CHOSEN = ("auto", "apply_into", "apply")


def crate_versions(*names):
    """Of crates, as they are locked."""
    lock = (ROOT / "Cargo.lock").read_text()
    return {n: re.search(f'name = "{n}"\nversion = "([^"]+)"', lock).group(1) for n in names}


def built():
    """The commit and the compiler; of programs that were built elsewhere a file says so."""
    if noted := os.environ.get("CONVOLVE_BUILT"):
        with open(noted) as file:
            return json.load(file)
    commit = output_of("git", "describe", "--always", "--dirty", "--exclude=*", cwd=ROOT)
    rustc = output_of("rustc", "--version").partition(" (")[0].partition(" ")[2]
    return {"commit": commit or "unknown", "rustc": rustc or "unknown"}


def processor():
    fields = {}
    try:
        with open("/proc/cpuinfo") as info:
            for name, separator, value in (line.partition(":") for line in info):
                fields.setdefault(name.strip(), value.strip())
    except OSError:
        return platform.processor() or platform.machine()
    if "model name" not in fields:
        return platform.machine()
    return "{model name} (family {cpu family}, model {model})".format(**fields)


class Record:
    """The cases of a group of sets, `arrays` and others, in a file where one is given."""

    def __init__(self, path, threads, worker, versions):
        self.path = path
        about = worker.about()
        self.document = {
            "format": FORMAT,
            "version": VERSION,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "convolve": crate_versions("convolve")["convolve"],
            "machine": {
                "cpu": processor(),
                "cores": os.cpu_count(),
                "threads": threads,
                "os": platform.system(),
                "instructions": about["instructions"],
            },
            "versions": {
                **built(),
                "Python": platform.python_version(),
                **versions,
            },
            "devices": about["devices"],
            "limits": [],
            "cases": [],
        }
        if path and path.is_file():
            self.join(json.loads(path.read_text()))

    def join(self, earlier):
        """Takes over what another script has measured here with the same versions."""
        mine, theirs = self.document["versions"], earlier["versions"]
        same = all(theirs.get(name, mine[name]) == mine[name] for name in mine)
        if earlier["machine"] != self.document["machine"] or not same:
            sys.exit(
                f"{self.path} is of another machine or of other versions: "
                "remove it, or name another file with --output"
            )
        self.document["versions"] = {**theirs, **mine}
        self.document["limits"], self.document["cases"] = earlier["limits"], earlier["cases"]

    def start(self, name):
        """Forgets what an earlier run of this set of cases has measured."""
        self.set = name
        cases = self.document["cases"]
        self.document["cases"] = [case for case in cases if case["set"] != name]

    def limit(self, name, device, unit, value):
        """How fast something can be at most: the best that was seen."""
        of = {"name": name, "device": device, "unit": unit}
        for limit in self.document["limits"]:
            if of.items() <= limit.items():
                limit["value"] = max(limit["value"], rounded(value))
                return
        self.document["limits"].append({**of, "value": rounded(value)})

    def value(self, name, device):
        """A limit, where it is known."""
        limits = self.document["limits"]
        found = (one["value"] for one in limits if (one["name"], one["device"]) == (name, device))
        return next(found, None)

    def add(self, case, contenders, failures, device="cpu", copy=None):
        """A case and its ways. `copy`: seconds of a copy of its samples, in the same run."""
        ways = [way_of(contender, device) for contender in contenders]
        for way, reason, is_wrong in failures:
            left_out = {**names(way), "device": device, "left_out": reason}
            ways.append({**left_out, "wrong": True} if is_wrong else left_out)
        described = {"set": self.set, **case, "ways": ways}
        if copy:
            described["copy"] = rounded(copy)
        self.document["cases"].append(described)
        self.write(device)

    def write(self, device):
        peak = self.value("multiply-adds f32", device)
        for case in self.document["cases"]:
            if case["set"] != self.set or not (copy := case.get("copy")) or not peak:
                continue
            for way in case["ways"]:
                if "median" in way:
                    way["limit"] = rounded(max(copy, case["multiply_adds"] / peak))
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_suffix(".new")
            beside.write_text(text(self.document))
            beside.replace(self.path)

    def wrong(self):
        """What was wrong in the cases of this set, a line each."""
        return [
            f"{case['name']}: {way['library']} {way['name']}: {way['left_out']}"
            for case in self.document["cases"]
            for way in case["ways"]
            if case["set"] == self.set and way.get("wrong")
        ]

    def finish(self):
        """The end of a run; the status says whether all was right."""
        if wrong := self.wrong():
            print("wrong, and so not measured:", *wrong, sep="\n- ", file=sys.stderr)
        sys.exit(1 if wrong else 0)


def names(way):
    return {"library": "convolve" if way.library == "ours" else way.library, "name": way.name}


def way_of(contender, device):
    """A way, with its times in seconds; `low` and `high` are their 10th and 90th percentiles."""
    times = sorted(contender.times)
    tenth = (len(times) - 1) / 10
    found = {
        **names(contender.way),
        "device": device,
        "median": statistics.median(times),
        "low": times[round(tenth)],
        "high": times[round(9 * tenth)],
        "runs": len(times),
        "error": contender.error,
    }
    if found["library"] == "convolve" and found["name"] in CHOSEN:
        found["chosen"] = True
    if contender.way.other_kernel:
        found["other_kernel"] = True
    if getattr(contender.call, "note", ""):
        found["method"] = contender.call.note
    return {key: rounded(value) for key, value in found.items()}


def rounded(value):
    """Nobody measures more digits than these."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def text(document):
    """With a line for each way, so that a change of one is a line of a diff."""
    lines = {}

    def on_a_line(value):
        lines[key := f"<{len(lines)}>"] = json.dumps(value, ensure_ascii=False)
        return key

    def case_lines(case):
        shapes = {name: on_a_line(case[name]) for name in ("shape", "kernel_shape")}
        return {**case, **shapes, "ways": [on_a_line(way) for way in case["ways"]]}

    cases = [case_lines(case) for case in document["cases"]]
    whole = json.dumps({**document, "cases": cases}, indent=1, ensure_ascii=False)
    return re.sub('"(<\\d+>)"', lambda found: lines[found.group(1)], whole) + "\n"
