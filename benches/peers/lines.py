#!/usr/bin/env python3
"""A table of what the bench `gpu` has written to CONVOLVE_BENCH_LINES.

    CONVOLVE_BENCH_LINES=lines.json cargo bench --bench gpu
    python3 benches/peers/lines.py lines.json

Needs nothing but Python.
"""

import json
import sys
from pathlib import Path

from tables import milliseconds, table


def row(bench):
    device, wall = bench["device_seconds"], bench["wall_seconds"]
    best = wall if device is None else device
    taps = f"{bench['taps']}²" if bench["taps"] else ""
    return [
        f"{bench['group']}: {bench['name']} {taps}".strip(),
        f"{bench['side']}²",
        "" if device is None else milliseconds(device),
        milliseconds(wall),
        f"{bench['bytes'] / best / 1e9:.3g}" if bench["bytes"] else "",
        f"{bench['multiply_adds'] / best / 1e9:.3g}" if bench["multiply_adds"] else "",
    ]


def main():
    if len(sys.argv) != 2:
        print("usage: lines.py FILE", file=sys.stderr)
        sys.exit(2)
    benches = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    for adapter in dict.fromkeys(bench["adapter"] for bench in benches):
        head = [f"On {adapter}", "size", "device, ms", "wall, ms", "GB/s", "GFMA/s"]
        print("\n".join(table(head, [row(bench) for bench in benches if bench["adapter"] == adapter])))


if __name__ == "__main__":
    main()
