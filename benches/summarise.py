#!/usr/bin/env python3
"""Markdown tables of what criterion measured last: limits, direct against them, all cases, all kinds of data.

    cargo bench --bench limits --bench direct --bench cases
    python3 benches/summarise.py [limits direct cases data] [--criterion target/criterion]

A bench that has not run yet has no table.
"""

import argparse
import json
import sys
from pathlib import Path

CASES = ("types", "ranks", "geometry", "boundaries", "small")
METHODS = ("auto", "direct", "separable", "fft")


def measured(folder):
    """{(group, function, parameter): (median seconds, work of one run)} of all benches."""
    results = {}
    for path in folder.glob("**/new/benchmark.json"):
        bench = json.loads(path.read_text())
        estimates = json.loads((path.parent / "estimates.json").read_text())
        work = next(iter((bench["throughput"] or {"": 0}).values()))
        key = (bench["group_id"], bench["function_id"], bench["value_str"])
        results[key] = (estimates["median"]["point_estimate"] * 1e-9, work)
    return results


def giga(result):
    """Work per second, in 10^9."""
    seconds, work = result
    return work / seconds / 1e9


def table(title, head, rows):
    print(f"\n{title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def limits(results):
    sets = [key for key in results if key[0].startswith("peak ")]
    if sets:
        threads = sorted({int(key[2]) for key in sets})
        head = ["", "instructions"] + [f"{n} thread{'s' * (n > 1)}" for n in threads]
        names = sorted({key[:2] for key in sets}, key=lambda key: (key[0], key[1] != "avx512", key))
        rows = [
            [group.removeprefix("peak "), name]
            + [f"{2 * giga(results[group, name, str(n)]):.0f}" for n in threads]
            for group, name in names
        ]
        table("Peak of multiply-adds, GFLOP/s", head, rows)
    copies = sorted(int(key[2]) for key in results if key[0] == "copy f32")
    if copies:
        row = [f"{giga(results['copy f32', 'all threads', str(n)]):.0f}" for n in copies]
        table("Copy, all threads, GB/s read + write", [f"{n}² f32" for n in copies], [row])


def direct(results):
    for group in sorted({key[0] for key in results if key[0].startswith("direct ")}):
        of_group = {key[1:]: value for key, value in results.items() if key[0] == group}
        peak = giga(of_group["peak", None])
        sizes = sorted(int(name) for name in {key[0] for key in of_group} if name.isdigit())
        kernels = sorted({int(taps) for name, taps in of_group if name.isdigit()})
        rows = []
        for size in sizes:
            copy, _ = of_group["copy", str(size)]
            row = [f"{size}²", f"{copy * 1e3:.3g}"]
            for taps in kernels:
                result = of_group.get((str(size), str(taps)))
                if result is None:
                    row.append("")
                    continue
                flops, bytes_ = giga(result) / peak, copy / result[0]
                row.append(f"{result[0] * 1e3:.3g} ({flops:.0%}, {bytes_:.0%})")
            rows.append(row)
        title = (
            f"{group}, all threads: ms (share of the peak of {2 * peak:.0f} GFLOP/s, share of the "
            "bandwidth of a copy)"
        )
        table(title, ["size", "copy"] + [f"K {taps}" for taps in kernels], rows)


def cases(results):
    for group in CASES:
        of_group = {key[1:]: value for key, value in results.items() if key[0] == group}
        names = sorted({name for name, _ in of_group})
        rows = []
        for name in names:
            cells = [of_group.get((name, method)) for method in METHODS]
            rows.append(
                [name] + [f"{cell[0] * 1e3:.3g} ({giga(cell):.3g})" if cell else "" for cell in cells]
            )
        if rows:
            table(f"{group}: ms (10^9 multiply-adds per second)", ["case", *METHODS], rows)


def data(results):
    of_data = {key: value for key, value in results.items() if key[0].startswith("data of ")}
    kinds = [kind for kind in ("8 bits", "16 bits", "f32") if any(key[0].endswith(kind) for key in of_data)]
    ways = (*METHODS[1:], "fft of 63 x 63")
    columns = [(kind, way) for kind in kinds for way in ways if any(key[0].endswith(kind) and key[2] == way for key in of_data)]
    rows = []
    for name in sorted({key[1] for key in of_data}, key=lambda name: (name != "noise", name)):
        cells = []
        for kind, method in columns:
            noise, here = (of_data.get((f"data of {kind}", of, method)) for of in ("noise", name))
            cells.append(f"{here[0] * 1e3:.1f} ({here[0] / noise[0]:.2f})" if noise and here else "")
        rows.append([name, *cells])
    if rows:
        head = ["data", *(f"{kind}, {method}" for kind, method in columns)]
        table("What is shown: ms (times what noise takes)", head, rows)


def main():
    tables = {"limits": limits, "direct": direct, "cases": cases, "data": data}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", help="limits, direct, cases, data; as a rule, all of them")
    parser.add_argument("--criterion", type=Path, default=Path("target/criterion"))
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.tables if name not in tables]:
        parser.error(f"no table {unknown[0]!r}: expected limits, direct, cases or data")
    results = measured(arguments.criterion)
    if not results:
        sys.exit(f"nothing measured in {arguments.criterion}: run `cargo bench` first")
    for name in arguments.tables or tables:
        tables[name](results)


if __name__ == "__main__":
    main()
